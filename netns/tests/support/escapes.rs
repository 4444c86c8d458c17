//! Every way on which native code has a socket of the host lead somewhere else, or learns of the host by it. The same table is
//! tried without limits, to know that each call is there, and within.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::disallowed_methods, reason = "it tries what a filter refuses")]
#![allow(unsafe_code, reason = "what a library has no function for is the point")]

use netns::fd_passing;
use nix::errno::Errno;
use nix::libc;
use rustix::fs::OFlags;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType};
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// What the kernel says to a call that does not come to an end by itself.
pub fn call(number: libc::c_long, arguments: [usize; 6]) -> Result<usize, Errno> {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: numbers and pointers are those of the tables below, which hold what the call reads or writes.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    Errno::result(result).map(|result| result as usize)
}

fn descriptor(socket: BorrowedFd<'_>) -> usize {
    socket.as_raw_fd() as usize
}

/// `struct sockaddr_in`.
fn sockaddr(to: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: to.port().to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from_ne_bytes(to.ip().octets()),
        },
        sin_zero: [0; 8],
    }
}

/// `struct msghdr` of one byte to an address, whose parts have to live as long.
fn header(name: &mut libc::sockaddr_in, part: &mut libc::iovec) -> libc::msghdr {
    // SAFETY: plain numbers and pointers, for which zero is a value.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_name = std::ptr::from_mut(name).cast();
    header.msg_namelen = size_of::<libc::sockaddr_in>() as u32;
    header.msg_iov = part;
    header.msg_iovlen = 1;
    header
}

