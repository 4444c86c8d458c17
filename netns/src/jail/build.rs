//! The jail of a build: what compilers, package managers and their packages' own code see of this machine.
//!
//! ```text
//!   supervisor --exec--> this process, one thread
//!                          | unshare user, mnt, pid, ipc, uts, cgroup; the network stays, because packages have to come
//!                          +-- fork --> init: pid 1; a root of what the plan names, no privilege; reaps
//!                          |              +-- fork --> exec of the build's command
//!                        keeper: outside the pid namespace, waits for init, ends as it did
//! ```
//!
//! Death goes downwards as in a guest's jail (`PR_SET_PDEATHSIG`): with the supervisor everything of a build is gone,
//! whatever sessions and process groups it has made.

#![expect(
    clippy::disallowed_methods,
    reason = "the processes of a jail end as their child did"
)]

use super::mount::{self, Attributes, Memory};
use super::root::{BASE, RootError};
use super::syscalls::filter;
use super::{JailError, close_user_namespaces, die_with_parent, fork_here, limits, privileges, status};
use crate::namespace;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, chdir, getppid, setsid};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use serde::{Deserialize, Serialize};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a build's process is shown.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The supervisor's process id: without it there is nobody to build for.
    pub supervisor: i32,
    /// In any order: what lies above is mounted first.
    pub views: Vec<View>,
    /// Where the command runs; one of the views has it.
    pub folder: PathBuf,
}

/// A part of the build's file system. All paths are absolute and without symbolic links.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum View {
    /// A file or directory of the host under its own name.
    Host {
        /// Which.
        path: PathBuf,
        /// The build may change it.
        writable: bool,
    },
    /// A file of the host under another name, or a directory, which cannot be changed. A small file is copied, which takes
    /// less time than a mount.
    As {
        /// Its name in the jail.
        path: PathBuf,
        /// Of the host.
        host: PathBuf,
    },
    /// A directory of the host whose changes are kept elsewhere (overlayfs): the host's own is never written.
    Layered {
        /// Which.
        path: PathBuf,
        /// A directory for the changes.
        changes: PathBuf,
    },
    /// An empty directory in memory.
    Memory {
        /// Its name in the jail.
        path: PathBuf,
    },
    /// A symbolic link.
    Link {
        /// Its name in the jail.
        path: PathBuf,
        /// What it says.
        target: PathBuf,
    },
}

impl View {
    /// Its name in the jail.
    pub fn path(&self) -> &Path {
        match self {
            View::Host { path, .. }
            | View::As { path, .. }
            | View::Layered { path, .. }
            | View::Memory { path }
            | View::Link { path, .. } => path,
        }
    }
}

