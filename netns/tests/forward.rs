//! Forwards into a namespace, with native servers behind them.

mod support;

use netns::Notice;
use procfs::FromReadSI;
use procfs::net::{TcpNetEntries, TcpState};
use rustix::net::sockopt;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};
use support::{Setup, descriptors, eventually, memory, namespaced, run};

/// Answers each connection on its own thread until the listener is dropped with the process.
fn serve(listener: TcpListener, answer: impl Fn(TcpStream) + Clone + Send + 'static) {
    thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = answer.clone();
            thread::spawn(move || answer(stream.unwrap()));
        }
    });
}

fn echo(mut stream: TcpStream) {
    let mut output = stream.try_clone().unwrap();
    let _ = std::io::copy(&mut stream, &mut output);
    let _ = output.shutdown(Shutdown::Write);
}

fn reset(stream: TcpStream) {
    sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
}

fn kind(result: std::io::Result<usize>) -> ErrorKind {
    result.expect_err("a reset, not bytes or an end").kind()
}

/// A stream that is not the same at any two places near each other, and its checksum.
struct Pattern {
    state: u64,
    sum: u64,
}

impl Pattern {
    fn new(seed: u64) -> Pattern {
        Pattern { state: seed, sum: 0 }
    }

    fn fill(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_exact_mut(8) {
            self.state = self
                .state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            chunk.copy_from_slice(&self.state.to_le_bytes());
        }
        self.add(buffer);
    }

    fn add(&mut self, buffer: &[u8]) {
        for byte in buffer {
            self.sum = self.sum.rotate_left(5) ^ u64::from(*byte);
        }
    }
}

fn write_pattern(mut stream: TcpStream, seed: u64, total: usize) -> u64 {
    let mut pattern = Pattern::new(seed);
    let mut buffer = vec![0; 256 * 1024];
    for _ in 0..total / buffer.len() {
        pattern.fill(&mut buffer);
        stream.write_all(&buffer).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    pattern.sum
}

fn read_pattern(mut stream: TcpStream) -> (u64, usize) {
    let mut pattern = Pattern::new(0);
    let (mut buffer, mut total) = (vec![0; 256 * 1024], 0);
    loop {
        match stream.read(&mut buffer).unwrap() {
            0 => return (pattern.sum, total),
            length => {
                pattern.add(&buffer[..length]);
                total += length;
            }
        }
    }
}

#[test]
fn large_streams_both_ways_at_once_arrive_whole() {
    namespaced("large_streams_both_ways_at_once_arrive_whole", || {
        let total = 1 << 30;
        let setup = Setup::new("0:3000");
        let listener = setup.inside.listen("127.0.0.1:3000");
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let out = stream.try_clone().unwrap();
            let writer = thread::spawn(move || write_pattern(out, 7, total));
            (read_pattern(stream), writer.join().unwrap())
        });
        let client = TcpStream::connect(setup.v4()).unwrap();
        let out = client.try_clone().unwrap();
        let writer = thread::spawn(move || write_pattern(out, 9, total));
        let received = read_pattern(client);
        let sent = writer.join().unwrap();
        let (server_received, server_sent) = server.join().unwrap();
        assert_eq!(received, (server_sent, total));
        assert_eq!(server_received, (sent, total));
        let counters = setup.forward.counters();
        assert_eq!(counters.to_guest.load(Ordering::Relaxed), total as u64);
        assert_eq!(counters.to_client.load(Ordering::Relaxed), total as u64);
        let spliced = counters.spliced.load(Ordering::Relaxed);
        assert!(
            spliced > total as u64,
            "bulk goes through splice, but only {spliced} bytes did"
        );
    });
}

