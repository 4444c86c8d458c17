//! One guest process, from the supervisor's side.

use crate::authorities::{self, Authorities};
use crate::output::{Ends, Output};
use crate::procfs;
use crate::protocol::{self, Adopts, GUEST, Launch, Message, Mount, Order, Source, Task, WayOut};
use anyhow::{Context, anyhow};
use files::Held;
use netns::cgroup::{Cgroup, CgroupError, Controller, Limits};
use netns::{SocketFactory, Target, fd_passing};
use report::{Failure, Result};
use rustix::net::RecvFlags;
use rustix::net::sockopt::{self, Timeout};
use std::fs::{File, OpenOptions};
use std::io::IsTerminal;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::process::Child;
use tokio::sync::mpsc::{Receiver, channel};

/// What a guest that was ended had written is passed on for this long.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// An order is taken within this; it takes microseconds.
const ORDER: Duration = Duration::from_millis(200);
/// Messages that wait to be looked at.
const MESSAGES: usize = 64;

/// A process that runs, or is about to, and the way into its network. Dropping it kills the process.
pub struct GuestProcess {
    process: Child,
    channel: Arc<OwnedFd>,
    messages: Receiver<Message>,
    output: Option<Output>,
    /// After the process, which is killed first.
    group: Option<Cgroup>,
    /// Of all processes of the machine, when it started.
    killed_for_memory: u64,
    is_deaf: AtomicBool,
    /// Our end of its way out.
    egress: Option<(OwnedFd, WayOut)>,
    /// Where forwards send connections.
    pub target: Arc<Target>,
}

/// What a new process is given.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// What the process is for.
    pub task: Task,
    /// A jail is built around it.
    pub is_isolated: bool,
    /// The file of the guest's code; none where none is run.
    pub code: Option<PathBuf>,
    /// What the guest is shown.
    pub mounts: Vec<Mount>,
    /// It reads wasmrun's standard input.
    pub stdin: bool,
    /// It accepts from listeners of the host.
    pub adopts: Option<Adopts>,
    /// It may ask for connections that leave its network ([`GuestProcess::take_egress`]).
    pub way_out: Option<WayOut>,
    /// Whom it trusts besides this machine's authorities.
    pub authorities: Vec<Authorities>,
    /// What all of its processes may take.
    pub limits: Limits,
}

/// Whose memory had ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutOfMemory {
    /// What it and the runtime around it may have.
    OfGuest,
    /// The whole machine's.
    OfMachine,
}

/// A control group with these limits. Those of memory and tasks have other locks, and are not missed where there is none.
fn group(process: u32, mut limits: Limits) -> Result<Option<Cgroup>> {
    while limits != Limits::default() {
        let error = match Cgroup::around(process, &limits) {
            Ok(group) => return Ok(Some(group)),
            Err(error) => error,
        };
        tracing::debug!("no control group: {}", netns::chain(&error));
        match (&error, limits.cpus) {
            (CgroupError::NotDelegated(Controller::Memory), _) => limits.memory = None,
            (CgroupError::NotDelegated(Controller::Pids), _) => limits.tasks = None,
            (_, Some(cpus)) => {
                let error =
                    anyhow::Error::from(error).context(format!("cannot enforce the CPU limit of {cpus} processors"));
                return Err(Failure::from(error)
                    .hint("start wasmrun with `systemd-run --user --scope -p Delegate=yes wasmrun …`, or as root"));
            }
            (_, None) => return Ok(None),
        }
    }
    Ok(None)
}

/// What the guest reads.
fn input(start: &Start) -> Result<OwnedFd> {
    if !start.stdin {
        return Ok(File::open("/dev/null").context("cannot open /dev/null")?.into());
    }
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        // The terminal of the shell as well, which would find it as the guest left it (O_NONBLOCK), and open for writing.
        let again = OpenOptions::new()
            .read(true)
            .custom_flags(nix::libc::O_NOCTTY)
            .open("/proc/self/fd/0");
        let again = again
            .context("cannot open this terminal for the guest")
            .map_err(|error| Failure::from(error).hint("use a pipe: `cat | wasmrun os … --stdin`"))?;
        return Ok(again.into());
    }
    let input = rustix::fs::fstat(&stdin).context("cannot examine standard input")?;
    // A socket stays in the network that it was made in, whoever has it (network_namespaces(7)).
    let is_socket = rustix::fs::FileType::from_raw_mode(input.st_mode) == rustix::fs::FileType::Socket;
    if is_socket && start.is_isolated {
        let error = anyhow!("standard input is a socket, which would give the guest access to the host's network");
        return Err(Failure::usage(error).hint("use a pipe: `cat | wasmrun os … --stdin`"));
    }
    Ok(stdin
        .as_fd()
        .try_clone_to_owned()
        .context("cannot duplicate standard input")?)
}

