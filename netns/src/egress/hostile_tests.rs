//! A guest's process that has broken out and speaks the channel itself: [`super::Egress`] and what others have must stay as they are.

use super::message::{Answer, Ask, Count, FLOWS, Flow, Granted, Told};
use super::{Client, Egress, Event, Failed, OnEvent, Policy, Rules};
use crate::calls::{Down, Up};
use crate::fd_passing;
use rustix::net::RecvFlags;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// One that keeps what it is sent, and answers with it.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut bytes = [0; 64];
                while let Ok(length @ 1..) = stream.read(&mut bytes) {
                    let _ = stream.write_all(&bytes[..length]);
                }
            });
        }
    });
    address
}

fn speaks(stream: &TcpStream) {
    stream.set_nonblocking(false).unwrap();
    let (mut stream, mut byte) = (stream, [0]);
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut byte).unwrap();
}

fn egress(port: u16, connections: usize) -> (Egress, Arc<Mutex<Vec<Event>>>) {
    let events = Arc::new(Mutex::new(Vec::new()));
    let heard = events.clone();
    let hear: OnEvent = Arc::new(move |event| heard.lock().unwrap().push(event));
    let rules = Rules {
        policy: Policy::new(vec![format!("localhost:{port}").parse().unwrap()], Vec::new()),
        links: Vec::new(),
        proxies: None,
        timeout: Duration::from_secs(5),
        connections,
    };
    (Egress::start(rules, Arc::new(|_: &str| None), hear).unwrap(), events)
}

fn channel(egress: &Egress) -> OwnedFd {
    let (ours, theirs) = fd_passing::channel().unwrap();
    egress.serve(ours, None);
    rustix::net::sockopt::set_socket_timeout(&theirs, rustix::net::sockopt::Timeout::Recv, Some(PATIENCE)).unwrap();
    theirs
}

fn say(channel: &OwnedFd, what: &Up<Ask, Told>) {
    fd_passing::send(channel, &serde_json::to_vec(what).unwrap(), &[]).unwrap();
}

fn call(channel: &OwnedFd, number: u64, what: Ask) {
    say(
        channel,
        &Up::Call {
            number,
            what,
            note: None,
        },
    );
}

/// The next answer; none where the channel has ended.
fn answer(channel: &OwnedFd) -> Option<(u64, Answer, Vec<OwnedFd>)> {
    let mut buffer = vec![0; 64 << 10];
    let (length, fds) = fd_passing::receive(channel, &mut buffer, RecvFlags::empty()).ok()?;
    match serde_json::from_slice(&buffer[..length]).ok()? {
        Down::Answer { number, what } => Some((number, what, fds)),
        Down::Note(Count) => answer(channel),
    }
}

/// All that was sent before this has been heard.
fn is_heard(channel: &OwnedFd) {
    call(channel, u64::MAX, Ask::Resolve("localhost".to_owned()));
    while answer(channel).expect("an answer").0 != u64::MAX {}
}

#[track_caller]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn wait<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .unwrap()
        .block_on(async { tokio::time::timeout(PATIENCE, test).await.expect("in time") })
}

