//! Ends of a link that do not keep to it: consumers, and targets. Both are of this user, who may do as much by other means; but
//! nothing may crash, wait for ever, or be counted for ever.

use super::*;
use crate::calls::{Down, Up};
use crate::link::message::{Closed, Open};
use rustix::fs::OFlags;
use rustix::net::RecvFlags;
use rustix::net::sockopt::{self, Timeout};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::task::JoinSet;

type Said = Up<Open, Closed>;
type Heard = Down<Result<(), Refused>, ()>;

/// A consumer that speaks the channel itself.
fn raw(run: &super::Run) -> OwnedFd {
    let socket = connect_to(&run.folder.path().join("run")).expect("somebody listens");
    rustix::fs::fcntl_setfl(&socket, OFlags::empty()).unwrap();
    sockopt::set_socket_timeout(&socket, Timeout::Recv, Some(Duration::from_secs(20))).unwrap();
    socket
}

fn open(port: u16, client: std::net::Ipv4Addr, patience: Duration) -> Open {
    let protocol = crate::rule::Protocol::Tcp;
    Open {
        port,
        client,
        patience,
        protocol,
    }
}

fn call(channel: &OwnedFd, number: u64, port: u16, patience: Duration) -> rustix::io::Result<()> {
    let client = [240, 0, 1, 1].into();
    let what = open(port, client, patience);
    fd_passing::send(
        channel,
        &serde_json::to_vec(&Said::Call {
            number,
            what,
            note: None,
        })
        .unwrap(),
        &[],
    )
}

fn answer(channel: &OwnedFd) -> Option<(u64, Result<(), Refused>, Vec<OwnedFd>)> {
    let mut buffer = [0; 8192];
    let (length, fds) = fd_passing::receive(channel, &mut buffer, RecvFlags::empty()).ok()?;
    match serde_json::from_slice(&buffer[..length]).ok()? {
        Heard::Answer { number, what } => Some((number, what, fds)),
        Heard::Note(()) => None,
    }
}

/// A port that takes connections and keeps them.
fn listening() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// A guest that takes all connections, and closes each when its client does.
fn serving() -> u16 {
    let (listener, port) = listening();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || while stream.read(&mut [0]).is_ok_and(|length| length > 0) {});
        }
    });
    port
}

/// Somebody else is served as if nothing had happened.
fn serves_others(run: &super::Run, port: u16) {
    let (_egress, guest, _) = consumer(run, &format!("orders:{port}"));
    let held = wait(async {
        let to = address(&guest, "orders", port).await;
        guest.connect(to).await.unwrap()
    });
    drop(held);
}

#[test]
fn a_consumer_is_known_by_an_address_of_links_alone() {
    let port = serving();
    let run = run(port, false);
    run.serves();
    let channel = raw(&run);
    for client in [
        [127, 0, 0, 1],
        [10, 0, 0, 1],
        [240, 0, 0, 1],
        [240, 0, 2, 1],
        [0, 0, 0, 0],
    ] {
        let (client, patience) = (client.into(), PATIENCE);
        let what = open(port, client, patience);
        let said = Said::Call {
            number: 1,
            what,
            note: None,
        };
        fd_passing::send(&channel, &serde_json::to_vec(&said).unwrap(), &[]).unwrap();
        let (_, what, fds) = answer(&channel).expect("an answer");
        let errno = Errno::INVAL.raw_os_error();
        assert_eq!((what, fds.len()), (Err(Refused::Failed { errno }), 0), "{client}");
    }
    serves_others(&run, port);
}