impl GuestProcess {
    /// Starts the process. It is one of this thread's children and dies with this thread (`PR_SET_PDEATHSIG`), so this
    /// must be the main one.
    pub fn start(start: Start, output: Option<(Output, Ends)>) -> Result<GuestProcess> {
        let input = input(&start)?;
        let (ours, theirs) = fd_passing::channel().context("cannot make a channel")?;
        // A process that does not read its orders holds nobody up.
        sockopt::set_socket_timeout(&ours, Timeout::Send, Some(ORDER)).context("cannot set up a channel")?;
        let (factory, their_factory) = if start.is_isolated {
            let (ours, theirs) = fd_passing::channel().context("cannot make a channel")?;
            (SocketFactory::remote(ours), Some(theirs))
        } else {
            (SocketFactory::here(), None)
        };
        let (egress, their_egress) = match start.way_out {
            Some(way_out) => {
                let (ours, theirs) = fd_passing::channel().context("cannot make a channel")?;
                (Some((ours, way_out)), Some(theirs))
            }
            None => (None, None),
        };
        let (output, stdout, stderr) = match output {
            Some((output, ends)) => (Some(output), ends.stdout.into(), ends.stderr.into()),
            None => (None, Stdio::null(), Stdio::inherit()),
        };
        let process = protocol::ourselves(GUEST)
            .stdin(Stdio::from(theirs))
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .context("cannot start the guest's process")?;
        let group = match process.id() {
            Some(pid) => group(pid, start.limits)?,
            None => None,
        };
        let held = if start.is_isolated { open(&start)? } else { Vec::new() };
        let trust = match start.task {
            Task::Run(_) => authorities::open(&start.authorities).map(OwnedFd::from),
            Task::Probe => None,
        };
        let launch = Launch {
            supervisor: rustix::process::getpid().as_raw_pid(),
            adopts: start.adopts,
            is_isolated: start.is_isolated,
            way_out: start.way_out,
            has_trust: trust.is_some(),
            code: start.code,
            mounts: start.mounts,
            tasks: start.limits.tasks,
            task: start.task,
        };
        let ends = [&their_factory, &their_egress, &trust];
        let ends: Vec<&OwnedFd> = ends.into_iter().filter_map(Option::as_ref).collect();
        protocol::send_launch(&ours, &launch, input.as_fd(), &ends, &held)?;
        let channel = Arc::new(ours);
        let messages = listen(channel.clone()).context("cannot listen to the guest's process")?;
        Ok(GuestProcess {
            process,
            channel,
            messages,
            output,
            group,
            killed_for_memory: procfs::killed_for_memory(),
            is_deaf: AtomicBool::new(false),
            egress,
            target: Target::announced(factory),
        })
    }

    /// The process id: of the keeper, in a jail.
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// The channel over which it asks for connections, for a [`netns::egress::Egress`], with its network where they are relayed; once.
    pub fn take_egress(&mut self) -> Option<(OwnedFd, Option<Arc<Target>>)> {
        let (channel, way_out) = self.egress.take()?;
        let inside = (way_out == WayOut::Relayed).then(|| self.target.clone());
        Some((channel, inside))
    }

    /// The next message; none when the process has ended.
    pub async fn message(&mut self) -> Option<Message> {
        self.messages.recv().await
    }

    /// Ends the guest: it is asked to finish, and ended when it has not after `patience`.
    pub async fn finish(&mut self, patience: Duration) {
        self.ask_to_stop();
        let last_words = async { while self.messages.recv().await.is_some() {} };
        let _ = tokio::time::timeout(patience, last_words).await;
        self.kill();
        let _ = self.process.wait().await;
        let _ = tokio::time::timeout(LAST_WORDS, self.delivered()).await;
    }

