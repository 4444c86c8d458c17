//! `wasmrun up`, where it has started this run.
//!
//! ```text
//!   up --a socket, which is our standard input--> this run
//!      <--own lines, as JSON ---------------------
//! ```
//!
//! The socket is the way for wasmrun's own lines, apart from what the guest writes, so that no guest can say what they say. And
//! its end is the end of `up`, however that came about: this run then ends at once, and takes its control socket along, which a
//! signal of the kernel's (`PR_SET_PDEATHSIG`) would leave there.

use crate::control::{self, Client};
use anyhow::Context;
use report::{Failure, Result, stderr};
use rustix::process::{Signal, getpid, kill_process};
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::channel;
use std::time::Duration;
use tokio::sync::oneshot;

/// A run ends within this, or is ended: a file system that does not answer may hold it.
const PATIENCE: Duration = Duration::from_secs(4);

/// A process that was killed closes its sockets within this, on a machine that does other things.
const CLOSED: Duration = Duration::from_secs(1);

/// Who has started us.
pub struct Parent {
    gone: oneshot::Receiver<bool>,
    /// It has not said that it wants the end, and so has none of its own.
    is_dead: bool,
}

impl Parent {
    /// Takes the socket, after which standard input is empty, and sends own lines there from now on.
    ///
    /// # Errors
    ///
    /// Standard input is no socket: nobody but `wasmrun up` passes `--service`.
    pub fn take() -> Result<Parent> {
        let stdin = std::io::stdin();
        let own = stdin
            .as_fd()
            .try_clone_to_owned()
            .context("cannot take standard input")?;
        let mut socket = UnixStream::from(own);
        socket
            .peer_addr()
            .context("--service: standard input is not that of `wasmrun up`")
            .map_err(|error| Failure::usage(error).hint("start services with `wasmrun up`"))?;
        let nothing = File::open("/dev/null").context("cannot open /dev/null")?;
        rustix::stdio::dup2_stdin(&nothing).context("cannot take standard input")?;
        stderr::divert(socket.try_clone().context("cannot take standard input")?.into());
        let (tell, gone) = oneshot::channel();
        let wait = move || {
            // A word of it is its wish; an end or an error without one is its end.
            let is_dead = !socket.read(&mut [0]).is_ok_and(|length| length > 0);
            let _ = tell.send(is_dead);
            let (_never, end) = channel::<()>();
            let _ = end.recv_timeout(PATIENCE);
            let _ = kill_process(getpid(), Signal::KILL);
        };
        std::thread::Builder::new()
            .name("parent".to_owned())
            .spawn(wait)
            .context("cannot wait for `wasmrun up`")?;
        Ok(Parent { gone, is_dead: false })
    }

    /// Removes what it has left, where it was killed: its own socket, which is closed soon after the one to us.
    pub async fn clear_up(&self, project: &str) {
        if !self.is_dead {
            return;
        }
        let projects = control::projects().unwrap_or_default();
        if let Some((_, path)) = projects.iter().find(|(name, _)| name == project) {
            let _ = tokio::time::timeout(CLOSED, Client::at(path).ended()).await;
        }
        let _ = control::projects();
    }

    /// Returns when it is gone, or wants the end at once. Cancel-safe.
    pub async fn gone(&mut self) {
        self.is_dead = (&mut self.gone).await.unwrap_or(true);
    }
}
