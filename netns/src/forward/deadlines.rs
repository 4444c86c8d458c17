//! Points in time at which connections want to be looked at.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// Which connection: its slot, and its serial number because slots are used again.
pub(super) type Ticket = (usize, u64);

/// A heap of deadlines. A connection has one ticket that counts; those it has outlived are dropped when their time comes
/// or when they are the greater part.
#[derive(Default)]
pub(super) struct Deadlines {
    heap: BinaryHeap<Reverse<(Instant, Ticket)>>,
}

/// A heap of fewer entries is not worth cleaning.
const SMALL: usize = 1024;

impl Deadlines {
    pub(super) fn push(&mut self, at: Instant, ticket: Ticket) {
        self.heap.push(Reverse((at, ticket)));
    }

    /// The next ticket whose time has come, with that time.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(Instant, Ticket)> {
        match self.heap.peek() {
            Some(Reverse((at, _))) if *at <= now => self.heap.pop().map(|Reverse(due)| due),
            _ => None,
        }
    }

    /// How long until the next one.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let Reverse((at, _)) = self.heap.peek()?;
        Some(at.saturating_duration_since(now))
    }

    /// Keeps those tickets that count, when they must be the smaller part because there are only `connections`.
    pub(super) fn clean(&mut self, connections: usize, counts: impl Fn(Instant, Ticket) -> bool) {
        if self.heap.len() > SMALL + 2 * connections {
            self.heap.retain(|Reverse((at, ticket))| counts(*at, *ticket));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_of_connections_that_are_gone_do_not_pile_up() {
        let mut deadlines = Deadlines::default();
        let later = Instant::now() + Duration::from_secs(300);
        for serial in 0..1_000_000 {
            deadlines.push(later, (0, serial));
            deadlines.clean(1, |_, (_, of)| of == serial);
        }
        assert!(deadlines.heap.len() <= SMALL + 3, "{}", deadlines.heap.len());
        assert!(
            deadlines
                .heap
                .iter()
                .any(|Reverse((_, (_, serial)))| *serial == 999_999)
        );
    }
}
