//! Tests of [`super::Egress`], with clients in this process.

use super::*;
use crate::egress::{Client, Event, Policy, Rule};
use crate::fd_passing;
use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const TIMEOUT: Duration = Duration::from_secs(5);

fn egress(rules: &[String]) -> (Egress, Arc<Mutex<Vec<Event>>>) {
    let rules: Vec<Rule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    let events = Arc::new(Mutex::new(Vec::new()));
    let heard = events.clone();
    let hear: OnEvent = Arc::new(move |event| lock(&heard).push(event));
    (
        Egress::start(rules_of(rules), Arc::new(|_: &str| None), hear).unwrap(),
        events,
    )
}

fn rules_of(rules: Vec<Rule>) -> Rules {
    Rules {
        policy: Policy::new(rules, Vec::new()),
        links: Vec::new(),
        proxies: None,
        timeout: TIMEOUT,
        connections: 1024,
    }
}

fn client_of(egress: &Egress) -> Client {
    let (ours, theirs) = fd_passing::channel().unwrap();
    egress.serve(ours, None);
    Client::new(theirs)
}

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(20), test)
            .await
            .expect("in time")
    })
}

/// A server that answers each connection with a byte.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"x");
        }
    });
    address
}

fn reads(stream: std::net::TcpStream) {
    stream.set_nonblocking(false).unwrap();
    let (mut stream, mut byte) = (stream, [0]);
    stream.read_exact(&mut byte).unwrap();
    assert_eq!(byte, *b"x");
    assert_eq!(stream.read(&mut byte).unwrap(), 0, "no copy of it keeps it open");
}

#[test]
fn many_asks_at_once_are_answered_each_with_its_own_socket() {
    let server = server();
    let (egress, _) = egress(&[format!("localhost:{}", server.port())]);
    let client = Arc::new(client_of(&egress));
    run(async {
        let mut asks = JoinSet::new();
        for _ in 0..1000 {
            let client = client.clone();
            // An ordinary user may have no more than 1024 descriptors, so they do not pile up.
            asks.spawn(async move { reads(client.connect(server).await.unwrap().0) });
        }
        while let Some(done) = asks.join_next().await {
            done.unwrap();
        }
    });
    let rows = egress.rows();
    assert_eq!((rows.len(), rows[0].opened, rows[0].refused), (1, 1000, 0), "{rows:?}");
}

