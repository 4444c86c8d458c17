//! The way into the background.
//!
//! ```text
//!   wasmrun up --detach --spawns--> wasmrun up, in a session of its own
//!     |  <--a byte over its standard input, a socket, when all are ready--
//!     v exits with 0; or when the other has ended, as that did
//! ```
//!
//! Until then the other writes where this one does; from then on nowhere, and `wasmrun logs` has what guests write.

use crate::signals::Signals;
use anyhow::Context;
use report::Result;
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as Socket;
use std::process::Stdio;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::process::Command;

/// The switch of the other one.
pub const SWITCH: &str = "--in-background";

/// Starts it, and returns the exit code of this one.
pub async fn start() -> Result<u8> {
    let mut signals = Signals::new()?;
    let (socket, theirs) = Socket::pair().context("cannot go into the background")?;
    socket.set_nonblocking(true)?;
    let mut socket = UnixStream::from_std(socket)?;
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("wasmrun")
        .args(arguments)
        .arg(SWITCH)
        .stdin(Stdio::from(OwnedFd::from(theirs)));
    let mut other = command.spawn().context("cannot go into the background")?;
    drop(command);
    let mut byte = [0];
    tokio::select! {
        read = socket.read(&mut byte) => {
            if read.is_ok_and(|length| length > 0) {
                return Ok(0);
            }
            let status = other.wait().await?;
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            Ok(code.unwrap_or(report::FAILED))
        }
        number = signals.next() => {
            // Which is a reason for the other to end.
            drop(socket);
            tokio::select! {
                _ = other.wait() => {}
                // Nobody is waited for any more; it ends all the same.
                _ = signals.next() => {}
            }
            Ok(128 + number)
        }
    }
}

/// Who has started this one, and waits until all are ready.
pub struct Foreground {
    socket: UnixStream,
}

impl Foreground {
    /// Leaves the terminal's session; standard input, the socket, is empty from now on.
    pub fn take() -> Result<Foreground> {
        let own = std::io::stdin()
            .as_fd()
            .try_clone_to_owned()
            .context("cannot take standard input")?;
        let socket = Socket::from(own);
        socket.set_nonblocking(true)?;
        dup2_stdin(File::open("/dev/null")?)?;
        // A leader of a group cannot, and is none that was started by ourselves.
        let _ = rustix::process::setsid();
        Ok(Foreground {
            socket: UnixStream::from_std(socket)?,
        })
    }

    /// Returns when it is gone. Cancel-safe.
    pub async fn gone(&mut self) {
        let _ = self.socket.read(&mut [0]).await;
    }

    /// Lets it go: everything is there. What is written from now on nobody reads.
    pub fn release(self) {
        report::stderr::finish();
        if let Ok(nothing) = OpenOptions::new().write(true).open("/dev/null") {
            let _ = (dup2_stdout(&nothing), dup2_stderr(&nothing));
        }
        // One that is gone needs no word.
        let _ = self.socket.into_std().map(|mut socket| socket.write(b"\n"));
    }
}
