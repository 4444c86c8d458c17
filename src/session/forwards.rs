//! The forwards of a session: bound once, pointed at one guest after another, changed while the others go on.

use crate::control::{ForwardState, Source};
use crate::session::generation::Generation;
use crate::session::ledger::{self, Ledger};
use anyhow::anyhow;
use netns::{Bind, Forward, Forwarder, Mapping, Protocol, Target};
use report::{Failure, Result};
use runtime::Counts;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// A free port is looked for among so many above the one that is wanted.
const NEARBY: usize = 20;
/// Forwards of ports that a guest has chosen.
const MOST: usize = 64;
/// Ports below are those of services that everybody knows (ip(7)); root could bind them.
const UNPRIVILEGED: u16 = 1024;

/// A port of the guest.
pub type Port = (Protocol, u16);

/// One mapping that listens.
struct Bound {
    mapping: Mapping,
    source: Source,
    forward: Arc<Forward>,
    /// Its ready line was printed.
    said: bool,
    /// What generations that are gone have accepted themselves.
    adopted: Counts,
}

impl Bound {
    fn port(&self) -> Port {
        (self.mapping.protocol, self.mapping.guest)
    }

    fn is_on(&self, host_port: u16) -> bool {
        self.forward
            .addresses()
            .iter()
            .any(|address| address.port() == host_port)
    }
}

/// Every mapping that listens, in the order of the rules.
pub struct Forwards {
    forwarder: Arc<Forwarder>,
    bound: Vec<Bound>,
    target: Option<Arc<Target>>,
    /// Without a target: nobody is to come, either.
    hopeless: bool,
    /// Of generations that accept themselves, and are not forgotten yet.
    ledgers: Vec<Arc<Ledger>>,
    /// That no more are forwarded by themselves.
    said_most: bool,
}

/// Forwards that were added.
#[derive(Default)]
pub struct New {
    pub ids: Vec<u64>,
    /// Each bound address with the guest's port.
    pub addresses: Vec<(SocketAddr, Port)>,
}

/// Binds one mapping on the host.
pub fn bind(mapping: &Mapping) -> Result<netns::Listeners> {
    let listeners = netns::listen(mapping).map_err(|error| {
        let hint = error.hint();
        Failure::from(anyhow!("cannot forward host port {}: {error}", mapping.host)).hint(hint)
    })?;
    if !mapping.bind.is_loopback() {
        tracing::warn!("{} can be reached from other machines", shown(&listeners.addresses));
    }
    Ok(listeners)
}

impl Forwards {
    /// Begins to accept; connections wait for a target.
    pub fn new(forwarder: Arc<Forwarder>, listeners: Vec<(Mapping, netns::Listeners)>) -> Forwards {
        let mut forwards = Forwards {
            forwarder,
            bound: Vec::new(),
            target: None,
            hopeless: false,
            ledgers: Vec::new(),
            said_most: false,
        };
        for (mapping, listeners) in listeners {
            forwards.add(mapping, listeners, Source::Settings);
        }
        forwards
    }

    /// Adds forwards while others go on: all of them or none.
    pub fn add_all(&mut self, mappings: &[Mapping], source: Source) -> Result<New> {
        let bound = mappings.iter().map(|mapping| Ok((*mapping, bind(mapping)?)));
        let bound: Vec<_> = bound.collect::<Result<_>>()?;
        let mut new = New::default();
        for (mapping, listeners) in bound {
            let addresses = listeners.addresses.iter();
            new.addresses
                .extend(addresses.map(|address| (*address, (mapping.protocol, mapping.guest))));
            new.ids.push(self.add(mapping, listeners, source));
        }
        Ok(new)
    }

