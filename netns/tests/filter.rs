//! What is left of the kernel to a guest's process.

#![expect(clippy::disallowed_methods, reason = "it tries what a filter refuses")]

mod support;

use netns::jail::{Files, Powers, Sockets};
use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use support::limited::{brokered, limited, limited_to};
use support::namespaced;

fn opens(family: AddressFamily, kind: SockType) -> Result<(), Errno> {
    socket(family, kind, SockFlag::SOCK_CLOEXEC, None).map(drop)
}

#[test]
fn the_rest_of_the_kernel_is_not_there() {
    namespaced("the_rest_of_the_kernel_is_not_there", || {
        let not_there = Err(Errno::ENOSYS);
        // Before, to know that it is the filter.
        assert_eq!(opens(AddressFamily::Unix, SockType::Stream), Ok(()));
        assert_eq!(opens(AddressFamily::Netlink, SockType::Raw), Ok(()));
        limited(Sockets::Own, move || {
            for (family, kind) in [
                (AddressFamily::Unix, SockType::Stream),
                (AddressFamily::Unix, SockType::SeqPacket),
                (AddressFamily::Netlink, SockType::Raw),
                (AddressFamily::Packet, SockType::Raw),
                (AddressFamily::Vsock, SockType::Stream),
                (AddressFamily::Alg, SockType::SeqPacket),
                (AddressFamily::Inet, SockType::Raw),
                (AddressFamily::Inet6, SockType::Raw),
            ] {
                assert_eq!(opens(family, kind), not_there, "{family:?} {kind:?}");
            }
            let ping = socket(
                AddressFamily::Inet,
                SockType::Datagram,
                SockFlag::empty(),
                SockProtocol::Icmp,
            );
            assert_eq!(ping.map(drop), not_there);
            assert_eq!(nix::sched::unshare(CloneFlags::CLONE_NEWUSER), not_there);
            assert_eq!(nix::sched::unshare(CloneFlags::CLONE_NEWNET), not_there);
            let network = std::fs::File::open("/proc/thread-self/ns/net").unwrap();
            assert_eq!(nix::sched::setns(network, CloneFlags::CLONE_NEWNET), not_there);
            assert_eq!(nix::unistd::execv(c"/bin/true", &[c"true"]).map(drop), not_there);
            let spawned = std::process::Command::new("/bin/true").spawn();
            assert_eq!(spawned.unwrap_err().raw_os_error(), Some(Errno::ENOSYS as i32));
            assert_eq!(nix::unistd::chroot("/"), not_there);
            assert_eq!(nix::sys::signal::kill(nix::unistd::getppid(), None), not_there);
            assert_eq!(nix::sys::prctl::set_dumpable(true), not_there);
            let none: Option<&str> = None;
            let mounted = nix::mount::mount(none, "/", none, nix::mount::MsFlags::MS_REMOUNT, none);
            assert_eq!(mounted, not_there);
            let nofile = rustix::process::Resource::Nofile;
            let limit = rustix::process::getrlimit(nofile);
            let set = rustix::process::setrlimit(nofile, limit);
            assert_eq!(set.unwrap_err(), rustix::io::Errno::NOSYS);
            let process = rustix::process::pidfd_open(rustix::process::getpid(), rustix::process::PidfdFlags::empty());
            assert_eq!(process.unwrap_err(), rustix::io::Errno::NOSYS);
        });
    });
}

#[test]
fn what_a_guest_needs_is_there() {
    namespaced("what_a_guest_needs_is_there", || {
        limited(Sockets::Own, || {
            for address in ["127.0.0.1:0", "[::1]:0"] {
                let listener = TcpListener::bind(address).unwrap();
                let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                let (mut server, _) = listener.accept().unwrap();
                client.write_all(b"x").unwrap();
                server.read_exact(&mut [0]).unwrap();
                let socket = UdpSocket::bind(address).unwrap();
                socket.send_to(b"x", socket.local_addr().unwrap()).unwrap();
                socket.recv_from(&mut [0]).unwrap();
            }
            std::thread::spawn(|| ()).join().unwrap();
            assert!(std::fs::read_dir("/").unwrap().count() > 0);
            std::thread::sleep(std::time::Duration::from_millis(1));
        });
    });
}

