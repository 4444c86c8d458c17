//! One request and its response.

use super::clock::{Clock, milliseconds};
use super::line::Line;
use crate::guest::HttpLimits;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use tokio::sync::Notify;

/// What is known of a request that is under way. Times are the server's clock's.
pub(super) struct Exchange {
    clock: Clock,
    /// Since when its client owes a piece of its body that is waited for; 0: it owes none.
    sends_late: AtomicU64,
    /// Since when its client has not asked for more of its response; 0: the guest has to give more.
    takes_late: AtomicU64,
    has_turn: AtomicBool,
    /// Its client broke off, or was given up: what that does to the guest is not the guest's fault.
    is_broken: AtomicBool,
    body_is_late: Notify,
    pub(super) line: Arc<Line>,
    /// It can be ended without its connection.
    is_http_2: bool,
    cut: Notify,
}

impl Exchange {
    /// One that begins, on a line of its client.
    pub(super) fn new(clock: Clock, line: &Arc<Line>, is_http_2: bool) -> Exchange {
        Exchange {
            clock,
            sends_late: AtomicU64::new(0),
            takes_late: AtomicU64::new(0),
            has_turn: AtomicBool::new(false),
            is_broken: AtomicBool::new(false),
            body_is_late: Notify::new(),
            line: line.clone(),
            is_http_2,
            cut: Notify::new(),
        }
    }

    pub(super) fn sends_late(&self, does: bool) {
        match (does, self.sends_late.load(Relaxed)) {
            (true, 0) => self.sends_late.store(self.clock.now(), Relaxed),
            (true, _) => {}
            (false, _) => self.sends_late.store(0, Relaxed),
        }
    }

    pub(super) fn takes_late(&self, does: bool) {
        self.takes_late.store(if does { self.clock.now() } else { 0 }, Relaxed);
    }

    pub(super) fn has_turn(&self, has: bool) {
        self.has_turn.store(has, Relaxed);
    }

    pub(super) fn breaks(&self) {
        self.is_broken.store(true, Relaxed);
    }

    pub(super) fn is_broken(&self) -> bool {
        self.is_broken.load(Relaxed)
    }

    /// Says that its client has been waited for long enough.
    pub(super) fn give_body_up(&self) {
        self.breaks();
        self.body_is_late.notify_one();
    }

    /// Returns when that has been said.
    pub(super) async fn body_is_given_up(&self) {
        self.body_is_late.notified().await;
    }

    /// When its client will have had long enough to take more of the response, as things stand.
    pub(super) fn deadline(&self, limits: &HttpLimits) -> Option<u64> {
        match self.takes_late.load(Relaxed) {
            0 => None,
            since => Some(since.saturating_add(milliseconds(self.line.send_timeout(limits)))),
        }
    }

    /// Since when it has a turn and makes nothing of it, because of its client.
    pub(super) fn stalls(&self, with_its_body: bool) -> Option<u64> {
        let since = |late: &AtomicU64| Some(late.load(Relaxed)).filter(|since| *since != 0);
        let taking = if with_its_body { None } else { since(&self.takes_late) };
        let stalls = [since(&self.sends_late), taking].into_iter().flatten().min();
        stalls.filter(|_| self.has_turn.load(Relaxed) && !self.is_broken())
    }

    /// Ends it for its client.
    pub(super) fn cut(&self) {
        self.breaks();
        if self.is_http_2 {
            self.cut.notify_one();
        } else {
            self.line.cut();
        }
    }

    /// Returns when its stream is to end.
    pub(super) async fn to_be_cut(&self) {
        self.cut.notified().await;
    }
}