type Way = fn(BorrowedFd<'_>, SocketAddrV4) -> Result<usize, Errno>;

/// How a socket gets its place, and the calls that do so on the way.
const PLACES: [(&str, Way); 6] = [
    ("connect(AF_UNSPEC)", |socket, _| {
        let unspecified = [0u8; 16];
        let at = unspecified.as_ptr() as usize;
        call(libc::SYS_connect, [descriptor(socket), at, 16, 0, 0, 0])
    }),
    ("connect", |socket, to| {
        let name = sockaddr(to);
        let at = &raw const name as usize;
        call(libc::SYS_connect, [descriptor(socket), at, 16, 0, 0, 0])
    }),
    ("bind", |socket, to| {
        let name = sockaddr(SocketAddrV4::new(*to.ip(), 0));
        let at = &raw const name as usize;
        call(libc::SYS_bind, [descriptor(socket), at, 16, 0, 0, 0])
    }),
    ("listen", |socket, _| {
        call(libc::SYS_listen, [descriptor(socket), 8, 0, 0, 0, 0])
    }),
    ("connect to a path", |socket, _| {
        let name = [1u8, 0, b'/', b'r', b'u', b'n', b'/', b'x', 0];
        call(
            libc::SYS_connect,
            [descriptor(socket), name.as_ptr() as usize, name.len(), 0, 0, 0],
        )
    }),
    ("bind to a path", |socket, _| {
        let name = [1u8, 0, 0, b'x'];
        call(
            libc::SYS_bind,
            [descriptor(socket), name.as_ptr() as usize, name.len(), 0, 0, 0],
        )
    }),
];

const FAST: usize = libc::MSG_FASTOPEN as usize | libc::MSG_NOSIGNAL as usize | libc::MSG_DONTWAIT as usize;

/// Calls that connect by sending (tcp(7)).
const FAST_OPENS: [(&str, Way); 4] = [
    ("sendto(MSG_FASTOPEN)", |socket, to| {
        let name = sockaddr(to);
        let at = &raw const name as usize;
        call(
            libc::SYS_sendto,
            [descriptor(socket), b"x".as_ptr() as usize, 1, FAST, at, 16],
        )
    }),
    ("sendto(MSG_FASTOPEN) with high bits", |socket, to| {
        let name = sockaddr(to);
        let (at, flags) = (&raw const name as usize, FAST | 0xffff_ffff << 32);
        call(
            libc::SYS_sendto,
            [descriptor(socket), b"x".as_ptr() as usize, 1, flags, at, 16],
        )
    }),
    ("sendmsg(MSG_FASTOPEN)", |socket, to| {
        let (mut name, mut byte) = (sockaddr(to), *b"x");
        let mut part = libc::iovec {
            iov_base: byte.as_mut_ptr().cast(),
            iov_len: 1,
        };
        let header = header(&mut name, &mut part);
        call(
            libc::SYS_sendmsg,
            [descriptor(socket), &raw const header as usize, FAST, 0, 0, 0],
        )
    }),
    ("sendmmsg(MSG_FASTOPEN)", |socket, to| {
        let (mut name, mut byte) = (sockaddr(to), *b"x");
        let mut part = libc::iovec {
            iov_base: byte.as_mut_ptr().cast(),
            iov_len: 1,
        };
        let mut all = libc::mmsghdr {
            msg_hdr: header(&mut name, &mut part),
            msg_len: 0,
        };
        call(
            libc::SYS_sendmmsg,
            [descriptor(socket), &raw mut all as usize, 1, FAST, 0, 0],
        )
    }),
];

/// Options that have packets go elsewhere, or something else be done with them: level, name, value.
const OPTIONS: [(&str, i32, i32, &[u8]); 21] = [
    (
        "TCP_FASTOPEN_CONNECT",
        libc::IPPROTO_TCP,
        libc::TCP_FASTOPEN_CONNECT,
        &[1, 0, 0, 0],
    ),
    ("TCP_FASTOPEN", libc::IPPROTO_TCP, libc::TCP_FASTOPEN, &[1, 0, 0, 0]),
    ("TCP_REPAIR", libc::IPPROTO_TCP, libc::TCP_REPAIR, &[1, 0, 0, 0]),
    ("TCP_ULP", libc::IPPROTO_TCP, libc::TCP_ULP, b"tls"),
    ("TCP_CONGESTION", libc::IPPROTO_TCP, libc::TCP_CONGESTION, b"reno"),
    ("TCP_MD5SIG", libc::IPPROTO_TCP, libc::TCP_MD5SIG, &[0; 216]),
    (
        "TCP_DEFER_ACCEPT",
        libc::IPPROTO_TCP,
        libc::TCP_DEFER_ACCEPT,
        &[1, 0, 0, 0],
    ),
    ("SO_BINDTODEVICE", libc::SOL_SOCKET, libc::SO_BINDTODEVICE, b"lo\0"),
    (
        "SO_BINDTOIFINDEX",
        libc::SOL_SOCKET,
        libc::SO_BINDTOIFINDEX,
        &[1, 0, 0, 0],
    ),
    ("SO_MARK", libc::SOL_SOCKET, libc::SO_MARK, &[1, 0, 0, 0]),
    ("SO_REUSEPORT", libc::SOL_SOCKET, libc::SO_REUSEPORT, &[1, 0, 0, 0]),
    ("SO_DONTROUTE", libc::SOL_SOCKET, libc::SO_DONTROUTE, &[1, 0, 0, 0]),
    (
        "SO_LINGER",
        libc::SOL_SOCKET,
        libc::SO_LINGER,
        &[1, 0, 0, 0, 9, 0, 0, 0],
    ),
    ("SO_ATTACH_FILTER", libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &[0; 16]),
    ("SO_ZEROCOPY", libc::SOL_SOCKET, libc::SO_ZEROCOPY, &[1, 0, 0, 0]),
    (
        "IP_OPTIONS",
        libc::IPPROTO_IP,
        libc::IP_OPTIONS,
        &[0x83, 7, 4, 127, 0, 0, 1, 0],
    ),
    ("IP_TRANSPARENT", libc::IPPROTO_IP, libc::IP_TRANSPARENT, &[1, 0, 0, 0]),
    ("IP_FREEBIND", libc::IPPROTO_IP, libc::IP_FREEBIND, &[1, 0, 0, 0]),
    ("IP_UNICAST_IF", libc::IPPROTO_IP, libc::IP_UNICAST_IF, &[0, 0, 0, 1]),
    ("IP_TOS", libc::IPPROTO_IP, libc::IP_TOS, &[4, 0, 0, 0]),
    (
        "IP_BIND_ADDRESS_NO_PORT",
        libc::IPPROTO_IP,
        libc::IP_BIND_ADDRESS_NO_PORT,
        &[1, 0, 0, 0],
    ),
];

/// `SIOCGSKNS`: a socket's namespace, as a descriptor (include/uapi/linux/sockios.h).
const SIOCGSKNS: libc::c_ulong = 0x894C;
/// `PIDFD_GET_NET_NAMESPACE` (include/uapi/linux/pidfd.h).
const PIDFD_GET_NET_NAMESPACE: libc::c_ulong = 0xFF04;

/// Requests that tell of a socket's namespace, or have signals sent.
const REQUESTS: [(&str, libc::c_ulong); 14] = [
    ("SIOCGSKNS", SIOCGSKNS),
    ("SIOCGIFCONF", libc::SIOCGIFCONF as libc::c_ulong),
    ("SIOCGIFADDR", libc::SIOCGIFADDR as libc::c_ulong),
    ("SIOCGIFNAME", libc::SIOCGIFNAME as libc::c_ulong),
    ("SIOCGIFHWADDR", libc::SIOCGIFHWADDR as libc::c_ulong),
    ("SIOCSIFADDR", libc::SIOCSIFADDR as libc::c_ulong),
    ("SIOCSIFFLAGS", libc::SIOCSIFFLAGS as libc::c_ulong),
    ("SIOCADDRT", libc::SIOCADDRT as libc::c_ulong),
    ("SIOCGARP", libc::SIOCGARP as libc::c_ulong),
    ("SIOCOUTQ", libc::TIOCOUTQ),
    ("FIOSETOWN", 0x8901),
    ("FIOASYNC", libc::FIOASYNC),
    ("FIONBIO", libc::FIONBIO),
    ("PIDFD_GET_NET_NAMESPACE", PIDFD_GET_NET_NAMESPACE),
];

/// Calls that carry bytes or descriptors elsewhere, or are another way to do what is refused. Where an argument could mean something
/// it is a descriptor that nobody has, or none.
const CALLS: [(&str, libc::c_long, [usize; 6]); 26] = [
    ("splice", libc::SYS_splice, [NO_FD, 0, NO_FD, 0, 1, 0]),
    ("tee", libc::SYS_tee, [NO_FD, NO_FD, 1, 0, 0, 0]),
    ("vmsplice", libc::SYS_vmsplice, [NO_FD, 0, 0, 0, 0, 0]),
    ("sendfile", libc::SYS_sendfile, [NO_FD, NO_FD, 0, 1, 0, 0]),
    ("io_uring_setup", libc::SYS_io_uring_setup, [0, 0, 0, 0, 0, 0]),
    ("io_uring_enter", libc::SYS_io_uring_enter, [NO_FD, 0, 0, 0, 0, 0]),
    ("pidfd_open", libc::SYS_pidfd_open, [0, 0, 0, 0, 0, 0]),
    ("pidfd_getfd", libc::SYS_pidfd_getfd, [NO_FD, 0, 0, 0, 0, 0]),
    ("pidfd_send_signal", libc::SYS_pidfd_send_signal, [NO_FD, 0, 0, 0, 0, 0]),
    ("process_vm_readv", libc::SYS_process_vm_readv, [0, 0, 0, 0, 0, 0]),
    ("process_vm_writev", libc::SYS_process_vm_writev, [0, 0, 0, 0, 0, 0]),
    ("process_madvise", libc::SYS_process_madvise, [NO_FD, 0, 0, 0, 0, 0]),
    (
        "ptrace",
        libc::SYS_ptrace,
        [libc::PTRACE_PEEKUSER as usize, 0, 0, 0, 0, 0],
    ),
    ("kcmp", libc::SYS_kcmp, [0, 0, 0, 0, 0, 0]),
    ("setns", libc::SYS_setns, [NO_FD, 0, 0, 0, 0, 0]),
    ("clone3", libc::SYS_clone3, [0, 0, 0, 0, 0, 0]),
    ("bpf", libc::SYS_bpf, [NO_FD, 0, 0, 0, 0, 0]),
    ("userfaultfd", libc::SYS_userfaultfd, [usize::MAX, 0, 0, 0, 0, 0]),
    ("memfd_create", libc::SYS_memfd_create, [0, 0, 0, 0, 0, 0]),
    ("open_by_handle_at", libc::SYS_open_by_handle_at, [NO_FD, 0, 0, 0, 0, 0]),
    ("name_to_handle_at", libc::SYS_name_to_handle_at, [NO_FD, 0, 0, 0, 0, 0]),
    ("mount", libc::SYS_mount, [0, 0, 0, 0, 0, 0]),
    ("open_tree", libc::SYS_open_tree, [NO_FD, 0, 0, 0, 0, 0]),
    ("fsopen", libc::SYS_fsopen, [0, 0, 0, 0, 0, 0]),
    ("seccomp", libc::SYS_seccomp, [usize::MAX, 0, 0, 0, 0, 0]),
    ("sethostname", libc::SYS_sethostname, [0, usize::MAX, 0, 0, 0, 0]),
];

const NO_FD: usize = 9_999;
/// Which signal tells of what comes (fcntl(2)).
const F_SETSIG: i32 = 10;

/// Sockets of other kinds: family, kind, protocol.
const KINDS: [(&str, i32, i32, i32); 13] = [
    ("AF_UNIX", libc::AF_UNIX, libc::SOCK_STREAM, 0),
    ("AF_UNIX for datagrams", libc::AF_UNIX, libc::SOCK_DGRAM, 0),
    ("AF_UNIX for messages", libc::AF_UNIX, libc::SOCK_SEQPACKET, 0),
    ("AF_PACKET", libc::AF_PACKET, libc::SOCK_RAW, 0x0300),
    ("AF_NETLINK", libc::AF_NETLINK, libc::SOCK_RAW, 0),
    ("AF_VSOCK", libc::AF_VSOCK, libc::SOCK_STREAM, 0),
    ("AF_ALG", libc::AF_ALG, libc::SOCK_SEQPACKET, 0),
    ("AF_XDP", libc::AF_XDP, libc::SOCK_RAW, 0),
    ("raw", libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_TCP),
    ("ping", libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_ICMP),
    ("MPTCP", libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_MPTCP),
    ("SCTP", libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_SCTP),
    ("UDP-Lite", libc::AF_INET6, libc::SOCK_DGRAM, libc::IPPROTO_UDPLITE),
];

/// A socket of the host in one of the states that it may be handed over in, or get into.
pub struct Held {
    pub state: &'static str,
    pub socket: OwnedFd,
    /// What keeps it so.
    _others: Vec<OwnedFd>,
}

/// One that is not connected, and does not wait.
pub fn fresh() -> OwnedFd {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap()
}

/// One of each state, in the calling thread's network.
pub fn sockets() -> Vec<Held> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let pair = || {
        let one = TcpStream::connect(address).unwrap();
        one.set_nonblocking(true).unwrap();
        (one, listener.accept().unwrap().0)
    };
    let held = |state, socket: OwnedFd, others: Vec<OwnedFd>| Held {
        state,
        socket,
        _others: others,
    };
    let mut all = Vec::new();
    let (one, other) = pair();
    all.push(held("connected", one.into(), vec![other.into()]));
    let (one, other) = pair();
    one.shutdown(std::net::Shutdown::Write).unwrap();
    all.push(held("closed by itself", one.into(), vec![other.into()]));
    let (one, other) = pair();
    drop(other);
    all.push(held("closed by its peer", one.into(), Vec::new()));
    let (mut one, other) = pair();
    rustix::net::sockopt::set_socket_linger(&other, Some(std::time::Duration::ZERO)).unwrap();
    drop(other);
    one.set_nonblocking(false).unwrap();
    one.read(&mut [0]).unwrap_err();
    one.set_nonblocking(true).unwrap();
    all.push(held("reset", one.into(), Vec::new()));
    // A queue that is full: who comes then is not answered.
    let full = fresh();
    rustix::net::bind(&full, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    rustix::net::listen(&full, 0).unwrap();
    let to = SocketAddr::try_from(rustix::net::getsockname(&full).unwrap()).unwrap();
    let mut others = vec![full];
    let waits = loop {
        let socket = fresh();
        let _ = rustix::net::connect(&socket, &to);
        std::thread::sleep(std::time::Duration::from_millis(5));
        if rustix::net::getpeername(&socket).is_err() {
            break socket;
        }
        others.push(socket);
        assert!(others.len() < 10, "the queue is never full");
    };
    all.push(held("not yet connected", waits, others));
    all.push(held("never connected", fresh(), Vec::new()));
    all.push(held("listening", listener.into(), Vec::new()));
    all
}

/// What is tried with one socket; each with what the kernel said.
pub fn tried(socket: BorrowedFd<'_>, elsewhere: SocketAddrV4) -> Vec<(String, Result<usize, Errno>)> {
    let mut all = Vec::new();
    for (name, way) in PLACES {
        all.push((name.to_owned(), way(socket, elsewhere)));
    }
    for (name, level, option, value) in OPTIONS {
        let at = value.as_ptr() as usize;
        let arguments = [descriptor(socket), level as usize, option as usize, at, value.len(), 0];
        all.push((name.to_owned(), call(libc::SYS_setsockopt, arguments)));
    }
    all
}

/// The same of what no process that is given sockets has at all.
pub fn not_there(socket: BorrowedFd<'_>, elsewhere: SocketAddrV4) -> Vec<(String, Result<usize, Errno>)> {
    let mut all = Vec::new();
    for (name, way) in FAST_OPENS {
        all.push((name.to_owned(), way(socket, elsewhere)));
    }
    for (name, request) in REQUESTS {
        let mut room = [0u8; 256];
        let arguments = [
            descriptor(socket),
            request as usize,
            room.as_mut_ptr() as usize,
            0,
            0,
            0,
        ];
        all.push((name.to_owned(), call(libc::SYS_ioctl, arguments)));
    }
    // Others share the flag; and who is told of what comes, by a signal.
    let flags = OFlags::empty().bits() as usize;
    let commands = [
        (libc::F_SETFL, flags),
        (libc::F_SETOWN, 1),
        (F_SETSIG, 9),
        (libc::F_SETPIPE_SZ, 4096),
    ];
    for (command, value) in commands {
        let arguments = [descriptor(socket), command as usize, value, 0, 0, 0];
        all.push((format!("fcntl {command}"), call(libc::SYS_fcntl, arguments)));
    }
    for (name, number, arguments) in CALLS {
        all.push((name.to_owned(), call(number, arguments)));
    }
    for (name, family, kind, protocol) in KINDS {
        let made = call(
            libc::SYS_socket,
            [family as usize, kind as usize, protocol as usize, 0, 0, 0],
        );
        if let Ok(made) = made {
            // SAFETY: it is new, and nobody else's.
            drop(unsafe { OwnedFd::from_raw_fd(made as i32) });
        }
        all.push((name.to_owned(), made));
    }
    all
}

/// Tries everything with sockets of another network, within limits: by themselves, by a duplicate and by one that went over a pair.
/// `refused`: what a call says that is there, but not for these.
pub fn lead_nowhere(held: &[Held], elsewhere: SocketAddrV4, refused: Errno) {
    let (one, other) = std::os::unix::net::UnixStream::pair().unwrap();
    for Held { state, socket, .. } in held {
        fd_passing::send(&one, b"x", &[socket.as_fd()]).unwrap();
        let (_, passed) = fd_passing::receive(&other, &mut [0], RecvFlags::empty()).unwrap();
        let duplicate = socket.try_clone().unwrap();
        for socket in [socket.as_fd(), duplicate.as_fd(), passed[0].as_fd()] {
            for (way, said) in tried(socket, elsewhere) {
                assert_eq!(said, Err(refused), "{way}, {state}");
            }
            for (way, said) in not_there(socket, elsewhere) {
                assert_eq!(said, Err(Errno::ENOSYS), "{way}, {state}");
            }
        }
        // What ends it opens no way either.
        let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Both);
        for (way, said) in tried(socket.as_fd(), elsewhere) {
            assert_eq!(said, Err(refused), "{way}, {state}, then shut");
        }
    }
    // A pair's end is no way to a path.
    for (way, said) in PLACES.iter().map(|(name, way)| (name, way(one.as_fd(), elsewhere))) {
        assert!(said.is_err(), "{way} of a pair");
    }
}