#[test]
fn two_thousand_connections_at_once_and_no_descriptor_is_left() {
    namespaced("two_thousand_connections_at_once_and_no_descriptor_is_left", || {
        let setup = Setup::new("0:3000");
        let listener = setup.inside.listen("127.0.0.1:3000");
        thread::spawn(move || {
            // One thread for all: each connection gets its first bytes back.
            let mut open = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut bytes = [0; 8];
                stream.read_exact(&mut bytes).unwrap();
                stream.write_all(&bytes).unwrap();
                open.push(stream);
                if open.len() == 2000 {
                    open.clear();
                }
            }
        });
        // The first connection makes what stays: pools and batches.
        let address = setup.v4();
        let round = || {
            let mut open: Vec<TcpStream> = (0..2000)
                .map(|number: u64| {
                    let mut stream = TcpStream::connect(address).unwrap();
                    stream.write_all(&number.to_le_bytes()).unwrap();
                    stream
                })
                .collect();
            for (number, stream) in open.iter_mut().enumerate() {
                let mut bytes = [0; 8];
                stream.read_exact(&mut bytes).unwrap();
                assert_eq!(u64::from_le_bytes(bytes), number as u64);
            }
        };
        round();
        eventually("the first round's connections end", || setup.target.live() == 0);
        let before = descriptors();
        round();
        eventually("the second round's connections end", || setup.target.live() == 0);
        assert_eq!(setup.forward.counters().live.load(Ordering::Relaxed), 0);
        // A batch of sockets may have been used up or begun.
        eventually("descriptors return to where they were", || descriptors() <= before + 70);
    });
}

