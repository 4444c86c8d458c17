//! Native code of a guest that has broken out, with sockets of the host's and of another guest's in its hands: none leads anywhere
//! but where it did.

mod support;

use netns::fd_passing;
use netns::jail::Sockets;
use nix::errno::Errno;
use std::net::{SocketAddr, SocketAddrV4, TcpListener};
use std::os::fd::AsFd;
use support::escapes::{self, Held};
use support::limited::{brokered, limited};
use support::{Inside, namespaced};

/// Where nobody may come from in here.
fn elsewhere() -> (TcpListener, SocketAddrV4) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let SocketAddr::V4(address) = listener.local_addr().unwrap() else {
        unreachable!("it was bound so");
    };
    (listener, address)
}

fn nobody_came(listener: &TcpListener) {
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

/// Sockets of the host, and of the network of another guest, as a link hands them out.
fn given() -> Vec<Held> {
    let mut given = escapes::sockets();
    given.extend(Inside::new().spawn(escapes::sockets).join().unwrap());
    given
}

/// What is tried below is there where nothing is limited, and leads elsewhere.
#[test]
fn each_way_is_one_where_nothing_is_limited() {
    namespaced("each_way_is_one_where_nothing_is_limited", || {
        let (listener, address) = elsewhere();
        let mut came = 0;
        listener.set_nonblocking(true).unwrap();
        for Held { state, socket, .. } in escapes::sockets() {
            for (way, said) in escapes::tried(socket.as_fd(), address) {
                let is_odd = matches!(said, Err(Errno::ENOSYS | Errno::EPERM));
                // Who is root of a user namespace alone may not have all packets of an address.
                assert!(
                    !is_odd || way == "TCP_REPAIR" || way == "TCP_ULP",
                    "{way}, {state}: {said:?}"
                );
            }
            for (way, said) in escapes::not_there(socket.as_fd(), address) {
                assert_ne!(said, Err(Errno::ENOSYS), "{way}, {state}");
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
            while listener.accept().is_ok() {
                came += 1;
            }
        }
        assert!(came >= 4, "{came} came");
    });
}

#[test]
fn sockets_that_were_given_lead_nowhere_else() {
    namespaced("sockets_that_were_given_lead_nowhere_else", || {
        let (listener, address) = elsewhere();
        let given = given();
        let (channel, _supervisor) = fd_passing::channel().unwrap();
        limited(Sockets::Given, move || {
            escapes::lead_nowhere(&given, address, Errno::ENOSYS);
            escapes::peers_are_out_of_reach(channel.as_fd());
        });
        nobody_came(&listener);
    });
}

#[test]
fn sockets_that_were_given_lead_nowhere_else_beside_own_ones() {
    namespaced("sockets_that_were_given_lead_nowhere_else_beside_own_ones", || {
        let (listener, address) = elsewhere();
        let given = given();
        let (channel, _supervisor) = fd_passing::channel().unwrap();
        brokered(move || {
            escapes::lead_nowhere(&given, address, Errno::EPERM);
            escapes::peers_are_out_of_reach(channel.as_fd());
            // Its own go where they like, within.
            let own = TcpListener::bind("127.0.0.1:0").unwrap();
            let socket = escapes::fresh();
            let _ = rustix::net::connect(&socket, &own.local_addr().unwrap());
            own.accept().unwrap();
        });
        nobody_came(&listener);
    });
}
