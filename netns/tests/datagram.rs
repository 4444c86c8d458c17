//! Forwards of datagrams into a namespace, with native servers behind them.

mod support;

use netns::Protocol;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use support::{Setup, descriptors, eventually, namespaced, run};

const PATIENCE: Duration = Duration::from_secs(10);

/// Answers each datagram with a prefix and itself, until the test's process ends.
fn serve(setup: &Setup, address: &str, prefix: &'static str) {
    let address: SocketAddr = address.parse().unwrap();
    let socket = setup
        .inside
        .spawn(move || UdpSocket::bind(address).unwrap())
        .join()
        .unwrap();
    answer(socket, prefix);
}

fn answer(socket: UdpSocket, prefix: &'static str) {
    thread::spawn(move || {
        let mut buffer = vec![0; 65536];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let answer = [prefix.as_bytes(), &buffer[..length]].concat();
            let _ = socket.send_to(&answer, from);
        }
    });
}

fn client(to: SocketAddr) -> UdpSocket {
    let any: SocketAddr = if to.is_ipv4() {
        "127.0.0.1:0".parse()
    } else {
        "[::1]:0".parse()
    }
    .unwrap();
    let socket = UdpSocket::bind(any).unwrap();
    socket.connect(to).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

#[track_caller]
fn ask(client: &UdpSocket, question: &[u8]) -> Vec<u8> {
    client.send(question).unwrap();
    let mut buffer = vec![0; 65536];
    let length = client.recv(&mut buffer).expect("an answer");
    buffer.truncate(length);
    buffer
}

#[test]
fn many_clients_at_once_have_their_own_answers() {
    namespaced("many_clients_at_once_have_their_own_answers", || {
        let setup = Setup::new("0:5300/udp");
        serve(&setup, "0.0.0.0:5300", "");
        let to = setup.v4();
        let clients: Vec<_> = (0..64)
            .map(|number| {
                thread::spawn(move || {
                    let client = client(to);
                    for round in 0..100 {
                        let question = format!("{number} {round}");
                        assert_eq!(ask(&client, question.as_bytes()), question.as_bytes());
                    }
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().unwrap());
        let counters = setup.forward.counters();
        assert_eq!(counters.accepted.load(Ordering::Relaxed), 64);
        // What was sent is counted after it was sent.
        eventually("as many bytes are counted each way", || {
            counters.to_guest.load(Ordering::Relaxed) == counters.to_client.load(Ordering::Relaxed)
        });
    });
}

#[test]
fn long_datagrams_and_empty_ones_and_both_families_pass() {
    namespaced("long_datagrams_and_empty_ones_and_both_families_pass", || {
        for (listen, v6) in [("0.0.0.0:5300", false), ("[::1]:5300", true), ("127.0.0.1:5300", true)] {
            let setup = Setup::new("0:5300/udp");
            serve(&setup, listen, "");
            let client = client(if v6 { setup.v6() } else { setup.v4() });
            // Which address the guest has is found out by the first.
            client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            eventually("it answers", || {
                client.send(b"x").unwrap();
                client.recv(&mut [0; 64]).is_ok()
            });
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            for length in [60_000, 65_000, 1, 0, 1472] {
                let question: Vec<u8> = (0..length).map(|at| at as u8).collect();
                assert_eq!(ask(&client, &question), question, "{listen} {length}");
            }
        }
    });
}

#[test]
fn the_guest_sees_its_clients_and_they_see_the_address_they_used() {
    namespaced("the_guest_sees_its_clients_and_they_see_the_address_they_used", || {
        run("ip", &["address", "add", "203.0.113.7/32", "dev", "lo"]);
        run("ip", &["address", "add", "203.0.113.8/32", "dev", "lo"]);
        for rule in ["0.0.0.0:0:5300/udp", "[::]:0:5300/udp"] {
            let setup = Setup::new(rule);
            let server = setup
                .inside
                .spawn(|| UdpSocket::bind("0.0.0.0:5300").unwrap())
                .join()
                .unwrap();
            let port = setup.forward.addresses()[0].port();
            // To an address that the kernel would not choose by itself; connected, so that no other is accepted.
            let client = UdpSocket::bind("203.0.113.7:45678").unwrap();
            client.connect(("203.0.113.8", port)).unwrap();
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            client.send(b"who am I").unwrap();
            let mut buffer = [0; 64];
            let (_, from) = server.recv_from(&mut buffer).unwrap();
            assert_eq!(from.to_string(), "203.0.113.7:45678", "{rule}");
            server.send_to(b"you", from).unwrap();
            assert_eq!(client.recv(&mut buffer).unwrap(), 3);
        }
    });
}

#[test]
fn quiet_flows_end_and_leave_nothing() {
    namespaced("quiet_flows_end_and_leave_nothing", || {
        let setup = Setup::with("0:5300/udp", |limits| limits.udp_idle = Duration::from_millis(300));
        serve(&setup, "0.0.0.0:5300", "");
        ask(&client(setup.v4()), b"first");
        let before = descriptors();
        let clients: Vec<UdpSocket> = (0..32).map(|_| client(setup.v4())).collect();
        clients.iter().for_each(|client| drop(ask(client, b"x")));
        assert!(descriptors() > before);
        let live = || setup.forward.counters().live.load(Ordering::Relaxed);
        assert!(live() >= 32);
        eventually("quiet flows are gone", || live() == 0);
        // One that was forgotten begins anew.
        assert_eq!(ask(&clients[0], b"again"), b"again");
        drop(clients);
        // The stock of sockets may differ by one order.
        eventually("their sockets are closed", || descriptors() <= before + 17);
    });
}

#[test]
fn the_same_client_goes_on_with_the_next_guest() {
    namespaced("the_same_client_goes_on_with_the_next_guest", || {
        let setup = Setup::new("0:5300/udp");
        serve(&setup, "0.0.0.0:5300", "old ");
        let client = client(setup.v4());
        assert_eq!(ask(&client, b"1"), b"old 1");
        let next = support::Inside::new();
        let socket = next.spawn(|| UdpSocket::bind("0.0.0.0:5300").unwrap()).join().unwrap();
        answer(socket, "new ");
        setup.forwarder.retarget(&setup.forward, next.target());
        assert_eq!(ask(&client, b"2"), b"new 2");
    });
}

#[test]
fn datagrams_wait_for_the_guest_to_bind() {
    namespaced("datagrams_wait_for_the_guest_to_bind", || {
        let setup = Setup::new("0:5300/udp");
        let target = netns::Target::announced(setup.inside.factory());
        setup.forwarder.retarget(&setup.forward, target.clone());
        let client = client(setup.v4());
        client.send(b"early").unwrap();
        thread::sleep(Duration::from_millis(100));
        serve(&setup, "0.0.0.0:5300", "");
        target.listens(Protocol::Udp, "0.0.0.0:5300".parse().unwrap());
        setup.forwarder.wake(&setup.forward);
        let mut buffer = [0; 64];
        let length = client.recv(&mut buffer).expect("it was kept");
        assert_eq!(&buffer[..length], b"early");
    });
}

#[test]
fn a_guest_that_refuses_is_tried_again() {
    namespaced("a_guest_that_refuses_is_tried_again", || {
        let setup = Setup::new("0:5300/udp");
        let client = client(setup.v4());
        for _ in 0..3 {
            client.send(b"nobody").unwrap();
            thread::sleep(Duration::from_millis(20));
        }
        serve(&setup, "0.0.0.0:5300", "");
        client.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        eventually("it answers", || {
            client.send(b"x").unwrap();
            client.recv(&mut [0; 64]).is_ok()
        });
    });
}

#[test]
fn a_removed_forward_of_datagrams_frees_its_port() {
    namespaced("a_removed_forward_of_datagrams_frees_its_port", || {
        let setup = Setup::new("0:5300/udp");
        serve(&setup, "0.0.0.0:5300", "");
        let to = setup.v4();
        assert_eq!(ask(&client(to), b"x"), b"x");
        setup.forwarder.remove(&setup.forward);
        drop(setup);
        UdpSocket::bind(to).expect("the port is free");
    });
}
