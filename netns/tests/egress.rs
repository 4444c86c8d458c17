//! Where a way out leads in a network of its own: what is this machine, whatever it is called by.

mod support;

use netns::egress::{Client, Egress, Event, Failed, Policy, Reason, Rules};
use netns::fd_passing;
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{namespaced, run};

fn egress(rules: &[&str]) -> (Egress, Client, Arc<Mutex<Vec<Event>>>) {
    let events = Arc::new(Mutex::new(Vec::new()));
    let heard = events.clone();
    let rules = Rules {
        policy: Policy::new(rules.iter().map(|rule| rule.parse().unwrap()).collect(), Vec::new()),
        links: Vec::new(),
        proxies: None,
        timeout: Duration::from_secs(2),
        connections: 1024,
    };
    let hear = Arc::new(move |event| heard.lock().unwrap().push(event));
    let egress = Egress::start(rules, Arc::new(|_: &str| None), hear).unwrap();
    let (ours, theirs) = fd_passing::channel().unwrap();
    egress.serve(ours, None);
    (egress, Client::new(theirs), events)
}

fn wait<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(test)
}

/// A service on every address of this machine, and how many have come.
fn service() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("[::]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let come = Arc::new(AtomicUsize::new(0));
    let count = come.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    });
    (port, come)
}

const WIDE: [&str; 3] = ["*:*", "0.0.0.0/0:*", "[::]/0:*"];

/// What comes from the first address of a network, wherever it goes; has no interface; or is routed here.
#[test]
fn all_addresses_of_this_machine_are_its_own() {
    namespaced("all_addresses_of_this_machine_are_its_own", || {
        run("ip", &["link", "add", "out", "type", "veth", "peer", "name", "in"]);
        for address in [
            "198.51.100.1/24",
            "198.51.100.7/24",
            "198.51.100.8/32",
            "203.0.113.1/30",
        ] {
            run("ip", &["address", "add", address, "dev", "out"]);
        }
        run("ip", &["address", "add", "192.0.2.9/29", "dev", "lo"]);
        for address in ["2001:db8::1/64", "2001:db8::7/64"] {
            run("ip", &["address", "add", address, "dev", "out", "nodad"]);
        }
        run("ip", &["link", "set", "out", "up"]);
        run("ip", &["link", "set", "in", "up"]);
        run("ip", &["route", "add", "local", "203.0.113.64/28", "dev", "lo"]);
        run("ip", &["-6", "route", "add", "local", "2001:db8:9::/64", "dev", "lo"]);
        let (port, come) = service();
        let own = [
            "198.51.100.1",
            // Connections to it come from the first one.
            "198.51.100.7",
            "198.51.100.8",
            "203.0.113.1",
            "192.0.2.9",
            // All of the network of an address of lo is here.
            "192.0.2.12",
            "203.0.113.70",
            "2001:db8::1",
            "2001:db8::7",
            "2001:db8:9::5",
        ];
        let (_egress, guest, events) = egress(&WIDE);
        wait(async {
            for ip in own {
                let ip: std::net::IpAddr = ip.parse().unwrap();
                let to = SocketAddr::new(ip, port);
                // To know that it would be reached.
                std::net::TcpStream::connect(to).unwrap_or_else(|error| panic!("{to}: {error}"));
                assert_eq!(guest.connect(to).await.map(drop), Err(Failed::Denied), "{to}");
            }
        });
        support::eventually("all that came is known", || come.load(Ordering::SeqCst) >= own.len());
        assert_eq!(come.load(Ordering::SeqCst), own.len(), "none but this test's own");
        let events = events.lock().unwrap();
        let is_own = |event: &&Event| matches!(event, Event::Refused(refusal) if refusal.reason == Reason::Own);
        assert_eq!(events.iter().filter(is_own).count(), own.len(), "{events:?}");
        drop(events);
        // What translates carries it back here.
        let (_egress, guest, _) = egress(&WIDE);
        wait(async {
            for carrier in ["64:ff9b::198.51.100.7", "2002:c633:6407::1"] {
                let to = SocketAddr::new(carrier.parse().unwrap(), port);
                assert_eq!(guest.connect(to).await.map(drop), Err(Failed::Denied), "{carrier}");
            }
        });
        // One that is said is one that is meant.
        let (_egress, guest, _) = egress(&["198.51.100.7:*", "[2001:db8::7]:*"]);
        wait(async {
            for ip in ["198.51.100.7", "2001:db8::7"] {
                let to = SocketAddr::new(ip.parse().unwrap(), port);
                guest.connect(to).await.unwrap();
            }
            let other = SocketAddr::new([198, 51, 100, 1].into(), port);
            assert_eq!(guest.connect(other).await.map(drop), Err(Failed::Denied));
        });
    });
}

/// TCP connects a socket to itself where its own port is the one that it connects to.
#[test]
fn nobody_is_connected_to_themselves() {
    namespaced("nobody_is_connected_to_themselves", || {
        std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", "40001 40001").unwrap();
        let to = SocketAddr::from(([127, 0, 0, 1], 40001));
        // To know that it is so.
        let mut own = std::net::TcpStream::connect(to).unwrap();
        assert_eq!(own.local_addr().unwrap(), to);
        own.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        assert!(own.read(&mut [0]).is_err());
        // Without a wait for its port (TIME_WAIT).
        rustix::net::sockopt::set_socket_linger(&own, Some(Duration::ZERO)).unwrap();
        drop(own);
        let (_egress, guest, events) = egress(&["localhost:40001"]);
        let refused = wait(guest.connect(to)).map(drop).unwrap_err();
        assert_eq!(refused, Failed::Errno(rustix::io::Errno::CONNREFUSED.raw_os_error()));
        let said = |event: &Event| matches!(event, Event::Refused(refusal) if matches!(refusal.reason, Reason::NothingListensOnHost { .. }));
        assert!(events.lock().unwrap().iter().any(said));
    });
}
