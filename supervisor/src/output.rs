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

use crate::logs::{Ring, StreamName};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use report::stderr;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Bytes read at once: a pipe's default capacity.
const CHUNK: usize = 64 * 1024;
/// The writing ends that a guest's process gets.
pub struct Ends {
    /// The guest's standard output.
    pub stdout: PipeWriter,
    /// The guest's standard error.
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
                    match stream {
                        StreamName::Stdout => {
                            let _ = stderr::write_all(io::stdout(), bytes, || ());
                        }
                        StreamName::Stderr => stderr::pass_on(bytes),
                    }
                    ring.write(number, *stream, bytes);
                }
            }
        }
    }
}
