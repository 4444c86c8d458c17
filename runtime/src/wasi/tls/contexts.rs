//! The contexts and sessions of a guest, and the bounds of what it can make this process keep with them.

use crate::host::{Places, Room};
use crate::trust::Trust;
use std::sync::Arc;
use tls::{Failure, Progress, Settings};

/// Most contexts and most sessions of a guest; each takes the room of one, and more where it is larger.
const MOST: usize = 65_536;
/// The room of one, in bytes: 1 GiB is the most for all contexts, and for all sessions.
const ROOM: usize = 16 << 10;

/// What all of a guest's instances share.
#[derive(Clone)]
pub(crate) struct Contexts {
    trust: Trust,
    configs: Room,
    sessions: Room,
}

/// A context.
pub(super) struct Config {
    config: Arc<tls::Config>,
    room: Arc<Places>,
}

/// A session.
pub(super) struct Session {
    pub(super) session: tls::Session,
    room: Places,
    /// Bytes that were sealed before the handshake was over, which wait for it.
    early: usize,
    is_shaken: bool,
    /// The guest may have dropped the context.
    _of_config: Arc<Places>,
}

impl Contexts {
    pub(crate) fn new(trust: Trust) -> Contexts {
        Contexts {
            trust,
            configs: Room::new(MOST),
            sessions: Room::new(MOST),
        }
    }

    pub(super) fn config(&self, settings: &Settings) -> Result<Config, Failure> {
        let room = self.configs.take(1 + size(settings) / ROOM).ok_or_else(too_many)?;
        let config = tls::Config::create(settings, || self.trust.roots())?;
        Ok(Config {
            config: Arc::new(config),
            room: Arc::new(room),
        })
    }

    pub(super) fn session(&self, of: &Config, name: Option<&str>) -> Result<Session, Failure> {
        let room = self.sessions.take(1).ok_or_else(too_many)?;
        Ok(Session {
            session: tls::Session::open(&of.config, name)?,
            room,
            early: 0,
            is_shaken: false,
            _of_config: of.room.clone(),
        })
    }
}

fn too_many() -> Failure {
    Failure {
        text: format!("too many contexts or sessions of TLS: a guest may have {MOST} of each, in 1 GiB"),
        ..Failure::default()
    }
}

/// What is kept of settings, in bytes; about.
fn size(settings: &Settings) -> usize {
    let lists = settings.roots.iter().chain(&settings.protocols);
    let identity = settings.identity.as_ref();
    let identity = identity.map_or(0, |identity| identity.certificates.len() + identity.key.len());
    lists.map(Vec::len).sum::<usize>() + identity
}

impl Session {
    pub(super) fn feed(&mut self, contexts: &Contexts, ciphertext: &[u8], ended: bool) -> Result<Progress, Failure> {
        let progress = self.session.feed(ciphertext, ended)?;
        if !progress.handshaking && !self.is_shaken {
            self.is_shaken = true;
            // What waited is on its way.
            contexts.sessions.fit(&mut self.room, 1);
        }
        Ok(progress)
    }

    pub(super) fn seal(&mut self, contexts: &Contexts, plaintext: &[u8]) -> Result<Vec<u8>, Failure> {
        if !self.is_shaken {
            let early = self.early.saturating_add(plaintext.len());
            if !contexts.sessions.fit(&mut self.room, 1 + early / ROOM) {
                return Err(too_many());
            }
            self.early = early;
        }
        self.session.seal(plaintext)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Settings {
        Settings {
            verify: tls::Verify::None,
            minimum: 0x0303,
            maximum: 0x0304,
            ..Settings::default()
        }
    }

    #[test]
    fn a_guest_has_a_bound_and_gets_back_what_it_drops() {
        let contexts = Contexts::new(Trust::default());
        let config = contexts.config(&client()).expect("a context");
        let mut session = contexts.session(&config, None).expect("a session");
        session.seal(&contexts, &[0; 100]).expect("sealed");
        assert_eq!(contexts.sessions.left(), MOST - 1);
        session.seal(&contexts, &vec![0; 5 * ROOM]).expect("sealed");
        assert_eq!(contexts.sessions.left(), MOST - 6);
        drop(config);
        // The session still has it.
        assert_eq!(contexts.configs.left(), MOST - 1);
        drop(session);
        assert_eq!(contexts.configs.left(), MOST);
        assert_eq!(contexts.sessions.left(), MOST);
        let large = Settings {
            protocols: vec![vec![0; ROOM]; MOST],
            ..client()
        };
        let failure = contexts.config(&large).err().expect("a failure");
        assert!(failure.text.starts_with("too many contexts"), "{failure}");
        let config = contexts.config(&client()).expect("a context");
        let all = contexts.sessions.take(MOST).expect("room");
        assert!(contexts.session(&config, None).is_err());
        drop(all);
        contexts.session(&config, None).expect("a session");
    }

    #[test]
    fn a_machine_without_a_trust_store_is_told_of_where_it_is_asked_for() {
        let contexts = Contexts::new(Trust::default());
        let settings = Settings {
            system_roots: true,
            ..client()
        };
        let failure = contexts.config(&settings).err().expect("a failure");
        assert!(failure.text.starts_with("this machine has no trust store"), "{failure}");
    }
}
