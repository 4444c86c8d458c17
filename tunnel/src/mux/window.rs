//! How much a stream may have under way: what bounds memory, and keeps one stream from stalling the others.
//!
//! h2's `release_capacity` gives the stream and the connection credit together. With a small window of the connection a few
//! streams that nobody reads would take all of it. So the connection's is as large as it can be, and memory is bounded
//! stream by stream: the more are open, the less each may have.

use futures::task::AtomicWaker;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Context;

/// The connection's window: the most that there is (RFC 9113, 6.9.1).
pub(super) const CONNECTION: u32 = (1 << 31) - 1;
/// What all streams together may have under way.
const TOTAL: usize = 64 * 1024 * 1024;
const LEAST: usize = 64 * 1024;
/// 1 Gbit/s at a round trip of 50 ms is 6 MiB under way.
const MOST: usize = 8 * 1024 * 1024;
/// The window of the first streams.
pub(super) const INITIAL: u32 = MOST as u32;
/// Most streams of a connection at once.
pub const MOST_STREAMS: u32 = 1024;
/// Bytes of a DATA frame, and what is read from a socket at once.
pub(super) const CHUNK: u32 = 64 * 1024;
/// What DATA frames that nobody has read may cost beyond their bytes. Credit counts bytes alone, and a frame of one byte takes
/// some 256 in memory (h2's own figure). By itself h2 takes half of the connection's window, which here is 1 GiB. Above this the
/// connection ends: a stream that stalls amid messages of 16 bytes fills its own window first.
pub(super) const FRAMES: usize = TOTAL;
/// What h2 may hold for a stream that waits for credit.
pub(super) const SEND_BUFFER: usize = 256 * 1024;

/// The window of each of so many streams. Steps of two, so that few changes have to be said to the peer.
fn of_each(streams: usize) -> u32 {
    let window = (TOTAL / streams.max(1).next_power_of_two()).clamp(LEAST, MOST);
    u32::try_from(window).unwrap_or(INITIAL)
}

/// Counts the open streams of a connection.
#[derive(Default)]
pub(super) struct Streams {
    open: AtomicUsize,
    changed: AtomicWaker,
}

/// One open stream.
pub(super) struct Counted(Arc<Streams>);

impl Streams {
    pub(super) fn count(self: &Arc<Streams>) -> Counted {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.changed.wake();
        Counted(self.clone())
    }

    /// Sets the window with `set`, where it is another than `current`. `set` fails while the peer has not acknowledged the
    /// last one; the acknowledgement wakes whoever polls the connection, and this is asked again.
    pub(super) fn adjust<E>(&self, current: &mut u32, cx: &Context<'_>, set: impl FnOnce(u32) -> Result<(), E>) {
        self.changed.register(cx.waker());
        let window = of_each(self.open.load(Ordering::Relaxed));
        if window != *current && set(window).is_ok() {
            *current = window;
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
        self.0.changed.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_windows_together_have_a_bound() {
        assert_eq!((of_each(0), of_each(1), of_each(8)), (INITIAL, INITIAL, INITIAL));
        assert_eq!(
            (of_each(17), of_each(1000), of_each(100_000)),
            (2 << 20, 64 << 10, 64 << 10)
        );
        assert!((1..=1024).all(|streams| streams * of_each(streams) as usize <= TOTAL));
    }
}