/// A file with such a bit gives whoever runs it the rights of whom the guest is run by.
#[test]
fn no_file_gets_a_set_id_bit() {
    use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};
    namespaced("no_file_gets_a_set_id_bit", || {
        let folder = tempfile::tempdir().unwrap();
        let folder = std::fs::File::open(folder.path()).unwrap();
        let bits = [Mode::SUID, Mode::SGID, Mode::SUID | Mode::SGID];
        let make = OFlags::CREATE | OFlags::WRONLY;
        let set_id = |name: &str| {
            let found = rustix::fs::statat(&folder, name, AtFlags::empty()).unwrap();
            Mode::from_raw_mode(found.st_mode) & (Mode::SUID | Mode::SGID)
        };
        // Before, to know that it is the filter.
        rustix::fs::openat(&folder, "before", make, bits[0] | Mode::RWXU).unwrap();
        assert_eq!(set_id("before"), Mode::SUID);
        let not_there = Err(rustix::io::Errno::NOSYS);
        let powers = Powers {
            sockets: Sockets::Own,
            files: Files::Written,
        };
        limited_to(powers, move || {
            for bits in bits {
                let mode = bits | Mode::RWXU;
                let name = format!("{bits:?}");
                assert_eq!(rustix::fs::openat(&folder, &name, make, mode).map(drop), not_there);
                let nameless = OFlags::TMPFILE | OFlags::WRONLY;
                assert_eq!(rustix::fs::openat(&folder, ".", nameless, mode).map(drop), not_there);
                let beneath = ResolveFlags::BENEATH;
                assert_eq!(
                    rustix::fs::openat2(&folder, &name, make, mode, beneath).map(drop),
                    not_there
                );
                let file = rustix::fs::openat(&folder, &name, make, Mode::RWXU).unwrap();
                assert_eq!(rustix::fs::fchmod(&file, mode), not_there);
                assert_eq!(rustix::fs::chmodat(&folder, &name, mode, AtFlags::empty()), not_there);
                let socket = rustix::fs::mknodat(&folder, "node", rustix::fs::FileType::Fifo, mode, 0);
                assert_eq!(socket, not_there);
                rustix::fs::fchmod(&file, Mode::RUSR).unwrap();
                // The kernel takes these bits from a directory's mode (mkdir(2)).
                rustix::fs::mkdirat(&folder, format!("d{name}"), mode).unwrap();
                let made = rustix::fs::statat(&folder, format!("d{name}"), AtFlags::empty()).unwrap();
                assert!(!Mode::from_raw_mode(made.st_mode).contains(Mode::SUID));
            }
        });
    });
}

/// A lease, or a lock, on a file that can be read is enough to hold up the programs of the host.
#[test]
fn no_lock_and_no_lease_is_taken() {
    use nix::libc;
    use rustix::fs::FlockOperation;
    use std::os::fd::AsRawFd;
    namespaced("no_lock_and_no_lease_is_taken", || {
        // Whoever has it open for writing refuses leases.
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let file = std::fs::File::open(&path).unwrap();
        let fcntl = |file: &std::fs::File, command: libc::c_int, argument: libc::c_int| {
            #[expect(unsafe_code, reason = "no library takes leases")]
            // SAFETY: these commands take a number.
            let result = unsafe { libc::fcntl(file.as_raw_fd(), command, argument) };
            Errno::result(result)
        };
        // Before, to know that it is the filter.
        assert_eq!(fcntl(&file, libc::F_SETLEASE, libc::F_RDLCK), Ok(0));
        assert_eq!(fcntl(&file, libc::F_SETLEASE, libc::F_UNLCK), Ok(0));
        limited(Sockets::Own, move || {
            let not_there = Err(Errno::ENOSYS);
            assert_eq!(fcntl(&file, libc::F_SETLEASE, libc::F_RDLCK), not_there);
            assert_eq!(fcntl(&file, libc::F_NOTIFY, 1), not_there);
            assert_eq!(fcntl(&file, libc::F_SETOWN, 1), not_there);
            assert_eq!(fcntl(&file, libc::F_SETFL, libc::O_ASYNC), not_there);
            for operation in [
                FlockOperation::NonBlockingLockShared,
                FlockOperation::NonBlockingLockExclusive,
            ] {
                assert_eq!(rustix::fs::flock(&file, operation), Err(rustix::io::Errno::NOSYS));
                assert_eq!(rustix::fs::fcntl_lock(&file, operation), Err(rustix::io::Errno::NOSYS));
            }
            // More room for a pipe is memory of the kernel's.
            let (pipe, _other) = std::io::pipe().unwrap();
            let pipe = std::fs::File::from(OwnedFd::from(pipe));
            assert_eq!(fcntl(&pipe, libc::F_SETPIPE_SZ, 1 << 20), not_there);
            let memory = rustix::fs::memfd_create("test", rustix::fs::MemfdFlags::CLOEXEC);
            assert_eq!(memory.map(drop), Err(rustix::io::Errno::NOSYS));
            file.try_clone().unwrap();
            assert_eq!(fcntl(&file, libc::F_SETFL, libc::O_NONBLOCK), Ok(0));
        });
    });
}