/// Devices that every program expects (the list of OCI's runtime specification, without terminals).
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];
/// Links of /dev that lead to a process's own descriptors (proc(5)).
const DESCRIPTORS: [(&str, &str); 4] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// Runs a command in the jail and returns its exit code (128 and the signal's number when a signal ended it).
///
/// The caller must have one thread only. Its process group is left.
///
/// # Errors
///
/// What the kernel refused; nothing of the command has run then.
pub fn run(plan: &Plan, command: Command) -> Result<i32, JailError> {
    // A session without a terminal: no input can be pushed into that of the user (ioctl_tty(2), TIOCSTI).
    let _ = setsid();
    namespace::unshare_all_but_network()?;
    die_with_parent()?;
    if getppid().as_raw() != plan.supervisor {
        return Err(JailError::Init("the supervisor is gone".to_owned()));
    }
    close_user_namespaces();
    let (lives, life) = io::pipe().map_err(JailError::Process)?;
    if let Some(init) = fork_here()? {
        drop(lives);
        let _ = rustix::thread::set_name(c"wasmrun-keeper");
        let _ = privileges::everything();
        let code = status(init);
        drop(life);
        return Ok(code);
    }
    drop(life);
    die_with_parent()?;
    // A keeper that died before that line has closed its end.
    let mut keeper = [PollFd::new(&lives, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    if rustix::event::poll(&mut keeper, Some(&now)).is_ok_and(|events| events > 0) {
        std::process::exit(1);
    }
    let _ = rustix::thread::set_name(c"wasmrun-init");
    // While /proc is the host's: the jail's is read-only.
    limits::tasks_of_root(TASKS);
    limits::end_sooner(limits::COMPILER);
    enter(plan)?;
    privileges::everything()?;
    limits::tasks(TASKS)?;
    filter::install_for_builds()?;
    match fork_here()? {
        Some(child) => std::process::exit(reap(child)),
        None => Err(execute(command)),
    }
}

/// Waits for every child, those that lost their parents too, and returns when `first` has ended: with its exit code.
fn reap(first: Pid) -> i32 {
    loop {
        match waitpid(None, None) {
            Ok(WaitStatus::Exited(pid, code)) if pid == first => return code,
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == first => return super::exit_code_of(signal),
            Err(nix::errno::Errno::ECHILD) => return 1,
            _ => {}
        }
    }
}

fn execute(mut command: Command) -> JailError {
    JailError::Command(command.exec())
}

/// Processes and threads of a build: more than compilers on many processors have at once, and what a fork bomb is stopped by.
const TASKS: u64 = 4096;
/// The root itself: folders and empty files to mount on.
const ROOT: Memory = Memory {
    size: 16 << 20,
    inodes: 65536,
    mode: 0o755,
};
/// Temporary files of a build, and its home folder. What a file system in memory holds counts as memory of the build's.
const TEMPORARY: Memory = Memory {
    size: 4 << 30,
    inodes: 1 << 20,
    mode: 0o1777,
};

/// Replaces the root of the calling process's mount namespace.
fn enter(plan: &Plan) -> Result<(), JailError> {
    let base = Path::new(BASE);
    mount::keep_apart().map_err(RootError::from)?;
    let mut views: Vec<(&View, Opened)> = Vec::new();
    // Before anything covers what they are opened by.
    for view in &plan.views {
        views.push((view, open(view)?));
    }
    let devices: Vec<(&str, OwnedFd)> = DEVICES
        .iter()
        .map(|name| Ok((*name, look(&Path::new("/dev").join(name))?)))
        .collect::<Result<_, RootError>>()?;
    let processes = look(Path::new("/proc"))?;
    mount::tmpfs_with_programs(base, ROOT).map_err(RootError::from)?;
    // What is above another comes first in the order of paths.
    views.sort_by(|(one, _), (other, _)| one.path().cmp(other.path()));
    for (view, opened) in &views {
        show(view, opened, &within(base, view.path()))?;
    }
    show_devices(&devices, &base.join("dev"))?;
    show_processes(&processes, &base.join("proc"))?;
    drop((views, devices, processes));
    mount::pivot(base).map_err(RootError::from)?;
    mount::restrict_root(Attributes::NO_PRIVILEGES.read_only()).map_err(RootError::from)?;
    chdir(&plan.folder).map_err(|errno| cannot_show(&plan.folder)(errno.into()))?;
    Ok(())
}

fn within(base: &Path, path: &Path) -> PathBuf {
    base.join(path.strip_prefix("/").unwrap_or(path))
}

fn cannot_show(path: &Path) -> impl Fn(io::Error) -> RootError + use<> {
    let path = path.to_owned();
    move |source| RootError::MountPoint {
        path: path.clone(),
        source,
    }
}

/// No link is followed: a build may have put one in the place of a folder that the next one is shown.
fn look(path: &Path) -> Result<OwnedFd, RootError> {
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let opened = rustix::fs::openat2(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve);
    opened.map_err(|errno| cannot_show(path)(errno.into()))
}

/// What of the host a view is of.
enum Opened {
    Place(OwnedFd),
    Content(Vec<u8>),
    Nothing,
}

/// Longer files are mounted, in bytes.
const SMALL: u64 = 256 << 10;

fn open(view: &View) -> Result<Opened, RootError> {
    match view {
        View::As { host, .. }
            if host
                .metadata()
                .is_ok_and(|found| found.is_file() && found.len() <= SMALL) =>
        {
            std::fs::read(host).map(Opened::Content).map_err(cannot_show(host))
        }
        // What cannot be seen from here, a folder on PATH for example that is another user's, is not needed.
        View::Host { path, writable: false } => Ok(look(path).map_or(Opened::Nothing, Opened::Place)),
        View::Host { path, .. } | View::As { host: path, .. } => look(path).map(Opened::Place),
        View::Layered { .. } | View::Memory { .. } | View::Link { .. } => Ok(Opened::Nothing),
    }
}

fn show(view: &View, opened: &Opened, point: &Path) -> Result<(), RootError> {
    let failed = cannot_show(view.path());
    match view {
        View::Host { path, .. } | View::As { host: path, .. } => {
            let opened = match opened {
                Opened::Place(opened) => opened,
                Opened::Content(content) => {
                    let folder = point.parent().unwrap_or(point);
                    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(point, content));
                    return written.map_err(failed);
                }
                Opened::Nothing => return Ok(()),
            };
            make_point(opened, point).map_err(failed)?;
            let attributes = match view {
                View::Host { writable: true, .. } => Attributes::NO_PRIVILEGES,
                _ => Attributes::NO_PRIVILEGES.read_only(),
            };
            Ok(mount::bind(opened.as_fd(), path, point, attributes)?)
        }
        View::Layered { path, changes } => {
            // In a folder that cannot be changed there is nothing to be kept.
            if std::fs::create_dir_all(point).is_err() {
                return Ok(());
            }
            let (upper, work) = (changes.join("upper"), changes.join("work"));
            for folder in [&upper, &work] {
                std::fs::create_dir_all(folder).map_err(&failed)?;
            }
            // Without overlayfs in user namespaces (before Linux 5.11, or on a file system that cannot be a layer) a
            // build begins with nothing, and keeps what it fetches.
            if !path.is_dir() || mount::overlay(path, &upper, &work, point).is_err() {
                mount::bind(look(&upper)?.as_fd(), path, point, Attributes::NO_PRIVILEGES)?;
            }
            Ok(())
        }
        View::Memory { .. } => {
            std::fs::create_dir_all(point).map_err(failed)?;
            Ok(mount::tmpfs_with_programs(point, TEMPORARY)?)
        }
        View::Link { target, .. } => {
            if let Some(parent) = point.parent() {
                std::fs::create_dir_all(parent).map_err(&failed)?;
            }
            match symlink(target, point) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error)),
                _ => Ok(()),
            }
        }
    }
}

