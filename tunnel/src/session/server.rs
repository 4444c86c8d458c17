//! The server's ends, found by session and identity.

use super::backoff::random;
use super::carry::{Carried, carry, wait};
use super::shared::Shared;
use super::stream::Stream;
use crate::carrier::{BoxCarrier, Error};
use crate::pipe::{
    Bye, End, Frame, HANDSHAKE, Hello, LEAST_BUFFER, Malformed, Pipe, RefusalCode, Refused, Resume, SessionId,
    Settings, Text, Violation,
};
use futures::{SinkExt, StreamExt};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a carrier may take for a refusal.
const FAREWELL: Duration = Duration::from_secs(2);

/// Bounds over all sessions.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most sessions at once, those without a carrier among them.
    pub sessions: usize,
    /// Most sessions of one identity.
    pub sessions_each: usize,
    /// Bytes of all buffers of one direction. Sessions get a quarter of what is left, at most what the settings say, and
    /// [`LEAST_BUFFER`] where nothing is.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            sessions: 64,
            sessions_each: 32,
            memory: 256 * 1024 * 1024,
        }
    }
}

/// The sessions of a server. `W` is who has one, however the caller knows: only the same may resume it.
pub struct Sessions<W> {
    table: Arc<Mutex<Table<W>>>,
    settings: Settings,
    limits: Limits,
}

type Table<W> = HashMap<SessionId, Entry<W>>;

struct Entry<W> {
    who: W,
    shared: Arc<Shared>,
    buffer: usize,
}

/// What became of a carrier.
pub enum Accepted<W: PartialEq> {
    /// A session began. [`Keeper::run`] has to be polled.
    New {
        /// Its bytes.
        stream: Stream,
        /// Its life.
        keeper: Keeper<W>,
        /// The client's program and version, as it says.
        agent: Text,
    },
    /// A session that was there has a new carrier.
    Resumed(SessionId),
}

