//! Entering and leaving namespaces: the only file that says unshare(2) or setns(2).

#![expect(clippy::disallowed_methods, reason = "the one door of setns(2) and unshare(2)")]

use nix::errno::Errno;
use nix::libc;
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{getgid, getuid};
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Moves the calling thread into the network namespace that `namespace` refers to.
pub(crate) fn enter_network(namespace: impl AsFd) -> Result<(), Errno> {
    setns(namespace, CloneFlags::CLONE_NEWNET)
}

/// Moves the calling process, which must have one thread, into the user and network namespaces of another.
pub fn enter_network_of(pid: u32) -> io::Result<()> {
    let open = |kind: &str| fs::File::open(format!("/proc/{pid}/ns/{kind}"));
    // Both are opened first: a process cannot open its own past once it is inside.
    let (user, network) = (open("user")?, open("net")?);
    setns(user, CloneFlags::CLONE_NEWUSER)?;
    setns(network, CloneFlags::CLONE_NEWNET)?;
    Ok(())
}

/// What tells a socket's network namespace from every other: its cookie (`SO_NETNS_COOKIE`, Linux 5.14), which no other
/// has had since the machine started.
pub(crate) fn of_socket(socket: BorrowedFd<'_>) -> rustix::io::Result<u64> {
    let mut cookie = 0u64;
    let mut length = size_of::<u64>() as libc::socklen_t;
    #[expect(unsafe_code, reason = "no library has this option")]
    // SAFETY: the kernel writes at most `length` bytes, which is the number's size; both outlive the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NETNS_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut length,
        )
    };
    if result == 0 {
        Ok(cookie)
    } else {
        Err(rustix::io::Errno::from_raw_os_error(Errno::last_raw()))
    }
}

/// A step into namespaces of one's own that failed.
#[derive(Debug, thiserror::Error)]
pub enum UnshareError {
    /// unshare(2) refused.
    #[error("the kernel refused new {namespaces} namespaces")]
    Refused {
        /// Which ones.
        namespaces: &'static str,
        /// Its answer.
        #[source]
        source: Errno,
    },
    /// The new user namespace took no id mapping (user_namespaces(7)).
    #[error("cannot write {file} of the new user namespace")]
    IdMap {
        /// The file under /proc/self.
        file: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl UnshareError {
    /// The error number behind it.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            UnshareError::Refused { source, .. } => Some(*source),
            UnshareError::IdMap { source, .. } => source.raw_os_error().map(Errno::from_raw),
        }
    }
}

/// Puts the calling process into a user and a network namespace of its own, then mount, ipc, uts, cgroup and (for its
/// children) pid namespaces. Its user and group keep their numbers inside; no other id exists there.
///
/// The process must have one thread only (unshare(2), `CLONE_NEWUSER`).
pub(crate) fn unshare_all() -> Result<(), UnshareError> {
    unshare_user()?;
    unshare(OTHERS | CloneFlags::CLONE_NEWNET).map_err(|source| UnshareError::Refused {
        namespaces: "network, mount, ipc, uts, cgroup and pid",
        source,
    })
}

/// The same, but in the network that it is in.
pub(crate) fn unshare_all_but_network() -> Result<(), UnshareError> {
    unshare_user()?;
    unshare(OTHERS).map_err(|source| UnshareError::Refused {
        namespaces: "mount, ipc, uts, cgroup and pid",
        source,
    })
}

const OTHERS: CloneFlags = CloneFlags::CLONE_NEWNS
    .union(CloneFlags::CLONE_NEWIPC)
    .union(CloneFlags::CLONE_NEWUTS)
    .union(CloneFlags::CLONE_NEWCGROUP)
    .union(CloneFlags::CLONE_NEWPID);

fn unshare_user() -> Result<(), UnshareError> {
    // Both before the user namespace, where the process is nobody until the maps are written.
    let (uid, gid) = (getuid(), getgid());
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|source| UnshareError::Refused {
        namespaces: "user",
        source,
    })?;
    let write = |file: &'static str, text: String| {
        fs::write(format!("/proc/self/{file}"), text).map_err(|source| UnshareError::IdMap { file, source })
    };
    // An unprivileged process may map a group only after it gave up setgroups(2).
    write("setgroups", "deny".to_owned())?;
    write("uid_map", format!("{uid} {uid} 1"))?;
    write("gid_map", format!("{gid} {gid} 1"))
}
