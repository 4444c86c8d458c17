//! Points in time at which connections want to be looked at.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// Which connection: its slot, and its serial number because slots are used again.
pub(super) type Ticket = (usize, u64);

/// A heap of deadlines. An entry whose connection is gone, or wants a later time, is dropped when its time comes.
#[derive(Default)]
pub(super) struct Deadlines {
    heap: BinaryHeap<Reverse<(Instant, Ticket)>>,
}

impl Deadlines {
    pub(super) fn push(&mut self, at: Instant, ticket: Ticket) {
        self.heap.push(Reverse((at, ticket)));
    }

    /// The next ticket whose time has come.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Ticket> {
        match self.heap.peek() {
            Some(Reverse((at, _))) if *at <= now => self.heap.pop().map(|Reverse((_, ticket))| ticket),
            _ => None,
        }
    }

    /// How long until the next one.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let Reverse((at, _)) = self.heap.peek()?;
        Some(at.saturating_duration_since(now))
    }
}
