//! What has arrived, until it is read, and what the peer is told about it.

use super::end::Violation;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// An acknowledgement waits this long for more bytes to be read.
const DELAY: Duration = Duration::from_millis(20);
/// At most this much is read without an acknowledgement.
const STEP: usize = 64 * 1024;

/// A payload of at least this length is kept as it came. Shorter ones are copied together: each of them would keep the
/// carrier's whole read buffer alive.
const LONG: usize = 32 * 1024;

/// The receiver's half.
pub(super) struct Incoming {
    /// Arrived and not read.
    chunks: VecDeque<Chunk>,
    /// The length of all chunks.
    length: usize,
    /// How many bytes were read since the session began.
    read: u64,
    /// What the peer knows of that.
    told: u64,
    /// When the last byte was read that the peer does not know of.
    last: Option<Instant>,
    limit: usize,
}

enum Chunk {
    Long(Bytes),
    Short(BytesMut),
}

impl Incoming {
    pub(super) fn new(limit: usize) -> Incoming {
        Incoming {
            chunks: VecDeque::new(),
            length: 0,
            read: 0,
            told: 0,
            last: None,
            limit,
        }
    }

    /// The peer's buffer, once for the session.
    pub(super) fn set_peer(&mut self, buffer: usize) {
        self.limit = self.limit.min(buffer);
    }

    /// Takes bytes of a DATA frame.
    ///
    /// # Errors
    ///
    /// They are more than the peer may send before it hears of what was read.
    pub(super) fn arrive(&mut self, payload: Bytes) -> Result<(), Violation> {
        // What was read and not told counts: the peer cannot know that there is room.
        let untold = usize::try_from(self.read - self.told).unwrap_or(usize::MAX);
        if payload.len() > self.limit.saturating_sub(self.length.saturating_add(untold)) {
            return Err(Violation::Overrun { limit: self.limit });
        }
        self.length += payload.len();
        match self.chunks.back_mut() {
            _ if payload.len() >= LONG => self.chunks.push_back(Chunk::Long(payload)),
            Some(Chunk::Short(chunk)) => chunk.extend_from_slice(&payload),
            _ => self.chunks.push_back(Chunk::Short(BytesMut::from(&payload[..]))),
        }
        Ok(())
    }

    /// Gives what fits.
    pub(super) fn read(&mut self, into: &mut impl BufMut, now: Instant) -> usize {
        let mut length = 0;
        while let Some(chunk) = self.chunks.front_mut() {
            let chunk: &mut dyn Buf = match chunk {
                Chunk::Long(bytes) => bytes,
                Chunk::Short(bytes) => bytes,
            };
            let part = chunk.remaining().min(into.remaining_mut());
            if part == 0 {
                break;
            }
            into.put_slice(&chunk.chunk()[..part]);
            chunk.advance(part);
            length += part;
            if !chunk.has_remaining() {
                self.chunks.pop_front();
            }
        }
        self.length -= length;
        self.read += length as u64;
        if length > 0 {
            self.last = Some(now);
        }
        length
    }

    /// What arrived over a carrier that is gone and was not read comes again over the next one.
    pub(super) fn forget(&mut self) {
        self.chunks = VecDeque::new();
        self.length = 0;
        self.last = None;
    }

    /// When the peer is to hear of what was read.
    pub(super) fn due(&self) -> Option<Instant> {
        let last = self.last?;
        let step = STEP.min(self.limit / 4) as u64;
        // Enough was read: at once.
        Some(if self.read - self.told >= step {
            last
        } else {
            last + DELAY
        })
    }

    /// What the peer is told.
    pub(super) fn tell(&mut self) -> u64 {
        self.told = self.read;
        self.last = None;
        self.read
    }

    /// Bytes that can be read.
    pub(super) fn held(&self) -> usize {
        self.length
    }
}
