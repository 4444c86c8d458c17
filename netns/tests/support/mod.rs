//! Tests that own their network: each runs again inside a user and network namespace of its own, where it is root and
//! no packet can leave the machine. A second network namespace inside is "the guest's".

use netns::{Forward, Forwarder, Limits, Notice, Rule, SocketFactory, Target};
use nix::sched::{CloneFlags, unshare};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Runs `test` in a network of its own. The name must be the test function's.
pub fn namespaced(name: &str, test: impl FnOnce()) {
    if std::env::var_os("NETNS_TEST_INSIDE").is_some() {
        run("ip", &["link", "set", "lo", "up"]);
        let nofile = rustix::process::Resource::Nofile;
        let mut limit = rustix::process::getrlimit(nofile);
        limit.current = limit.maximum;
        rustix::process::setrlimit(nofile, limit).unwrap();
        return test();
    }
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env("NETNS_TEST_INSIDE", "1")
        .output()
        .expect("util-linux's unshare runs");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.status.success(),
        "inside its own namespace the test failed:\n{text}"
    );
    assert!(text.contains("1 passed"), "the test did not run inside:\n{text}");
}

pub fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "{program} {arguments:?} failed"
    );
}

/// A network namespace with its loopback up, for servers.
pub struct Inside {
    path: std::path::PathBuf,
    _namespace: OwnedFd,
}

impl Inside {
    pub fn new() -> Inside {
        let namespace: OwnedFd = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
            run("ip", &["link", "set", "lo", "up"]);
            std::fs::File::open("/proc/thread-self/ns/net").unwrap().into()
        })
        .join()
        .unwrap();
        let path = format!("/proc/self/fd/{}", namespace.as_raw_fd()).into();
        Inside {
            path,
            _namespace: namespace,
        }
    }

    /// Runs `work` on a thread of its own in there.
    pub fn spawn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> std::thread::JoinHandle<T> {
        let namespace = std::fs::File::open(&self.path).unwrap();
        std::thread::spawn(move || {
            nix::sched::setns(namespace, CloneFlags::CLONE_NEWNET).expect("enter");
            work()
        })
    }

    /// A listener in there.
    pub fn listen(&self, address: &str) -> TcpListener {
        let address: SocketAddr = address.parse().unwrap();
        self.spawn(move || TcpListener::bind(address).unwrap()).join().unwrap()
    }

    pub fn factory(&self) -> SocketFactory {
        netns::factory::in_namespace(&self.path).unwrap()
    }

    pub fn target(&self) -> Arc<Target> {
        Target::new(self.factory())
    }
}

/// One forward into a namespace.
pub struct Setup {
    pub inside: Inside,
    pub forwarder: Forwarder,
    pub forward: Arc<Forward>,
    pub target: Arc<Target>,
    pub notices: Arc<Mutex<Vec<Notice>>>,
}

impl Setup {
    pub fn new(rule: &str) -> Setup {
        Setup::with(rule, |_| {})
    }

    pub fn with(rule: &str, change: impl FnOnce(&mut Limits)) -> Setup {
        let inside = Inside::new();
        let mut limits = Limits::of_this_process();
        limits.workers = 2;
        change(&mut limits);
        let notices: Arc<Mutex<Vec<Notice>>> = Arc::default();
        let sink = notices.clone();
        let forwarder = Forwarder::start(limits, Arc::new(move |notice| sink.lock().unwrap().push(notice))).unwrap();
        let mapping = rule.parse::<Rule>().unwrap().mappings().next().unwrap();
        let forward = forwarder.add(netns::listen(&mapping).unwrap());
        let target = inside.target();
        forwarder.retarget(&forward, Some(target.clone()));
        Setup {
            inside,
            forwarder,
            forward,
            target,
            notices,
        }
    }

    pub fn v4(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.forward.addresses()[0].port()).into()
    }

    pub fn v6(&self) -> SocketAddr {
        (Ipv6Addr::LOCALHOST, self.forward.addresses()[0].port()).into()
    }
}

/// Waits for something that must come true soon.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Descriptors that this process has open.
pub fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Resident memory of this process that is its own, in bytes.
pub fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
