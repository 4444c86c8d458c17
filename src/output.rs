//! What a guest writes: passed on to our own standard output and error, and kept for `wasmrun logs`.
//!
//! ```text
//!   guest's process --two pipes--> a thread a generation --> our standard output, standard error
//!                                                       \--> ring: two nameless files, the older one dropped when the
//!                                                            newer is full; lines are put together when they are read
//! ```
//!
//! The guest's process has pipes and none of our own descriptors, so a guest that broke out cannot change their flags, or
//! the terminal's.

use crate::control::{Record, StreamName};
use bytes::Bytes;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::mpsc;

/// Bytes read at once: a pipe's default capacity.
const CHUNK: usize = 64 * 1024;
/// Bytes of one of the two files of a ring.
const HALF: u64 = 4 << 20;
/// The longest line that is put together; a longer one is shown in pieces.
const LINE: usize = 16 * 1024;
/// A follower that is this many batches behind misses some.
const BEHIND: usize = 256;
/// time, generation, length and stream, little-endian.
const HEAD: usize = 8 + 8 + 4 + 1;

/// The writing ends that a guest's process gets.
pub struct Ends {
    pub stdout: PipeWriter,
    pub stderr: PipeWriter,
}

/// The reading ends, until they are empty.
pub struct Output {
    thread: Option<JoinHandle<()>>,
}

impl Output {
    /// Begins to pass on what generation `number` writes.
    pub fn start(number: u64, ring: Arc<Ring>) -> io::Result<(Output, Ends)> {
        let (out, stdout) = io::pipe()?;
        let (err, stderr) = io::pipe()?;
        let thread = std::thread::Builder::new()
            .name("guest-output".to_owned())
            .spawn(move || pass_on(number, &ring, out, err))?;
        let output = Output { thread: Some(thread) };
        Ok((output, Ends { stdout, stderr }))
    }

    /// Waits until everything is passed on, which is soon after the process has ended.
    pub async fn finished(&mut self) {
        while self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.thread = None;
    }
}

fn pass_on(number: u64, ring: &Ring, out: PipeReader, err: PipeReader) {
    let mut sources = [Some((out, StreamName::Stdout)), Some((err, StreamName::Stderr))];
    let mut buffer = vec![0; CHUNK];
    while sources.iter().any(Option::is_some) {
        let mut ready: Vec<PollFd<'_>> = sources
            .iter()
            .flatten()
            .map(|(pipe, _)| PollFd::new(pipe.as_fd(), PollFlags::POLLIN))
            .collect();
        if poll(&mut ready, PollTimeout::NONE).is_err() {
            continue;
        }
        let mut readable = ready
            .iter()
            .map(|fd| fd.revents().is_some_and(|events| !events.is_empty()))
            .collect::<Vec<_>>()
            .into_iter();
        for source in &mut sources {
            let Some((pipe, stream)) = source else { continue };
            if readable.next() != Some(true) {
                continue;
            }
            match pipe.read(&mut buffer) {
                Ok(0) | Err(_) => *source = None,
                Ok(length) => {
                    let bytes = &buffer[..length];
                    // A reader of ours that is gone is no reason to hold the guest up.
                    let _ = match stream {
                        StreamName::Stdout => io::stdout().lock().write_all(bytes).and_then(|()| io::stdout().flush()),
                        StreamName::Stderr => io::stderr().lock().write_all(bytes),
                    };
                    ring.write(number, *stream, bytes);
                }
            }
        }
    }
}

/// The last megabytes that all generations of a run wrote.
pub struct Ring {
    halves: Mutex<Halves>,
}

#[derive(Default)]
struct Halves {
    /// None where no file can be made: then nothing is kept.
    older: Option<(File, u64)>,
    newer: Option<(File, u64)>,
    followers: Vec<(mpsc::Sender<Bytes>, Lines)>,
}

impl Ring {
    pub fn new() -> Arc<Ring> {
        Arc::new(Ring {
            halves: Mutex::default(),
        })
    }

    fn halves(&self) -> MutexGuard<'_, Halves> {
        // Records are whole at every step.
        self.halves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, generation: u64, stream: StreamName, bytes: &[u8]) {
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
        halves.followers.retain_mut(|(follower, lines)| {
            let mut text = Vec::new();
            lines.take(time, generation, stream, bytes, &mut |record| {
                encode(&record, &mut text)
            });
            // One that is behind misses lines; one that is gone is dropped.
            text.is_empty()
                || !matches!(
                    follower.try_send(text.into()),
                    Err(mpsc::error::TrySendError::Closed(_))
                )
        });
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
        let (sender, receiver) = mpsc::channel(BEHIND);
        let (later, mut later_receiver) = mpsc::channel(BEHIND);
        if follow {
            halves.followers.push((later, Lines::default()));
        } else {
            drop(later);
        }
        drop(halves);
        // Files are read where waiting harms nobody.
        tokio::task::spawn_blocking(move || {
            let mut lines = Lines::default();
            for (file, length) in copies {
                if let Some(file) = file
                    && read(&file, length, since.unwrap_or(0), &mut lines, &sender).is_none()
                {
                    return;
                }
            }
            let mut text = Vec::new();
            lines.finish(&mut |record| encode(&record, &mut text));
            if !text.is_empty() && sender.blocking_send(text.into()).is_err() {
                return;
            }
            tokio::spawn(async move {
                while let Some(text) = later_receiver.recv().await {
                    if sender.send(text).await.is_err() {
                        return;
                    }
                }
            });
        });
        receiver
    }
}

/// Sends the lines of one half; none when nobody listens any more.
fn read(file: &File, length: u64, since: u64, lines: &mut Lines, to: &mpsc::Sender<Bytes>) -> Option<()> {
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
        let mut text = Vec::new();
        lines.take(time, generation, stream, &bytes, &mut |record| {
            encode(&record, &mut text)
        });
        if !text.is_empty() {
            to.blocking_send(text.into()).ok()?;
        }
    }
    Some(())
}

fn encode(record: &Record, into: &mut Vec<u8>) {
    if serde_json::to_writer(&mut *into, record).is_ok() {
        into.push(b'\n');
    }
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
        each: &mut impl FnMut(Record),
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
    fn finish(&mut self, each: &mut impl FnMut(Record)) {
        self.stdout.end(StreamName::Stdout, each);
        self.stderr.end(StreamName::Stderr, each);
    }
}

impl Begun {
    fn end(&mut self, stream: StreamName, each: &mut impl FnMut(Record)) {
        if !self.text.is_empty() {
            self.say(stream, each);
        }
    }

    fn say(&mut self, stream: StreamName, each: &mut impl FnMut(Record)) {
        each(Record {
            time: self.time,
            stream,
            generation: self.generation,
            text: String::from_utf8_lossy(&self.text).into_owned(),
        });
        self.text.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
