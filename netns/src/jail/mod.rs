//! The jail of one guest: namespaces of its own, an empty root, and nothing that it does not need.
//!
//! ```text
//!   supervisor --exec--> this process, one thread
//!                          | unshare user, net, mnt, ipc, uts, cgroup, pid
//!                          +-- fork --> init: pid 1 of the pid namespace; lo up, socket factory, reaps the guest and ends
//!                          |              |   with its status
//!                          |              +-- fork --> the guest: root is an empty tmpfs with the bound directories,
//!                          |                           no capability, no new privileges, no way to gain either
//!                        keeper: outside the pid namespace, gives up everything, waits for init, ends with its status
//! ```
//!
//! Init alone keeps a capability, CAP_NET_ADMIN over the guest's own empty network, and runs no guest code. The guest
//! cannot see or signal any process outside, and signals to init are ignored as every pid 1 ignores its own children's
//! (pid_namespaces(7)). Death goes downwards: the keeper dies with the supervisor's thread that started it and init with
//! the keeper (`PR_SET_PDEATHSIG`); everything in the pid namespace is killed with init, whatever it has done to its own
//! settings. The kernel frees namespaces, mounts and sockets with the last process. Nothing has to be cleaned up.

#![expect(
    clippy::disallowed_methods,
    reason = "the one door of fork(2), and the keeper ends as its child did"
)]

pub mod build;
mod descriptors;
mod init;
mod landlock;
mod limits;
mod mount;
mod privileges;
mod role;
mod root;
mod syscalls;

pub use limits::{LimitError, TASKS};
pub use mount::MountError;
pub use privileges::SurrenderError;
pub use root::{Bind, RootError};
pub use syscalls::{Broker, Files, FilterError, Powers, Sockets, can_be_brokered};

use crate::fd_passing;
use crate::forward::listener::{self, BindError};
use crate::namespace::{self, UnshareError};
use crate::netlink::LinkError;
use crate::rule::Protocol;
use nix::errno::Errno;
use nix::sys::signal::Signal as NixSignal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, chdir, fork, getppid, setsid};
use role::Role;
use rustix::process::{Signal, set_parent_process_death_signal};
use std::io::{self, Read};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use syscalls::filter;

/// What a jail is to contain.
#[derive(Debug, Default)]
pub struct Plan {
    /// The supervisor's process id: without it there is nobody to run for.
    pub supervisor: i32,
    /// Files and directories of the host that the guest's process may use.
    pub binds: Vec<Bind>,
    /// What it may do with sockets. Those of the host can be left to it unless it does everything itself.
    pub sockets: Sockets,
    /// TCP ports of its own loopback to listen on for it.
    pub listens: Vec<u16>,
    /// Most processes and threads; none is [`TASKS`].
    pub tasks: Option<u64>,
}

impl Plan {
    fn tasks(&self) -> u64 {
        self.tasks.map_or(TASKS, |tasks| tasks.min(TASKS))
    }

    fn powers(&self) -> Powers {
        let is_written = |bind: &Bind| matches!(bind, Bind::Host { read_only: false, .. });
        Powers {
            sockets: self.sockets,
            files: if self.binds.iter().any(is_written) {
                Files::Written
            } else {
                Files::Read
            },
        }
    }
}