/// Who writes to the host's files locks parts of them, as databases do, and nothing else.
#[test]
fn who_writes_files_locks_them() {
    use rustix::fs::FlockOperation;
    namespaced("who_writes_files_locks_them", || {
        let file = tempfile::tempfile().unwrap();
        let powers = Powers {
            sockets: Sockets::Own,
            files: Files::Written,
        };
        limited_to(powers, move || {
            let not_there = Err(rustix::io::Errno::NOSYS);
            let lock = |operation| rustix::fs::fcntl_lock(&file, operation);
            assert_eq!(lock(FlockOperation::NonBlockingLockExclusive), Ok(()));
            assert_eq!(lock(FlockOperation::NonBlockingUnlock), Ok(()));
            assert_eq!(lock(FlockOperation::LockExclusive), not_there);
            assert_eq!(
                rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared),
                not_there
            );
        });
    });
}

/// A socket of the host in such a process must stay what it is.
#[test]
fn a_socket_that_was_given_cannot_be_taken_anywhere_else() {
    namespaced("a_socket_that_was_given_cannot_be_taken_anywhere_else", || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = elsewhere.local_addr().unwrap();
        let mut client = TcpStream::connect(address).unwrap();
        let fresh = || rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None);
        // Without the limit each of these ways leads to the other listener.
        let (taken, _) = listener.accept().unwrap();
        rustix::net::connect_unspec(&taken).unwrap();
        rustix::net::connect(&taken, &target).unwrap();
        drop((taken, elsewhere.accept().unwrap()));
        assert_eq!(sends_to(&fresh().unwrap(), target), Ok(1));
        drop(elsewhere.accept().unwrap());
        assert_eq!(client.read(&mut [0]).unwrap_or(0), 0);
        client = TcpStream::connect(address).unwrap();
        limited(Sockets::Given, move || {
            let not_there = Err(rustix::io::Errno::NOSYS);
            let (mut given, _) = listener.accept().unwrap();
            given.write_all(b"x").unwrap();
            client.read_exact(&mut [0]).unwrap();
            for socket in [given.into(), listener.into(), fresh().unwrap()] {
                leads_nowhere_else(&socket, target, rustix::io::Errno::NOSYS);
                assert_eq!(rustix::net::sockopt::set_tcp_nodelay(&socket, true), not_there);
                assert_eq!(rustix::io::ioctl_fionbio(&socket, false), not_there);
                assert_eq!(rustix::fs::fcntl_setfl(&socket, rustix::fs::OFlags::NONBLOCK), Ok(()));
            }
        });
        elsewhere.set_nonblocking(true).unwrap();
        assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    });
}

#[test]
fn brokered_sockets_are_used_where_they_were_made() {
    namespaced("brokered_sockets_are_used_where_they_were_made", || {
        brokered(|| {
            for address in ["127.0.0.1:0", "[::1]:0"] {
                let listener = TcpListener::bind(address).unwrap();
                let target = listener.local_addr().unwrap();
                let client = unconnected(target);
                assert!(matches!(
                    rustix::net::connect(&client, &target),
                    Ok(()) | Err(rustix::io::Errno::INPROGRESS)
                ));
                let (mut server, peer) = listener.accept().unwrap();
                rustix::net::sockopt::set_tcp_keepidle(&server, std::time::Duration::from_secs(77)).unwrap();
                let set = rustix::net::sockopt::tcp_keepidle(&server).unwrap();
                assert_eq!(set, std::time::Duration::from_secs(77));
                server.write_all(b"x").unwrap();
                let mut client = TcpStream::from(client);
                assert_eq!(client.local_addr().unwrap(), peer);
                client.read_exact(&mut [0]).unwrap();
                // Errors are the kernel's own.
                assert_eq!(
                    TcpListener::bind(target).unwrap_err().kind(),
                    std::io::ErrorKind::AddrInUse
                );
                drop(listener);
                let late = unconnected(target);
                assert_eq!(rustix::net::connect(&late, &target), Err(rustix::io::Errno::INPROGRESS));
                let error = rustix::net::sockopt::socket_error(&late).unwrap();
                assert_eq!(error, Err(rustix::io::Errno::CONNREFUSED));
                let (one, other) = (UdpSocket::bind(address).unwrap(), UdpSocket::bind(address).unwrap());
                one.connect(other.local_addr().unwrap()).unwrap();
                one.send(b"x").unwrap();
                assert_eq!(other.recv_from(&mut [0]).unwrap(), (1, one.local_addr().unwrap()));
            }
            let outside = unconnected("127.0.0.1:1".parse().unwrap());
            let foreign = "192.0.2.1:1".parse::<std::net::SocketAddr>().unwrap();
            assert_eq!(
                rustix::net::connect(&outside, &foreign),
                Err(rustix::io::Errno::NETUNREACH)
            );
            // One that would wait would have init wait.
            let waits = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None);
            assert_eq!(
                rustix::net::connect(waits.unwrap(), &foreign),
                Err(rustix::io::Errno::INVAL)
            );
            let file = std::fs::File::open("/").unwrap();
            assert_eq!(rustix::net::listen(&file, 1), Err(rustix::io::Errno::NOTSOCK));
        });
    });
}

