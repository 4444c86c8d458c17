//! Tests of links, with a guest in this process and this network.

use super::*;
use crate::egress::{Client as Guest, Egress, Event, Failed, OnEvent, Policy, Reason, Rules};
use crate::fd_passing;
use crate::forward::{Forward, Forwarder, Limits, Listeners, Target, Upstream};
use crate::sockets::factory::SocketFactory;
use futures::FutureExt;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

#[path = "hostile_tests.rs"]
mod hostile;

const PATIENCE: Duration = Duration::from_millis(300);

/// A run with a guest in this network.
struct Run {
    forwarder: Arc<Forwarder>,
    forward: Arc<Forward>,
    _server: Server,
    folder: tempfile::TempDir,
}

fn socket() -> OwnedFd {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap()
}

fn run(port: u16, is_relayed: bool) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let listener = socket();
    rustix::net::bind(&listener, &SocketAddrUnix::new(folder.path().join("run")).unwrap()).unwrap();
    rustix::net::listen(&listener, 16).unwrap();
    let forwarder = Arc::new(Forwarder::start(Limits::of_this_process(), Arc::new(|_| ())).unwrap());
    let forward = forwarder.add(Listeners::none(port));
    let route = {
        let (forward, forwarder) = (forward.clone(), forwarder.clone());
        move |asked, _| {
            let route = (asked == port).then(|| Route {
                forward: forward.clone(),
                relay: is_relayed.then(|| forwarder.clone()),
            });
            std::future::ready(route).boxed()
        }
    };
    Run {
        _server: Server::start(listener, Arc::new(route)).unwrap(),
        forwarder,
        forward,
        folder,
    }
}

impl Run {
    fn serves(&self) -> Arc<Target> {
        let target = Target::new(SocketFactory::here());
        self.forwarder.retarget(&self.forward, target.clone());
        target
    }
}

fn connect_to(path: &Path) -> Option<OwnedFd> {
    let socket = socket();
    rustix::net::connect(&socket, &SocketAddrUnix::new(path).unwrap()).ok()?;
    Some(socket)
}

/// A guest that knows the run by this link.
fn consumer(run: &Run, link: &str) -> (Egress, Guest, Arc<Mutex<Vec<Event>>>) {
    let events = Arc::new(Mutex::new(Vec::new()));
    let heard = events.clone();
    let hear: OnEvent = Arc::new(move |event| heard.lock().unwrap().push(event));
    let rules = Rules {
        policy: Policy::default(),
        links: vec![link.parse().unwrap()],
        proxies: None,
        timeout: PATIENCE,
        connections: 1024,
    };
    let path = run.folder.path().join("run");
    let find: Find = Arc::new(move |name| (name == "orders").then(|| connect_to(&path)).flatten());
    let egress = Egress::start(rules, find, hear).unwrap();
    let (ours, theirs) = fd_passing::channel().unwrap();
    egress.serve(ours, None);
    (egress, Guest::new(theirs), events)
}

/// Of all tests: what a client has begun goes on when a wait is over.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
});

fn wait<T>(test: impl Future<Output = T>) -> T {
    RUNTIME.block_on(async {
        tokio::time::timeout(Duration::from_secs(20), test)
            .await
            .expect("in time")
    })
}

async fn address(guest: &Guest, name: &str, port: u16) -> SocketAddr {
    let addresses = guest.resolve(name).await.unwrap();
    assert!(
        matches!(addresses.as_slice(), [IpAddr::V4(ip)] if ip.octets()[..3] == [240, 0, 1]),
        "{addresses:?}"
    );
    (addresses[0], port).into()
}

fn echo(stream: TcpStream) {
    stream.set_nonblocking(false).unwrap();
    let (mut stream, mut bytes) = (stream, [0; 4]);
    stream.read_exact(&mut bytes).unwrap();
    stream.write_all(&bytes).unwrap();
}

fn speaks(stream: &TcpStream) {
    let mut stream = stream;
    stream.set_nonblocking(false).unwrap();
    stream.write_all(b"ping").unwrap();
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"ping");
}

fn live_is(target: &Target, wanted: usize) {
    let until = Instant::now() + Duration::from_secs(10);
    while target.live() != wanted {
        assert!(Instant::now() < until, "{} are live, not {wanted}", target.live());
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_guest_reaches_another_by_name_and_counts_there() {
    for is_relayed in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let run = run(port, is_relayed);
        let target = run.serves();
        let (egress, guest, _) = consumer(&run, &format!("api:80=orders:{port}"));
        let (stream, account) = wait(async {
            let to = address(&guest, "api", 80).await;
            guest.connect(to).await.unwrap()
        });
        std::thread::spawn(move || echo(listener.accept().unwrap().0));
        speaks(&stream);
        assert_eq!(target.live(), 1);
        let row = &egress.rows()[0];
        let rule = format!("api:80=orders:{port}");
        assert_eq!(
            (row.to.as_str(), row.rule.as_str(), row.live),
            ("api:80", rule.as_str(), 1)
        );
        drop((stream, account));
        live_is(&target, 0);
    }
}

#[test]
fn the_end_of_a_consumer_gives_its_places_back() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let run = run(port, false);
    let target = run.serves();
    let (egress, guest, _) = consumer(&run, &format!("orders:{port}"));
    let held: Vec<_> = wait(async {
        let to = address(&guest, "orders", port).await;
        let mut held = Vec::new();
        for _ in 0..100 {
            held.push(guest.connect(to).await.unwrap());
        }
        held
    });
    assert_eq!(target.live(), 100);
    // Its process first, and its supervisor then.
    drop(guest);
    live_is(&target, 0);
    assert_eq!(egress.rows()[0].live, 0);
    drop((held, egress));
}

