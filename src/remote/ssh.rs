//! ssh(1) as a carrier: one channel of it, in which `wasmrun hub --stdio` runs.
//!
//! One that is asked for a password asks at the terminal, the first time alone. Forwarding need not be allowed.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// What runs on the other machine, where nothing else is said.
pub const COMMAND: &str = "wasmrun hub --stdio";

/// A shell's word for a command that it does not find (POSIX, 2.8.2).
const NOT_FOUND: i32 = 127;
/// ssh's own errors (ssh(1)).
const SSH_FAILED: i32 = 255;

/// The child, as a byte stream. Dropping it ends it.
pub struct Ssh {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    host: String,
    command: String,
}

impl Ssh {
    /// Starts ssh. `is_first`: it may ask at the terminal.
    ///
    /// # Errors
    ///
    /// There is no ssh.
    pub fn start(host: &str, port: Option<u16>, command: &str, is_first: bool) -> io::Result<Ssh> {
        let mut ssh = Command::new("ssh");
        // A link that is dead is noticed by the pipe, too; this ends the child.
        ssh.args(["-T", "-o", "ServerAliveInterval=15"]);
        if !is_first {
            ssh.args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=15"]);
        }
        if let Some(port) = port {
            ssh.args(["-p", &port.to_string()]);
        }
        ssh.args(["--", host, command]);
        ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = ssh.spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        Ok(Ssh {
            child,
            input,
            output,
            host: host.to_owned(),
            command: command.to_owned(),
        })
    }

    /// Why it has ended.
    fn end(&self, code: Option<i32>) -> io::Error {
        let Ssh { host, command, .. } = self;
        io::Error::other(match code {
            Some(NOT_FOUND) => format!(
                "{host} has no `{command}` (programs that are not in its PATH for ssh are named by --remote-command)"
            ),
            Some(SSH_FAILED) => format!("ssh cannot reach {host}"),
            Some(code) => format!("`{command}` on {host} ended with code {code}"),
            None => format!("ssh to {host} was ended"),
        })
    }
}

impl AsyncRead for Ssh {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.output).poll_read(cx, buf))?;
        if buf.filled().len() > before || buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        // Its code says more than the end of what it says.
        let status = {
            let wait = std::pin::pin!(self.child.wait());
            ready!(wait.poll(cx))?
        };
        Poll::Ready(Err(self.end(status.code())))
    }
}

impl AsyncWrite for Ssh {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match ready!(Pin::new(&mut self.input).poll_write(cx, bytes)) {
            // Why, is for who reads to say.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Poll::Ready(Ok(bytes.len())),
            written => Poll::Ready(written),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_shutdown(cx)
    }
}
