//! The last megabytes of a run's output, in two files without a name: the older one is dropped when the newer is full.
//! Lines are put together when they are read.

#![expect(clippy::disallowed_methods, reason = "it ends with its reader or its writer")]

use super::StreamName;
use super::follower::{Line, PIECE, Tail, follower};
use bytes::Bytes;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;
use tokio::sync::mpsc;

/// Bytes of one of the two files of a ring.
const HALF: u64 = 4 << 20;
/// The longest line that is put together; a longer one is shown in pieces.
const LINE: usize = 16 * 1024;
/// Pieces on their way to somebody who reads.
const AHEAD: usize = 2;
/// time, generation, length and stream, little-endian.
const HEAD: usize = 8 + 8 + 4 + 1;

/// The last megabytes that all generations of a run wrote.
pub struct Ring {
    halves: Mutex<Halves>,
}

#[derive(Default)]
struct Halves {
    /// None where no file can be made: then nothing is kept.
    older: Option<(File, u64)>,
    newer: Option<(File, u64)>,
    followers: Vec<(Tail, Lines)>,
}

impl Ring {
    /// An empty ring.
    pub fn new() -> Arc<Ring> {
        Arc::new(Ring {
            halves: Mutex::default(),
        })
    }

    fn halves(&self) -> MutexGuard<'_, Halves> {
        // Records are whole at every step.
        self.halves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self, generation: u64, stream: StreamName, bytes: &[u8]) {
        let time = UNIX_EPOCH.elapsed().unwrap_or_default().as_millis() as u64;
        let mut halves = self.halves();
        if halves.newer.as_ref().is_none_or(|(_, length)| *length >= HALF) {
            // Without a name: nothing is left of it when this process ends, however it ends.
            let fresh = tempfile::tempfile().ok().map(|file| (file, 0));
            halves.older = std::mem::replace(&mut halves.newer, fresh);
        }
        if let Some((file, length)) = &mut halves.newer {
            let mut record = Vec::with_capacity(HEAD + bytes.len());
            record.extend_from_slice(&time.to_le_bytes());
            record.extend_from_slice(&generation.to_le_bytes());
            record.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            record.push(matches!(stream, StreamName::Stderr).into());
            record.extend_from_slice(bytes);
            if file.write_all_at(&record, *length).is_ok() {
                *length += record.len() as u64;
            }
        }
        halves.followers.retain(|(tail, _)| !tail.is_gone());
        for (tail, lines) in &mut halves.followers {
            tail.add(|mut each| lines.take(time, generation, stream, bytes, &mut each));
        }
    }

    /// Keeps a line that is wasmrun's own. A ring has such lines or a guest's.
    pub fn keep(&self, line: &str) {
        self.write(0, StreamName::Stdout, format!("{line}\n").as_bytes());
    }

    /// Every line from `since` (milliseconds since 1970) on, as JSON, a line each, and, where `follow` is set, all that
    /// come later.
    pub fn lines(&self, since: Option<u64>, follow: bool) -> mpsc::Receiver<Bytes> {
        let mut halves = self.halves();
        let copies: Vec<(Option<File>, u64)> = [&halves.older, &halves.newer]
            .into_iter()
            .flatten()
            .map(|(file, length)| (file.try_clone().ok(), *length))
            .collect();
        let (sender, receiver) = mpsc::channel(AHEAD);
        let (tail, follower) = follower();
        if follow {
            halves.followers.retain(|(tail, _)| !tail.is_gone());
            halves.followers.push((tail, Lines::default()));
        } else {
            drop(tail);
        }
        drop(halves);
        // Files are read where waiting harms nobody.
        tokio::task::spawn_blocking(move || {
            let mut history = History {
                text: Vec::new(),
                to: sender,
                is_gone: false,
            };
            let mut lines = Lines::default();
            for (file, length) in copies {
                if let Some(file) = file
                    && read(&file, length, since.unwrap_or(0), &mut lines, &mut history).is_none()
                {
                    return;
                }
            }
            lines.finish(&mut |line| history.add(&line));
            history.send();
            let sender = history.to;
            tokio::spawn(async move {
                loop {
                    tokio::select! {
                        text = follower.next() => match text {
                            Some(text) => if sender.send(text).await.is_err() { return },
                            None => return,
                        },
                        () = sender.closed() => return,
                    }
                }
            });
        });
        receiver
    }
}

/// Lines of the past, on their way to who asked for them; waits for who reads.
struct History {
    text: Vec<u8>,
    to: mpsc::Sender<Bytes>,
    is_gone: bool,
}

impl History {
    fn add(&mut self, line: &Line<'_>) {
        if self.is_gone {
            return;
        }
        line.encode(&mut self.text);
        if self.text.len() >= PIECE {
            self.send();
        }
    }

    fn send(&mut self) {
        if !self.text.is_empty() {
            self.is_gone = self.to.blocking_send(std::mem::take(&mut self.text).into()).is_err();
        }
    }
}

