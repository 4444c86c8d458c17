//! What all guests of a session have in common: rules, names, counts, and what was said.

use super::ledger::{Closed, Ledger};
use super::lookup::{self, Found};
use super::message::Failed;
use super::own::Own;
use super::pins::{self, Aliases, Pins, Synthetic};
use super::policy::{Policy, is_inside};
use super::proxy::{Proxies, Proxy};
use super::record::{Record, RecordKind};
use super::records;
use super::refusal::{Reason, Refusal};
use super::rule::HOST_NAMES;
use crate::link::{self, Link};
use crate::rule::Protocol;
use domain::resolv::stub::conf::ResolvConf;
use rustix::io::Errno;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Look-ups at once, each of which blocks a thread.
pub(super) const LOOKUPS: usize = 8;
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
    /// What leads to places that are not of this machine or its network.
    pub proxies: Option<Proxies>,
    /// A connection is given up after this.
    pub timeout: Duration,
    /// Most connections at once.
    pub connections: usize,
}

impl Rules {
    /// Whether a proxy leads to a name. What nobody else can know is of this network.
    fn is_led(&self, name: &str) -> bool {
        !is_inside(name) && self.proxies.as_ref().is_some_and(|proxies| proxies.has(name))
    }

    /// What leads to a port of a host, which is a name or a public address.
    pub(super) fn proxy(&self, host: &str, port: u16, protocol: Protocol) -> Option<Proxy> {
        let proxies = self.proxies.as_ref().filter(|_| protocol == Protocol::Tcp)?;
        proxies.of(host, port)
    }
}

pub(super) struct Shared {
    rules: RwLock<Arc<Rules>>,
    pub(super) names: Mutex<Names>,
    lookups: Semaphore,
    pub(super) told: Mutex<HashSet<Refusal>>,
    pub(super) ledger: Mutex<Ledger>,
    pub(super) links: link::Client,
    pub(super) own: Own,
    pub(super) on_event: OnEvent,
}

/// What guests were told, which holds for each generation.
#[derive(Default)]
pub(super) struct Names {
    pub(super) pins: Pins,
    pub(super) synthetic: Synthetic,
    pub(super) aliases: Aliases,
}

/// It is consistent at every step, so a panic elsewhere does not spoil it.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(rules: Rules, find: link::Find, on_event: OnEvent) -> Shared {
        Shared {
            rules: RwLock::new(Arc::new(rules)),
            names: Mutex::default(),
            lookups: Semaphore::new(LOOKUPS),
            told: Mutex::default(),
            ledger: Mutex::default(),
            links: link::Client::new(find),
            own: Own::default(),
            on_event,
        }
    }

    /// Has other rules hold from the next connection on.
    pub(super) fn allow(&self, rules: Rules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
        // What is refused now is told again.
        lock(&self.told).clear();
    }

    pub(super) fn rules(&self) -> Arc<Rules> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn closed(&self, closed: Closed) {
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
    pub(super) async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, Failed> {
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
        // Whoever has a proxy may be unable to look a name up.
        if !rules.policy.names(&name) || rules.is_led(&name) {
            return Ok(vec![lock(&self.names).synthetic.address_of(&name).into()]);
        }
        self.look_up(&name).await
    }

    /// The records of a name that a rule is about. Where a service is, is asked of the name that has it: `_imap._tcp.example.com` goes
    /// with a rule of `example.com` (RFC 2782).
    pub(super) async fn records(&self, name: &str, kind: RecordKind) -> Result<Vec<Record>, Failed> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if !records::is_name(&name) {
            return Err(Failed::Unknown);
        }
        if !self.rules().policy.names(records::owner(&name)) {
            return Err(self.refused(name, Protocol::Udp, Reason::Records { kind }));
        }
        let _permit = self.lookups.acquire().await.map_err(|_| Failed::TryAgain)?;
        records::look_up(ResolvConf::default(), &name, kind).await
    }

    pub(super) async fn look_up(&self, name: &str) -> Result<Vec<IpAddr>, Failed> {
        let Found {
            mut addresses,
            is_local,
        } = self.find(name).await?;
        // What a stranger answers must not mean this machine in the guest.
        addresses
            .retain(|address| !pins::is_synthetic(*address) && (is_local || !address.to_canonical().is_loopback()));
        if addresses.is_empty() {
            return Err(Failed::Unknown);
        }
        lock(&self.names).pins.pin(name, &addresses, is_local, Instant::now());
        Ok(addresses)
    }

    /// What a name stands for, whoever may know.
    pub(super) async fn find(&self, name: &str) -> Result<Found, Failed> {
        let _permit = self.lookups.acquire().await.map_err(|_| Failed::TryAgain)?;
        let asked = name.to_owned();
        let found = tokio::task::spawn_blocking(move || lookup::look_up(&asked)).await;
        found.map_err(|_| Failed::TryAgain)?
    }

    pub(super) fn failed(&self, to: &str, protocol: Protocol, rule: &str, error: &str) {
        let to = of_protocol(to, protocol);
        lock(&self.ledger).of(&to, |row| {
            rule.clone_into(&mut row.rule);
            error.clone_into(&mut row.error);
            row.failed += 1;
        });
        let error = error.to_owned();
        (self.on_event)(Event::Failed { to, error });
    }

    /// No rule allows it.
    pub(super) fn refused(&self, to: String, protocol: Protocol, reason: Reason) -> Failed {
        lock(&self.ledger).of(&of_protocol(&to, protocol), |row| row.refused += 1);
        self.tell(Refusal { to, protocol, reason });
        Failed::Denied
    }

    /// The same, of what rules allow.
    pub(super) fn in_the_way(&self, to: String, protocol: Protocol, reason: Reason, errno: Errno) -> Failed {
        self.tell(Refusal { to, protocol, reason });
        Failed::Errno(errno.raw_os_error())
    }

    /// Whether nothing more is said of a place that no rule allows.
    pub(super) fn is_told(&self, to: &str, protocol: Protocol) -> bool {
        let told = lock(&self.told);
        told.len() >= TOLD
            || told
                .iter()
                .any(|refusal| refusal.protocol == protocol && refusal.to == to)
    }

    pub(super) fn tell(&self, refusal: Refusal) {
        let mut told = lock(&self.told);
        if told.len() < TOLD && told.insert(refusal.clone()) {
            drop(told);
            (self.on_event)(Event::Refused(refusal));
        }
    }
}

/// A place as it is counted and shown: TCP goes without saying.
pub(super) fn of_protocol(to: &str, protocol: Protocol) -> String {
    match protocol {
        Protocol::Tcp => to.to_owned(),
        Protocol::Udp => format!("{to}/udp"),
    }
}
