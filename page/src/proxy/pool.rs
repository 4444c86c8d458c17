//! Connections of one app that wait for the next request.

use super::link::Tally;
use hyper::client::conn::http1::SendRequest;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tunnel::mux::Body;

/// How long one waits. Servers give up after five seconds (Node.js) or more; the race is what the second try is for.
const KEPT: Duration = Duration::from_secs(30);
/// Most that wait.
const MOST: usize = 32;
/// A connection whose answer was read to its end is ready at its task's next turn.
const TURN: Duration = Duration::from_millis(20);

/// A connection to the guest, as its requests see it. Dropping it ends it.
pub(super) struct Conversation {
    pub(super) sender: SendRequest<Body>,
    pub(super) tally: Arc<Tally>,
    /// Whether it has had an answer already.
    pub(super) is_kept: bool,
    generation: Option<u64>,
    idle: watch::Sender<Option<Instant>>,
    number: u64,
}

/// The part of its task: tells when it has waited for too long.
pub(super) struct Waiting {
    idle: watch::Receiver<Option<Instant>>,
    number: u64,
}

#[derive(Default)]
pub(super) struct Pool(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    generation: Option<u64>,
    next: u64,
    kept: Vec<Conversation>,
}

impl Pool {
    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A new connection. Those to an older generation of the guest answer from the past: they are ended.
    pub(super) fn begin(
        &self,
        sender: SendRequest<Body>,
        tally: Arc<Tally>,
        generation: Option<u64>,
    ) -> (Conversation, Waiting) {
        let (number, past) = self.with(|inner| {
            inner.next += 1;
            let mut past = Vec::new();
            if generation.is_some() && inner.generation < generation {
                inner.generation = generation;
                past = std::mem::take(&mut inner.kept);
            }
            (inner.next, past)
        });
        drop(past);
        let (idle, waits) = watch::channel(None);
        let conversation = Conversation {
            sender,
            tally,
            is_kept: false,
            generation,
            idle,
            number,
        };
        (conversation, Waiting { idle: waits, number })
    }

    /// The one that was used last, where there is one.
    pub(super) async fn take(&self) -> Option<Conversation> {
        loop {
            let mut conversation = self.with(|inner| inner.kept.pop())?;
            conversation.idle.send_replace(None);
            if let Ok(Ok(())) = timeout(TURN, conversation.sender.ready()).await {
                return Some(conversation);
            }
        }
    }

    /// Keeps one whose answer was read, and whose request was sent, to the end.
    pub(super) fn keep(&self, mut conversation: Conversation) {
        if conversation.sender.is_closed() {
            return;
        }
        conversation.is_kept = true;
        conversation.idle.send_replace(Some(Instant::now() + KEPT));
        let gone = self.with(|inner| {
            if conversation.generation < inner.generation || inner.kept.len() >= MOST {
                return Some(conversation);
            }
            inner.kept.push(conversation);
            None
        });
        drop(gone);
    }

    /// Ends once the connection has waited for too long, and is taken out.
    pub(super) async fn expired(&self, mut waiting: Waiting) {
        loop {
            let until = *waiting.idle.borrow_and_update();
            let changed = match until {
                Some(until) => tokio::select! {
                    () = sleep_until(until) => {
                        let out = self.with(|inner| {
                            let place = inner.kept.iter().position(|kept| kept.number == waiting.number);
                            place.map(|place| inner.kept.remove(place))
                        });
                        if out.is_some() {
                            return;
                        }
                        // Somebody has just taken it.
                        waiting.idle.changed().await
                    }
                    changed = waiting.idle.changed() => changed,
                },
                None => waiting.idle.changed().await,
            };
            if changed.is_err() {
                // Its conversation is over, which ends the connection by itself.
                return std::future::pending().await;
            }
        }
    }
}
