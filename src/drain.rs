//! The end of a generation that has a successor: its connections finish, then its process ends.

use crate::live::Live;
use netns::{Forwarder, Target};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// A generation says within this that it accepts no more.
pub const RELEASE: Duration = Duration::from_millis(500);

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
    targets: Vec<(Arc<Target>, Arc<Notify>)>,
}

impl Draining {
    /// Takes a generation in. It ends with its last connection, or after `grace`.
    pub fn add(&mut self, live: Live, forwarder: Arc<Forwarder>, grace: Duration) {
        let end = Arc::new(Notify::new());
        self.targets.push((live.generation.target.clone(), end.clone()));
        self.tasks.spawn(drain(live, forwarder, grace, end));
    }

    /// The next that has gone. Cancel-safe; never, when there is none.
    pub async fn next(&mut self) -> Drained {
        match self.tasks.join_next().await {
            Some(Ok(drained)) => {
                self.targets.retain(|(target, _)| target.live() > 0);
                drained
            }
            _ => std::future::pending().await,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Connections that are open to them.
    pub fn live(&self) -> usize {
        self.targets.iter().map(|(target, _)| target.live()).sum()
    }

    /// Resets their connections; returns how many there were.
    pub fn abort(&mut self, forwarder: &Forwarder) -> usize {
        let live = self.live();
        for (target, end) in self.targets.drain(..) {
            forwarder.abort(&target);
            // Those that it has accepted itself end with its process.
            end.notify_one();
        }
        live
    }
}

async fn drain(mut live: Live, forwarder: Arc<Forwarder>, grace: Duration, end: Arc<Notify>) -> Drained {
    let target = live.generation.target.clone();
    live.give_back(RELEASE).await;
    // Its own end is not the end of its connections through a relay, whose last bytes may be on their way.
    let listen = async {
        while let Some(message) = live.generation.message().await {
            // It counts its connections; what else it says is let go, so that it is not held up.
            let _ = live.take(message);
        }
        live.ledger.close();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = target.drained() => {}
        () = tokio::time::sleep(grace) => {}
        () = end.notified() => {}
        () = listen => {}
    }
    let cut = target.live();
    if cut > 0 {
        forwarder.abort(&target);
    }
    live.finish().await;
    live.ledger.close();
    Drained {
        number: live.number,
        cut,
    }
}
