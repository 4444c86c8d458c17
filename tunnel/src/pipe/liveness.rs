//! Whether anybody is at the other end of the carrier.

use super::end::Violation;
use std::time::{Duration, Instant};

/// Silence is what has not been heard: what is sent says nothing about the peer.
pub(super) struct Liveness {
    interval: Duration,
    ping_at: Instant,
    dead_at: Instant,
    /// The last PING's number, and what the jitter is made of.
    nonce: u64,
}

impl Liveness {
    pub(super) fn new(interval: Duration, seed: u64, now: Instant) -> Liveness {
        let mut liveness = Liveness {
            interval,
            ping_at: now,
            dead_at: now,
            nonce: seed,
        };
        liveness.hear(now);
        liveness
    }

    /// The interval that the server wants.
    pub(super) fn set_interval(&mut self, interval: Duration) {
        self.interval = interval;
    }

    /// Something came, be it half a frame.
    pub(super) fn hear(&mut self, now: Instant) {
        self.ping_at = now + self.jittered();
        self.dead_at = now + self.patience();
    }

    /// Nobody is there if nothing comes before `now + patience`.
    pub(super) fn doubt(&mut self, patience: Duration, now: Instant) {
        self.ping_at = now;
        self.dead_at = self.dead_at.min(now + patience);
    }

    /// Silence that ends a carrier.
    pub(super) fn patience(&self) -> Duration {
        self.interval * 5 / 2
    }

    pub(super) fn deadline(&self) -> Instant {
        self.ping_at.min(self.dead_at)
    }

    /// # Errors
    ///
    /// Nobody is there.
    pub(super) fn check(&self, now: Instant) -> Result<(), Violation> {
        if now < self.dead_at {
            Ok(())
        } else {
            Err(Violation::Silent)
        }
    }

    /// The number of a PING, where it is time for one.
    pub(super) fn ping(&mut self, now: Instant) -> Option<u64> {
        if now < self.ping_at {
            return None;
        }
        self.nonce = self.nonce.wrapping_add(1);
        // The next one only after this one's answer, or never.
        self.ping_at = self.dead_at;
        Some(self.nonce)
    }

    /// 80 to 120 % of the interval, so that thousands of idle sessions do not ping together.
    fn jittered(&self) -> Duration {
        let mixed = (self.nonce ^ (self.nonce >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
        self.interval * 4 / 5 + self.interval * 2 / 5 * u32::try_from(mixed).unwrap_or(0) / 256
    }
}
