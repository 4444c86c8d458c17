//! The broker: what init does with sockets on behalf of the guest's process, which cannot do it itself.
//!
//! A socket stays in the network namespace that it was made in. So a guest's process that has been given sockets of the
//! host must not say where any of its sockets leads; but a guest with sockets of its own has to. Its calls come here
//! ([`super::notify`]); init makes them in its place, with its own copy of their arguments, and only for sockets of the
//! guest's namespace.

use super::notify::{Asked, Notifier};
use crate::namespace;
use nix::libc;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, sockopt};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use std::io::IoSliceMut;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

/// An option and how it is set, to one number (socket(7), tcp(7), ip(7), ipv6(7)).
type Setter = (i32, i32, fn(&OwnedFd, u32) -> Result<(), Errno>);

/// What WASI can set, and the runtime sets itself.
const OPTIONS: [Setter; 11] = [
    (libc::SOL_SOCKET, libc::SO_REUSEADDR, |socket, value| {
        sockopt::set_socket_reuseaddr(socket, value != 0)
    }),
    (libc::SOL_SOCKET, libc::SO_KEEPALIVE, |socket, value| {
        sockopt::set_socket_keepalive(socket, value != 0)
    }),
    (libc::SOL_SOCKET, libc::SO_RCVBUF, |socket, value| {
        sockopt::set_socket_recv_buffer_size(socket, value as usize)
    }),
    (libc::SOL_SOCKET, libc::SO_SNDBUF, |socket, value| {
        sockopt::set_socket_send_buffer_size(socket, value as usize)
    }),
    (libc::IPPROTO_TCP, libc::TCP_NODELAY, |socket, value| {
        sockopt::set_tcp_nodelay(socket, value != 0)
    }),
    (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, |socket, value| {
        sockopt::set_tcp_keepidle(socket, seconds(value))
    }),
    (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, |socket, value| {
        sockopt::set_tcp_keepintvl(socket, seconds(value))
    }),
    (libc::IPPROTO_TCP, libc::TCP_KEEPCNT, |socket, value| {
        sockopt::set_tcp_keepcnt(socket, value)
    }),
    (libc::IPPROTO_IP, libc::IP_TTL, |socket, value| {
        sockopt::set_ip_ttl(socket, value)
    }),
    (libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS, |socket, value| {
        sockopt::set_ipv6_unicast_hops(socket, u8::try_from(value).ok())
    }),
    (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, |socket, value| {
        sockopt::set_ipv6_v6only(socket, value != 0)
    }),
];

fn seconds(value: u32) -> std::time::Duration {
    std::time::Duration::from_secs(value.into())
}

/// Makes the calls of a process whose sockets are [`super::Sockets::Brokered`]. When there is something to do the descriptor
/// is readable.
pub struct Broker {
    notifier: Notifier,
    guest: Pid,
    process: OwnedFd,
    /// The namespace's cookie.
    network: u64,
}

impl Broker {
    /// For the guest's process, whose calls come in at `listener`. The calling thread is in its network namespace.
    ///
    /// # Errors
    ///
    /// The process is gone, or the kernel is older than 5.14.
    pub fn new(listener: OwnedFd, guest: Pid) -> Result<Broker, Errno> {
        let process = rustix::process::Pid::from_raw(guest.as_raw()).ok_or(Errno::SRCH)?;
        let own = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
        Ok(Broker {
            notifier: Notifier::of(listener),
            guest,
            process: pidfd_open(process, PidfdFlags::empty())?,
            network: namespace::of_socket(own.as_fd())?,
        })
    }

    /// Makes the next call. Waits where there is none.
    pub fn turn(&self) {
        // A thread that has gone asks no more.
        if let Ok(asked) = self.notifier.receive() {
            self.notifier.answer(&asked, self.call(&asked));
        }
    }

