//! Tests that own their network; a second network namespace inside is "the guest's".
#![expect(clippy::disallowed_methods, reason = "a test makes and enters namespaces of its own")]
#![allow(dead_code, unused_imports, reason = "each test file uses its own part")]

use netns::{Forward, Forwarder, Limits, Notice, Rule, SocketFactory, Target};
use nix::sched::{CloneFlags, unshare};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex};

pub mod escapes;
pub mod limited;
#[path = "../../../tests/support/network.rs"]
mod network;

pub use network::{command as run, eventually};

/// Runs `test` in a network of its own. The name must be the test function's.
pub fn namespaced(name: &str, test: impl FnOnce()) {
    network::namespaced(name, &[], || {
        let nofile = rustix::process::Resource::Nofile;
        let mut limit = rustix::process::getrlimit(nofile);
        limit.current = limit.maximum;
        rustix::process::setrlimit(nofile, limit).unwrap();
        test();
    });
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
        forwarder.retarget(&forward, target.clone());
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
