//! What is left of the kernel to a guest's process.

mod support;

use netns::jail::Sockets;
use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use support::namespaced;

/// Runs `test` on a thread that is limited as a guest's process is.
fn limited<T: Send + 'static>(sockets: Sockets, test: impl FnOnce() -> T + Send + 'static) -> T {
    let limited = move || {
        netns::jail::limit_system_calls(sockets).unwrap();
        test()
    };
    std::thread::spawn(limited).join().unwrap()
}

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
            let memory = rustix::fs::memfd_create("test", rustix::fs::MemfdFlags::CLOEXEC);
            assert_eq!(std::fs::File::from(memory.unwrap()).metadata().unwrap().len(), 0);
            assert!(std::fs::read_dir("/").unwrap().count() > 0);
            std::thread::sleep(std::time::Duration::from_millis(1));
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
            let any = "127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap();
            for socket in [given.into(), listener.into(), fresh().unwrap()] {
                assert_eq!(rustix::net::connect_unspec(&socket), not_there);
                let _ = rustix::net::shutdown(&socket, rustix::net::Shutdown::Both);
                assert_eq!(rustix::net::connect(&socket, &target), not_there);
                assert_eq!(rustix::net::bind(&socket, &any), not_there);
                assert_eq!(rustix::net::listen(&socket, 1), not_there);
                assert_eq!(sends_to(&socket, target), Err(Errno::ENOSYS));
                assert_eq!(rustix::net::sockopt::set_tcp_nodelay(&socket, true), not_there);
                assert_eq!(rustix::io::ioctl_fionbio(&socket, false), not_there);
                let nothing = rustix::fs::OFlags::empty();
                assert_eq!(rustix::fs::fcntl_setfl(&socket, nothing), not_there);
                assert_eq!(rustix::fs::fcntl_setfl(&socket, rustix::fs::OFlags::NONBLOCK), Ok(()));
            }
        });
        elsewhere.set_nonblocking(true).unwrap();
        assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    });
}

/// Connects and sends at once (TCP Fast Open).
fn sends_to(socket: &std::os::fd::OwnedFd, target: std::net::SocketAddr) -> Result<usize, Errno> {
    use nix::sys::socket::{MsgFlags, SockaddrStorage, sendto};
    use std::os::fd::AsRawFd;
    let fast_open = MsgFlags::from_bits_retain(nix::libc::MSG_FASTOPEN);
    sendto(socket.as_raw_fd(), b"x", &SockaddrStorage::from(target), fast_open)
}
