//! The supervisor's end: judges, looks up, connects, and hands the socket over. A thread of its own, so that nothing of a guest's
//! holds the session up.

use super::channel::Channel;
use super::lookup::{self, Found};
use super::message::{Answer, Ask, Failed, Granted, IN_FLIGHT, What};
use super::pins::{self, Pin, Pins, Synthetic};
use super::policy::{Policy, Verdict};
use super::refusal::{Reason, Refusal};
use super::rule::HOST_NAMES;
use crate::rule::Protocol;
use rustix::io::Errno;
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::net::TcpSocket;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

/// Look-ups at once, each of which blocks a thread.
const LOOKUPS: usize = 8;
/// Refusals that are told, each once; who scans ports would flood the terminal.
const TOLD: usize = 64;
/// Places that are counted apart.
const ROWS: usize = 256;
/// Any port: to see which address this machine would use, nothing is sent.
const DISCARD: u16 = 9;

/// Something that others act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A rule is missing, or something else is in the way. Each is told once.
    Refused(Refusal),
    /// There is a connection to what the guest asked for, at this address.
    Connected {
        /// What the guest asked for, with its port.
        to: String,
        /// Where that is.
        address: SocketAddr,
    },
    /// The network has refused one.
    Failed {
        /// What the guest asked for, with its port.
        to: String,
        /// What the network said.
        error: String,
    },
}

/// Hears of events, on a thread of the server's.
pub type OnEvent = Arc<dyn Fn(Event) + Send + Sync>;

/// What has become of asks for one place.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Row {
    /// What was asked for, with its port.
    pub to: String,
    /// The rule that allows it; empty where none does.
    pub rule: String,
    /// Connections that were made.
    pub opened: u64,
    /// Those that the network refused.
    pub failed: u64,
    /// Those that no rule allowed.
    pub refused: u64,
    /// The last of the network's errors; empty where there is none.
    pub error: String,
}

/// Makes connections for guests. Dropping it ends those that are being made.
pub struct Egress {
    shared: Arc<Shared>,
    guests: UnboundedSender<OwnedFd>,
}

struct Shared {
    policy: RwLock<(Arc<Policy>, Duration)>,
    names: Mutex<Names>,
    lookups: Semaphore,
    told: Mutex<HashSet<Refusal>>,
    rows: Mutex<BTreeMap<String, Row>>,
    on_event: OnEvent,
}

/// What guests were told, which holds for each generation.
#[derive(Default)]
struct Names {
    pins: Pins,
    synthetic: Synthetic,
}

/// It is consistent at every step, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Egress {
    /// Starts the thread. A connection is given up after `timeout`.
    ///
    /// # Errors
    ///
    /// There is no thread, or no descriptor.
    pub fn start(policy: Policy, timeout: Duration, on_event: OnEvent) -> io::Result<Egress> {
        let shared = Arc::new(Shared {
            policy: RwLock::new((Arc::new(policy), timeout)),
            names: Mutex::default(),
            lookups: Semaphore::new(LOOKUPS),
            told: Mutex::default(),
            rows: Mutex::default(),
            on_event,
        });
        let (guests, come) = unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(LOOKUPS)
            .build()?;
        let serve = {
            let shared = shared.clone();
            move || {
                runtime.block_on(serve(shared, come));
                // A look-up may take as long as it likes.
                runtime.shutdown_background();
            }
        };
        std::thread::Builder::new().name("egress".to_owned()).spawn(serve)?;
        Ok(Egress { shared, guests })
    }

    /// Answers what comes over this channel, the other end of a [`super::Client`]'s, until that is closed.
    pub fn serve(&self, channel: OwnedFd) {
        // Where the thread has ended, the guest is told by the channel's end.
        let _ = self.guests.send(channel);
    }

    /// Has other rules hold from the next connection on.
    pub fn allow(&self, policy: Policy, timeout: Duration) {
        *self.shared.policy.write().unwrap_or_else(PoisonError::into_inner) = (Arc::new(policy), timeout);
        // What is refused now is told again.
        lock(&self.shared.told).clear();
    }

    /// What has become of what was asked for.
    pub fn rows(&self) -> Vec<Row> {
        lock(&self.shared.rows).values().cloned().collect()
    }
}

async fn serve(shared: Arc<Shared>, mut come: UnboundedReceiver<OwnedFd>) {
    let mut guests = JoinSet::new();
    loop {
        tokio::select! {
            channel = come.recv() => match channel {
                Some(channel) => drop(guests.spawn(guest(shared.clone(), channel))),
                None => return,
            },
            Some(_) = guests.join_next() => {}
        }
    }
}