#[test]
fn what_is_told_is_about_connections_of_that_channel_alone() {
    let server = echo();
    let (egress, events) = egress(server.port(), 1024);
    let honest = Client::new(channel(&egress));
    wait(async {
        let (stream, account) = honest.connect(server).await.unwrap();
        let liar = channel(&egress);
        for is_over in [false, true] {
            for numbers in [0..FLOWS as u64, 1 << 40..(1 << 40) + 3, u64::MAX - 2..u64::MAX] {
                let lie = |connection| Flow {
                    connection,
                    sent: u64::MAX,
                    received: u64::MAX,
                    is_over,
                };
                say(&liar, &Up::Note(Told::Flows(numbers.map(lie).collect())));
            }
            say(&liar, &Up::Note(Told::Counted));
        }
        is_heard(&liar);
        let row = &egress.rows()[0];
        assert_eq!((row.live, row.opened, row.sent, row.received), (1, 1, 0, 0), "{row:?}");
        // About its own it may lie as it likes.
        call(&liar, 1, Ask::Connect(server));
        assert_eq!(answer(&liar).unwrap().2.len(), 1);
        assert_eq!(egress.rows()[0].live, 2);
        drop(liar);
        eventually("its end is seen", || egress.rows()[0].live == 1);
        speaks(&stream);
        drop((stream, account));
        while egress.rows()[0].live > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let closed = |event: &&Event| matches!(event, Event::Closed { .. });
    assert_eq!(events.lock().unwrap().iter().filter(closed).count(), 2);
}

#[test]
fn a_number_that_is_given_twice_takes_nobodys_place() {
    let server = echo();
    let (egress, _) = egress(server.port(), 2);
    let liar = channel(&egress);
    for _ in 0..20 {
        call(&liar, 7, Ask::Connect(server));
        let (number, what, fds) = answer(&liar).unwrap();
        assert_eq!((number, fds.len()), (7, 1), "{what:?}");
    }
    let row = &egress.rows()[0];
    assert_eq!((row.live, row.opened, row.refused), (1, 20, 0), "{row:?}");
    drop(liar);
    eventually("its end is seen", || egress.rows()[0].live == 0);
    // The limit counts none of them.
    let honest = Client::new(channel(&egress));
    wait(async {
        let _one = honest.connect(server).await.unwrap();
        let _two = honest.connect(server).await.unwrap();
        honest.connect(server).await.unwrap_err();
    });
}

/// Ten thousand calls, of which no answer is read.
#[test]
fn a_flood_of_calls_is_bounded_and_its_end_gives_all_back() {
    let server = echo();
    let (egress, events) = egress(server.port(), 1024);
    let flood = channel(&egress);
    rustix::fs::fcntl_setfl(&flood, rustix::fs::OFlags::NONBLOCK).unwrap();
    let (mut taken, mut full) = (0, 0);
    while taken + full < 10_000 {
        let what = match taken % 4 {
            0 => Ask::Connect(server),
            1 => Ask::Connect(([127, 0, 0, 1], 9).into()),
            2 => Ask::Connect(([203, 0, 113, 9], taken as u16 | 1).into()),
            _ => Ask::Resolve(format!("n{taken}.example.com")),
        };
        let call = serde_json::to_vec(&Up::<Ask, Told>::Call {
            number: taken,
            what,
            note: None,
        })
        .unwrap();
        match fd_passing::send(&flood, &call, &[]) {
            Ok(()) => taken += 1,
            Err(_) => full += 1,
        }
    }
    assert!(full > 5000, "it waits for its own answers: {taken} were taken");
    let honest = Client::new(channel(&egress));
    wait(async { speaks(&honest.connect(server).await.unwrap().0) });
    drop((flood, honest));
    eventually("its end is seen", || egress.rows().iter().all(|row| row.live == 0));
    let told = |event: &&Event| matches!(event, Event::Refused(_));
    assert!(events.lock().unwrap().iter().filter(told).count() <= 64);
    assert!(egress.rows().len() <= 256);
}

#[test]
fn descriptors_that_come_along_are_closed() {
    let (egress, _) = egress(9, 1024);
    let liar = channel(&egress);
    let (mut held, sent) = std::io::pipe().unwrap();
    let asks = [
        Up::Call {
            number: 1,
            what: Ask::Resolve("localhost".to_owned()),
            note: None,
        },
        Up::Note(Told::Counted),
        Up::Note(Told::Flows(Vec::new())),
    ];
    for ask in asks {
        let along = vec![sent.as_fd(); fd_passing::MAX_FDS];
        fd_passing::send(&liar, &serde_json::to_vec(&ask).unwrap(), &along).unwrap();
    }
    is_heard(&liar);
    drop(sent);
    // Nobody has the other end any more.
    assert_eq!(held.read(&mut [0]).unwrap(), 0);
}

#[test]
fn names_that_are_none_are_unknown_and_nonsense_ends_who_says_it() {
    let server = echo();
    let (egress, _) = egress(server.port(), 1024);
    let honest = Client::new(channel(&egress));
    let liar = channel(&egress);
    let long = ["a".repeat(254), "a.".repeat(128), "a".repeat(5000)];
    let odd = [
        "",
        ".",
        "..",
        "a b",
        "a\0b",
        "a\nb",
        "a\u{1b}[2Jb",
        "ä.example.com",
        "a/b",
        "a%lo",
        "[::1]",
        "127.0.0.1/8",
        "*",
        "$HOME",
        "a@b",
        "a\\b",
    ];
    for name in odd.into_iter().chain(long.iter().map(String::as_str)) {
        call(&liar, 1, Ask::Resolve(name.to_owned()));
        let (_, what, fds) = answer(&liar).expect("an answer");
        assert!(
            matches!(what, Err(Failed::Unknown)) && fds.is_empty(),
            "{name:?}: {what:?}"
        );
    }
    let deep = format!("{}1{}", "[".repeat(4000), "]".repeat(4000));
    let nonsense: [&[u8]; 11] = [
        b"x",
        b"{}",
        b"null",
        b"\xff\xfe\xfd",
        deep.as_bytes(),
        &[b' '; 20_000],
        br#"{"Call":{"number":-1,"what":{"Resolve":"a"}}}"#,
        br#"{"Call":{"number":1,"what":{"Connect":"127.0.0.1:70000"}}}"#,
        br#"{"Call":{"number":1,"what":{"Connect":"/run/docker.sock"}}}"#,
        br#"{"Call":{"number":1,"what":{"Resolve":"a"}}} {"Note":"Counted"}"#,
        br#"{"Note":{"Flows":[{"connection":1e40,"sent":0,"received":0,"is_over":true}]}}"#,
    ];
    for text in nonsense {
        let liar = channel(&egress);
        // The kernel may not take it at all.
        if fd_passing::send(&liar, text, &[]).is_ok() {
            assert!(
                answer(&liar).is_none(),
                "{:?}",
                String::from_utf8_lossy(&text[..text.len().min(80)])
            );
        }
    }
    is_heard(&liar);
    wait(async { speaks(&honest.connect(server).await.unwrap().0) });
}

/// Whoever asks for the counts has to have a limit: a guest's process may never say them.
#[test]
fn counts_that_are_not_told_are_as_old_as_they_are() {
    let server = echo();
    let (egress, _) = egress(server.port(), 1024);
    let silent = channel(&egress);
    call(&silent, 1, Ask::Connect(server));
    assert!(matches!(answer(&silent).unwrap().1, Ok(Granted::Connected)));
    let honest = Client::new(channel(&egress));
    wait(async {
        for _ in 0..2000 {
            let counted = egress.count().expect("one is open");
            // Dropped at once, as of a session whose time is up.
            assert!(futures::FutureExt::now_or_never(counted).is_none());
        }
        let counted = egress.count().expect("one is open");
        assert!(tokio::time::timeout(Duration::from_millis(100), counted).await.is_err());
        speaks(&honest.connect(server).await.unwrap().0);
    });
    assert!(egress.rows()[0].live >= 1);
}

/// All are asked for before the first is there.
#[test]
fn no_more_are_open_than_the_limit_however_many_are_asked_for_at_once() {
    let server = echo();
    let (egress, _) = egress(server.port(), 3);
    let greedy = channel(&egress);
    for number in 0..100 {
        call(&greedy, number, Ask::Connect(server));
    }
    let answers: Vec<_> = (0..100).map(|_| answer(&greedy).expect("an answer")).collect();
    let open = answers.iter().filter(|(_, _, fds)| !fds.is_empty()).count();
    assert_eq!((open, egress.rows()[0].live), (3, 3));
}

/// Addresses that mean something inside mean nothing to who was never told them.
#[test]
fn addresses_that_stand_for_nothing_lead_nowhere() {
    let (egress, events) = egress(9, 1024);
    let liar = channel(&egress);
    for address in [
        "240.0.0.2",
        "240.0.0.255",
        "240.0.1.0",
        "240.0.1.1",
        "240.0.1.255",
        "240.0.2.1",
        "240.0.128.1",
        "240.0.255.255",
        "[::ffff:240.0.1.1]",
        "[64:ff9b::f000:101]",
        "[2002:f000:101::1]",
        "[::240.0.1.1]",
    ] {
        for port in [0, 1, 80, 65535] {
            call(&liar, 1, Ask::Connect(format!("{address}:{port}").parse().unwrap()));
            let (_, what, fds) = answer(&liar).unwrap();
            assert!(what.is_err() && fds.is_empty(), "{address}:{port}: {what:?}");
        }
    }
    let connected = |event: &Event| matches!(event, Event::Connected { .. } | Event::Failed { .. });
    assert!(!events.lock().unwrap().iter().any(connected));
}