#[test]
fn what_no_rule_allows_is_told_once() {
    let (egress, events) = egress(&["localhost:9".to_owned()]);
    let client = client_of(&egress);
    run(async {
        for _ in 0..3 {
            let other: SocketAddr = ([127, 0, 0, 1], 10).into();
            assert_eq!(client.connect(other).await.unwrap_err(), Failed::Denied);
            let name = client.resolve("db.example.com").await.unwrap();
            assert!(super::super::pins::is_synthetic(name[0]), "{name:?}");
            let named = SocketAddr::new(name[0], 5432);
            assert_eq!(client.connect(named).await.unwrap_err(), Failed::Denied);
        }
        assert_eq!(
            client.resolve("10.0.0.1").await.unwrap(),
            ["10.0.0.1".parse::<IpAddr>().unwrap()]
        );
        assert_eq!(client.resolve("a b").await.unwrap_err(), Failed::Unknown);
    });
    let told: Vec<String> = lock(&events)
        .iter()
        .map(|event| match event {
            Event::Refused(refusal) => refusal.to.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, ["localhost:10", "db.example.com:5432"]);
    assert_eq!(egress.rows().iter().map(|row| row.refused).sum::<u64>(), 6);
}

#[test]
fn fuzzed_asks_end_one_guest_and_nothing_else() {
    use proptest::prelude::*;
    let server = server();
    let (egress, _) = egress(&[format!("localhost:{}", server.port())]);
    let good = client_of(&egress);
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 1..200),
        Just(br#"{"number":1,"what":{"Connect":"127.0.0.1:1"}}"#.to_vec()),
        Just(br#"{"Call":{"number":18446744073709551615,"what":{"Resolve":"\u0000"}}}"#.to_vec()),
        Just(
            br#"{"Note":{"Flows":[{"connection":1,"sent":18446744073709551615,"received":1,"is_over":true}]}}"#
                .to_vec()
        ),
        Just(br#"{"Note":"Counted"}"#.to_vec()),
        Just(
            format!(
                r#"{{"Call":{{"number":1,"what":{{"Resolve":"{}"}}}}}}"#,
                "a.".repeat(4000)
            )
            .into_bytes()
        ),
    ];
    let pieces = proptest::collection::vec((piece, 0..4_usize), 1..20);
    let mut runner = proptest::test_runner::TestRunner::default();
    let tried = runner.run(&pieces, |pieces| {
        let (ours, theirs) = fd_passing::channel().unwrap();
        egress.serve(ours, None);
        for (piece, fds) in pieces {
            // Its end is gone after the first that is nonsense.
            let along = vec![theirs.as_fd(); fds];
            let _ = fd_passing::send(&theirs, &piece, &along);
        }
        Ok(())
    });
    tried.unwrap();
    run(async { reads(good.connect(server).await.unwrap().0) });
}

#[test]
fn a_guest_that_reads_no_answers_holds_nobody_up() {
    let server = server();
    let (egress, _) = egress(&[format!("localhost:{}", server.port())]);
    let (ours, theirs) = fd_passing::channel().unwrap();
    egress.serve(ours, None);
    rustix::fs::fcntl_setfl(&theirs, rustix::fs::OFlags::NONBLOCK).unwrap();
    let ask = Up::<Ask, Told>::Call {
        number: 1,
        what: Ask::Connect(server),
        note: None,
    };
    let ask = serde_json::to_vec(&ask).unwrap();
    for _ in 0..5000 {
        let _ = fd_passing::send(&theirs, &ask, &[]);
    }
    let other = client_of(&egress);
    run(async { reads(other.connect(server).await.unwrap().0) });
}

#[test]
fn what_goes_over_a_connection_is_told_while_it_is_open_and_at_its_end() {
    let server = server();
    let (egress, events) = egress(&[format!("localhost:{}", server.port())]);
    assert!(egress.count().is_none(), "nothing is open");
    let client = client_of(&egress);
    run(async {
        let (stream, account) = client.connect(server).await.unwrap();
        account.sent(5);
        account.received(7);
        egress.count().expect("one is open").await;
        let row = &egress.rows()[0];
        assert_eq!((row.live, row.opened, row.sent, row.received), (1, 1, 5, 7), "{row:?}");
        account.sent(1);
        drop((stream, account));
        while egress.rows()[0].live > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!((egress.rows()[0].sent, egress.rows()[0].received), (6, 7));
        // One whose guest ends is over as well.
        let _open = client.connect(server).await.unwrap();
        assert_eq!(egress.rows()[0].live, 1);
        drop(client);
        while egress.rows()[0].live > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let closed = |event: &&Event| matches!(event, Event::Closed { .. });
    assert_eq!(lock(&events).iter().filter(closed).count(), 2);
}

#[test]
fn there_are_no_more_connections_than_the_limit() {
    let server = server();
    let (egress, events) = egress(&[format!("localhost:{}", server.port())]);
    let rules = rules_of(vec![format!("localhost:{}", server.port()).parse().unwrap()]);
    egress.allow(Rules {
        connections: 2,
        ..rules
    });
    let client = client_of(&egress);
    run(async {
        let one = client.connect(server).await.unwrap();
        let _two = client.connect(server).await.unwrap();
        let full = client.connect(server).await.unwrap_err();
        assert_eq!(full, Failed::Errno(Errno::ADDRINUSE.raw_os_error()));
        drop(one);
        while client.connect(server).await.is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let told =
        |event: &&Event| matches!(event, Event::Refused(refusal) if refusal.to_string().contains("which is the limit"));
    assert_eq!(lock(&events).iter().filter(told).count(), 1);
}

/// A server of datagrams that answers each with itself, from a thread, until one says `end`.
fn echo() -> SocketAddr {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut datagram = vec![0; 65536];
        loop {
            let (length, from) = socket.recv_from(&mut datagram).unwrap();
            if &datagram[..length] == b"end" {
                return;
            }
            socket.send_to(&datagram[..length], from).unwrap();
        }
    });
    address
}

#[test]
fn datagrams_keep_their_boundaries_and_are_counted() {
    let server = echo();
    let rule = format!("localhost:{}/udp", server.port());
    let (egress, events) = egress(std::slice::from_ref(&rule));
    let client = client_of(&egress);
    run(async {
        assert_eq!(client.connect(server).await.unwrap_err(), Failed::Denied);
        let flow = client.datagrams(server).await.unwrap();
        // The longest that IPv4 carries is 65,507.
        for length in [0, 1, 1400, 65507] {
            let datagram: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
            flow.send(&datagram).await.unwrap();
            assert_eq!(flow.receive().await.unwrap().unwrap(), datagram, "{length}");
        }
        egress.count().unwrap().await;
        let rows = egress.rows();
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[1].to.as_str(), rows[1].rule.as_str()), (&*rule, &*rule));
        assert_eq!((rows[1].live, rows[1].sent, rows[1].received), (1, 66908, 66908));
        // Longer than a message; longer than the network takes.
        assert!(flow.send(&vec![0; 65536]).await.is_err());
        flow.send(&vec![0; 65535]).await.unwrap();
        assert_eq!(
            Errno::from_io_error(&flow.receive().await.unwrap_err()),
            Some(Errno::MSGSIZE)
        );
        flow.send(b"end").await.unwrap();
        drop(flow);
        let until = Instant::now() + TIMEOUT;
        while egress.rows()[1].live > 0 {
            assert!(Instant::now() < until);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let closed = lock(&events)
        .iter()
        .any(|event| matches!(event, Event::Closed { to, .. } if *to == rule));
    assert!(closed);
}

#[test]
fn who_sends_datagrams_to_nobody_is_told_and_may_go_on() {
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = nobody.local_addr().unwrap();
    drop(nobody);
    let (egress, _) = egress(&[format!("localhost:{}/udp", server.port())]);
    let client = client_of(&egress);
    run(async {
        let flow = client.datagrams(server).await.unwrap();
        flow.send(b"x").await.unwrap();
        let refused = flow.receive().await.unwrap_err();
        assert_eq!(Errno::from_io_error(&refused), Some(Errno::CONNREFUSED));
        let somebody = std::net::UdpSocket::bind(server).unwrap();
        flow.send(b"y").await.unwrap();
        let (length, from) = somebody.recv_from(&mut [0; 8]).unwrap();
        assert_eq!(length, 1);
        somebody.send_to(b"z", from).unwrap();
        assert_eq!(flow.receive().await.unwrap().unwrap(), b"z");
        // A stranger is not heard.
        let stranger = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        stranger.send_to(b"stranger", from).unwrap();
        somebody.send_to(b"friend", from).unwrap();
        assert_eq!(flow.receive().await.unwrap().unwrap(), b"friend");
        // The supervisor's end is closed with its guests'.
        drop(egress);
        while flow.receive().await.unwrap().is_some() {}
    });
}

#[test]
fn a_flow_that_says_what_nobody_says_is_over() {
    let server = echo();
    let (egress, _) = egress(&[format!("localhost:{}/udp", server.port())]);
    let (ours, theirs) = fd_passing::channel().unwrap();
    egress.serve(ours, None);
    for odd in [
        &b"\x07datagram"[..],
        b"\x01",
        b"\x01\x00\x00\x00\x00\x00",
        b"\x01\x6f\x00\x00\x00",
        &[0; 65537],
    ] {
        let ask: Up<Ask, Told> = Up::Call {
            number: 1,
            what: Ask::Datagrams(server),
            note: None,
        };
        fd_passing::send(&theirs, &serde_json::to_vec(&ask).unwrap(), &[]).unwrap();
        let mut buffer = [0; 4096];
        let (_, fds) = fd_passing::receive(&theirs, &mut buffer, rustix::net::RecvFlags::empty()).unwrap();
        let end = fds.into_iter().next().unwrap();
        let told = fd_passing::send(&end, odd, &[]);
        if odd[0] != 1 || odd.len() != 5 {
            assert_eq!(told, Ok(()));
            let heard = rustix::net::recv(&end, &mut [0u8; 8][..], rustix::net::RecvFlags::empty()).unwrap();
            assert_eq!(heard.0, 0, "{odd:?}");
        } else {
            // It says that it has heard of an error, which is told to itself.
            let heard = rustix::net::recv(&end, &mut [0u8; 8][..], rustix::net::RecvFlags::empty()).unwrap();
            assert_eq!(heard.0, 5);
        }
    }
}

/// Clients whose connections are relayed, in this process's own network, to a server here; what it does with each.
fn relayed(serve: impl Fn(std::net::TcpStream) + Send + 'static) -> (Egress, Client, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().for_each(|stream| serve(stream.unwrap())));
    let (egress, _) = egress(&[format!("localhost:{}", server.port())]);
    let (ours, theirs) = fd_passing::channel().unwrap();
    let inside = Target::new(crate::sockets::factory::SocketFactory::here());
    egress.serve(ours, Some(inside));
    (egress, Client::new(theirs), server)
}

#[test]
fn a_relayed_connection_carries_both_directions_and_each_end() {
    let (_egress, client, server) = relayed(|mut stream| {
        let (mut all, mut half) = (Vec::new(), [0; 5]);
        stream.read_exact(&mut half).unwrap();
        stream.write_all(&half).unwrap();
        stream.read_to_end(&mut all).unwrap();
        stream.write_all(&all).unwrap();
    });
    run(async {
        for length in [0, 1, 3_000_000] {
            let (stream, _account) = client.connect(server).await.unwrap();
            assert_ne!(
                stream.peer_addr().unwrap(),
                server,
                "it has a socket of its own network"
            );
            stream.set_nonblocking(false).unwrap();
            let body: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
            let mut sends = stream.try_clone().unwrap();
            let sent = body.clone();
            let mut receives = stream;
            let exchanged = tokio::task::spawn_blocking(move || {
                sends.write_all(b"first").unwrap();
                receives.read_exact(&mut [0; 5]).unwrap();
                sends.write_all(&sent).unwrap();
                sends.shutdown(std::net::Shutdown::Write).unwrap();
                let mut all = Vec::new();
                receives.read_to_end(&mut all).unwrap();
                all
            });
            assert!(exchanged.await.unwrap() == body, "{length}");
        }
    });
}

#[test]
fn a_reset_of_one_end_is_one_of_the_other() {
    let reset = |stream: &std::net::TcpStream| {
        rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO)).unwrap();
    };
    let (told, tells) = std::sync::mpsc::channel();
    let (_egress, client, server) = relayed(move |mut stream| {
        let mut word = [0];
        stream.read_exact(&mut word).unwrap();
        match &word {
            b"r" => reset(&stream),
            _ => told.send(stream.read(&mut word).map_err(|error| error.kind())).unwrap(),
        }
    });
    run(async {
        let (mut stream, _account) = client.connect(server).await.unwrap();
        stream.set_nonblocking(false).unwrap();
        stream.write_all(b"r").unwrap();
        let read = stream.read(&mut [0]).map_err(|error| error.kind());
        assert_eq!(read, Err(io::ErrorKind::ConnectionReset));
        let (mut stream, _account) = client.connect(server).await.unwrap();
        stream.write_all(b"w").unwrap();
        // It is under way: a reset must not overtake it.
        tokio::time::sleep(Duration::from_millis(100)).await;
        reset(&stream);
        drop(stream);
    });
    let heard = tells.recv_timeout(TIMEOUT).unwrap();
    assert_eq!(heard, Err(io::ErrorKind::ConnectionReset));
}
