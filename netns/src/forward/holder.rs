//! Who holds a busy port: proc_pid_net(5) gives the listening socket's inode, `/proc/PID/fd` its owner.

use crate::rule::Protocol;
use procfs::net::TcpState;
use procfs::process::{FDTarget, Process};
use std::fmt;
use std::net::SocketAddr;

/// Longest command line that an error quotes, in characters.
const COMMAND_CHARS: usize = 60;

/// The owner of a listening socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A process that this user may look into.
    Process {
        /// Its process id.
        pid: i32,
        /// Its command line, shortened.
        command: String,
    },
    /// A process of somebody else; the kernel tells no more than the user id.
    User {
        /// The user id that made the socket.
        uid: u32,
    },
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Holder::Process { pid, command } => write!(f, "pid {pid} ({command})"),
            Holder::User { uid } => write!(f, "a process of user id {uid}"),
        }
    }
}

/// The process that listens on `address`, or on a wildcard that covers it, in this network namespace.
pub(crate) fn holder_of(address: SocketAddr, protocol: Protocol) -> Option<Holder> {
    // Each socket's own address, inode and user.
    let sockets: Vec<(SocketAddr, u64, u32)> = match protocol {
        Protocol::Tcp => {
            let v4 = procfs::net::tcp().unwrap_or_default().into_iter();
            v4.chain(procfs::net::tcp6().unwrap_or_default())
                .filter(|entry| entry.state == TcpState::Listen)
                .map(|entry| (entry.local_address, entry.inode, entry.uid))
                .collect()
        }
        Protocol::Udp => {
            let v4 = procfs::net::udp().unwrap_or_default().into_iter();
            v4.chain(procfs::net::udp6().unwrap_or_default())
                .map(|entry| (entry.local_address, entry.inode, entry.uid))
                .collect()
        }
    };
    let (_, inode, uid) = sockets.into_iter().find(|(held, ..)| covers(*held, address))?;
    Some(owner(inode).unwrap_or(Holder::User { uid }))
}

fn covers(held: SocketAddr, address: SocketAddr) -> bool {
    let wild = |ip: std::net::IpAddr| ip.is_unspecified();
    held.port() == address.port() && (held.ip().to_canonical() == address.ip() || wild(held.ip()) || wild(address.ip()))
}

fn owner(inode: u64) -> Option<Holder> {
    let processes = procfs::process::all_processes().ok()?;
    processes
        .flatten()
        .find(|process| holds(process, inode))
        .map(|process| Holder::Process {
            pid: process.pid,
            command: command(&process),
        })
}

fn holds(process: &Process, inode: u64) -> bool {
    let Ok(fds) = process.fd() else { return false };
    fds.flatten()
        .any(|fd| matches!(fd.target, FDTarget::Socket(found) if found == inode))
}

fn command(process: &Process) -> String {
    let line = process.cmdline().unwrap_or_default().join(" ");
    let line = if line.is_empty() {
        process.stat().map(|stat| stat.comm).unwrap_or_default()
    } else {
        line
    };
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let mut short: String = line.chars().map(printable).take(COMMAND_CHARS).collect();
    if line.chars().nth(COMMAND_CHARS).is_some() {
        short.push('…');
    }
    short
}