    fn call(&self, asked: &Asked) -> Result<(), Errno> {
        let [descriptor, second, third, fourth, fifth, _] = asked.arguments;
        // A duplicate is the same socket, whatever the guest's process does with its descriptors from here on.
        let socket = pidfd_getfd(&self.process, descriptor as i32, PidfdGetfdFlags::empty())?;
        let is_own = namespace::of_socket(socket.as_fd())? == self.network;
        match asked.call {
            libc::SYS_setsockopt
                if is_own || is_connected(&socket) && outlives_nothing(second as i32, third as i32) =>
            {
                self.set(&socket, second as i32, third as i32, fourth, fifth)
            }
            _ if !is_own => Err(Errno::PERM),
            libc::SYS_bind => match self.address(second, third)? {
                Some(address) => rustix::net::bind(&socket, &address),
                None => Err(Errno::AFNOSUPPORT),
            },
            libc::SYS_connect if would_wait(&socket)? => Err(Errno::INVAL),
            libc::SYS_connect => match self.address(second, third)? {
                Some(address) => rustix::net::connect(&socket, &address),
                None => rustix::net::connect_unspec(&socket),
            },
            libc::SYS_listen => rustix::net::listen(&socket, second as i32),
            _ => Err(Errno::NOSYS),
        }
    }

    /// An address of the guest's memory; none is `AF_UNSPEC`.
    fn address(&self, place: u64, length: u64) -> Result<Option<SocketAddr>, Errno> {
        let mut bytes = [0; size_of::<libc::sockaddr_in6>()];
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(bytes.len());
        self.read(place, &mut bytes[..length])?;
        parse(&bytes[..length])
    }

    fn set(&self, socket: &OwnedFd, level: i32, name: i32, place: u64, length: u64) -> Result<(), Errno> {
        let known = OPTIONS.iter().find(|(one, other, _)| (*one, *other) == (level, name));
        let Some((_, _, set)) = known else {
            return Err(Errno::PERM);
        };
        let mut value = [0; 4];
        if length < value.len() as u64 {
            return Err(Errno::INVAL);
        }
        self.read(place, &mut value)?;
        set(socket, u32::from_ne_bytes(value))
    }

    /// Reads the guest's memory. It may change, so nothing is read twice.
    fn read(&self, place: u64, bytes: &mut [u8]) -> Result<(), Errno> {
        read(self.guest, place, bytes)
    }
}

/// Reads all of `bytes` out of a process.
fn read(process: Pid, place: u64, bytes: &mut [u8]) -> Result<(), Errno> {
    let length = bytes.len();
    let remote = RemoteIoVec {
        base: usize::try_from(place).map_err(|_| Errno::FAULT)?,
        len: length,
    };
    match process_vm_readv(process, &mut [IoSliceMut::new(bytes)], &[remote]) {
        Ok(read) if read == length => Ok(()),
        Ok(_) => Err(Errno::FAULT),
        Err(errno) => Err(Errno::from_raw_os_error(errno as i32)),
    }
}

impl AsFd for Broker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.notifier.as_fd()
    }
}

/// A connection is nobody else's, wherever it was accepted, and options lead nowhere; a listener is still its owner's.
fn is_connected(socket: &OwnedFd) -> bool {
    rustix::net::getpeername(socket).is_ok()
}

/// Whether an option is over with its connection. An address that may not be used again would be the host's for as long as
/// the connection lingers (TIME_WAIT), also for who comes after the guest.
fn outlives_nothing(level: i32, name: i32) -> bool {
    (level, name) != (libc::SOL_SOCKET, libc::SO_REUSEADDR)
}

/// Whether a call would keep init from everything else. Its filter keeps the guest's process from taking the flag away.
fn would_wait(socket: &OwnedFd) -> Result<bool, Errno> {
    Ok(sockopt::socket_type(socket)? == SocketType::STREAM
        && !rustix::fs::fcntl_getfl(socket)?.contains(OFlags::NONBLOCK))
}

