//! The client's end: a stream, and the link that brings it carriers.

use super::backoff::{Backoff, random};
use super::carry::{Carried, carry, wait};
use super::shared::Shared;
use super::stream::Stream;
use crate::carrier::{BoxCarrier, Error};
use crate::pipe::{End, Pipe, Settings};
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// What the closure that makes carriers is told.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// From 1, since the link was last there.
    pub number: u32,
    /// No carrier was there yet in this session: the user may be asked for a password.
    pub is_first: bool,
}

/// Why there is no carrier.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// It may be there later.
    #[error("the link could not be made")]
    Later(#[source] Box<dyn StdError + Send + Sync>),
    /// Trying again does not help: no such host, wrong credentials, other versions.
    #[error("the link could not be made")]
    Never(#[source] Box<dyn StdError + Send + Sync>),
}

/// What became of the link. Each change is said once.
#[derive(Debug)]
pub enum Event {
    /// The first carrier is there.
    Up,
    /// It broke; streams wait.
    Lost {
        /// How.
        error: Error,
    },
    /// No carrier could be made so far. Said once until there is one.
    Unreachable {
        /// How the first attempt failed.
        error: Box<dyn StdError + Send + Sync>,
    },
    /// A carrier is there again; nothing is lost.
    Back {
        /// Since [`Event::Lost`].
        after: Duration,
    },
}

/// Runs the carriers of a [`Stream`]. It has to be polled ([`Link::run`]), in a task of the caller's.
pub struct Link<C> {
    connect: C,
    events: mpsc::UnboundedSender<Event>,
    shared: Ended,
}

/// Whatever becomes of the link: the stream hears of it.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// A new session, whose carriers `connect` makes.
///
/// The closure bounds its own time. Its future may be dropped, when the session is over.
pub fn connect<C, F>(connect: C, settings: Settings) -> (Stream, Link<C>, mpsc::UnboundedReceiver<Event>)
where
    C: FnMut(Attempt) -> F + Send,
    F: Future<Output = Result<BoxCarrier, ConnectError>> + Send,
{
    let pipe = Pipe::client(settings, u64::from_ne_bytes(random()), Instant::now());
    let shared = Shared::new(pipe);
    // Two events an outage, at most one outage an attempt: it does not grow where somebody listens.
    let (events, heard) = mpsc::unbounded_channel();
    let link = Link {
        connect,
        events,
        shared: Ended(shared.clone()),
    };
    (Stream::new(shared), link, heard)
}

impl<C, F> Link<C>
where
    C: FnMut(Attempt) -> F + Send,
    F: Future<Output = Result<BoxCarrier, ConnectError>> + Send,
{
    /// Connects, and connects again, until the session is over.
    ///
    /// # Errors
    ///
    /// The closure said that there never is a carrier.
    pub async fn run(mut self) -> Result<End, ConnectError> {
        let shared = self.shared.0.clone();
        let mut backoff = Backoff::default();
        let mut attempt = Attempt {
            number: 1,
            is_first: true,
        };
        let mut lost: Option<Instant> = None;
        let mut is_told = false;
        loop {
            let pause = backoff.pause();
            let made = async {
                tokio::time::sleep(pause).await;
                (self.connect)(attempt).await
            };
            let made = tokio::select! {
                made = made => made,
                _ = wait(&shared, |_| None::<()>) => return Ok(shared.finish()),
            };
            attempt.number = attempt.number.saturating_add(1);
            let carrier = match made {
                Ok(carrier) => carrier,
                Err(ConnectError::Later(error)) => {
                    tell_once(&self.events, &mut is_told, error);
                    continue;
                }
                Err(never) => return Err(never),
            };
            let epoch = shared.lock().pipe.connect(Instant::now());
            let mut opened = None;
            let carried = carry(&shared, epoch, carrier, || {
                opened = Some(Instant::now());
                let event = lost
                    .take()
                    .map_or(Event::Up, |lost| Event::Back { after: lost.elapsed() });
                let _ = self.events.send(event);
            })
            .await;
            let error = match carried {
                Carried::Cut(error) => error,
                Carried::Superseded | Carried::Over => return Ok(shared.finish()),
            };
            shared.lock().pipe.cut(Instant::now());
            if let Some(opened) = opened {
                lost = Some(Instant::now());
                backoff.succeeded(opened.elapsed());
                is_told = false;
                attempt = Attempt {
                    number: 1,
                    is_first: false,
                };
                let _ = self.events.send(Event::Lost { error });
            } else {
                tell_once(&self.events, &mut is_told, error.into());
            }
        }
    }
}

fn tell_once(events: &mpsc::UnboundedSender<Event>, is_told: &mut bool, error: Box<dyn StdError + Send + Sync>) {
    if !*is_told {
        *is_told = true;
        let _ = events.send(Event::Unreachable { error });
    }
}
