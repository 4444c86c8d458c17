//! An app that somebody has started: a port of a run, for one browser, until it ends.

use super::proxy::guest::{Guest, Target};
use super::traffic::{Activity, Use};
use gateway::secret::Digest;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Why one has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Somebody has stopped it.
    Stopped,
    /// Nobody has used it for so long.
    Unused(Duration),
    /// Its run is no more.
    Run,
}

/// One app.
pub(crate) struct App {
    /// By which forms name it.
    pub(crate) number: u64,
    /// The first label of its host.
    pub(crate) label: String,
    /// Its origin.
    pub(crate) origin: String,
    /// The page that it was started from.
    pub(crate) page: String,
    /// The session of the browser that has started it.
    pub(crate) by: Digest,
    pub(crate) began: Instant,
    pub(crate) guest: Guest,
    activity: Arc<Activity>,
    idle: Duration,
    ending: OnceLock<Ending>,
}

/// What an app begins with.
pub(crate) struct Beginning {
    pub(crate) label: String,
    pub(crate) origin: String,
    pub(crate) page: String,
    pub(crate) by: Digest,
}

impl App {
    /// One that ends when nothing was open for `idle`.
    pub(crate) fn new(number: u64, beginning: Beginning, guest: Guest, idle: Duration) -> App {
        let Beginning {
            label,
            origin,
            page,
            by,
        } = beginning;
        App {
            number,
            label,
            origin,
            page,
            by,
            began: Instant::now(),
            guest,
            activity: Arc::default(),
            idle,
            ending: OnceLock::new(),
        }
    }

    pub(crate) fn target(&self) -> &Target {
        &self.guest.target
    }

    /// Something that keeps it from being idle.
    pub(crate) fn begin(&self) -> Use {
        self.activity.begin()
    }

    /// Somebody wants it, though nothing is open yet.
    pub(crate) fn touch(&self) {
        self.activity.touch();
    }

    /// Why it has ended; none while it has not.
    pub(crate) fn ending(&self) -> Option<Ending> {
        if self.ending.get().is_none() && self.activity.idle() >= self.idle {
            self.end(Ending::Unused(self.idle));
        }
        self.ending.get().copied()
    }

    /// Whether its browser is logged out: nothing can come for it any more.
    pub(crate) fn is_orphaned(&self) -> bool {
        self.ending.get().is_none() && self.guest.ended.is_cancelled()
    }

    pub(crate) fn stop(&self) {
        self.end(Ending::Stopped);
    }

    pub(crate) fn run_has_ended(&self) {
        self.end(Ending::Run);
    }

    /// Cuts everything that is open.
    fn end(&self, ending: Ending) {
        self.ending.get_or_init(|| ending);
        self.guest.ended.cancel();
    }
}