/// The host's sockets in such a process lead nowhere but where they did.
#[test]
fn a_broker_leaves_sockets_of_other_namespaces_as_they_are() {
    namespaced("a_broker_leaves_sockets_of_other_namespaces_as_they_are", || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = elsewhere.local_addr().unwrap();
        let mut client = TcpStream::connect(address).unwrap();
        let fresh = unconnected(address);
        brokered(move || {
            let refused = Err(rustix::io::Errno::PERM);
            let (mut given, _) = listener.accept().unwrap();
            given.write_all(b"x").unwrap();
            client.read_exact(&mut [0]).unwrap();
            // Options of a connection are its own business, those of a listener are not.
            assert_eq!(rustix::net::sockopt::set_tcp_nodelay(&given, true), Ok(()));
            assert_eq!(rustix::net::sockopt::set_tcp_nodelay(&listener, true), refused);
            assert_eq!(rustix::net::sockopt::set_ip_ttl(&listener, 1), refused);
            assert_eq!(rustix::net::sockopt::set_tcp_cork(&given, true), refused);
            for socket in [given.into(), listener.into(), fresh] {
                rustix::io::ioctl_fionbio(&socket, true).unwrap_err();
                rustix::fs::fcntl_setfl(&socket, rustix::fs::OFlags::NONBLOCK).unwrap();
                leads_nowhere_else(&socket, target, rustix::io::Errno::PERM);
            }
        });
        elsewhere.set_nonblocking(true).unwrap();
        assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    });
}

/// Goes every way on which a socket is taken elsewhere, or its owner's flag from it.
#[track_caller]
fn leads_nowhere_else(socket: &OwnedFd, target: std::net::SocketAddr, refused: rustix::io::Errno) {
    let any = "127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap();
    assert_eq!(rustix::net::connect_unspec(socket), Err(refused));
    let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Both);
    assert_eq!(rustix::net::connect(socket, &target), Err(refused));
    assert_eq!(rustix::net::bind(socket, &any), Err(refused));
    assert_eq!(rustix::net::listen(socket, 1), Err(refused));
    assert_eq!(sends_to(socket, target), Err(Errno::ENOSYS));
    let nothing = rustix::fs::OFlags::empty();
    assert_eq!(rustix::fs::fcntl_setfl(socket, nothing), Err(rustix::io::Errno::NOSYS));
}

fn unconnected(target: std::net::SocketAddr) -> OwnedFd {
    let family = if target.is_ipv4() {
        rustix::net::AddressFamily::INET
    } else {
        rustix::net::AddressFamily::INET6
    };
    let flags = rustix::net::SocketFlags::CLOEXEC | rustix::net::SocketFlags::NONBLOCK;
    rustix::net::socket_with(family, rustix::net::SocketType::STREAM, flags, None).unwrap()
}

/// Connects and sends at once (TCP Fast Open).
fn sends_to(socket: &OwnedFd, target: std::net::SocketAddr) -> Result<usize, Errno> {
    use nix::sys::socket::{MsgFlags, SockaddrStorage, sendto};
    use std::os::fd::AsRawFd;
    let fast_open = MsgFlags::from_bits_retain(nix::libc::MSG_FASTOPEN);
    sendto(socket.as_raw_fd(), b"x", &SockaddrStorage::from(target), fast_open)
}
