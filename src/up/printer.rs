//! Writes what services wrote to standard output and standard error, a thread each: a reader that pauses holds up guests, as it
//! does a guest of `wasmrun os`, and nobody else.

use super::terminal::Stream;
use anyhow::Context;
use report::{Result, stderr};
use std::io;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Pieces that wait, of some 64 KiB each.
const QUEUE: usize = 4;
/// At the end a reader that reads nothing is waited for as long as for a run's own lines.
const END: Duration = Duration::from_secs(2);

/// The way to both streams.
#[derive(Clone)]
pub struct Printer {
    ways: [mpsc::Sender<Vec<u8>>; 2],
}

/// Both threads.
pub struct Threads {
    done: [oneshot::Receiver<()>; 2],
}

/// Begins to write.
pub fn start() -> Result<(Printer, Threads)> {
    let (out, out_done) = thread("stdout", |bytes| {
        // A reader that is gone is no reason to hold a guest up.
        let _ = stderr::write_all(io::stdout(), bytes, || ());
    })?;
    let (err, err_done) = thread("stderr-lines", stderr::pass_on)?;
    let printer = Printer { ways: [out, err] };
    let done = [out_done, err_done];
    Ok((printer, Threads { done }))
}

type Way = (mpsc::Sender<Vec<u8>>, oneshot::Receiver<()>);

fn thread(name: &str, write: fn(&[u8])) -> Result<Way> {
    let (way, mut pieces) = mpsc::channel::<Vec<u8>>(QUEUE);
    let (tell, done) = oneshot::channel();
    let run = move || {
        while let Some(piece) = pieces.blocking_recv() {
            write(&piece);
        }
        let _ = tell.send(());
    };
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .context("cannot start a thread for output")?;
    Ok((way, done))
}

impl Printer {
    /// Writes whole lines, once there is room.
    pub async fn print(&self, stream: Stream, lines: Vec<u8>) {
        // The thread ends after this.
        let _ = self.ways[stream as usize].send(lines).await;
    }
}

impl Threads {
    /// Returns when all is written, after every [`Printer`] is gone.
    pub async fn finish(self) {
        let [out, err] = self.done;
        let _ = tokio::time::timeout(END, async { (out.await, err.await) }).await;
    }
}