#[test]
fn nonsense_ends_the_consumer_that_says_it_and_no_other() {
    let port = serving();
    let run = run(port, false);
    let target = run.serves();
    let nonsense: [&[u8]; 8] = [
        b"x",
        b"{}",
        b"\xff",
        &[b'['; 7000],
        &[b' '; 20_000],
        br#"{"Call":{"number":1,"what":{"port":70000,"client":"240.0.1.1","patience":{"secs":1,"nanos":0}}}}"#,
        br#"{"Call":{"number":1,"what":{"port":1,"client":"::1","patience":{"secs":1,"nanos":0}}}}"#,
        br#"{"Call":{"number":1,"what":{"port":1,"client":"240.0.1.1","patience":{"secs":18446744073709551615,"nanos":4000000000}}}}"#,
    ];
    for text in nonsense {
        let liar = raw(&run);
        let along: Vec<BorrowedFd<'_>> = vec![liar.as_fd(); 3];
        if fd_passing::send(&liar, text, &along).is_ok() {
            let said = String::from_utf8_lossy(&text[..text.len().min(90)]);
            assert!(answer(&liar).is_none(), "{said:?}");
        }
    }
    // Of a connection that it does not have.
    let liar = raw(&run);
    for number in [0, 1, u64::MAX] {
        fd_passing::send(&liar, &serde_json::to_vec(&Said::Note(Closed(number))).unwrap(), &[]).unwrap();
    }
    serves_others(&run, port);
    live_is(&target, 0);
}

/// As long as there can be: the clock has no such time, and a supervisor ends where it panics.
#[test]
fn a_patience_of_years_is_a_wait_like_another() {
    let (listener, port) = listening();
    drop(listener);
    let run = run(port, false);
    let _target = run.serves();
    let patient = raw(&run);
    call(&patient, 1, port, Duration::MAX).unwrap();
    std::thread::sleep(PATIENCE);
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let (number, what, fds) = answer(&patient).expect("an answer");
    assert_eq!((number, fds.len()), (1, 1), "{what:?}");
    drop(listener);
}

#[test]
fn a_consumer_that_dies_gives_its_places_back_whatever_it_has_read() {
    for is_relayed in [false, true] {
        let port = serving();
        let run = run(port, is_relayed);
        let target = run.serves();
        for read in [0, 20, 40] {
            let dying = raw(&run);
            for number in 0..40 {
                call(&dying, number, port, PATIENCE).unwrap();
            }
            let held: Vec<_> = (0..read).map(|_| answer(&dying).expect("an answer")).collect();
            assert!(held.iter().all(|(_, what, fds)| what.is_ok() && fds.len() == 1));
            if read == 40 {
                assert_eq!(target.live(), 40);
            }
            drop(dying);
            drop(held);
            live_is(&target, 0);
        }
    }
}

#[test]
fn a_number_that_is_given_twice_is_counted_once() {
    let port = serving();
    let run = run(port, false);
    let target = run.serves();
    let liar = raw(&run);
    let held: Vec<_> = (0..10)
        .map(|_| {
            call(&liar, 1, port, PATIENCE).unwrap();
            answer(&liar).expect("an answer")
        })
        .collect();
    live_is(&target, 1);
    fd_passing::send(&liar, &serde_json::to_vec(&Said::Note(Closed(1))).unwrap(), &[]).unwrap();
    live_is(&target, 0);
    serves_others(&run, port);
    drop(held);
}

#[test]
fn a_flood_of_calls_waits_for_its_answers() {
    let port = serving();
    let run = run(port, false);
    let target = run.serves();
    let flood = raw(&run);
    rustix::fs::fcntl_setfl(&flood, OFlags::NONBLOCK).unwrap();
    let taken = (0..10_000)
        .filter(|number| call(&flood, *number, port, PATIENCE).is_ok())
        .count();
    assert!(taken < 5000, "{taken} were taken");
    drop(flood);
    live_is(&target, 0);
    serves_others(&run, port);
}

/// More than are let in. Whoever waits behind them waits no longer than it wanted to.
#[test]
fn a_thousand_consumers_that_say_nothing_hold_others_up_as_long_as_they_are_there() {
    let port = serving();
    let run = run(port, false);
    let _target = run.serves();
    let path = run.folder.path().join("run");
    let mut silent = Vec::new();
    let mut turned_away = 0;
    while silent.len() + turned_away < 1000 {
        match connect_to(&path) {
            Some(channel) => silent.push(channel),
            None => {
                turned_away += 1;
                std::thread::sleep(Duration::from_micros(100));
            }
        }
    }
    assert!(silent.len() < 200, "{} are let in", silent.len());
    let (_egress, guest, _) = consumer(&run, &format!("orders:{port}"));
    let began = Instant::now();
    wait(async {
        let to = address(&guest, "orders", port).await;
        guest.connect(to).await.unwrap_err();
    });
    assert!(began.elapsed() < Duration::from_secs(10));
    drop(silent);
    let until = Instant::now() + Duration::from_secs(10);
    while connect_to(&path).is_none() {
        assert!(Instant::now() < until, "the queue stays full");
        std::thread::sleep(Duration::from_millis(1));
    }
    serves_others(&run, port);
}