/// Answers one guest's process.
async fn guest(shared: Arc<Shared>, channel: OwnedFd) {
    let Ok(channel) = Channel::new(channel).map(Arc::new) else {
        return;
    };
    let mut answers = JoinSet::new();
    loop {
        tokio::select! {
            // One that asks for more than it may waits, and what is odd ends it: descriptors that come along are closed.
            asked = channel.receive::<Ask>(), if answers.len() < IN_FLIGHT => match asked {
                Ok(Some((ask, _))) => drop(answers.spawn(answer(shared.clone(), channel.clone(), ask))),
                Ok(None) | Err(_) => return,
            },
            Some(_) = answers.join_next() => {}
        }
    }
}

async fn answer(shared: Arc<Shared>, channel: Arc<Channel>, Ask { number, what }: Ask) {
    let mut socket = None;
    let result = match what {
        What::Resolve(name) => shared.resolve(&name).await.map(Granted::Addresses),
        What::Connect(to) => shared.connect(to).await.map(|stream| {
            socket = Some(stream);
            Granted::Connected
        }),
    };
    let fds: Vec<_> = socket.iter().map(AsFd::as_fd).collect();
    // A guest that is gone needs no answer.
    let _ = channel.send(&Answer { number, result }, &fds).await;
}

impl Shared {
    fn policy(&self) -> Arc<Policy> {
        self.policy.read().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    fn timeout(&self) -> Duration {
        self.policy.read().unwrap_or_else(PoisonError::into_inner).1
    }

    /// The addresses that a guest is told for a name.
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, Failed> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if name == "localhost" || name.ends_with(".localhost") {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        if HOST_NAMES.contains(&name.as_str()) {
            return Ok(vec![pins::HOST.into()]);
        }
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        if name.is_empty() || name.len() > 253 || !name.bytes().all(fits) {
            return Err(Failed::Unknown);
        }
        if let Ok(address) = name.parse() {
            return Ok(vec![address]);
        }
        if !self.policy().names(&name) {
            return Ok(vec![lock(&self.names).synthetic.address_of(&name).into()]);
        }
        self.look_up(&name).await
    }

    async fn look_up(&self, name: &str) -> Result<Vec<IpAddr>, Failed> {
        let _permit = self.lookups.acquire().await.map_err(|_| Failed::TryAgain)?;
        let asked = name.to_owned();
        let found = tokio::task::spawn_blocking(move || lookup::look_up(&asked)).await;
        let Found {
            mut addresses,
            is_local,
        } = found.map_err(|_| Failed::TryAgain)??;
        // What a stranger answers must not mean this machine in the guest.
        addresses
            .retain(|address| !pins::is_synthetic(*address) && (is_local || !address.to_canonical().is_loopback()));
        if addresses.is_empty() {
            return Err(Failed::Unknown);
        }
        lock(&self.names).pins.pin(name, &addresses, is_local, Instant::now());
        Ok(addresses)
    }

    async fn connect(&self, to: SocketAddr) -> Result<TcpStream, Failed> {
        let (ip, port) = (to.ip().to_canonical(), to.port());
        let policy = self.policy();
        if ip.is_loopback() {
            return match policy.localhost(port, Protocol::Tcp) {
                Some(rule) => self.to_host(format!("localhost:{port}"), &rule.to_string(), port).await,
                None => Err(self.refused(format!("localhost:{port}"), Reason::NoRule)),
            };
        }
        if ip == IpAddr::from(pins::HOST) {
            let name = format!("{}:{port}", HOST_NAMES[0]);
            return match policy.host(port, Protocol::Tcp) {
                Some(rule) => self.to_host(name, &rule.to_string(), port).await,
                None => Err(self.refused(name, Reason::NoRule)),
            };
        }
        if pins::is_synthetic(ip) {
            return self.to_name(&policy, ip, port).await;
        }
        self.to_address(&policy, SocketAddr::new(ip, port)).await
    }

    /// To what an address stands for that was made up for a name.
    async fn to_name(&self, policy: &Policy, ip: IpAddr, port: u16) -> Result<TcpStream, Failed> {
        let name = match ip {
            IpAddr::V4(ip) => lock(&self.names).synthetic.name_of(ip).map(str::to_owned),
            IpAddr::V6(_) => None,
        };
        let Some(name) = name else {
            return Err(Failed::Errno(Errno::HOSTUNREACH.raw_os_error()));
        };
        if !policy.names(&name) {
            return Err(self.refused(format!("{name}:{port}"), Reason::NoRule));
        }
        // A rule has come since.
        let mut last = Failed::Unknown;
        for address in self.look_up(&name).await? {
            match self.to_address(policy, SocketAddr::new(address, port)).await {
                Ok(stream) => return Ok(stream),
                Err(failed) => last = failed,
            }
        }
        Err(last)
    }

    async fn to_address(&self, policy: &Policy, to: SocketAddr) -> Result<TcpStream, Failed> {
        let is_own = is_own(to.ip());
        let mut names = self.names_of(to.ip());
        if let Verdict::Stale(stale) = policy.judge(to, Protocol::Tcp, &names, is_own) {
            for name in stale {
                // What cannot be looked up is not allowed, either.
                let _ = self.look_up(&name).await;
            }
            names = self.names_of(to.ip());
        }
        let called = names
            .first()
            .map_or_else(|| to.to_string(), |pin| format!("{}:{}", pin.name, to.port()));
        match policy.judge(to, Protocol::Tcp, &names, is_own) {
            Verdict::Allowed(rule) => self.to_one(called, &rule.to_string(), &[to]).await,
            Verdict::Denied(reason) => Err(self.refused(called, reason)),
            Verdict::Stale(names) => {
                let name = names.into_iter().next().unwrap_or_default();
                let now = lock(&self.names).pins.addresses(&name, Instant::now());
                Err(self.refused(to.to_string(), Reason::Stale { name, now }))
            }
        }
    }

    fn names_of(&self, ip: IpAddr) -> Vec<Pin> {
        lock(&self.names).pins.of(ip, Instant::now())
    }

    /// To a port of this machine.
    async fn to_host(&self, called: String, rule: &str, port: u16) -> Result<TcpStream, Failed> {
        let both = [
            SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
        ];
        let connected = self.to_one(called, rule, &both).await;
        if connected.as_ref().err() == Some(&Failed::Errno(Errno::CONNREFUSED.raw_os_error())) {
            self.tell(Refusal {
                to: format!("localhost:{port}"),
                protocol: Protocol::Tcp,
                reason: Reason::NothingListensOnHost { port },
            });
        }
        connected
    }

    /// To the first of these that takes it.
    async fn to_one(&self, called: String, rule: &str, addresses: &[SocketAddr]) -> Result<TcpStream, Failed> {
        let until = tokio::time::Instant::now() + self.timeout();
        let mut last = Errno::HOSTUNREACH.into();
        for address in addresses {
            let attempt = tokio::time::timeout_at(until, open(*address)).await;
            match attempt.unwrap_or_else(|_| Err(Errno::TIMEDOUT.into())) {
                Ok(stream) => {
                    self.count(&called, rule, |row| row.opened += 1);
                    let (to, address) = (called, *address);
                    (self.on_event)(Event::Connected { to, address });
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        let (to, error) = (called, last.to_string());
        self.count(&to, rule, |row| {
            row.failed += 1;
            row.error.clone_from(&error);
        });
        (self.on_event)(Event::Failed { to, error });
        Err(Failed::Errno(last.raw_os_error().unwrap_or(Errno::IO.raw_os_error())))
    }

    fn refused(&self, to: String, reason: Reason) -> Failed {
        self.count(&to, "", |row| row.refused += 1);
        self.tell(Refusal {
            to,
            protocol: Protocol::Tcp,
            reason,
        });
        Failed::Denied
    }

    fn tell(&self, refusal: Refusal) {
        let mut told = lock(&self.told);
        if told.len() < TOLD && told.insert(refusal.clone()) {
            drop(told);
            (self.on_event)(Event::Refused(refusal));
        }
    }

    fn count(&self, to: &str, rule: &str, add: impl FnOnce(&mut Row)) {
        let mut rows = lock(&self.rows);
        if rows.len() >= ROWS && !rows.contains_key(to) {
            return;
        }
        let row = rows.entry(to.to_owned()).or_default();
        to.clone_into(&mut row.to);
        rule.clone_into(&mut row.rule);
        add(row);
    }
}

/// A connection as the runtime's own are: plain TCP, and what is written goes at once.
async fn open(to: SocketAddr) -> io::Result<TcpStream> {
    let socket = match to {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_nodelay(true)?;
    socket.connect(to).await?.into_std()
}

/// Whether an address is one of this machine's: whoever reaches it from here, comes from it.
fn is_own(ip: IpAddr) -> bool {
    let from: IpAddr = match ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let own = || -> io::Result<bool> {
        let socket = UdpSocket::bind((from, 0))?;
        socket.connect((ip, DISCARD))?;
        Ok(socket.local_addr()?.ip() == ip)
    };
    own().unwrap_or(false)
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