/// Why a jail could not be built. The process that asked for it is half way in and must exit.
#[derive(Debug, thiserror::Error)]
pub enum JailError {
    /// Namespaces were refused.
    #[error(transparent)]
    Namespaces(#[from] UnshareError),
    /// The root of the guest could not be made.
    #[error(transparent)]
    Root(#[from] RootError),
    /// A privilege could not be given up.
    #[error(transparent)]
    Surrender(#[from] SurrenderError),
    /// System calls could not be limited.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// What it may use could not be.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// The socket factory did not start.
    #[error("init could not set up the guest's network: {0}")]
    Init(String),
    /// The network could not be set up.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// It could not listen for the guest.
    #[error("cannot listen for the guest")]
    Listen(#[from] BindError),
    /// The build's command could not be run.
    #[error("cannot run the command")]
    Command(#[source] io::Error),
    /// A process could not be made or asked.
    #[error("cannot start the jail's processes")]
    Process(#[source] io::Error),
}

/// Builds the jail and returns inside it, in the guest's process, with a listener for each port of the plan. The calling
/// process becomes the keeper, which never returns: it exits as the guest does (128 and the signal's number when a signal
/// ended it).
///
/// The caller must have one thread only.
///
/// # Errors
///
/// What the kernel refused, in whichever of the processes the error is returned.
pub fn enter(plan: &Plan, factory: OwnedFd) -> Result<Vec<OwnedFd>, JailError> {
    // A session of their own: the terminal's signals go to the supervisor alone, which decides.
    let _ = setsid();
    // Who stands in the host's root follows pivot_root(2) into the guest's, keeper and init, too; who stands elsewhere stays,
    // with all of the host's files in reach. Paths come absolute.
    chdir("/").map_err(|errno| JailError::Process(errno.into()))?;
    namespace::unshare_all()?;
    die_with_parent()?;
    if getppid().as_raw() != plan.supervisor {
        return Err(JailError::Init("the supervisor is gone".to_owned()));
    }
    open_low_ports();
    close_user_namespaces();
    if let Some(init) = fork_here()? {
        keep(init);
    }
    // A keeper that died before this line is noticed by the end of the factory's channel.
    die_with_parent()?;
    limits::tasks_of_root(plan.tasks());
    let (ready, is_ready) = io::pipe().map_err(JailError::Process)?;
    let (asks, asked) = match plan.sockets {
        Sockets::Brokered => fd_passing::channel()
            .map(|(asks, asked)| (Some(asks), Some(asked)))
            .map_err(|errno| JailError::Process(errno.into()))?,
        Sockets::Own | Sockets::Given => (None, None),
    };
    match fork_here()? {
        Some(guest) => {
            drop((ready, asks));
            let kept = [
                Some(factory.as_fd()),
                Some(is_ready.as_fd()),
                asked.as_ref().map(AsFd::as_fd),
            ];
            descriptors::close_all_but(&kept.into_iter().flatten().collect::<Vec<_>>());
            init::run(guest, factory, is_ready, asked)
        }
        None => {
            drop((factory, is_ready, asked));
            become_guest(plan, ready, asks)
        }
    }
}

/// The child's pid in the parent, none in the child.
fn fork_here() -> Result<Option<Pid>, JailError> {
    #[expect(unsafe_code, reason = "fork(2) has no safe form")]
    // SAFETY: this process has one thread, so the child inherits no lock that another thread holds.
    let forked = unsafe { fork() };
    match forked.map_err(|errno| JailError::Process(errno.into()))? {
        ForkResult::Parent { child } => Ok(Some(child)),
        ForkResult::Child => Ok(None),
    }
}

/// The process between the supervisor and init: it stands outside the pid namespace, so that init can be its first
/// process, and has nothing to do but to pass the exit code on.
fn keep(init: Pid) -> ! {
    let _ = rustix::thread::set_name(c"wasmrun-keeper");
    descriptors::close_all_but(&[]);
    // What it keeps, where that fails, is of no use to anybody: nobody inside can see this process.
    let _ = privileges::everything();
    let _ = filter::install_for(Role::Keeper);
    std::process::exit(status(init))
}

fn become_guest(plan: &Plan, mut ready: io::PipeReader, asks: Option<OwnedFd>) -> Result<Vec<OwnedFd>, JailError> {
    limits::end_sooner(limits::GUEST);
    limits::tasks(plan.tasks())?;
    root::enter(&plan.binds)?;
    let mut word = String::new();
    ready.read_to_string(&mut word).map_err(JailError::Process)?;
    if word != init::READY {
        return Err(JailError::Init(word));
    }
    let mut listeners = Vec::new();
    for port in &plan.listens {
        let (_, socket) = listener::bind_one((Ipv4Addr::LOCALHOST, *port).into(), Protocol::Tcp)?;
        listeners.push(socket);
    }
    landlock::leave(&root::places(&plan.binds)?);
    if let (Some(brokered), Some(asks)) = (limit_system_calls(plan.powers())?, asks) {
        fd_passing::send(&asks, b"calls", &[brokered.as_fd()]).map_err(|errno| JailError::Process(errno.into()))?;
    }
    Ok(listeners)
}

/// Takes every privilege from the calling thread, and all that it starts, and leaves it the system calls that a guest's
/// process has. What is returned is where brokered calls come in, for a [`Broker`] of another thread or process.
///
/// # Errors
///
/// The kernel has no seccomp filters, or cannot have others answer.
pub fn limit_system_calls(powers: Powers) -> Result<Option<OwnedFd>, JailError> {
    privileges::everything()?;
    Ok(filter::install(powers)?)
}

/// Leaves the calling process, which compiles and must have one thread, its descriptors, memory and threads: no file, no
/// socket, no program. It has at most so many bytes of memory.
///
/// # Errors
///
/// The kernel has no seccomp filters, or a limit cannot be set.
pub fn limit_compiler(memory: u64) -> Result<(), JailError> {
    limits::end_sooner(limits::COMPILER);
    limits::data(memory)?;
    privileges::what_it_has()?;
    landlock::leave_nothing();
    Ok(filter::install_for(Role::Compiler)?)
}

/// Waits for a child's end and returns the exit code that stands for it.
fn status(child: Pid) -> i32 {
    loop {
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, code)) => return code,
            Ok(WaitStatus::Signaled(_, signal, _)) => return exit_code_of(signal),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return 1,
        }
    }
}

/// Closes every descriptor above standard error: what a careless parent left open is not the guest's.
///
/// # Errors
///
/// As of close_range(2).
pub fn close_inherited() -> io::Result<()> {
    descriptors::close_inherited()
}

fn die_with_parent() -> Result<(), JailError> {
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|errno| JailError::Process(errno.into()))
}

/// Lets the guest listen on any port: `ip_unprivileged_port_start` belongs to the network namespace (ip(7)). Where
/// /proc/sys is read-only, in a container, a guest is left with the ports from 1024 up, and its bind says so.
fn open_low_ports() {
    let _ = std::fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
}

/// No user namespace below this one: its first process would have every capability over new networks and mounts, which is
/// the way into the kernel that a guest must not have. The limit belongs to the user namespace (namespaces(7)); where
/// /proc/sys is read-only it cannot be set.
fn close_user_namespaces() {
    let _ = std::fs::write("/proc/sys/user/max_user_namespaces", "0");
}

/// The exit code that stands for a signal, as shells have it.
pub fn exit_code_of(signal: NixSignal) -> i32 {
    128 + signal as i32
}

/// Where the guest's process finds the n-th [`Bind`] of a plan.
pub fn path_of(number: usize) -> PathBuf {
    PathBuf::from(format!("/{number}"))
}

/// Whether the calling thread has any capability.
pub fn has_capabilities() -> bool {
    caps::read(None, caps::CapSet::Permitted).is_ok_and(|set| !set.is_empty())
}
