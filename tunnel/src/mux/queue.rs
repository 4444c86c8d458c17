//! Datagrams that wait for credit. UDP may lose, and may not come late: old ones make room for new ones.

use bytes::Bytes;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const DATAGRAMS: usize = 64;
const BYTES: usize = 256 * 1024;
/// After an outage nobody waits for an answer to what was asked before it.
const AGE: Duration = Duration::from_secs(2);

#[derive(Default)]
pub(super) struct Queue {
    waiting: VecDeque<(Instant, Bytes)>,
    bytes: usize,
    /// How many were dropped.
    pub(super) dropped: u64,
}

impl Queue {
    pub(super) fn push(&mut self, datagram: Bytes, now: Instant) {
        self.bytes += datagram.len();
        self.waiting.push_back((now, datagram));
        while self.waiting.len() > DATAGRAMS || self.bytes > BYTES {
            self.drop_oldest();
        }
    }

    /// The oldest that is not too old.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Bytes> {
        while self
            .waiting
            .front()
            .is_some_and(|(since, _)| now.saturating_duration_since(*since) > AGE)
        {
            self.drop_oldest();
        }
        let (_, datagram) = self.waiting.pop_front()?;
        self.bytes -= datagram.len();
        Some(datagram)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn drop_oldest(&mut self) {
        if let Some((_, datagram)) = self.waiting.pop_front() {
            self.bytes -= datagram.len();
            self.dropped += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_ones_make_room_and_late_ones_are_dropped() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for i in 0..70u8 {
            queue.push(vec![i].into(), now);
        }
        assert_eq!((queue.pop(now), queue.dropped), (Some(vec![6].into()), 6));
        for _ in 0..6 {
            queue.push(vec![0; 65_000].into(), now);
        }
        assert!(queue.bytes <= BYTES);
        queue.push(b"new".as_slice().into(), now + AGE);
        assert_eq!(
            queue.pop(now + AGE + Duration::from_millis(1)),
            Some(b"new".as_slice().into())
        );
        assert!(queue.is_empty());
    }
}