#[test]
fn half_close_is_carried_both_ways() {
    namespaced("half_close_is_carried_both_ways", || {
        let setup = Setup::new("0:3000");
        let listener = setup.inside.listen("127.0.0.1:3000");
        // The client ends first; the server answers after it has seen the end.
        let mut client = TcpStream::connect(setup.v4()).unwrap();
        client.write_all(b"question").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let mut text = String::new();
        server.read_to_string(&mut text).unwrap();
        assert_eq!(text, "question");
        server.write_all(b"answer").unwrap();
        drop(server);
        text.clear();
        client.read_to_string(&mut text).unwrap();
        assert_eq!(text, "answer");
        drop(client);
        // The server ends first; the client still sends.
        let mut client = TcpStream::connect(setup.v4()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        server.write_all(b"greeting").unwrap();
        server.shutdown(Shutdown::Write).unwrap();
        text.clear();
        client.read_to_string(&mut text).unwrap();
        assert_eq!(text, "greeting");
        client.write_all(b"late").unwrap();
        drop(client);
        text.clear();
        server.read_to_string(&mut text).unwrap();
        assert_eq!(text, "late");
        eventually("both connections are over", || setup.target.live() == 0);
        assert_eq!(setup.forward.counters().reset.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn reset_is_carried_both_ways() {
    namespaced("reset_is_carried_both_ways", || {
        let setup = Setup::new("0:3000");
        let listener = setup.inside.listen("127.0.0.1:3000");
        let mut client = TcpStream::connect(setup.v4()).unwrap();
        client.write_all(b"x").unwrap();
        let (mut server, _) = listener.accept().unwrap();
        server.read_exact(&mut [0]).unwrap();
        reset(client);
        assert_eq!(kind(server.read(&mut [0])), ErrorKind::ConnectionReset);
        let mut client = TcpStream::connect(setup.v4()).unwrap();
        client.write_all(b"x").unwrap();
        let (server, _) = listener.accept().unwrap();
        reset(server);
        assert_eq!(kind(client.read(&mut [0])), ErrorKind::ConnectionReset);
        eventually("both connections are over", || setup.target.live() == 0);
        assert_eq!(setup.forward.counters().reset.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn what_was_sent_before_a_reset_still_arrives() {
    namespaced("what_was_sent_before_a_reset_still_arrives", || {
        let setup = Setup::new("0:3000");
        let listener = setup.inside.listen("127.0.0.1:3000");
        // A server that answers early and closes with unread bytes: its kernel sends a reset behind the answer.
        let mut client = TcpStream::connect(setup.v4()).unwrap();
        client.write_all(&[0; 1000]).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        server.read_exact(&mut [0]).unwrap();
        server.write_all(b"413 too large").unwrap();
        let mut answer = [0; 13];
        client.read_exact(&mut answer).unwrap();
        drop(server);
        assert_eq!(&answer, b"413 too large");
        let end = client.read(&mut [0]);
        assert!(matches!(&end, Ok(0)) || end.is_err(), "{end:?}");
    });
}

#[test]
fn a_client_that_dies_harms_no_other() {
    namespaced("a_client_that_dies_harms_no_other", || {
        let setup = Setup::new("0:3000");
        serve(setup.inside.listen("127.0.0.1:3000"), echo);
        let mut steady = TcpStream::connect(setup.v4()).unwrap();
        for round in 0u8..100 {
            let mut dying = TcpStream::connect(setup.v4()).unwrap();
            dying.set_nonblocking(true).unwrap();
            // As much as fits, so that it dies with bytes in every buffer on the way.
            while dying.write(&[round; 65536]).is_ok() {}
            if round % 2 == 0 {
                reset(dying);
            }
            steady.write_all(&[round]).unwrap();
            let mut back = [0];
            steady.read_exact(&mut back).unwrap();
            assert_eq!(back, [round]);
        }
        drop(steady);
        eventually("all connections are over", || setup.target.live() == 0);
    });
}

#[test]
fn a_slow_reader_costs_no_memory() {
    namespaced("a_slow_reader_costs_no_memory", || {
        let setup = Setup::new("0:3000");
        serve(setup.inside.listen("127.0.0.1:3000"), |mut stream| {
            let bytes = vec![1; 1 << 20];
            while stream.write_all(&bytes).is_ok() {}
        });
        let before = memory();
        let slow: Vec<TcpStream> = (0..50).map(|_| TcpStream::connect(setup.v4()).unwrap()).collect();
        let moved = || setup.forward.counters().to_client.load(Ordering::Relaxed);
        // Buffers fill, then everything stands still.
        let mut last = 0;
        eventually("bytes stand still", || {
            thread::sleep(Duration::from_millis(200));
            let was = std::mem::replace(&mut last, moved());
            was > 0 && was == last
        });
        let grown = memory().saturating_sub(before);
        // The servers' own buffers are a MiB each and belong to this process too.
        assert!(grown < 80 << 20, "50 slow readers cost {grown} bytes");
        drop(slow);
        eventually("all connections are over", || setup.target.live() == 0);
    });
}

#[test]
fn every_address_that_a_guest_may_bind_is_reached() {
    namespaced("every_address_that_a_guest_may_bind_is_reached", || {
        for address in ["127.0.0.1:3000", "0.0.0.0:3000", "[::1]:3000", "[::]:3000"] {
            let setup = Setup::new("0:3000");
            let listener = setup.inside.listen(address);
            for host in [setup.v4(), setup.v6()] {
                let mut client = TcpStream::connect(host).unwrap();
                let (mut server, peer) = listener.accept().unwrap();
                server.write_all(b"hello").unwrap();
                drop(server);
                let mut text = String::new();
                client.read_to_string(&mut text).unwrap();
                assert_eq!(text, "hello", "{host} -> {address}");
                assert!(peer.ip().to_canonical().is_loopback());
                assert_eq!(
                    peer.port(),
                    client.local_addr().unwrap().port(),
                    "the client's own port"
                );
            }
        }
    });
}

#[test]
fn the_guest_sees_the_clients_own_address() {
    namespaced("the_guest_sees_the_clients_own_address", || {
        // Addresses of other machines, as far as the forward can tell.
        run("ip", &["address", "add", "203.0.113.7/32", "dev", "lo"]);
        run("ip", &["-6", "address", "add", "2001:db8::7/128", "dev", "lo", "nodad"]);
        let v4: SocketAddr = "203.0.113.7:45678".parse().unwrap();
        let v6: SocketAddr = "[2001:db8::7]:45678".parse().unwrap();
        for (rule, listen, from) in [
            ("0.0.0.0:0:3000", "0.0.0.0:3000", v4),
            ("0.0.0.0:0:3000", "127.0.0.1:3000", v4),
            ("[::]:0:3000", "[::1]:3000", v6),
            ("[::]:0:3000", "0.0.0.0:3000", v4),
        ] {
            let setup = Setup::new(rule);
            let listener = setup.inside.listen(listen);
            let mut to = setup.forward.addresses()[0];
            to.set_ip(from.ip());
            for round in 0..3 {
                let socket =
                    socket2::Socket::new(socket2::Domain::for_address(from), socket2::Type::STREAM, None).unwrap();
                socket.set_reuse_address(true).unwrap();
                socket.bind(&from.into()).unwrap();
                socket.connect(&to.into()).unwrap();
                let client = TcpStream::from(socket);
                let (server, peer) = listener.accept().unwrap();
                assert_eq!(peer.ip(), from.ip(), "{rule} {listen}");
                // When a client uses its port again at once, the last connection may still be ending inside.
                assert!(peer == from || round > 0, "{rule} {listen}: {peer}");
                // The client ends last, so its port is free at once.
                drop(server);
                assert_eq!((&client).read(&mut [0]).unwrap(), 0);
            }
        }
    });
}

#[test]
fn a_stranger_whose_address_cannot_be_inside_is_no_local_client() {
    namespaced("a_stranger_whose_address_cannot_be_inside_is_no_local_client", || {
        run("ip", &["address", "add", "203.0.113.7/32", "dev", "lo"]);
        run("ip", &["-6", "address", "add", "2001:db8::7/128", "dev", "lo", "nodad"]);
        run("ip", &["-6", "address", "add", "fe80::7/128", "dev", "lo", "nodad"]);
        for (from, listen, seen) in [
            // The other family: somebody else stays somebody else, and local stays local.
            ("2001:db8::7", "127.0.0.1:3000", "192.0.0.8"),
            ("203.0.113.7", "[::1]:3000", "100:0:0:1::1"),
            ("::1", "127.0.0.1:3000", "127.0.0.1"),
            ("127.0.0.1", "[::1]:3000", "::1"),
            ("127.0.0.9", "127.0.0.1:3000", "127.0.0.9"),
            // Without its interface a link-local address is nobody's.
            ("fe80::7", "[::1]:3000", "100:0:0:1::1"),
        ] {
            let setup = Setup::new("[::]:0:3000");
            let listener = setup.inside.listen(listen);
            let from: std::net::IpAddr = from.parse().unwrap();
            let scope = if from.to_string().starts_with("fe80") { 1 } else { 0 };
            let address = |port: u16| match from {
                std::net::IpAddr::V6(ip) => SocketAddr::V6(std::net::SocketAddrV6::new(ip, port, 0, scope)),
                ip => SocketAddr::new(ip, port),
            };
            let socket =
                socket2::Socket::new(socket2::Domain::for_address(address(0)), socket2::Type::STREAM, None).unwrap();
            socket.bind(&address(0).into()).unwrap();
            socket
                .connect(&address(setup.forward.addresses()[0].port()).into())
                .unwrap();
            let (_, peer) = listener.accept().unwrap();
            assert_eq!(peer.ip().to_string(), seen, "{from} to {listen}");
        }
    });
}

#[test]
fn urgent_data_stays_in_its_place_and_stops_nothing() {
    namespaced("urgent_data_stays_in_its_place_and_stops_nothing", || {
        let setup = Setup::new("0:3000");
        let listener = setup.inside.listen("127.0.0.1:3000");
        let mut client = socket2::Socket::from(TcpStream::connect(setup.v4()).unwrap());
        let (mut server, _) = listener.accept().unwrap();
        server.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        // As much as makes a flow splice, then an urgent byte, then more, many times over.
        let bulk = vec![b'.'; 256 * 1024];
        let writer = thread::spawn(move || {
            for _ in 0..50 {
                client.write_all(&bulk).unwrap();
                client.send_out_of_band(b"!").unwrap();
                client.write_all(b"after").unwrap();
            }
        });
        let mut all = Vec::new();
        server.read_to_end(&mut all).unwrap();
        writer.join().unwrap();
        assert_eq!(all.len(), 50 * (256 * 1024 + 6));
        assert_eq!(all.iter().filter(|byte| **byte == b'!').count(), 50);
    });
}

#[test]
fn connections_wait_for_a_guest_that_listens_late() {
    namespaced("connections_wait_for_a_guest_that_listens_late", || {
        let setup = Setup::new("0:3000");
        let mut client = TcpStream::connect(setup.v4()).unwrap();
        client.write_all(b"early").unwrap();
        thread::sleep(Duration::from_millis(300));
        serve(setup.inside.listen("127.0.0.1:3000"), echo);
        let mut back = [0; 5];
        client.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"early");
        assert!(setup.notices.lock().unwrap().is_empty());
    });
}

#[test]
fn nothing_is_tried_until_an_announced_guest_listens() {
    namespaced("nothing_is_tried_until_an_announced_guest_listens", || {
        let setup = Setup::new("0:3000");
        let target = netns::Target::announced(setup.inside.factory());
        setup.forwarder.retarget(&setup.forward, target.clone());
        let listener = setup.inside.listen("127.0.0.1:3000");
        listener.set_nonblocking(true).unwrap();
        let mut client = TcpStream::connect(setup.v4()).unwrap();
        client.write_all(b"x").unwrap();
        thread::sleep(Duration::from_millis(100));
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        target.listens(netns::Protocol::Tcp, "0.0.0.0:3000".parse().unwrap());
        setup.forwarder.wake(&setup.forward);
        eventually("the connection arrives", || listener.accept().is_ok());
    });
}

/// Connections that wait in the accept queue of the one listener in this thread's network, as proc_pid_net(5) has it.
fn accept_queue() -> u32 {
    let sockets = TcpNetEntries::from_file("/proc/thread-self/net/tcp", procfs::current_system_info()).unwrap();
    let listener = sockets.0.iter().find(|socket| socket.state == TcpState::Listen);
    listener.unwrap().rx_queue
}

#[test]
fn a_full_accept_queue_ends_at_the_time_limit() {
    namespaced("a_full_accept_queue_ends_at_the_time_limit", || {
        let setup = Setup::with("0:3000", |limits| limits.connect_timeout = Duration::from_millis(500));
        let listener = setup.inside.listen("127.0.0.1:3000");
        // A guest that listens and never accepts: its queue takes two connections, and further handshakes hang. They are
        // there first: while the queue has room, several handshakes at once may all look finished to those who began them.
        rustix::net::listen(&listener, 1).unwrap();
        let inner = || TcpStream::connect("127.0.0.1:3000").unwrap();
        let queued = setup.inside.spawn(move || [inner(), inner()]).join().unwrap();
        eventually("the queue is full", || {
            setup.inside.spawn(accept_queue).join().unwrap() == 2
        });
        let clients: Vec<TcpStream> = (0..8).map(|_| TcpStream::connect(setup.v4()).unwrap()).collect();
        let refused = || setup.forward.counters().refused.load(Ordering::Relaxed);
        eventually("those that hang are given up", || refused() == 8);
        assert_eq!(setup.forward.counters().live.load(Ordering::Relaxed), 0);
        drop(queued);
        drop(clients);
    });
}

#[test]
fn a_guest_that_never_listens_is_given_up_and_said() {
    namespaced("a_guest_that_never_listens_is_given_up_and_said", || {
        let setup = Setup::with("0:3000", |limits| limits.connect_timeout = Duration::from_millis(200));
        let started = Instant::now();
        let mut client = TcpStream::connect(setup.v4()).unwrap();
        assert_eq!(kind(client.read(&mut [0])), ErrorKind::ConnectionReset);
        let waited = started.elapsed();
        assert!(
            waited >= Duration::from_millis(200) && waited < Duration::from_secs(2),
            "{waited:?}"
        );
        let notices = setup.notices.lock().unwrap();
        assert!(
            matches!(notices[..], [Notice::NotListening { guest_port: 3000, .. }]),
            "{notices:?}"
        );
        assert_eq!(setup.forward.counters().refused.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_client_that_gives_up_waiting_frees_its_place() {
    namespaced("a_client_that_gives_up_waiting_frees_its_place", || {
        let setup = Setup::new("0:3000");
        let client = TcpStream::connect(setup.v4()).unwrap();
        let live = || setup.forward.counters().live.load(Ordering::Relaxed);
        eventually("the connection waits", || live() == 1);
        reset(client);
        eventually("the connection is gone", || live() == 0);
    });
}

#[test]
fn connections_go_to_the_new_target_and_old_ones_stay() {
    namespaced("connections_go_to_the_new_target_and_old_ones_stay", || {
        let setup = Setup::new("0:3000");
        let name = |name: &'static [u8]| {
            move |mut stream: TcpStream| {
                while stream.read_exact(&mut [0]).is_ok() {
                    stream.write_all(name).unwrap();
                }
            }
        };
        serve(setup.inside.listen("127.0.0.1:3000"), name(b"1"));
        let other = support::Inside::new();
        serve(other.listen("127.0.0.1:3000"), name(b"2"));
        let ask = |stream: &mut TcpStream| {
            stream.write_all(b"?").unwrap();
            let mut answer = [0];
            stream.read_exact(&mut answer).unwrap();
            answer[0]
        };
        let mut old = TcpStream::connect(setup.v4()).unwrap();
        assert_eq!(ask(&mut old), b'1');
        // None for a moment: who connects meanwhile waits for the next.
        setup.forwarder.retarget(&setup.forward, netns::Upstream::Awaited);
        let mut waiting = TcpStream::connect(setup.v4()).unwrap();
        waiting.write_all(b"?").unwrap();
        thread::sleep(Duration::from_millis(50));
        setup.forwarder.retarget(&setup.forward, other.target());
        let mut answer = [0];
        waiting.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"2");
        assert_eq!(ask(&mut TcpStream::connect(setup.v4()).unwrap()), b'2');
        assert_eq!(ask(&mut old), b'1');
        assert_eq!(setup.target.live(), 1);
        setup.forwarder.abort(&setup.target);
        assert_eq!(kind(old.read(&mut [0])), ErrorKind::ConnectionReset);
        assert_eq!(setup.target.live(), 0);
        assert_eq!(ask(&mut waiting), b'2');
    });
}

#[test]
fn a_removed_forward_frees_its_port_and_keeps_its_connections() {
    namespaced("a_removed_forward_frees_its_port_and_keeps_its_connections", || {
        let setup = Setup::new("127.0.0.1:0:3000");
        serve(setup.inside.listen("127.0.0.1:3000"), echo);
        let address = setup.v4();
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"a").unwrap();
        client.read_exact(&mut [0]).unwrap();
        setup.forwarder.remove(&setup.forward);
        client.write_all(b"b").unwrap();
        client.read_exact(&mut [0]).unwrap();
        assert_eq!(
            TcpStream::connect(address).unwrap_err().kind(),
            ErrorKind::ConnectionRefused
        );
        TcpListener::bind(address).expect("the port can be bound again");
    });
}

#[test]
fn connections_past_the_limit_wait_in_the_queue() {
    namespaced("connections_past_the_limit_wait_in_the_queue", || {
        let setup = Setup::with("0:3000", |limits| limits.connections = 3);
        serve(setup.inside.listen("127.0.0.1:3000"), echo);
        let mut open: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(setup.v4()).unwrap()).collect();
        for stream in &mut open {
            stream.write_all(b"x").unwrap();
            stream.read_exact(&mut [0]).unwrap();
        }
        let mut fourth = TcpStream::connect(setup.v4()).unwrap();
        fourth.write_all(b"y").unwrap();
        fourth.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        assert_eq!(kind(fourth.read(&mut [0])), ErrorKind::WouldBlock);
        let told = |notice: &Notice| matches!(notice, Notice::AtLimit { connections: 3 });
        assert!(setup.notices.lock().unwrap().iter().any(told));
        open.pop();
        fourth.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        fourth.read_exact(&mut [0]).unwrap();
    });
}

#[test]
fn a_half_closed_connection_may_not_stay_silent_for_ever() {
    namespaced("a_half_closed_connection_may_not_stay_silent_for_ever", || {
        let setup = Setup::with("0:3000", |limits| limits.half_closed_idle = Duration::from_millis(300));
        let listener = setup.inside.listen("127.0.0.1:3000");
        let client = TcpStream::connect(setup.v4()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        // Bytes keep it alive.
        for _ in 0..4 {
            thread::sleep(Duration::from_millis(150));
            server.write_all(b"tick").unwrap();
        }
        assert_eq!(setup.target.live(), 1);
        eventually("it is ended", || setup.target.live() == 0);
    });
}

#[test]
fn a_port_range_of_a_thousand_comes_up_at_once() {
    namespaced("a_port_range_of_a_thousand_comes_up_at_once", || {
        let before = memory();
        let started = Instant::now();
        let setup = Setup::new("0:3000");
        let rule: netns::Rule = "20000-20999:20000-20999".parse().unwrap();
        let forwards: Vec<_> = rule
            .mappings()
            .map(|mapping| setup.forwarder.add(netns::listen(&mapping).unwrap()))
            .collect();
        let took = started.elapsed();
        let cost = memory().saturating_sub(before) / 1000;
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert!(cost < 32 * 1024, "{cost} bytes for each forward");
        serve(setup.inside.listen("127.0.0.1:20999"), echo);
        setup.forwarder.retarget(&forwards[999], setup.target.clone());
        let mut client = TcpStream::connect("127.0.0.1:20999").unwrap();
        client.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
    });
}
