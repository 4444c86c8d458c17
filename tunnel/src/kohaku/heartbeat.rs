//! WebSocket pings to the client: whether it lives, and how much of what it sent has been read.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Most pings that wait for a pong.
const MOST: usize = 16;

pub(super) struct Heartbeat {
    keep_alive: Duration,
    silence: Duration,
    /// Bytes that had come when last looked, and since when there was no sign of life.
    received: u64,
    since: Instant,
    sent: VecDeque<(u64, Instant)>,
    next: u64,
    /// When the last ping was asked for.
    last: Instant,
}

impl Heartbeat {
    pub(super) fn new(keep_alive: Duration, silence: Duration, now: Instant) -> Heartbeat {
        Heartbeat {
            keep_alive,
            silence,
            received: 0,
            since: now,
            sent: VecDeque::new(),
            next: 0,
            last: now,
        }
    }

    /// So many bytes have come so far.
    pub(super) fn observe(&mut self, received: u64, now: Instant) {
        if received != self.received {
            (self.received, self.since) = (received, now);
        }
    }

    /// The client's end has made room for more bytes, which says as much as bytes of its own.
    pub(super) fn made_room(&mut self, now: Instant) {
        self.since = now;
    }

    /// There was no sign of life for too long.
    pub(super) fn is_dead(&self, now: Instant) -> bool {
        now >= self.since + self.silence
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.due()
    }

    /// When [`Heartbeat::is_due`] or [`Heartbeat::is_dead`] may change.
    pub(super) fn deadline(&self) -> Instant {
        self.due().min(self.since + self.silence)
    }

    fn due(&self) -> Instant {
        self.since.max(self.last) + self.keep_alive
    }

    /// How long ago the last ping was.
    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.last)
    }

    /// A ping that was due is not sent, since one still waits to be.
    pub(super) fn skip(&mut self, now: Instant) {
        self.last = now;
    }

    /// The payload of a ping that is sent now.
    pub(super) fn ping(&mut self, now: Instant) -> [u8; 8] {
        let number = self.next;
        self.next += 1;
        self.last = now;
        if self.sent.len() == MOST {
            self.sent.pop_front();
        }
        self.sent.push_back((number, now));
        number.to_be_bytes()
    }

    /// When the ping was sent that this pong answers. It answers those before it too (RFC 6455, 5.5.3). None: it answers none.
    pub(super) fn pong(&mut self, payload: &[u8]) -> Option<Instant> {
        let number = u64::from_be_bytes(payload.try_into().ok()?);
        let at = self.sent.iter().position(|(sent, _)| *sent == number)?;
        self.sent.drain(..=at).next_back().map(|(_, sent)| sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn silence_is_asked_about_and_then_death() {
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(15 * SECOND, 60 * SECOND, start);
        heartbeat.observe(10, start + 10 * SECOND);
        assert_eq!(heartbeat.deadline(), start + 25 * SECOND);
        assert!(!heartbeat.is_due(start + 24 * SECOND) && heartbeat.is_due(start + 25 * SECOND));
        heartbeat.ping(start + 25 * SECOND);
        heartbeat.observe(10, start + 39 * SECOND);
        assert!(
            !heartbeat.is_due(start + 39 * SECOND),
            "a late pong is not asked for each time"
        );
        assert!(!heartbeat.is_dead(start + 69 * SECOND) && heartbeat.is_dead(start + 70 * SECOND));
        heartbeat.observe(11, start + 69 * SECOND);
        assert!(
            !heartbeat.is_dead(start + 70 * SECOND),
            "a byte is life, whatever it says"
        );
    }

    #[test]
    fn a_pong_answers_the_pings_before_it() {
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(SECOND, SECOND, start);
        let pings: Vec<_> = (0..20).map(|i| heartbeat.ping(start + i * SECOND)).collect();
        assert_eq!(heartbeat.pong(&pings[3]), None, "it is forgotten");
        assert_eq!(heartbeat.pong(&pings[6]), Some(start + 6 * SECOND));
        assert_eq!(heartbeat.pong(&pings[5]), None, "it is answered");
        assert_eq!(heartbeat.pong(&20u64.to_be_bytes()), None, "it was never sent");
        assert_eq!(heartbeat.pong(b"hello"), None);
        assert_eq!(heartbeat.pong(&pings[19]), Some(start + 19 * SECOND));
    }
}
