//! Tests of [`super::Egress`], with clients in this process.

use super::*;
use crate::egress::{Client, Rule};
use crate::fd_passing;
use std::io::{Read, Write};
use std::net::TcpListener;
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
        timeout: TIMEOUT,
        connections: 1024,
    }
}

fn client_of(egress: &Egress) -> Client {
    let (ours, theirs) = fd_passing::channel().unwrap();
    egress.serve(ours);
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
            assert!(pins::is_synthetic(name[0]), "{name:?}");
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
        egress.serve(ours);
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
    egress.serve(ours);
    rustix::fs::fcntl_setfl(&theirs, rustix::fs::OFlags::NONBLOCK).unwrap();
    let ask = Up::<Ask, Told>::Call {
        number: 1,
        what: Ask::Connect(server),
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
