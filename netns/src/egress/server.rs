//! The supervisor's end: judges, looks up, connects, and hands the socket over. A thread of its own, so that nothing of a guest's
//! holds the session up.

use super::ledger::{Closed, Ledger, OfGuest, Open, Row};
use super::lookup::{self, Found};
use super::message::{Answer, Ask, Count, Failed, Granted, Told};
use super::own::Own;
use super::pins::{self, Aliases, Pin, Pins, Synthetic};
use super::policy::{Policy, Verdict};
use super::refusal::{Reason, Refusal};
use super::rule::HOST_NAMES;
use super::special;
use crate::calls::{Channel, Down, IN_FLIGHT, Up};
use crate::link::{self, Link, Refused};
use crate::rule::Protocol;
use futures::FutureExt;
use rustix::io::Errno;
use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};
use tokio::net::TcpSocket;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

/// Look-ups at once, each of which blocks a thread.
const LOOKUPS: usize = 8;
/// Refusals that are told, each once; who scans ports would flood the terminal.
const TOLD: usize = 64;

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
    /// A connection is over.
    Closed {
        /// What the guest asked for, with its port.
        to: String,
        /// Where that was.
        address: SocketAddr,
        /// Bytes that the guest has sent, as it tells.
        sent: u64,
        /// Bytes that it has received.
        received: u64,
        /// From the connection to its end.
        lasted: Duration,
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

/// What holds for all guests of a session, from the next connection on.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Where they may connect.
    pub policy: Policy,
    /// Guests of other runs that they know by name.
    pub links: Vec<Link>,
    /// A connection is given up after this.
    pub timeout: Duration,
    /// Most connections at once.
    pub connections: usize,
}

/// Makes connections for guests. Dropping it ends those that are being made.
pub struct Egress {
    shared: Arc<Shared>,
    guests: UnboundedSender<OwnedFd>,
}

struct Shared {
    rules: RwLock<Arc<Rules>>,
    names: Mutex<Names>,
    lookups: Semaphore,
    told: Mutex<HashSet<Refusal>>,
    ledger: Mutex<Ledger>,
    guests: Mutex<Vec<Weak<Guest>>>,
    links: link::Client,
    own: Own,
    on_event: OnEvent,
}

/// One guest's process.
struct Guest {
    shared: Arc<Shared>,
    channel: Channel,
    open: Mutex<OfGuest>,
    /// It has told of all that is open.
    counted: Notify,
}

/// A connection that was made.
struct Made {
    stream: TcpStream,
    address: SocketAddr,
    /// What the guest asked for, with its port.
    to: String,
    /// What allows it.
    rule: String,
    link: Option<link::Held>,
}

/// What guests were told, which holds for each generation.
#[derive(Default)]
struct Names {
    pins: Pins,
    synthetic: Synthetic,
    aliases: Aliases,
}