/// A file is mounted on a file, a directory on a directory. Below another view it is there already.
fn make_point(opened: &OwnedFd, point: &Path) -> io::Result<()> {
    if point.symlink_metadata().is_ok() {
        return Ok(());
    }
    let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(opened)?.st_mode);
    if kind == rustix::fs::FileType::Directory {
        return std::fs::create_dir_all(point);
    }
    if let Some(parent) = point.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(point, "")
}

fn show_devices(devices: &[(&str, OwnedFd)], folder: &Path) -> Result<(), RootError> {
    std::fs::create_dir_all(folder).map_err(cannot_show(folder))?;
    for (name, opened) in devices {
        let point = folder.join(name);
        std::fs::write(&point, "").map_err(cannot_show(&point))?;
        mount::bind(opened.as_fd(), &point, &point, Attributes::DEVICE)?;
    }
    for (name, target) in DESCRIPTORS {
        let point = folder.join(name);
        symlink(target, &point).map_err(cannot_show(&point))?;
    }
    let shared = folder.join("shm");
    std::fs::create_dir(&shared).map_err(cannot_show(&shared))?;
    Ok(mount::tmpfs(&shared, TEMPORARY)?)
}

/// The build's own processes. Where a container has covered parts of its /proc the kernel gives no other
/// (`mount_too_revealing`, fs/namespace.c): then it is that one, whose processes can be seen but not traced from a user
/// namespace below theirs.
fn show_processes(outer: &OwnedFd, point: &Path) -> Result<(), RootError> {
    std::fs::create_dir_all(point).map_err(cannot_show(point))?;
    if mount::proc(point).is_err() {
        mount::bind(
            outer.as_fd(),
            Path::new("/proc"),
            point,
            Attributes::HARMLESS.read_only(),
        )?;
    }
    Ok(())
}
