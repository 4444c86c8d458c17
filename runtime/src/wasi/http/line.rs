//! One connection's times.
//!
//! Nothing is armed for a byte: reads and writes leave marks (`stream.rs`), and `deadlines` looks at these when the first of
//! them can be over.

use super::clock::{Clock, milliseconds};
use crate::guest::HttpLimits;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;
use tokio::sync::Notify;

/// The relay takes a MiB when its client has taken the last: how fast that is shows four times as late.
const RELAYED: u32 = 4;

/// What is known of one connection. Times are the server's clock's.
pub(super) struct Line {
    clock: Clock,
    is_relayed: bool,
    /// Requests whose head is there, and whose response has not been handed over.
    requests: AtomicUsize,
    /// Since when there are none.
    rests: AtomicU64,
    /// Since when the head of a request is on its way; 0: it has not begun.
    head: AtomicU64,
    /// Since when the client takes nothing of what is there for it; 0: it does.
    blocked: AtomicU64,
    /// Many requests share it, and between them there are frames that belong to none.
    is_http_2: AtomicBool,
    is_cut: AtomicBool,
    cut: Notify,
}

impl Line {
    /// Of a connection that has just been accepted: a client that connects is about to ask.
    pub(super) fn new(clock: Clock, is_relayed: bool) -> Line {
        let now = clock.now();
        Line {
            clock,
            is_relayed,
            requests: AtomicUsize::new(0),
            rests: AtomicU64::new(now),
            head: AtomicU64::new(now),
            blocked: AtomicU64::new(0),
            is_http_2: AtomicBool::new(false),
            is_cut: AtomicBool::new(false),
            cut: Notify::new(),
        }
    }

    /// How long its client may take nothing.
    pub(super) fn send_timeout(&self, limits: &HttpLimits) -> Duration {
        limits
            .send_timeout
            .saturating_mul(if self.is_relayed { RELAYED } else { 1 })
    }

    pub(super) fn request_begins(&self, is_http_2: bool) {
        if is_http_2 {
            self.is_http_2.store(true, Relaxed);
        }
        self.requests.fetch_add(1, Relaxed);
    }

    pub(super) fn request_ends(&self) {
        self.head.store(0, Relaxed);
        self.rests.store(self.clock.now(), Relaxed);
        self.requests.fetch_sub(1, Relaxed);
    }

    /// When its client will have been waited for long enough, as things stand.
    pub(super) fn deadline(&self, limits: &HttpLimits) -> Option<u64> {
        let after = |since: &AtomicU64, limit| match since.load(Relaxed) {
            0 => None,
            since => Some(since.saturating_add(milliseconds(limit))),
        };
        let send = after(&self.blocked, self.send_timeout(limits));
        // A response may take as long as it likes.
        let ask = (self.requests.load(Relaxed) == 0)
            .then(|| after(&self.head, limits.header_timeout).or_else(|| after(&self.rests, limits.idle_timeout)));
        [send, ask.flatten()].into_iter().flatten().min()
    }

    /// It is HTTP/2's, and without requests: its client can be told that no more are served, and ask elsewhere.
    pub(super) fn is_idle(&self) -> bool {
        self.is_http_2.load(Relaxed) && self.requests.load(Relaxed) == 0
    }

    /// Ends the connection as it is.
    pub(super) fn cut(&self) {
        self.is_cut.store(true, Relaxed);
        self.cut.notify_one();
    }

    /// Returns when it is to end.
    pub(super) async fn to_be_cut(&self) {
        self.cut.notified().await;
    }

    /// Whether it was to end.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut.load(Relaxed)
    }

    /// Bytes have come.
    pub(super) fn heard(&self) {
        if self.head.load(Relaxed) == 0 && self.requests.load(Relaxed) == 0 && !self.is_http_2.load(Relaxed) {
            self.head.store(self.clock.now(), Relaxed);
        }
    }

    /// Bytes were written, or could not be.
    pub(super) fn wrote(&self, written: &Poll<io::Result<usize>>) {
        match (written.is_pending(), self.blocked.load(Relaxed)) {
            (true, 0) => self.blocked.store(self.clock.now(), Relaxed),
            (true, _) | (false, 0) => {}
            (false, _) => self.blocked.store(0, Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_over_by_what_it_waits_for() {
        let limits = HttpLimits {
            header_timeout: Duration::from_secs(10),
            send_timeout: Duration::from_secs(100),
            idle_timeout: Duration::from_secs(1000),
            ..HttpLimits::default()
        };
        let line = Line::new(Clock::start(), false);
        let within = |from: u64| {
            line.deadline(&limits)
                .is_some_and(|at| (from..from + 9_000).contains(&at))
        };
        assert!(within(10_000), "a head");
        line.request_begins(false);
        assert_eq!(line.deadline(&limits), None, "the guest");
        line.heard();
        line.request_ends();
        assert!(within(1_000_000), "the next request");
        line.heard();
        assert!(within(10_000), "its head");
        line.request_begins(false);
        line.wrote(&Poll::Pending);
        assert!(within(100_000), "its response");
        line.wrote(&Poll::Ready(Ok(1)));
        assert_eq!(line.deadline(&limits), None, "the guest");
        line.request_begins(true);
        line.request_ends();
        line.request_ends();
        line.heard();
        assert!(within(1_000_000), "a window update is no request");
    }
}
