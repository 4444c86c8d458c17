//! Pipes for splice(2), and the only calls of it.
//!
//! A pipe is taken from the pool when bytes go into it and given back when it is empty again, so idle connections
//! hold none, and a few pipes serve thousands of connections.

#![expect(clippy::disallowed_methods, reason = "the one door of splice(2)")]

use crate::forward::in_store;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags};
use std::os::fd::{AsFd, OwnedFd};

/// Wanted capacity in bytes: the default of `/proc/sys/fs/pipe-max-size`, which an ordinary user is granted. Half of it
/// costs a tenth of the throughput.
const CAPACITY: usize = 1024 * 1024;
/// A pipe of less is worse than a copy.
const MIN_CAPACITY: usize = 128 * 1024;
/// Pipes that one worker makes at most. Their user's total is bounded by `pipe-user-pages-soft` (64 MiB by default),
/// past which new pipes shrink to a page or two (pipe(7)).
const MAX_PIPES: usize = 16;

/// An empty or filled pipe.
pub(in crate::forward) struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    capacity: usize,
    filled: usize,
}

impl Pipe {
    fn open() -> rustix::io::Result<Pipe> {
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let capacity = match rustix::pipe::fcntl_setpipe_size(&write, CAPACITY) {
            Ok(granted) => granted,
            Err(_) => rustix::pipe::fcntl_getpipe_size(&write)?,
        };
        if capacity < MIN_CAPACITY {
            return Err(Errno::NOBUFS);
        }
        Ok(Pipe {
            read,
            write,
            capacity,
            filled: 0,
        })
    }

    pub(in crate::forward) fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Moves what `source` has into this empty pipe. Zero is the end of the stream; `AGAIN` can only mean that the
    /// socket is empty, because the pipe is.
    pub(in crate::forward) fn fill(&mut self, source: impl AsFd) -> rustix::io::Result<usize> {
        debug_assert!(self.is_empty());
        // Never more than the pipe holds: the length is what a splice promises, not a wish.
        let moved = splice(source, &self.write, self.capacity)?;
        self.filled = moved;
        Ok(moved)
    }

    /// Moves bytes out to `sink`; `AGAIN` means that the sink is full.
    pub(in crate::forward) fn drain(&mut self, sink: impl AsFd) -> rustix::io::Result<usize> {
        let moved = splice(&self.read, sink, self.filled)?;
        self.filled -= moved;
        Ok(moved)
    }
}

fn splice(from: impl AsFd, to: impl AsFd, length: usize) -> rustix::io::Result<usize> {
    let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
    loop {
        match rustix::pipe::splice(&from, None, &to, None, length, flags) {
            Err(Errno::INTR) => {}
            done => return done,
        }
    }
}

/// The pipes of one worker.
pub(in crate::forward) struct Pool {
    idle: Vec<Pipe>,
    made: usize,
    most: usize,
}

impl Pool {
    pub(in crate::forward) fn new() -> Pool {
        Pool {
            idle: Vec::new(),
            made: 0,
            most: in_store(MAX_PIPES),
        }
    }

    /// An empty pipe, or none when the limit is reached or the kernel has no more: the flow copies then.
    pub(in crate::forward) fn take(&mut self) -> Option<Pipe> {
        if let Some(pipe) = self.idle.pop() {
            return Some(pipe);
        }
        if self.made >= self.most {
            return None;
        }
        match Pipe::open() {
            Ok(pipe) => {
                self.made += 1;
                Some(pipe)
            }
            Err(_) => {
                // Asking again for each buffer would cost more than the pipe could save.
                self.made = self.most;
                None
            }
        }
    }

    /// Takes a pipe back. One that still holds bytes of a dead connection is closed.
    pub(in crate::forward) fn give(&mut self, pipe: Pipe) {
        if pipe.is_empty() {
            self.idle.push(pipe);
        } else {
            self.made -= 1;
        }
    }
}