/// Why a carrier was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// It failed, or did not begin as one of this protocol.
    #[error(transparent)]
    Carrier(#[from] Error),
    /// No HELLO came in time.
    #[error("the client did not greet in time")]
    Late,
    /// A newer carrier of its session was there before it.
    #[error("the client has a newer link")]
    Stale,
    /// The client was told.
    #[error("the session was refused: {0}")]
    Refused(&'static str),
}

impl<W: PartialEq + Clone> Sessions<W> {
    /// `settings` are those of each session, where the limits allow.
    pub fn new(settings: Settings, limits: Limits) -> Sessions<W> {
        Sessions {
            table: Arc::default(),
            settings,
            limits,
        }
    }

    /// Reads the greeting of a carrier that `who` has made, and takes it in.
    ///
    /// # Errors
    ///
    /// It begins and resumes no session.
    pub async fn accept(&self, mut carrier: BoxCarrier, who: W) -> Result<Accepted<W>, AcceptError> {
        let first = tokio::time::timeout(HANDSHAKE, carrier.next())
            .await
            .map_err(|_| AcceptError::Late)?;
        let hello = match first {
            Some(Ok(Frame::Hello(hello))) => hello,
            Some(Ok(_)) => return Err(Error::from(Violation::Unexpected).into()),
            Some(Err(Error::Malformed(Malformed::Magic))) => {
                return Err(refuse(carrier, RefusalCode::Version, "this server speaks version `WRP1`").await);
            }
            Some(Err(error)) => return Err(error.into()),
            None => return Err(Error::Closed.into()),
        };
        let taken = match hello.session {
            SessionId::NEW => self.begin(&hello, carrier, who)?,
            _ => self.resume(&hello, carrier, &who)?,
        };
        match taken {
            Taken::In(accepted) => Ok(accepted),
            Taken::Not(carrier, code, text) => Err(refuse(carrier, code, text).await),
        }
    }

    fn begin(&self, hello: &Hello, carrier: BoxCarrier, who: W) -> Result<Taken<W>, AcceptError> {
        let mut table = lock(&self.table);
        let of_them = table.values().filter(|entry| entry.who == who).count();
        if table.len() >= self.limits.sessions || of_them >= self.limits.sessions_each {
            return Ok(Taken::Not(carrier, RefusalCode::Limit, "too many sessions are open"));
        }
        let taken = table.values().map(|entry| entry.buffer).sum();
        let share = self.limits.memory.saturating_sub(taken) / 4;
        let settings = Settings {
            buffer: self.settings.buffer.min(share).max(LEAST_BUFFER),
            ..self.settings.clone()
        };
        let buffer = settings.buffer;
        let session = SessionId(random());
        let seed = u64::from_ne_bytes(random());
        let pipe = Pipe::accept(hello, session, settings, seed, Instant::now()).map_err(Error::from)?;
        let shared = Shared::new(pipe);
        shared.lock().next = Some(carrier);
        let entry = Entry {
            who,
            shared: shared.clone(),
            buffer,
        };
        table.insert(session, entry);
        Ok(Taken::In(Accepted::New {
            stream: Stream::new(shared.clone()),
            keeper: Keeper {
                session,
                shared,
                table: self.table.clone(),
            },
            agent: hello.agent.clone(),
        }))
    }

    fn resume(&self, hello: &Hello, carrier: BoxCarrier, who: &W) -> Result<Taken<W>, AcceptError> {
        let table = lock(&self.table);
        let entry = table.get(&hello.session).filter(|entry| entry.who == *who);
        // Another's session looks like none.
        let Some(entry) = entry else {
            return Ok(Taken::Not(
                carrier,
                RefusalCode::UnknownSession,
                "there is no such session",
            ));
        };
        let mut state = entry.shared.lock();
        match state.pipe.resume(hello, Instant::now()) {
            Ok(()) => {
                state.next = Some(carrier);
                state.wake_runner();
                Ok(Taken::In(Accepted::Resumed(hello.session)))
            }
            Err(Resume::Stale) => Err(AcceptError::Stale),
            Err(Resume::Over) => Ok(Taken::Not(
                carrier,
                RefusalCode::UnknownSession,
                "there is no such session",
            )),
            Err(Resume::Position) => {
                state.wake_all();
                let text = "the ends disagree about what was sent";
                Ok(Taken::Not(carrier, RefusalCode::Position, text))
            }
        }
    }

    /// Ends the sessions of everybody whom `is_meant` names, with a code of [`Bye`]. Returns how many.
    pub fn end(&self, is_meant: impl Fn(&W) -> bool, code: u16, text: &str) -> usize {
        let table = lock(&self.table);
        let meant = table.values().filter(|entry| is_meant(&entry.who));
        let ended = meant.map(|entry| {
            let mut state = entry.shared.lock();
            let text = text.into();
            state.pipe.close(Bye { code, text });
            state.wake_all();
        });
        ended.count()
    }

    /// Sessions, those without a carrier among them.
    pub fn count(&self) -> usize {
        lock(&self.table).len()
    }
}

enum Taken<W: PartialEq> {
    In(Accepted<W>),
    Not(BoxCarrier, RefusalCode, &'static str),
}

async fn refuse(mut carrier: BoxCarrier, code: RefusalCode, text: &'static str) -> AcceptError {
    let refused = Frame::Refused(Refused {
        code,
        text: text.into(),
    });
    let told = async {
        carrier.send(refused).await?;
        carrier.close().await
    };
    // Whether it arrives is the client's loss alone.
    let _ = tokio::time::timeout(FAREWELL, told).await;
    AcceptError::Refused(text)
}

fn lock<W>(table: &Mutex<Table<W>>) -> MutexGuard<'_, Table<W>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the carriers of one session, as they come. Dropping it ends the session.
pub struct Keeper<W: PartialEq> {
    session: SessionId,
    shared: Arc<Shared>,
    table: Arc<Mutex<Table<W>>>,
}

impl<W: PartialEq> Keeper<W> {
    /// The session.
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// Runs until the session is over.
    pub async fn run(self) -> End {
        let next = |state: &mut super::shared::State| state.next.take().map(|carrier| (state.pipe.epoch(), carrier));
        while let Some((epoch, carrier)) = wait(&self.shared, next).await {
            match carry(&self.shared, epoch, carrier, || {}).await {
                Carried::Cut(error) => {
                    tracing::debug!(session = ?self.session, %error, "a link broke");
                    let mut state = self.shared.lock();
                    // A newer carrier may have come meanwhile, and it is not this one that broke.
                    if state.pipe.epoch() == epoch {
                        state.pipe.cut(Instant::now());
                    }
                }
                Carried::Superseded => {}
                Carried::Over => break,
            }
        }
        self.shared.finish()
    }
}

impl<W: PartialEq> Drop for Keeper<W> {
    fn drop(&mut self) {
        lock(&self.table).remove(&self.session);
        self.shared.finish();
    }
}
