//! What was written, until the peer has read it.

use super::end::Violation;
use super::frame::{Data, MAX_DATA};
use std::collections::VecDeque;

/// Most bytes that wait to be sent. Not the whole buffer: what waits here is in front of whatever the streams above send next,
/// so on a slow link a long queue would be a long wait for each of them.
const UNSENT: usize = 256 * 1024;
/// What an idle session keeps allocated.
const IDLE: usize = 64 * 1024;

/// The sender's half. Offsets count the stream's bytes from its beginning.
///
/// Invariant: `acknowledged <= next <= sent <= acknowledged + bytes.len()`.
pub(super) struct Outgoing {
    /// From `acknowledged` on.
    bytes: VecDeque<u8>,
    acknowledged: u64,
    /// Where the next DATA frame of this carrier begins.
    next: u64,
    /// The furthest that any carrier came.
    sent: u64,
    /// Our own bound for `bytes`.
    limit: usize,
    /// The bound of what is under way: the peer's buffer, where it is smaller.
    window: usize,
}

impl Outgoing {
    pub(super) fn new(limit: usize) -> Outgoing {
        Outgoing {
            bytes: VecDeque::new(),
            acknowledged: 0,
            next: 0,
            sent: 0,
            limit,
            window: limit,
        }
    }

    /// The peer's buffer, once for the session.
    pub(super) fn set_peer(&mut self, buffer: usize) {
        self.window = self.limit.min(buffer);
    }

    /// Takes what fits; 0 when the writer has to wait.
    pub(super) fn write(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.room());
        self.bytes.extend(&bytes[..taken]);
        taken
    }

    /// How many bytes the writer may write.
    pub(super) fn room(&self) -> usize {
        let kept = self.limit.min(self.window).saturating_sub(self.bytes.len());
        kept.min(UNSENT.saturating_sub(self.unsent()))
    }

    /// Bytes that this carrier has not taken.
    pub(super) fn unsent(&self) -> usize {
        self.bytes.len() - self.under_way()
    }

    fn under_way(&self) -> usize {
        usize::try_from(self.next - self.acknowledged).unwrap_or(usize::MAX)
    }

    /// Whether the peer's buffer lets another byte go.
    pub(super) fn is_ready(&self) -> bool {
        self.unsent() > 0 && self.under_way() < self.window
    }

    /// The next frame for this carrier.
    pub(super) fn frame(&mut self) -> Option<Data> {
        if !self.is_ready() {
            return None;
        }
        let start = self.under_way();
        let length = self.unsent().min(self.window - start).min(MAX_DATA);
        let (head, tail) = self.bytes.as_slices();
        let first = head.get(start..).unwrap_or_default();
        let first = &first[..first.len().min(length)];
        let skipped = start.saturating_sub(head.len());
        let second = &tail[skipped..skipped + (length - first.len())];
        let frame = Data::new(first, second);
        self.next += length as u64;
        self.sent = self.sent.max(self.next);
        Some(frame)
    }

    /// Lets go what the peer has read.
    ///
    /// # Errors
    ///
    /// It never had that, or takes something back.
    pub(super) fn acknowledge(&mut self, received: u64) -> Result<(), Violation> {
        self.check(received, self.next)?;
        self.release(received);
        Ok(())
    }

    /// Begins anew where the peer is.
    ///
    /// # Errors
    ///
    /// No carrier can have brought it there.
    pub(super) fn resume(&mut self, received: u64) -> Result<(), Violation> {
        self.check(received, self.sent)?;
        self.next = received;
        self.release(received);
        Ok(())
    }

    fn check(&self, received: u64, sent: u64) -> Result<(), Violation> {
        let before = self.acknowledged;
        if received > sent {
            return Err(Violation::AcknowledgedAhead { received, sent });
        }
        if received < before {
            return Err(Violation::AcknowledgedBack { received, before });
        }
        Ok(())
    }

    fn release(&mut self, received: u64) {
        let read = usize::try_from(received - self.acknowledged).unwrap_or(usize::MAX);
        self.bytes.drain(..read.min(self.bytes.len()));
        self.acknowledged = received;
    }

    /// Gives memory back that a busier time has needed. Not each time that all is acknowledged: under load that is often.
    pub(super) fn rest(&mut self) {
        self.bytes.shrink_to(IDLE);
    }

    /// Bytes held.
    pub(super) fn held(&self) -> usize {
        self.bytes.len()
    }
}
