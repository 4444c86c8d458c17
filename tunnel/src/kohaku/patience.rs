//! How long the WebSocket may stay unread because a guest does not take what waits for it.
//!
//! A ping of the client may wait behind what is not read, and the client gives up on it after 20 s. So one stop lasts at
//! most `stall`. Stops also add up: a guest that takes a little each time, or several that stall in turn, would keep a ping
//! waiting for minutes. What bounds their sum is a proof that nothing older waits: there was nothing more to read, or a
//! pong came, behind which stands all that the client sent before it.

use std::time::{Duration, Instant};

pub(super) struct Patience {
    stall: Duration,
    age: Duration,
    /// What was sent before this has been read.
    proved: Instant,
    stopped: Option<Instant>,
}

impl Patience {
    pub(super) fn new(stall: Duration, age: Duration, now: Instant) -> Patience {
        Patience {
            stall,
            age,
            proved: now,
            stopped: None,
        }
    }

    /// Whatever was sent before `sent` has been read.
    pub(super) fn prove(&mut self, sent: Instant) {
        self.proved = self.proved.max(sent);
    }

    /// Reading stops. Says whether that is new.
    pub(super) fn stop(&mut self, now: Instant) -> bool {
        let is_new = self.stopped.is_none();
        self.stopped.get_or_insert(now);
        is_new
    }

    pub(super) fn resume(&mut self) {
        self.stopped = None;
    }

    /// When reading has to go on, where it has stopped.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let stopped = self.stopped?;
        Some((stopped + self.stall).min(stopped.max(self.proved + self.age)))
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.deadline().is_some_and(|deadline| now >= deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn one_stop_is_bounded_and_so_are_many() {
        let start = Instant::now();
        let at = |seconds| start + seconds * SECOND;
        let mut patience = Patience::new(10 * SECOND, 15 * SECOND, start);
        assert_eq!(patience.deadline(), None);
        assert!(patience.stop(at(1)) && !patience.stop(at(2)));
        assert_eq!(patience.deadline(), Some(at(11)));
        assert!(!patience.is_over(at(10)) && patience.is_over(at(11)));
        patience.resume();
        patience.stop(at(11));
        assert_eq!(patience.deadline(), Some(at(15)), "the next one has what is left");
        patience.resume();
        patience.stop(at(16));
        assert!(patience.is_over(at(16)), "and the one after that nothing");
    }

    #[test]
    fn a_guest_that_is_slow_but_takes_all_in_time_has_no_end() {
        let start = Instant::now();
        let at = |seconds| start + seconds * SECOND;
        let mut patience = Patience::new(10 * SECOND, 15 * SECOND, start);
        for second in 8..1000 {
            // A pong that took 8 s through what waits.
            patience.prove(at(second - 8));
            patience.stop(at(second));
            assert!(!patience.is_over(at(second) + SECOND / 2));
            patience.resume();
        }
        patience.prove(start);
        patience.stop(at(1000));
        assert_eq!(patience.deadline(), Some(at(1006)), "an older proof takes nothing back");
    }
}
