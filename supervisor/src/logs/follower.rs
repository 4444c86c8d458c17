//! Who reads a guest's lines as they come, and may stop to read: what waits for one is bounded in bytes, and what it misses
//! is counted and said.

use super::{Record, StreamName};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What may wait for one follower, in bytes.
const LIMIT: usize = 1 << 20;
/// Lines are handed on together, in pieces of about this many bytes.
pub(super) const PIECE: usize = 64 * 1024;

/// A line that a guest wrote.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    /// Milliseconds since 1970.
    pub time: u64,
    pub stream: StreamName,
    pub generation: u64,
    pub text: &'a [u8],
}

impl Line<'_> {
    /// As JSON, with its end.
    pub(super) fn encode(&self, into: &mut Vec<u8>) {
        encode(self, 0, into);
    }
}

fn encode(line: &Line<'_>, missed: u64, into: &mut Vec<u8>) {
    let record = Record {
        time: line.time,
        stream: line.stream,
        generation: line.generation,
        text: String::from_utf8_lossy(line.text).into_owned(),
        missed,
    };
    if serde_json::to_writer(&mut *into, &record).is_ok() {
        into.push(b'\n');
    }
}

/// The end that lines are put into.
pub(super) struct Tail(Arc<Shared>);

/// The end that they are taken from.
pub(super) struct Follower(Arc<Shared>);

struct Shared {
    waiting: Mutex<Waiting>,
    come: Notify,
}

#[derive(Default)]
struct Waiting {
    pieces: VecDeque<Vec<u8>>,
    bytes: usize,
    /// What has found no room, from the first of them on.
    missed: u64,
    first_missed: Option<(u64, StreamName, u64)>,
    is_over: bool,
}

/// A follower, and the end for what it is to be given.
pub(super) fn follower() -> (Tail, Follower) {
    let shared = Arc::new(Shared {
        waiting: Mutex::default(),
        come: Notify::new(),
    });
    (Tail(shared.clone()), Follower(shared))
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // It is whole at every step.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tail {
    /// Nobody takes anything any more.
    pub(super) fn is_gone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// Adds what `lines` hands over; never waits.
    pub(super) fn add(&self, lines: impl FnOnce(&mut dyn FnMut(Line<'_>))) {
        let mut waiting = self.0.waiting();
        lines(&mut |line| waiting.add(&line));
        drop(waiting);
        self.0.come.notify_one();
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.0.waiting().is_over = true;
        self.0.come.notify_one();
    }
}

impl Waiting {
    fn add(&mut self, line: &Line<'_>) {
        // Once one is missed, so are all until that is said: there is one gap, and it has a place.
        if self.missed == 0 && self.bytes < LIMIT {
            if self.pieces.back().is_none_or(|last| last.len() >= PIECE) {
                self.pieces.push_back(Vec::new());
            }
            if let Some(last) = self.pieces.back_mut() {
                let before = last.len();
                line.encode(last);
                self.bytes += last.len() - before;
            }
            return;
        }
        self.missed += 1;
        self.first_missed
            .get_or_insert((line.time, line.stream, line.generation));
    }

    fn take(&mut self) -> Option<Vec<u8>> {
        if let Some(piece) = self.pieces.pop_front() {
            self.bytes -= piece.len();
            return Some(piece);
        }
        let (time, stream, generation) = self.first_missed.take()?;
        let missed = std::mem::take(&mut self.missed);
        let gap = Line {
            time,
            stream,
            generation,
            text: b"",
        };
        let mut text = Vec::new();
        encode(&gap, missed, &mut text);
        Some(text)
    }
}

impl Follower {
    /// The next lines; none when there will be no more. Cancel-safe.
    pub(super) async fn next(&self) -> Option<Bytes> {
        loop {
            {
                let mut waiting = self.0.waiting();
                if let Some(piece) = waiting.take() {
                    return Some(piece.into());
                }
                if waiting.is_over {
                    return None;
                }
            }
            self.0.come.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(follower: &Follower) -> Vec<Record> {
        let piece = follower.next().await.unwrap();
        let lines = piece.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    fn line(text: &[u8]) -> Line<'_> {
        Line {
            time: 1,
            stream: StreamName::Stdout,
            generation: 2,
            text,
        }
    }

    #[tokio::test]
    async fn one_that_does_not_read_misses_lines_and_is_told_how_many() {
        let (tail, follower) = follower();
        tail.add(|each| {
            for _ in 0..100_000 {
                each(line(b""));
            }
        });
        assert!(follower.0.waiting().bytes < LIMIT + PIECE);
        let (mut got, mut missed) = (0, 0);
        while got + missed < 100_000 {
            for record in lines(&follower).await {
                missed += record.missed;
                got += u64::from(record.missed == 0);
            }
        }
        assert!(got > 10_000 && missed > 10_000, "{got} + {missed}");
        // It goes on where the gap ends.
        tail.add(|each| each(line(b"again")));
        assert_eq!(lines(&follower).await[0].text, "again");
        drop(tail);
        assert!(follower.next().await.is_none());
    }

    #[test]
    fn one_that_is_gone_is_known() {
        let (tail, follower) = follower();
        assert!(!tail.is_gone());
        drop(follower);
        assert!(tail.is_gone());
    }
}