    /// Forwards a port that the guest listens on from the same port of this machine, or from the next that is free.
    pub fn detect(&mut self, (protocol, guest): Port) -> Result<()> {
        let detected = self.bound.iter().filter(|bound| bound.source == Source::Detected);
        match detected.count() {
            MOST => {
                if !std::mem::replace(&mut self.said_most, true) {
                    tracing::warn!("--auto-forward: {MOST} ports are forwarded, and no more are by themselves");
                }
                return Ok(());
            }
            _ => self.said_most = false,
        }
        let loopback = |host| Mapping {
            bind: Bind::Loopback,
            host,
            guest,
            protocol,
        };
        // What a guest decides is bounded, and takes no port that is somebody's by right.
        let nearby = (guest..=u16::MAX).take(NEARBY).filter(|host| *host >= UNPRIVILEGED);
        let mut free = nearby.filter_map(|host| Some((host, netns::listen(&loopback(host)).ok()?)));
        let (host, listeners) = match free.next() {
            Some(found) => found,
            None => (0, bind(&loopback(0))?),
        };
        let taken = listeners.addresses[0].port();
        if taken != guest {
            tracing::info!("port {guest} of this machine is not free: the guest's is forwarded from {taken}");
        }
        self.add(loopback(host), listeners, Source::Detected);
        Ok(())
    }

    /// Closes those that were detected and on whose ports the guest does not listen any more.
    pub fn undetect(&mut self, listening: &BTreeSet<Port>) {
        self.keep(|bound| bound.source != Source::Detected || listening.contains(&bound.port()));
    }

    fn add(&mut self, mapping: Mapping, listeners: netns::Listeners, source: Source) -> u64 {
        let forward = self.forwarder.add(listeners);
        let id = forward.id();
        if self.hopeless {
            self.forwarder.give_up(&forward);
        } else {
            self.forwarder.retarget(&forward, self.target.clone());
        }
        self.bound.push(Bound {
            mapping,
            source,
            forward,
            said: false,
            adopted: Counts::default(),
        });
        id
    }

    /// Closes those with these numbers.
    pub fn remove(&mut self, ids: &[u64]) {
        self.keep(|bound| !ids.contains(&bound.forward.id()));
    }

    /// Closes the one on this host port that was not in the settings. False when there is none.
    pub fn remove_added(&mut self, host_port: u16) -> bool {
        let before = self.bound.len();
        self.keep(|bound| bound.source == Source::Settings || !bound.is_on(host_port));
        self.bound.len() < before
    }

    pub fn has_host_port(&self, host_port: u16) -> bool {
        self.bound.iter().any(|bound| bound.is_on(host_port))
    }

    fn keep(&mut self, wanted: impl Fn(&Bound) -> bool) {
        let (kept, gone): (Vec<Bound>, Vec<Bound>) = std::mem::take(&mut self.bound).into_iter().partition(wanted);
        self.bound = kept;
        for bound in gone {
            self.forwarder.remove(&bound.forward);
            let hosts = shown(bound.forward.addresses());
            tracing::info!(
                "closed: {hosts} -> guest:{}/{}",
                bound.mapping.guest,
                bound.mapping.protocol
            );
        }
    }

    /// Each as `ps` shows it.
    pub fn states(&mut self) -> Vec<ForwardState> {
        self.close_ledgers();
        let state = |bound: &Bound| {
            let counters = bound.forward.counters();
            let counts = self.ledgers.iter().map(|ledger| ledger.of(bound.forward.id()));
            let adopted = counts.fold(bound.adopted, ledger::add);
            ForwardState {
                hosts: bound.forward.addresses().to_vec(),
                guest: bound.mapping.guest,
                protocol: bound.mapping.protocol,
                source: bound.source,
                adopted: bound.forward.is_lent(),
                live: counters.live.load(Relaxed).saturating_add(adopted.live),
                accepted: counters.accepted.load(Relaxed).saturating_add(adopted.accepted),
                refused: counters.refused.load(Relaxed),
                reset: counters.reset.load(Relaxed),
                to_guest: counters.to_guest.load(Relaxed).saturating_add(adopted.to_guest),
                to_client: counters.to_client.load(Relaxed).saturating_add(adopted.to_client),
                spliced: counters.spliced.load(Relaxed),
            }
        };
        self.bound.iter().map(state).collect()
    }

    /// Keeps of generations that are gone what they have counted, and nothing else.
    fn close_ledgers(&mut self) {
        let (gone, ledgers) = std::mem::take(&mut self.ledgers)
            .into_iter()
            .partition::<Vec<_>, _>(|ledger| Arc::strong_count(ledger) == 1);
        self.ledgers = ledgers;
        for bound in &mut self.bound {
            let counts = gone.iter().map(|ledger| ledger.of(bound.forward.id()));
            bound.adopted = counts.fold(bound.adopted, ledger::add);
        }
    }