/// Sends the lines of one half; none when nobody listens any more.
fn read(file: &File, length: u64, since: u64, lines: &mut Lines, history: &mut History) -> Option<()> {
    let mut at = 0;
    let mut head = [0; HEAD];
    while at + HEAD as u64 <= length {
        file.read_exact_at(&mut head, at).ok()?;
        let number = |range: std::ops::Range<usize>| {
            let mut bytes = [0; 8];
            bytes[..range.len()].copy_from_slice(&head[range]);
            u64::from_le_bytes(bytes)
        };
        let (time, generation, size) = (number(0..8), number(8..16), number(16..20));
        let stream = if head[20] == 0 {
            StreamName::Stdout
        } else {
            StreamName::Stderr
        };
        let mut bytes = vec![0; size as usize];
        file.read_exact_at(&mut bytes, at + HEAD as u64).ok()?;
        at += HEAD as u64 + size;
        if time < since {
            continue;
        }
        lines.take(time, generation, stream, &bytes, &mut |line| history.add(&line));
        if history.is_gone {
            return None;
        }
    }
    Some(())
}

/// Puts lines together out of pieces, for each stream.
#[derive(Default)]
struct Lines {
    stdout: Begun,
    stderr: Begun,
}

#[derive(Default)]
struct Begun {
    text: Vec<u8>,
    time: u64,
    generation: u64,
}

impl Lines {
    fn take(
        &mut self,
        time: u64,
        generation: u64,
        stream: StreamName,
        mut bytes: &[u8],
        each: &mut impl FnMut(Line<'_>),
    ) {
        let begun = match stream {
            StreamName::Stdout => &mut self.stdout,
            StreamName::Stderr => &mut self.stderr,
        };
        if begun.generation != generation {
            begun.end(stream, each);
        }
        while !bytes.is_empty() {
            if begun.text.is_empty() {
                (begun.time, begun.generation) = (time, generation);
            }
            let room = bytes.len().min(LINE - begun.text.len());
            match bytes[..room].iter().position(|byte| *byte == b'\n') {
                Some(end) => {
                    begun.text.extend_from_slice(&bytes[..end]);
                    bytes = &bytes[end + 1..];
                    begun.say(stream, each);
                }
                None => {
                    begun.text.extend_from_slice(&bytes[..room]);
                    bytes = &bytes[room..];
                    if begun.text.len() >= LINE {
                        begun.say(stream, each);
                    }
                }
            }
        }
    }

    /// Lines that have not ended.
    fn finish(&mut self, each: &mut impl FnMut(Line<'_>)) {
        self.stdout.end(StreamName::Stdout, each);
        self.stderr.end(StreamName::Stderr, each);
    }
}

impl Begun {
    fn end(&mut self, stream: StreamName, each: &mut impl FnMut(Line<'_>)) {
        if !self.text.is_empty() {
            self.say(stream, each);
        }
    }

    fn say(&mut self, stream: StreamName, each: &mut impl FnMut(Line<'_>)) {
        each(Line {
            time: self.time,
            stream,
            generation: self.generation,
            text: &self.text,
        });
        self.text.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::Record;

    async fn all(ring: &Ring) -> Vec<(u64, StreamName, String)> {
        let mut receiver = ring.lines(None, false);
        let mut text = Vec::new();
        while let Some(part) = receiver.recv().await {
            text.extend_from_slice(&part);
        }
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines
            .map(|line| {
                let record: Record = serde_json::from_slice(line).unwrap();
                (record.generation, record.stream, record.text)
            })
            .collect()
    }

    #[tokio::test]
    async fn lines_are_put_together_for_each_stream() {
        let ring = Ring::new();
        ring.write(1, StreamName::Stdout, b"one\ntw");
        ring.write(1, StreamName::Stderr, b"oops\n");
        ring.write(1, StreamName::Stdout, b"o\nhalf");
        ring.write(2, StreamName::Stdout, b"next\n\nlast");
        let text = |generation, stream, text: &str| (generation, stream, text.to_owned());
        assert_eq!(
            all(&ring).await,
            [
                text(1, StreamName::Stdout, "one"),
                text(1, StreamName::Stderr, "oops"),
                text(1, StreamName::Stdout, "two"),
                text(1, StreamName::Stdout, "half"),
                text(2, StreamName::Stdout, "next"),
                text(2, StreamName::Stdout, ""),
                text(2, StreamName::Stdout, "last"),
            ]
        );
    }

    #[tokio::test]
    async fn only_the_last_megabytes_are_kept() {
        let ring = Ring::new();
        let line = [b'x'; 1023];
        for _ in 0..30 * 1024 {
            ring.write(1, StreamName::Stdout, &[&line[..], b"\n"].concat());
        }
        ring.write(1, StreamName::Stdout, b"the end");
        let kept = all(&ring).await;
        let bytes: usize = kept.iter().map(|(_, _, text)| text.len()).sum();
        assert!((HALF as usize..2 * HALF as usize).contains(&bytes), "{bytes}");
        assert_eq!(kept.last().unwrap().2, "the end");
    }

    #[tokio::test]
    async fn a_line_without_an_end_comes_in_pieces() {
        let ring = Ring::new();
        ring.write(1, StreamName::Stdout, &vec![b'x'; 3 * LINE / 2]);
        let lengths: Vec<usize> = all(&ring).await.iter().map(|(_, _, text)| text.len()).collect();
        assert_eq!(lengths, [LINE, LINE / 2]);
    }
}
