//! The end of a generation that has a successor: its connections finish, then its process ends.

use crate::session::generation::Generation;
use crate::session::state::RELEASE;
use netns::{Forwarder, Target};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// How long a program's handler of its end may take where no grace is said.
const OWN_END: Duration = Duration::from_secs(10);
/// Longer than any run.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A generation that has gone.
pub struct Drained {
    pub number: u64,
    /// Connections that were open at the grace limit.
    pub cut: usize,
}

/// Generations on their way out.
#[derive(Default)]
pub struct Draining {
    tasks: JoinSet<Drained>,
    leaving: Vec<Leaving>,
}

/// What is said to a generation's task.
struct Leaving {
    target: Arc<Target>,
    words: Arc<Words>,
}

#[derive(Default)]
struct Words {
    /// Its program is to end: it closes connections that nobody uses.
    stop: Notify,
    /// It has no more time.
    end: Notify,
}

impl Draining {
    /// Takes a generation in. It ends with its last connection, or after `grace`.
    pub fn add(&mut self, live: Generation, forwarder: Arc<Forwarder>, grace: Duration) {
        let words = Arc::new(Words::default());
        self.leaving.push(Leaving {
            target: live.process.target.clone(),
            words: words.clone(),
        });
        self.tasks.spawn(drain(live, forwarder, grace, words));
    }

    /// Asks their programs to end, and not only to finish what they have.
    pub fn stop(&self) {
        self.leaving.iter().for_each(|leaving| leaving.words.stop.notify_one());
    }

    /// The next that has gone. Cancel-safe; never, when there is none.
    pub async fn next(&mut self) -> Drained {
        match self.tasks.join_next().await {
            Some(Ok(drained)) => {
                self.leaving.retain(|leaving| Arc::strong_count(&leaving.words) > 1);
                drained
            }
            _ => std::future::pending().await,
        }
    }

    /// Connections that are open to them.
    pub fn live(&self) -> usize {
        self.leaving.iter().map(|leaving| leaving.target.live()).sum()
    }

    /// Resets their connections; returns how many there were.
    pub fn abort(&mut self, forwarder: &Forwarder) -> usize {
        let live = self.live();
        for leaving in self.leaving.drain(..) {
            forwarder.abort(&leaving.target);
            // Those that it has accepted itself end with its process.
            leaving.words.end.notify_one();
        }
        live
    }
}

async fn drain(mut live: Generation, forwarder: Arc<Forwarder>, grace: Duration, words: Arc<Words>) -> Drained {
    // Where nobody has asked for the successor there is no end to its connections, but there is one to its own.
    let began = Instant::now();
    let deadline = began.checked_add(grace);
    let target = live.process.target.clone();
    live.give_back(RELEASE).await;
    // Its own end is not the end of its connections through a relay, whose last bytes may be on their way.
    let listen = async {
        let mut is_asked = false;
        loop {
            tokio::select! {
                message = live.process.message() => match message {
                    // It counts its connections; what else it says is let go, so that it is not held up.
                    Some(message) => drop(live.take(message)),
                    None => break,
                },
                () = words.stop.notified(), if !is_asked => {
                    is_asked = true;
                    live.process.ask_to_stop();
                }
            }
        }
        live.ledger.close();
        std::future::pending::<()>().await;
    };
    let is_out_of_time = tokio::select! {
        () = target.drained() => false,
        () = tokio::time::sleep_until(deadline.unwrap_or(began + FOREVER).into()) => true,
        () = words.end.notified() => true,
        () = listen => false,
    };
    let cut = target.live();
    if cut > 0 {
        forwarder.abort(&target);
    }
    if is_out_of_time {
        live.process.finish(Duration::ZERO).await;
    } else {
        let deadline = deadline.unwrap_or_else(|| Instant::now() + OWN_END);
        tokio::select! {
            () = live.finish(deadline) => {}
            () = words.end.notified() => live.process.finish(Duration::ZERO).await,
        }
    }
    live.ledger.close();
    Drained {
        number: live.number,
        cut,
    }
}