#[test]
fn who_connects_waits_for_a_guest_and_for_its_port() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let run = run(port, false);
    let (_egress, guest, events) = consumer(&run, &format!("orders:{port}"));
    wait(async {
        let to = address(&guest, "orders", port).await;
        let late = async {
            tokio::time::sleep(PATIENCE / 6).await;
            run.serves();
            tokio::time::sleep(PATIENCE / 6).await;
            TcpListener::bind(("127.0.0.1", port)).unwrap()
        };
        let (connected, listener) = tokio::join!(guest.connect(to), late);
        drop((connected.unwrap(), listener));
        // One that serves and does not listen.
        let refused = guest.connect(to).await.unwrap_err();
        assert_eq!(refused, Failed::Errno(Errno::TIMEDOUT.raw_os_error()));
        run.forwarder.retarget(&run.forward, Upstream::Nobody);
        let refused = guest.connect(to).await.unwrap_err();
        assert_eq!(refused, Failed::Errno(Errno::CONNREFUSED.raw_os_error()));
    });
    let events = events.lock().unwrap();
    let told: Vec<String> = events
        .iter()
        .filter_map(|event| match event {
            Event::Refused(refusal) => Some(refusal.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(
        told,
        [
            format!("refused: orders:{port}: orders has not listened on {port} for 300ms"),
            format!("refused: orders:{port}: orders has ended"),
        ]
    );
}

#[test]
fn another_port_and_a_run_that_is_none_are_refused_with_a_reason() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let run = run(port, false);
    let (egress, guest, events) = consumer(&run, "db:1=store:2");
    wait(async {
        let to = address(&guest, "db", 9).await;
        assert_eq!(guest.connect(to).await.unwrap_err(), Failed::Denied);
        let gone = guest.connect((to.ip(), 1).into()).await.unwrap_err();
        assert_eq!(gone, Failed::Errno(Errno::CONNREFUSED.raw_os_error()));
        // A name that is no link of this guest's, and a run's.
        let orders = guest.resolve("orders").await.unwrap()[0];
        assert_eq!(guest.connect((orders, port).into()).await.unwrap_err(), Failed::Denied);
    });
    let events = events.lock().unwrap();
    let told = events.iter().filter_map(|event| match event {
        Event::Refused(refusal) => Some((refusal.reason.clone(), refusal.to_string(), refusal.hint())),
        _ => None,
    });
    let told: Vec<_> = told.collect();
    let why = Refused::NotRunning;
    let run = "store".to_owned();
    assert_eq!(told[0].0, Reason::NotLinked);
    assert_eq!(told[0].1, "denied: db:9/tcp: no link leads there");
    assert_eq!(told[1].0, Reason::Link { run, why });
    assert_eq!(told[1].1, "refused: db:1: store is not running");
    assert_eq!(told[2].1, format!("denied: orders:{port}/tcp: no link leads there"));
    assert!(told[2].2.as_ref().unwrap().contains(&format!("`--link orders:{port}`")));
    drop(egress);
}

/// A client of a relayed link that keeps its connection is answered by the newest guest.
#[test]
fn a_kept_connection_of_http_moves_to_the_next_guest() {
    let serve = |listener: TcpListener, answer: &'static str| {
        let listening = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut bytes = [0; 512];
                while stream.read(&mut bytes).is_ok_and(|length| length > 0) {
                    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{answer}");
                    stream.write_all(answer.as_bytes()).unwrap();
                }
            }
        });
        let target = Target::announced(SocketFactory::here());
        target.listens(crate::Protocol::Tcp, listening);
        target
    };
    let first = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = first.local_addr().unwrap().port();
    // The same port of another guest: here of another address.
    let second = TcpListener::bind(("127.0.0.2", port)).unwrap();
    let (old, new) = (serve(first, "old"), serve(second, "new"));
    let run = run(port, true);
    run.forwarder.retarget(&run.forward, old.clone());
    let (_egress, guest, _) = consumer(&run, &format!("orders:{port}"));
    let (mut stream, _account) = wait(async {
        let to = address(&guest, "orders", port).await;
        guest.connect(to).await.unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    let mut ask = || {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: orders\r\n\r\n").unwrap();
        let mut bytes = [0; 512];
        let length = stream.read(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[length - 3..length]).into_owned()
    };
    assert_eq!(ask(), "old");
    run.forwarder.retarget(&run.forward, new.clone());
    old.retire();
    assert_eq!(ask(), "new");
    live_is(&old, 0);
    live_is(&new, 1);
}