/// The process at the other end of a channel is known by it (`SO_PEERPIDFD`, Linux 6.5), and no call does anything with that.
pub fn peers_are_out_of_reach(channel: BorrowedFd<'_>) {
    const SO_PEERPIDFD: usize = 77;
    let (mut process, mut length) = (-1i32, 4u32);
    let at = [&raw mut process as usize, &raw mut length as usize];
    let level = libc::SOL_SOCKET as usize;
    let known = call(
        libc::SYS_getsockopt,
        [descriptor(channel), level, SO_PEERPIDFD, at[0], at[1], 0],
    );
    if known.is_err() || process < 0 {
        return;
    }
    let process = process as usize;
    for (name, number, arguments) in [
        (
            "pidfd_send_signal",
            libc::SYS_pidfd_send_signal,
            [process, 0, 0, 0, 0, 0],
        ),
        ("pidfd_getfd", libc::SYS_pidfd_getfd, [process, 0, 0, 0, 0, 0]),
        (
            "setns",
            libc::SYS_setns,
            [process, libc::CLONE_NEWNET as usize, 0, 0, 0, 0],
        ),
        ("waitid", libc::SYS_waitid, [3, process, 0, 0, 0, 0]),
        (
            "ioctl",
            libc::SYS_ioctl,
            [process, PIDFD_GET_NET_NAMESPACE as usize, 0, 0, 0, 0],
        ),
        ("process_madvise", libc::SYS_process_madvise, [process, 0, 0, 0, 0, 0]),
    ] {
        assert_eq!(call(number, arguments), Err(Errno::ENOSYS), "{name}");
    }
}