/// A guest may say any name. A run of that name is looked for to say that a link is missing, which is said once.
#[test]
fn a_guest_that_is_not_linked_to_a_run_does_not_keep_it_busy() {
    static FOUND: AtomicUsize = AtomicUsize::new(0);
    let find: Find = Arc::new(|_| {
        FOUND.fetch_add(1, Ordering::SeqCst);
        None
    });
    let rules = Rules {
        policy: Policy::default(),
        links: vec!["orders:80".parse().unwrap()],
        proxies: None,
        timeout: PATIENCE,
        connections: 1024,
    };
    let egress = Egress::start(rules, find, Arc::new(|_| ())).unwrap();
    let (ours, theirs) = fd_passing::channel().unwrap();
    egress.serve(ours, None);
    let guest = Guest::new(theirs);
    wait(async {
        for turn in 0..200 {
            let name = guest.resolve("stock").await.unwrap()[0];
            for port in [80, 1000 + turn] {
                assert_eq!(guest.connect((name, port).into()).await.map(drop), Err(Failed::Denied));
            }
        }
    });
    let found = FOUND.load(Ordering::SeqCst);
    assert!(found <= 64, "{found} times");
    let refused: u64 = egress.rows().iter().map(|row| row.refused).sum();
    assert!(refused >= 200, "{refused}");
}

/// What a target does with each call that it gets.
type Does = fn(&OwnedFd, u64);

fn answers(channel: &OwnedFd, number: u64, fds: &[BorrowedFd<'_>]) {
    let answer = Heard::Answer { number, what: Ok(()) };
    let _ = fd_passing::send(channel, &serde_json::to_vec(&answer).unwrap(), fds);
}

/// A consumer whose target does so.
fn of_target(does: Does) -> (Egress, Guest) {
    let rules = Rules {
        policy: Policy::default(),
        links: vec!["orders:80".parse().unwrap()],
        proxies: None,
        timeout: PATIENCE,
        connections: 1024,
    };
    let find: Find = Arc::new(move |_| {
        let (ours, theirs) = fd_passing::channel().unwrap();
        rustix::fs::fcntl_setfl(&theirs, OFlags::NONBLOCK).unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok((length @ 1.., _)) = fd_passing::receive(&ours, &mut buffer, RecvFlags::empty()) {
                if let Ok(Said::Call { number, .. }) = serde_json::from_slice(&buffer[..length]) {
                    does(&ours, number);
                }
            }
        });
        Some(theirs)
    });
    let egress = Egress::start(rules, find, Arc::new(|_| ())).unwrap();
    let (ours, theirs) = fd_passing::channel().unwrap();
    egress.serve(ours, None);
    (egress, Guest::new(theirs))
}

fn tcp() -> (TcpStream, TcpStream) {
    let (listener, port) = listening();
    let one = TcpStream::connect(("127.0.0.1", port)).unwrap();
    (one, listener.accept().unwrap().0)
}