/// It is consistent at every step, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Egress {
    /// Starts the thread. Other runs are found by `find`.
    ///
    /// # Errors
    ///
    /// There is no thread, or no descriptor.
    pub fn start(rules: Rules, find: link::Find, on_event: OnEvent) -> io::Result<Egress> {
        let shared = Arc::new(Shared {
            rules: RwLock::new(Arc::new(rules)),
            names: Mutex::default(),
            lookups: Semaphore::new(LOOKUPS),
            told: Mutex::default(),
            ledger: Mutex::default(),
            guests: Mutex::default(),
            links: link::Client::new(find),
            own: Own::default(),
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
    pub fn allow(&self, rules: Rules) {
        *self.shared.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
        // What is refused now is told again.
        lock(&self.shared.told).clear();
    }

    /// What has become of what was asked for.
    pub fn rows(&self) -> Vec<Row> {
        lock(&self.shared.ledger).rows()
    }

    /// Has guests tell what went over the connections that are open; none where nothing is open. A guest that is busy may take as
    /// long as it likes.
    pub fn count(&self) -> Option<impl Future<Output = ()> + Send + use<>> {
        let guests: Vec<Arc<Guest>> = lock(&self.shared.guests).iter().filter_map(Weak::upgrade).collect();
        let busy: Vec<Arc<Guest>> = guests
            .into_iter()
            .filter(|guest| !lock(&guest.open).is_empty())
            .collect();
        if busy.is_empty() {
            return None;
        }
        // One that says nothing must not keep another from being asked.
        let counts = busy.into_iter().map(|guest| async move { guest.count().await });
        Some(futures::future::join_all(counts).map(drop))
    }
}

async fn serve(shared: Arc<Shared>, mut come: UnboundedReceiver<OwnedFd>) {
    let (mut guests, mut driver) = (JoinSet::new(), JoinSet::new());
    if let Ok(asking) = shared.own.open() {
        driver.spawn(asking);
    }
    loop {
        tokio::select! {
            channel = come.recv() => match channel {
                Some(channel) => {
                    let Ok(channel) = Channel::new(channel) else { continue };
                    let guest = Arc::new(Guest {
                        shared: shared.clone(),
                        channel,
                        open: Mutex::default(),
                        counted: Notify::new(),
                    });
                    let mut known = lock(&shared.guests);
                    known.retain(|guest| guest.strong_count() > 0);
                    known.push(Arc::downgrade(&guest));
                    drop(known);
                    guests.spawn(answer_all(guest));
                }
                None => return,
            },
            Some(_) = guests.join_next() => {}
        }
    }
}

async fn answer_all(guest: Arc<Guest>) {
    let mut answers = JoinSet::new();
    loop {
        tokio::select! {
            // One that asks for more than it may waits, and what is odd ends it: descriptors that come along are closed.
            heard = guest.channel.receive::<Up<Ask, Told>>(), if answers.len() < IN_FLIGHT => match heard {
                Ok(Some((Up::Call { number, what }, _))) => drop(answers.spawn(guest.clone().answer(number, what))),
                Ok(Some((Up::Note(told), _))) => guest.told(told),
                Ok(None) | Err(_) => return,
            },
            Some(_) = answers.join_next() => {}
        }
    }
}

impl Guest {
    async fn answer(self: Arc<Guest>, number: u64, what: Ask) {
        let mut socket = None;
        let what = match what {
            Ask::Resolve(name) => self.shared.resolve(&name).await.map(Granted::Addresses),
            Ask::Connect(to) => match self.shared.connect(to).await {
                Ok(made) => self.opened(number, made).map(|made| {
                    socket = Some(made);
                    Granted::Connected
                }),
                Err(failed) => Err(failed),
            },
        };
        let fds: Vec<_> = socket.iter().map(AsFd::as_fd).collect();
        // A guest that is gone needs no answer.
        let _ = self
            .channel
            .send(&Down::<Answer, Count>::Answer { number, what }, &fds)
            .await;
    }

    /// Counts a connection, before the guest can say that it is closed.
    fn opened(&self, number: u64, made: Made) -> Result<TcpStream, Failed> {
        let Made {
            stream,
            address,
            to,
            rule,
            link,
        } = made;
        // Others may have been made meanwhile.
        self.shared.has_room(&to)?;
        let open = Open::new(to.clone(), address, link);
        let mut ledger = lock(&self.shared.ledger);
        let former = ledger.open(&mut lock(&self.open), number, open, &rule);
        drop(ledger);
        former.into_iter().for_each(|closed| self.shared.closed(closed));
        (self.shared.on_event)(Event::Connected { to, address });
        Ok(stream)
    }

    fn told(&self, told: Told) {
        let Told::Flows(flows) = told else {
            return self.counted.notify_waiters();
        };
        for flow in flows {
            let closed = lock(&self.shared.ledger).told(&mut lock(&self.open), flow);
            closed.into_iter().for_each(|closed| self.shared.closed(closed));
        }
    }

    async fn count(&self) {
        let mut counted = std::pin::pin!(self.counted.notified());
        // An answer that comes before the wait is heard.
        counted.as_mut().enable();
        if self
            .channel
            .send(&Down::<Answer, Count>::Note(Count), &[])
            .await
            .is_ok()
        {
            counted.await;
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        for (_, open) in std::mem::take(&mut *lock(&self.open)) {
            let closed = lock(&self.shared.ledger).close(open);
            self.shared.closed(closed);
        }
    }
}

impl Shared {
    fn rules(&self) -> Arc<Rules> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn closed(&self, closed: Closed) {
        let Closed {
            to,
            address,
            sent,
            received,
            began,
        } = closed;
        (self.on_event)(Event::Closed {
            to,
            address,
            sent,
            received,
            lasted: began.elapsed(),
        });
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
        let rules = self.rules();
        if rules.links.iter().any(|link| link.alias == name) {
            let address = lock(&self.names).aliases.address_of(&name).ok_or(Failed::TryAgain)?;
            return Ok(vec![address.into()]);
        }
        if !rules.policy.names(&name) {
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

    async fn connect(&self, to: SocketAddr) -> Result<Made, Failed> {
        let (ip, port) = (to.ip().to_canonical(), to.port());
        let rules = self.rules();
        self.has_room(&to.to_string())?;
        let alias = lock(&self.names).aliases.name_of(ip).map(str::to_owned);
        if let Some(alias) = alias {
            return self.to_link(&rules, alias, ip, port).await;
        }
        let policy = &rules.policy;
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
            return self.to_name(policy, ip, port).await;
        }
        self.to_address(policy, SocketAddr::new(ip, port)).await
    }

    /// Whether there may be one connection more.
    fn has_room(&self, to: &str) -> Result<(), Failed> {
        let connections = self.rules().connections;
        let is_full = lock(&self.ledger).live() >= connections;
        match is_full {
            true => Err(self.in_the_way(to.to_owned(), Reason::AtLimit { connections }, Errno::ADDRINUSE)),
            false => Ok(()),
        }
    }

    /// To the guest of another run.
    async fn to_link(&self, rules: &Rules, alias: String, ip: IpAddr, port: u16) -> Result<Made, Failed> {
        let to = format!("{alias}:{port}");
        let is_meant = |link: &&Link| link.alias == alias && link.port == port;
        let (Some(link), IpAddr::V4(client)) = (rules.links.iter().find(is_meant), ip) else {
            return Err(self.refused(to, Reason::NotLinked));
        };
        match self.links.connect(&link.run, link.to, client, rules.timeout).await {
            Ok((stream, held)) => {
                // When it fails again, that is news.
                let is_over = |told: &Refusal| told.to != to;
                lock(&self.told).retain(is_over);
                Ok(Made {
                    stream,
                    address: SocketAddr::new(ip, port),
                    rule: link.to_string(),
                    to,
                    link: Some(held),
                })
            }
            Err(why) => {
                let errno = match &why {
                    Refused::NotListening { .. } => Errno::TIMEDOUT,
                    Refused::NotRunning | Refused::Ended => Errno::CONNREFUSED,
                    Refused::Failed { .. } => Errno::HOSTUNREACH,
                };
                self.failed(&to, &link.to_string(), &format!("{} {why}", link.run));
                let run = link.run.clone();
                Err(self.in_the_way(to, Reason::Link { run, why }, errno))
            }
        }
    }

    /// To what an address stands for that was made up for a name.
    async fn to_name(&self, policy: &Policy, ip: IpAddr, port: u16) -> Result<Made, Failed> {
        let name = match ip {
            IpAddr::V4(ip) => lock(&self.names).synthetic.name_of(ip).map(str::to_owned),
            IpAddr::V6(_) => None,
        };
        let Some(name) = name else {
            return Err(Failed::Errno(Errno::HOSTUNREACH.raw_os_error()));
        };
        if !policy.names(&name) {
            let to = format!("{name}:{port}");
            // Other runs are not looked for again and again: a guest could hold them up.
            if self.is_told(&to) {
                lock(&self.ledger).of(&to, |row| row.refused += 1);
                return Err(Failed::Denied);
            }
            let reason = match self.links.finds(&name) {
                true => Reason::NotLinked,
                false => Reason::NoRule,
            };
            return Err(self.refused(to, reason));
        }
        // A rule has come since.
        let mut last = Failed::Unknown;
        for address in self.look_up(&name).await? {
            match self.to_address(policy, SocketAddr::new(address, port)).await {
                Ok(made) => return Ok(made),
                Err(failed) => last = failed,
            }
        }
        Err(last)
    }

    async fn to_address(&self, policy: &Policy, to: SocketAddr) -> Result<Made, Failed> {
        let is_own = self.own.has(to.ip()).await;
        let mut names = self.names_of(to.ip());
        // Whoever translates an address that carries another one (NAT64, 6to4) sends what is for this machine back to it.
        let inside = special::canonical(to.ip());
        if inside != to.ip() && !special::is_forbidden(inside) && self.own.has(inside).await {
            return Err(self.refused(to.to_string(), Reason::Own));
        }
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
    async fn to_host(&self, called: String, rule: &str, port: u16) -> Result<Made, Failed> {
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
    async fn to_one(&self, to: String, rule: &str, addresses: &[SocketAddr]) -> Result<Made, Failed> {
        let until = tokio::time::Instant::now() + self.rules().timeout;
        let mut last = Errno::HOSTUNREACH.into();
        for address in addresses {
            let attempt = tokio::time::timeout_at(until, open(*address)).await;
            match attempt.unwrap_or_else(|_| Err(Errno::TIMEDOUT.into())) {
                Ok(stream) => {
                    return Ok(Made {
                        stream,
                        address: *address,
                        to,
                        rule: rule.to_owned(),
                        link: None,
                    });
                }
                Err(error) => last = error,
            }
        }
        self.failed(&to, rule, &last.to_string());
        Err(Failed::Errno(last.raw_os_error().unwrap_or(Errno::IO.raw_os_error())))
    }

    fn failed(&self, to: &str, rule: &str, error: &str) {
        lock(&self.ledger).of(to, |row| {
            rule.clone_into(&mut row.rule);
            error.clone_into(&mut row.error);
            row.failed += 1;
        });
        let (to, error) = (to.to_owned(), error.to_owned());
        (self.on_event)(Event::Failed { to, error });
    }

    fn refused(&self, to: String, reason: Reason) -> Failed {
        lock(&self.ledger).of(&to, |row| row.refused += 1);
        self.tell(Refusal {
            to,
            protocol: Protocol::Tcp,
            reason,
        });
        Failed::Denied
    }

    /// The same, of what rules allow.
    fn in_the_way(&self, to: String, reason: Reason, errno: Errno) -> Failed {
        self.tell(Refusal {
            to,
            protocol: Protocol::Tcp,
            reason,
        });
        Failed::Errno(errno.raw_os_error())
    }

    /// Whether nothing more is said of a place that no rule allows.
    fn is_told(&self, to: &str) -> bool {
        let told = lock(&self.told);
        told.len() >= TOLD || told.iter().any(|refusal| refusal.to == to)
    }

    fn tell(&self, refusal: Refusal) {
        let mut told = lock(&self.told);
        if told.len() < TOLD && told.insert(refusal.clone()) {
            drop(told);
            (self.on_event)(Event::Refused(refusal));
        }
    }
}

/// A connection as the runtime's own are: plain TCP, and what is written goes at once.
async fn open(to: SocketAddr) -> io::Result<TcpStream> {
    let socket = match to {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_nodelay(true)?;
    let stream = socket.connect(to).await?;
    // Where nobody listens on a port from which connections are made, TCP connects a socket to itself (RFC 9293, 3.5).
    match stream.local_addr()? == to {
        true => Err(Errno::CONNREFUSED.into()),
        false => stream.into_std(),
    }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