/// `struct sockaddr_in` and `sockaddr_in6` (ip(7), ipv6(7)); none is `AF_UNSPEC`.
fn parse(bytes: &[u8]) -> Result<Option<SocketAddr>, Errno> {
    fn piece<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Errno> {
        bytes
            .get(at..at + N)
            .and_then(|piece| piece.try_into().ok())
            .ok_or(Errno::INVAL)
    }
    let port = || piece(bytes, 2).map(u16::from_be_bytes);
    match u16::from_ne_bytes(piece(bytes, 0)?).into() {
        libc::AF_UNSPEC => Ok(None),
        libc::AF_INET => {
            let ip = Ipv4Addr::from(piece::<4>(bytes, 4)?);
            Ok(Some(SocketAddrV4::new(ip, port()?).into()))
        }
        libc::AF_INET6 => {
            let flow = u32::from_ne_bytes(piece(bytes, 4)?);
            let ip = Ipv6Addr::from(piece::<16>(bytes, 8)?);
            let scope = u32::from_ne_bytes(piece(bytes, 24)?);
            Ok(Some(SocketAddrV6::new(ip, port()?, flow, scope).into()))
        }
        _ => Err(Errno::AFNOSUPPORT),
    }
}

/// Whether this kernel, and who rules over it, lets init do its part: the calls are of Linux 5.0 to 5.14, and some
/// containers and hardened systems refuse them, or have taken the one listener that a process can have (seccomp(2), EBUSY).
/// Tried once, on a thread that ends with it.
pub fn can_be_brokered() -> bool {
    static KNOWN: OnceLock<bool> = OnceLock::new();
    *KNOWN.get_or_init(try_brokering)
}

fn try_brokering() -> bool {
    // yama: 2 and above keep even a parent from its children (Yama.rst of the kernel's documentation). Without it there is
    // no file.
    let yama = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    if yama.trim().parse::<u8>().is_ok_and(|scope| scope > 1) {
        return false;
    }
    let probe = std::thread::Builder::new().spawn(|| -> Result<(), Errno> {
        let process = pidfd_open(rustix::process::getpid(), PidfdFlags::empty())?;
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
        let same = pidfd_getfd(&process, socket.as_raw_fd(), PidfdGetfdFlags::empty())?;
        namespace::of_socket(same.as_fd())?;
        let (word, mut copy) = ([7u8; 4], [0u8; 4]);
        read(Pid::this(), word.as_ptr() as u64, &mut copy)?;
        rustix::thread::set_no_new_privs(true)?;
        super::filter::try_asking().map_err(|_| Errno::NOSYS)
    });
    probe.is_ok_and(|thread| matches!(thread.join(), Ok(Ok(()))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sockaddr(address: SocketAddr) -> Vec<u8> {
        let family = match address {
            SocketAddr::V4(_) => libc::AF_INET,
            SocketAddr::V6(_) => libc::AF_INET6,
        };
        let mut bytes = (family as u16).to_ne_bytes().to_vec();
        bytes.extend(address.port().to_be_bytes());
        match address {
            SocketAddr::V4(address) => bytes.extend(address.ip().octets()),
            SocketAddr::V6(address) => {
                bytes.extend(address.flowinfo().to_ne_bytes());
                bytes.extend(address.ip().octets());
                bytes.extend(address.scope_id().to_ne_bytes());
            }
        }
        bytes
    }

    proptest! {
        /// A guest that broke out writes what it likes.
        #[test]
        fn fuzzed_bytes_are_an_address_or_refused(
            family in prop_oneof![Just(libc::AF_INET), Just(libc::AF_INET6), Just(libc::AF_UNSPEC), 0..i32::from(u16::MAX)],
            rest in prop::collection::vec(any::<u8>(), 0..40),
            cut in 0usize..42,
        ) {
            let mut bytes = (family as u16).to_ne_bytes().to_vec();
            bytes.extend(rest);
            bytes.truncate(cut);
            // What is taken for an address is all of it there.
            if let Ok(Some(address)) = parse(&bytes) {
                prop_assert!(bytes.starts_with(&sockaddr(address)));
            }
        }

        #[test]
        fn addresses_are_read_as_they_were_written(address: SocketAddr, more in prop::collection::vec(any::<u8>(), 0..8)) {
            let mut bytes = sockaddr(address);
            bytes.extend(more);
            prop_assert_eq!(parse(&bytes), Ok(Some(address)));
            bytes.truncate(sockaddr(address).len() - 1);
            prop_assert_eq!(parse(&bytes), Err(Errno::INVAL));
        }
    }
}
