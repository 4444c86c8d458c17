//! The process of one service: a `wasmrun os` in a process group of its own, so that Ctrl-C is its parent's to pass on.

use super::printer::Printer;
use super::state::{Condition, Told};
use super::terminal::{Prefix, Splitter, Stream, Style};
use crate::settings::typed::OF_ONE_RUN;
use anyhow::Context;
use report::{Result, stderr};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde_json::Value;
use std::ffi::OsString;
use std::io::Write;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Socket;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::UnixStream;
use tokio::process::{Child as Process, Command};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

/// Bytes read at once: a pipe's default capacity.
const CHUNK: usize = 64 * 1024;
/// What a process has written is read to its end within this after its own: what it has started may hold the pipes.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What comes of a process.
pub enum Happened {
    Told(Told),
    /// An address leads to a port of the guest.
    Forwards(SocketAddr, u16),
    /// The exit code.
    Exited(u8),
}

/// A process that runs.
pub struct Child {
    /// Names no other, even after its end.
    process: OwnedFd,
    socket: Socket,
}

/// What its lines are given to.
#[derive(Clone)]
pub struct Output {
    pub style: Style,
    pub printer: Printer,
    pub happened: UnboundedSender<(String, Happened)>,
}

/// Starts it, and reads it until its end, in a task of `tasks`.
///
/// # Errors
///
/// The process cannot be made.
pub fn start(prefix: Prefix, arguments: &[OsString], output: Output, tasks: &mut JoinSet<()>) -> Result<Child> {
    let cannot = "cannot start the run";
    let (socket, theirs) = Socket::pair().context(cannot)?;
    let own = socket.try_clone().context(cannot)?;
    own.set_nonblocking(true).context(cannot)?;
    let lines = UnixStream::from_std(own).context(cannot)?;
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("wasmrun")
        .args(arguments)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    for name in OF_ONE_RUN {
        command.env_remove(name);
    }
    let mut process = command.spawn().context(cannot)?;
    drop(command);
    let pid = process
        .id()
        .and_then(|pid| i32::try_from(pid).ok())
        .and_then(Pid::from_raw);
    let pid = pid.context(cannot)?;
    let child = Child {
        process: pidfd_open(pid, PidfdFlags::empty()).context(cannot)?,
        socket,
    };
    let (out, err) = (process.stdout.take(), process.stderr.take());
    tasks.spawn(async move {
        let name = prefix.name.clone();
        let happened = output.happened.clone();
        let read = async {
            let out = copy(out, Stream::Stdout, &prefix, &output);
            let err = copy(err, Stream::Stderr, &prefix, &output);
            tokio::join!(out, err, listen(lines, &prefix, &output));
        };
        let code = ended(process, read).await;
        // A receiver that is gone is an `up` that has ended.
        let _ = happened.send((name, Happened::Exited(code)));
    });
    Ok(child)
}

impl Child {
    /// Asks for its end, for which it has its grace.
    pub fn stop(&self) {
        self.signal(Signal::TERM);
    }

    /// Has it end at once.
    pub fn end_now(&self) {
        // A word, because an end without one is that of a parent that was killed. A child that is gone needs none.
        let _ = (&self.socket).write(b"\n");
    }

    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        // One that has ended needs none.
        let _ = pidfd_send_signal(&self.process, signal);
    }
}

/// The exit code of a process, once all that it wrote is read.
async fn ended(mut process: Process, read: impl Future<Output = ()>) -> u8 {
    tokio::pin!(read);
    let status = tokio::select! {
        status = process.wait() => {
            let _ = tokio::time::timeout(LAST_WORDS, read).await;
            status
        }
        () = &mut read => process.wait().await,
    };
    status.map_or(report::FAILED, code)
}

/// As a shell says it.
fn code(status: ExitStatus) -> u8 {
    let number = status.code().or(status.signal().map(|signal| 128 + signal));
    number
        .and_then(|number| u8::try_from(number).ok())
        .unwrap_or(report::FAILED)
}

/// Passes on what a guest writes.
async fn copy(from: Option<impl AsyncRead + Unpin>, stream: Stream, prefix: &Prefix, output: &Output) {
    let Some(mut from) = from else { return };
    let (mut buffer, mut splitter) = (vec![0; CHUNK], Splitter::default());
    let mut is_open = true;
    while is_open {
        let mut lines = Vec::new();
        let mut add = |line: &[u8]| lines.extend(output.style.line(prefix, stream, line));
        match from.read(&mut buffer).await {
            Ok(length) if length > 0 => splitter.feed(&buffer[..length], &mut add),
            _ => {
                splitter.finish(&mut add);
                is_open = false;
            }
        }
        if !lines.is_empty() {
            output.printer.print(stream, lines).await;
        }
    }
}

/// Takes in what wasmrun says of the run.
async fn listen(mut from: UnixStream, prefix: &Prefix, output: &Output) {
    let (mut buffer, mut splitter) = (vec![0; CHUNK], Splitter::default());
    while let Ok(length) = from.read(&mut buffer).await {
        if length == 0 {
            return;
        }
        splitter.feed(&buffer[..length], |line| {
            // A line that was too long is none.
            let Ok(said) = serde_json::from_slice::<Value>(line) else {
                return;
            };
            if let Some(happened) = meaning(&said) {
                let _ = output.happened.send((prefix.name.clone(), happened));
            }
            if let Some(lines) = output.style.own(prefix, said) {
                stderr::say(&lines);
            }
        });
    }
}

/// What an event of a run means to the others.
fn meaning(said: &Value) -> Option<Happened> {
    let told = match said["event"].as_str()? {
        "state" => Told::State {
            condition: match said["state"].as_str()? {
                "making" => Condition::Making,
                "starting" => Condition::Starting,
                "serving" => Condition::Serving,
                "waiting" => Condition::Waiting,
                _ => Condition::Stopping,
            },
            listening: said["listening"]
                .as_str()?
                .split(',')
                .filter_map(|port| port.parse().ok())
                .collect(),
        },
        "ended" => Told::Ended(said["code"].as_u64()?.try_into().ok()?),
        "stopped" => Told::Stopped,
        "ready" => {
            let (host, guest) = (said["host"].as_str()?, said["guest"].as_u64()?);
            return Some(Happened::Forwards(host.parse().ok()?, guest.try_into().ok()?));
        }
        _ => return None,
    };
    Some(Happened::Told(told))
}
