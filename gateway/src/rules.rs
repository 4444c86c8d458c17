//! The ruling that holds, read from its files, and read again when they change.

use super::file::{Stamp, Trust};
use super::policy::{Layer, Policy, PolicyError};
use super::ruling::Ruling;
use super::token::{TokenError, Tokens};
use super::watch::Eyes;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// Where nothing expires; any event comes before.
const FAR: Duration = Duration::from_hours(24);

/// Where the rules are written.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The administrator's ceiling, usually `/etc/wasmrun/hub.toml`.
    pub admin: PathBuf,
    /// Whose it has to be: root's, but in tests.
    pub admin_owner: u32,
    /// The user's own.
    pub user: Option<PathBuf>,
    /// Layers below these, each with what it is called in a refusal (`the command line`).
    pub flags: Vec<(String, Layer)>,
    /// The tokens.
    pub tokens: Tokens,
}

/// Why the hub does not start.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// The policy cannot be had.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The tokens cannot be had.
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl RulesError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            RulesError::Policy(error) => error.hint(),
            RulesError::Token(error) => error.hint(),
        }
    }
}

/// The ruling, and whoever wants to hear of the next one.
pub struct Rules {
    sources: Sources,
    stamps: Mutex<Vec<Stamp>>,
    current: watch::Sender<Arc<Ruling>>,
}

impl Rules {
    /// Reads everything.
    ///
    /// # Errors
    ///
    /// A file is there, and cannot be read, trusted or understood.
    pub fn load(sources: Sources) -> Result<Rules, RulesError> {
        let stamps = stamps(&sources);
        let policy = policy(&sources)?;
        let tokens = sources.tokens.list()?;
        let (current, _) = watch::channel(Arc::new(Ruling { policy, tokens }));
        Ok(Rules {
            sources,
            stamps: Mutex::new(stamps),
            current,
        })
    }

    /// What holds.
    pub fn now(&self) -> Arc<Ruling> {
        self.current.borrow().clone()
    }

    /// Hears of each ruling that follows, and of the moments when a token expires.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Ruling>> {
        self.current.subscribe()
    }

    /// Where the rules are written.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Reads again what has changed. A policy that cannot be read any more allows nothing, and tokens that cannot be read are
    /// none: an error closes, and does not open.
    pub fn refresh(&self) {
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the files, so that a change meanwhile is seen the next time.
        let found = self::stamps(&self.sources);
        if *stamps == found {
            return;
        }
        *stamps = found;
        let policy = policy(&self.sources).unwrap_or_else(|error| {
            tracing::error!("hub: everything is switched off: {error}");
            Policy::closed(error.to_string())
        });
        let tokens = self.sources.tokens.list().unwrap_or_else(|error| {
            tracing::error!("hub: no token is taken: {error}");
            Vec::new()
        });
        self.current.send_replace(Arc::new(Ruling { policy, tokens }));
    }

    /// Follows the files and the clock, for as long as it is polled.
    pub async fn follow(&self) {
        let Sources {
            admin, user, tokens, ..
        } = &self.sources;
        let mut files = vec![admin.clone(), tokens.path().to_owned()];
        files.extend(user.clone());
        let mut eyes = Eyes::new(files);
        // What changed before there were eyes.
        self.refresh();
        loop {
            let now = SystemTime::now();
            let ruling = self.now();
            let expiries = ruling.tokens.iter().filter_map(|token| token.expires);
            let next = expiries.filter_map(|expires| expires.duration_since(now).ok()).min();
            // A moment after it, so that it is over.
            let next = next.map_or(FAR, |next| next.min(FAR) + Duration::from_millis(2));
            tokio::select! {
                () = eyes.changed() => self.refresh(),
                () = tokio::time::sleep(next) => self.current.send_modify(|_| ()),
            }
        }
    }
}

