//! What the client has sent to one stream and the guest has not taken.

use super::frame::MAX_PAYLOAD;
use bytes::BytesMut;
use futures::task::AtomicWaker;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};

/// Most datagrams that wait, and their bytes. Older ones make room: UDP may lose.
const DATAGRAMS: usize = 64;
const DATAGRAM_BYTES: usize = 256 * 1024;

/// What waits in all inboxes of a session, and who is told when it becomes less.
#[derive(Default)]
pub(super) struct Backlog {
    bytes: AtomicUsize,
    pub(super) reader: AtomicWaker,
}

impl Backlog {
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }

    fn less(&self, bytes: usize) {
        if bytes > 0 {
            self.bytes.fetch_sub(bytes, Ordering::AcqRel);
            self.reader.wake();
        }
    }
}

/// What the client has said about the stream's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(super) enum Ending {
    /// Nothing.
    Open,
    /// What waits is the last. Answers are not wanted.
    Closed,
    /// Nothing is wanted any more.
    Reset,
}

/// One stream's queue. The session fills it, the stream's task empties it.
pub(super) struct Inbox {
    waiting: Mutex<Waiting>,
    more: Notify,
    ending: watch::Sender<Ending>,
    backlog: Arc<Backlog>,
}

#[derive(Default)]
struct Waiting {
    chunks: VecDeque<BytesMut>,
    bytes: usize,
}

impl Inbox {
    pub(super) fn new(backlog: Arc<Backlog>) -> Inbox {
        Inbox {
            waiting: Mutex::default(),
            more: Notify::new(),
            ending: watch::Sender::new(Ending::Open),
            backlog,
        }
    }

    /// Bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Takes bytes in. They are copied, since a slice of what was read holds all of what was read.
    pub(super) fn push(&self, bytes: &[u8]) {
        if bytes.is_empty() || self.ending() != Ending::Open {
            return;
        }
        let mut waiting = self.lock();
        match waiting.chunks.back_mut() {
            Some(last) if last.len() + bytes.len() <= MAX_PAYLOAD => last.extend_from_slice(bytes),
            _ => waiting.chunks.push_back(BytesMut::from(bytes)),
        }
        self.count(&mut waiting, bytes.len());
        self.more.notify_one();
    }

    /// Takes one datagram in.
    pub(super) fn push_datagram(&self, datagram: &[u8]) {
        if self.ending() != Ending::Open {
            return;
        }
        let mut waiting = self.lock();
        waiting.chunks.push_back(BytesMut::from(datagram));
        self.count(&mut waiting, datagram.len());
        while waiting.chunks.len() > DATAGRAMS || waiting.bytes > DATAGRAM_BYTES {
            let oldest = waiting.chunks.pop_front().map_or(0, |datagram| datagram.len());
            self.discount(&mut waiting, oldest);
        }
        self.more.notify_one();
    }

    /// The next bytes, or one datagram; none after the last. They count until [`Inbox::taken`].
    pub(super) async fn next(&self) -> Option<BytesMut> {
        loop {
            let more = self.more.notified();
            if let Some(chunk) = self.lock().chunks.pop_front() {
                return Some(chunk);
            }
            if self.ending() != Ending::Open {
                return None;
            }
            more.await;
        }
    }

    /// The guest has so many bytes of what was [`Inbox::next`].
    pub(super) fn taken(&self, bytes: usize) {
        self.discount(&mut self.lock(), bytes);
    }

    pub(super) fn ending(&self) -> Ending {
        *self.ending.borrow()
    }

    /// The stream ends so, if it does not end worse. What a reset finds waiting is dropped.
    pub(super) fn end(&self, ending: Ending) {
        self.ending.send_if_modified(|now| {
            let is_worse = *now < ending;
            if is_worse {
                *now = ending;
            }
            is_worse
        });
        if ending == Ending::Reset {
            let mut waiting = self.lock();
            waiting.chunks.clear();
            let bytes = waiting.bytes;
            self.discount(&mut waiting, bytes);
        }
        self.more.notify_one();
    }

    /// Waits until the stream ends so or worse.
    pub(super) async fn ended(&self, ending: Ending) {
        // The sender is here: it cannot be gone.
        let _ = self.ending.subscribe().wait_for(|now| *now >= ending).await;
    }

    fn count(&self, waiting: &mut Waiting, bytes: usize) {
        waiting.bytes += bytes;
        self.backlog.bytes.fetch_add(bytes, Ordering::AcqRel);
    }

    fn discount(&self, waiting: &mut Waiting, bytes: usize) {
        // After a reset nothing waits, though the guest may still take its last chunk.
        let bytes = bytes.min(waiting.bytes);
        waiting.bytes -= bytes;
        self.backlog.less(bytes);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let bytes = self.lock().bytes;
        self.backlog.less(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn bytes_wait_in_order_and_are_counted_until_they_are_taken() {
        let backlog = Arc::new(Backlog::default());
        let inbox = Inbox::new(Arc::clone(&backlog));
        inbox.push(b"ab");
        inbox.push(b"");
        inbox.push(b"c");
        inbox.push(&[7; MAX_PAYLOAD]);
        let next = || {
            inbox
                .next()
                .now_or_never()
                .map(|chunk| chunk.map(|chunk| chunk.to_vec()))
        };
        assert_eq!(next(), Some(Some(b"abc".to_vec())), "small ones are one write");
        assert_eq!((inbox.bytes(), backlog.bytes()), (MAX_PAYLOAD + 3, MAX_PAYLOAD + 3));
        inbox.taken(3);
        assert_eq!((inbox.bytes(), backlog.bytes()), (MAX_PAYLOAD, MAX_PAYLOAD));
        inbox.end(Ending::Closed);
        inbox.push(b"late");
        assert_eq!(next(), Some(Some(vec![7; MAX_PAYLOAD])));
        assert_eq!(next(), Some(None), "after the last");
        inbox.end(Ending::Reset);
        inbox.end(Ending::Closed);
        assert_eq!(inbox.ending(), Ending::Reset);
        inbox.taken(MAX_PAYLOAD);
        assert_eq!((inbox.bytes(), backlog.bytes()), (0, 0));
    }

    #[test]
    fn what_a_stream_leaves_no_longer_counts() {
        let backlog = Arc::new(Backlog::default());
        let inbox = Inbox::new(Arc::clone(&backlog));
        inbox.push(b"abc");
        drop(inbox);
        assert_eq!(backlog.bytes(), 0);
    }

    #[test]
    fn datagrams_keep_their_boundaries_and_old_ones_make_room() {
        let backlog = Arc::new(Backlog::default());
        let inbox = Inbox::new(Arc::clone(&backlog));
        for length in 0..70 {
            inbox.push_datagram(&vec![0; length]);
        }
        let next = || inbox.next().now_or_never().flatten().map(|datagram| datagram.len());
        assert_eq!(next(), Some(6));
        assert_eq!(next(), Some(7));
        for _ in 0..9 {
            inbox.push_datagram(&[0; 60_000]);
        }
        assert!(inbox.bytes() <= DATAGRAM_BYTES && backlog.bytes() == inbox.bytes());
    }
}