#[test]
fn a_guest_gets_a_connection_of_tcp_or_none() {
    let cases: [(&str, Does); 11] = [
        ("nothing along", |channel, number| answers(channel, number, &[])),
        ("a file", |channel, number| {
            let file = std::fs::File::open("/etc/hostname").or_else(|_| std::fs::File::open("/etc/passwd"));
            answers(channel, number, &[file.unwrap().as_fd()]);
        }),
        ("a folder", |channel, number| {
            answers(channel, number, &[std::fs::File::open("/").unwrap().as_fd()]);
        }),
        ("a socket of unix(7)", |channel, number| {
            let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
            answers(channel, number, &[one.as_fd()]);
        }),
        ("its own channel", |channel, number| {
            answers(channel, number, &[channel.as_fd()])
        }),
        ("a socket for datagrams", |channel, number| {
            let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.connect("127.0.0.1:9").unwrap();
            answers(channel, number, &[socket.as_fd()]);
        }),
        ("a listener", |channel, number| {
            answers(channel, number, &[listening().0.as_fd()])
        }),
        ("a socket that is not connected", |channel, number| {
            let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
            answers(channel, number, &[socket.as_fd()]);
        }),
        ("another number", |channel, number| {
            answers(channel, number + 1000, &[tcp().0.as_fd()])
        }),
        ("no answer", |_, _| ()),
        ("nonsense", |channel, _| {
            let _ = fd_passing::send(channel, b"[[[[", &[]);
        }),
    ];
    for (what, does) in cases {
        let (egress, guest) = of_target(does);
        let began = Instant::now();
        wait(async {
            let to = address(&guest, "orders", 80).await;
            let failed = guest.connect(to).await.map(drop).expect_err(what);
            assert!(matches!(failed, Failed::Errno(_)), "{what}: {failed:?}");
        });
        assert!(began.elapsed() < Duration::from_secs(10), "{what}");
        let row = &egress.rows()[0];
        assert_eq!((row.live, row.opened, row.failed), (0, 0, 1), "{what}: {row:?}");
    }
}

/// One that waits in the kernel would hold the guest's only thread up.
#[test]
fn a_connection_that_would_wait_does_not() {
    let (_egress, guest) = of_target(|channel, number| {
        let (one, other) = tcp();
        answers(channel, number, &[one.as_fd()]);
        // It stays open.
        std::mem::forget(other);
    });
    let (stream, account) = wait(async {
        let to = address(&guest, "orders", 80).await;
        guest.connect(to).await.unwrap()
    });
    assert!(rustix::fs::fcntl_getfl(&stream).unwrap().contains(OFlags::NONBLOCK));
    drop((stream, account));
}

#[test]
fn answers_beyond_the_first_are_closed() {
    static OTHERS: Mutex<Vec<TcpStream>> = Mutex::new(Vec::new());
    let (egress, guest) = of_target(|channel, number| {
        for of in [number, number, number + 7] {
            let (one, other) = tcp();
            let (more, _) = tcp();
            answers(channel, of, &[one.as_fd(), more.as_fd()]);
            OTHERS.lock().unwrap().push(other);
        }
    });
    let (stream, account) = wait(async {
        let to = address(&guest, "orders", 80).await;
        guest.connect(to).await.unwrap()
    });
    let mut others = std::mem::take(&mut *OTHERS.lock().unwrap()).into_iter();
    std::thread::spawn({
        let first = others.next().unwrap();
        move || super::echo(first)
    });
    speaks(&stream);
    let until = Instant::now() + Duration::from_secs(10);
    let mut others: Vec<TcpStream> = others.collect();
    while others.len() < 2 {
        assert!(Instant::now() < until);
        others.append(&mut OTHERS.lock().unwrap());
    }
    for mut other in others {
        other.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        assert_eq!(other.read(&mut [0]).unwrap(), 0, "nobody has its other end");
    }
    assert_eq!((egress.rows()[0].live, egress.rows()[0].opened), (1, 1));
    drop((stream, account));
}

/// A target that never answers takes its own calls, and no call to others.
#[test]
fn a_target_that_is_silent_holds_nobody_else_up() {
    let (egress, guest) = of_target(|_, _| ());
    let guest = Arc::new(guest);
    wait(async {
        let to = address(&guest, "orders", 80).await;
        let mut calls = JoinSet::new();
        for _ in 0..600 {
            let guest = guest.clone();
            calls.spawn(async move { guest.connect(to).await.map(drop) });
        }
        while let Some(done) = calls.join_next().await {
            done.unwrap().unwrap_err();
        }
        assert!(guest.resolve("localhost").await.is_ok());
    });
    assert_eq!(egress.rows()[0].failed, 600);
}