    /// The guest's TCP ports in the order of the rules; each port once.
    pub fn guest_ports_in_order(&self) -> Vec<u16> {
        let mut seen = BTreeSet::new();
        let tcp = self
            .bound
            .iter()
            .filter(|bound| bound.mapping.protocol == Protocol::Tcp);
        let all = tcp.map(|bound| bound.mapping.guest);
        all.filter(|port| seen.insert(*port)).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.bound.is_empty()
    }

    /// The guest's ports.
    pub fn guest_ports(&self) -> BTreeSet<Port> {
        self.bound.iter().map(Bound::port).collect()
    }

    /// The host port of the first forward to a guest port.
    pub fn host_port(&self, port: Port) -> Option<u16> {
        let mut bound = self.bound.iter();
        let bound = bound.find(|bound| bound.port() == port)?;
        bound.forward.addresses().first().map(SocketAddr::port)
    }

    /// Sends new connections to another guest, or lets them wait. Whoever accepted them itself has stopped, or is gone.
    pub fn retarget(&mut self, target: Option<Arc<Target>>) {
        self.target.clone_from(&target);
        self.hopeless = false;
        for bound in &self.bound {
            self.forwarder.retarget(&bound.forward, target.clone());
            self.forwarder.reclaim(&bound.forward);
        }
    }

    /// Nobody serves and nobody is to come: connections are reset.
    pub fn give_up(&mut self) {
        self.target = None;
        self.hopeless = true;
        for bound in &self.bound {
            self.forwarder.give_up(&bound.forward);
        }
    }

    /// There is somebody to wait for again.
    pub fn hope(&mut self) {
        if self.hopeless {
            self.retarget(None);
        }
    }

    /// The serving guest listens on a port: who waits goes on, and the ready lines are printed once. False when no forward
    /// leads there. A guest that accepts from the host's listeners gets them.
    pub fn listening(&mut self, port: Port, guest: &mut Generation) -> bool {
        let (mut found, mut lends) = (false, false);
        let adopts = guest.adopts() && port.0 == Protocol::Tcp;
        for bound in self.bound.iter_mut().filter(|bound| bound.port() == port) {
            found = true;
            self.forwarder.wake(&bound.forward);
            if adopts && !bound.forward.is_lent() {
                let listeners = self.forwarder.lend(&bound.forward);
                if !guest.adopt(bound.forward.id(), port.1, listeners) {
                    self.forwarder.reclaim(&bound.forward);
                }
                lends = true;
            }
            if !std::mem::replace(&mut bound.said, true) {
                for host in bound.forward.addresses() {
                    report::ready(*host, port.1, port.0);
                }
            }
        }
        if lends && !self.ledgers.iter().any(|known| Arc::ptr_eq(known, &guest.ledger)) {
            self.close_ledgers();
            self.ledgers.push(guest.ledger.clone());
        }
        found
    }

    /// The ready line of each address.
    pub fn ready_lines(&self) -> String {
        let mut lines = String::new();
        for bound in &self.bound {
            for host in bound.forward.addresses() {
                lines += &report::ready_line(*host, bound.mapping.guest, bound.mapping.protocol);
                lines.push('\n');
            }
        }
        lines
    }

    /// The guest accepts no more on a port: connections wait for it, as long as the limit says.
    pub fn closed(&self, port: u16) {
        for bound in self.bound.iter().filter(|bound| bound.port() == (Protocol::Tcp, port)) {
            self.forwarder.reclaim(&bound.forward);
        }
    }

    /// Closes what is not wanted any more and binds what is new; the rest is not touched. One that cannot be bound is
    /// said, and the others still are.
    pub fn change(&mut self, wanted: &[Mapping]) {
        self.keep(|bound| bound.source != Source::Settings || wanted.contains(&bound.mapping));
        for mapping in wanted {
            if self.bound.iter().any(|bound| bound.mapping == *mapping) {
                continue;
            }
            match bind(mapping) {
                Ok(listeners) => drop(self.add(*mapping, listeners, Source::Settings)),
                Err(failure) => report::failure(&failure),
            }
        }
    }

    /// Refuses new connections; those that are open go on.
    pub fn close(&mut self) {
        for bound in &self.bound {
            self.forwarder.remove(&bound.forward);
        }
        self.retarget(None);
    }
}

fn shown(addresses: &[SocketAddr]) -> String {
    let texts: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
    texts.join(" and ")
}