fn stamps(sources: &Sources) -> Vec<Stamp> {
    let files = [Some(&sources.admin), sources.user.as_ref()];
    let mut stamps: Vec<Stamp> = files.into_iter().flatten().map(|file| Stamp::of(file)).collect();
    // Their folders can stop to be trusted.
    stamps.extend(sources.admin.parent().map(Stamp::of));
    stamps.push(Stamp::of(sources.tokens.path()));
    stamps
}

fn policy(sources: &Sources) -> Result<Policy, PolicyError> {
    let mut layers = Vec::new();
    layers.extend(Policy::read(&sources.admin, &Trust::owned(vec![sources.admin_owner]))?);
    if let Some(user) = &sources.user {
        let own = rustix::process::geteuid().as_raw();
        layers.extend(Policy::read(user, &Trust::owned(vec![own, 0]))?);
    }
    layers.extend(sources.flags.iter().cloned());
    Ok(Policy::merge(layers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grants::Grants;
    use crate::policy::Switch;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn sources(folder: &std::path::Path) -> Sources {
        Sources {
            admin: folder.join("etc/wasmrun/hub.toml"),
            admin_owner: rustix::process::geteuid().as_raw(),
            user: Some(folder.join("hub.toml")),
            flags: Vec::new(),
            tokens: Tokens::at(folder.join("tokens.toml")),
        }
    }

    #[test]
    fn an_administrators_file_that_is_not_roots_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut sources = sources(folder.path());
        fs::create_dir_all(sources.admin.parent().unwrap()).unwrap();
        fs::write(&sources.admin, "hub = true").unwrap();
        fs::set_permissions(&sources.admin, fs::Permissions::from_mode(0o664)).unwrap();
        let error = Rules::load(sources.clone()).err().unwrap();
        assert!(
            error
                .to_string()
                .ends_with("has the mode 0664, which lets others change it"),
            "{error}"
        );
        fs::set_permissions(&sources.admin, fs::Permissions::from_mode(0o644)).unwrap();
        sources.admin_owner += 1;
        let error = Rules::load(sources.clone()).err().unwrap();
        assert!(error.to_string().contains("belongs to user"), "{error}");
        fs::remove_file(&sources.admin).unwrap();
        fs::create_dir(&sources.admin).unwrap();
        assert!(Rules::load(sources).is_err(), "a folder is not none");
    }

    #[tokio::test]
    async fn a_change_of_any_file_is_heard_of_and_an_error_closes() {
        let folder = tempfile::tempdir().unwrap();
        let sources = sources(folder.path());
        let rules = Rules::load(sources.clone()).unwrap();
        let mut heard = rules.subscribe();
        let test = async {
            let mut next = async || {
                let heard = tokio::time::timeout(Duration::from_secs(5), heard.changed()).await;
                heard.expect("a change is heard of").unwrap();
                rules.now()
            };
            sources.tokens.add("laptop", Grants::ALL, None).unwrap();
            assert_eq!(next().await.tokens.len(), 1);
            // Neither the file nor its folders were there.
            fs::create_dir_all(sources.admin.parent().unwrap()).unwrap();
            fs::write(&sources.admin, "tunnel = false").unwrap();
            while next().await.policy.switch(Switch::Tunnel).is_ok() {}
            fs::write(&sources.admin, "tunel = true").unwrap();
            while rules.now().policy.switch(Switch::Browser).is_ok() {
                next().await;
            }
            fs::remove_file(&sources.admin).unwrap();
            while rules.now().policy.switch(Switch::Hub).is_err() {
                next().await;
            }
            let soon = SystemTime::now() + Duration::from_millis(300);
            sources.tokens.add("short", Grants::ALL, Some(soon)).unwrap();
            while rules.now().tokens.len() < 2 {
                next().await;
            }
            // The file has whole seconds, so it has expired already, or does so within one.
            while rules
                .now()
                .tokens
                .iter()
                .filter(|token| token.has_expired(SystemTime::now()))
                .count()
                == 0
            {
                next().await;
            }
        };
        tokio::select! {
            () = test => {}
            () = rules.follow() => unreachable!(),
        }
    }
}