    /// Returns when all that the guest wrote before its end is passed on, which may be never where our own reader has
    /// stopped to read.
    pub async fn delivered(&mut self) {
        if let Some(output) = &mut self.output {
            output.finished().await;
        }
    }

    /// Another has taken over: connections leave for it where that can be done unnoticed.
    pub fn retire(&self) {
        self.target.retire();
        self.order(&Order::Retire);
    }

    /// Asks the guest to finish.
    pub fn ask_to_stop(&self) {
        self.order(&Order::Stop);
    }

    /// Leaves listeners of a forward to the guest. False when it does not take them.
    pub fn adopt(&self, forward: u64, port: u16, listeners: &[OwnedFd]) -> bool {
        let fds: Vec<BorrowedFd<'_>> = listeners.iter().map(AsFd::as_fd).collect();
        self.order_with(&Order::Adopt { forward, port }, &fds)
    }

    /// Asks what came through adopted listeners.
    pub fn count(&self) -> bool {
        self.order(&Order::Count)
    }

    /// Asks for adopted listeners back; the answer has the same number.
    pub fn release(&self, number: u64) -> bool {
        self.order(&Order::Release(number))
    }

    fn order(&self, order: &Order) -> bool {
        self.order_with(order, &[])
    }

    fn order_with(&self, order: &Order, fds: &[BorrowedFd<'_>]) -> bool {
        // A process that is gone has stopped; one that does not listen is told nothing more.
        if self.is_deaf.load(Relaxed) {
            return false;
        }
        let sent = protocol::send_with(&*self.channel, order, fds).is_ok();
        self.is_deaf.store(!sent, Relaxed);
        sent
    }

    /// Ends the process at once.
    pub fn kill(&mut self) {
        let _ = self.process.start_kill();
    }

    /// Why the kernel has killed the process, which nobody had asked to end, where it was for memory.
    pub fn out_of_memory(&self) -> Option<OutOfMemory> {
        if self.group.as_ref().is_some_and(|group| group.killed_for_memory() > 0) {
            Some(OutOfMemory::OfGuest)
        } else if procfs::killed_for_memory() > self.killed_for_memory {
            Some(OutOfMemory::OfMachine)
        } else {
            None
        }
    }

    /// Waits for the end and returns the exit code.
    pub async fn ended(&mut self) -> Result<u8> {
        use std::os::unix::process::ExitStatusExt;
        let status = self
            .process
            .wait()
            .await
            .context("cannot wait for the guest's process")?;
        let code = status.code().or(status.signal().map(|signal| 128 + signal));
        code.and_then(|code| u8::try_from(code).ok()).ok_or_else(|| {
            Failure::from(anyhow::anyhow!(
                "the guest's process ended with an unknown status: {status}"
            ))
        })
    }
}

/// What comes along open. The code's path is ours, and leads where we have it lead; a directory that is not held is one that is
/// not there.
fn open(start: &Start) -> Result<Vec<Held>> {
    let show = |opened: std::io::Result<Held>, path: &Path| -> Result<Held> {
        Ok(opened.with_context(|| format!("cannot show {} to the guest", path.display()))?)
    };
    let code = start.code.as_ref().map(|path| show(Held::of(path), path));
    let mounts = start.mounts.iter().filter_map(|mount| match &mount.source {
        Source::Host { held: Some(held), .. } => Some(Ok(held.clone())),
        Source::Host { path, held: None } => Some(show(Held::open(path), path)),
        Source::Memory { .. } => None,
    });
    code.into_iter().chain(mounts).collect()
}

/// Takes messages off the channel until the other end is gone. A thread, because tokio knows no message sockets.
fn listen(from: Arc<OwnedFd>) -> std::io::Result<Receiver<Message>> {
    // Bounded: a guest that broke out and talks without end is held up, and does not fill our memory.
    let (sender, receiver) = channel(MESSAGES);
    std::thread::Builder::new()
        .name("guest-messages".to_owned())
        .spawn(move || {
            loop {
                match protocol::receive(&*from, RecvFlags::empty()) {
                    Ok(Some(message)) => {
                        // A generation that was dropped has nobody to tell.
                        if sender.blocking_send(message).is_err() {
                            return;
                        }
                    }
                    Ok(None) => return,
                    Err(errno) => {
                        tracing::debug!("invalid message from the guest's process: {errno}");
                        return;
                    }
                }
            }
        })?;
    Ok(receiver)
}
