//! The forwards of a session: bound once, pointed at one guest after another, changed while the others go on. Where each leads,
//! and who accepts from its listeners, is decided by [`super::state`].

use crate::control::{ForwardState, Source};
use crate::session::generation::Generation;
use crate::session::ledger::{self, Ledger};
use crate::session::state::{ForwardId, Port};
use crate::settings::Settings;
use anyhow::anyhow;
use netns::{Bind, Forward, Forwarder, Limits, Mapping, Protocol, Upstream};
use report::{Failure, Result};
use runtime::Counts;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// A free port is looked for among so many above the one that is wanted.
const NEARBY: usize = 20;
/// Ports below are those of services that everybody knows (ip(7)); root could bind them.
const UNPRIVILEGED: u16 = 1024;

/// One mapping that listens.
struct Bound {
    mapping: Mapping,
    source: Source,
    forward: Arc<Forward>,
    /// What generations that are gone have accepted themselves.
    adopted: Counts,
}

impl Bound {
    fn port(&self) -> Port {
        (self.mapping.protocol, self.mapping.guest)
    }

    fn is_for_links(&self) -> bool {
        matches!(self.source, Source::Exposed | Source::Link)
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
    /// Of generations that accept themselves, and are not forgotten yet.
    ledgers: Vec<Arc<Ledger>>,
}

/// Forwards that were added.
#[derive(Default)]
pub struct New {
    pub forwards: Vec<(ForwardId, Port)>,
    /// Each bound address with the guest's port.
    pub addresses: Vec<(SocketAddr, Port)>,
}

/// The forwards' bounds: one listener for each of so many mappings.
pub fn limits(settings: &Settings, mappings: usize) -> Limits {
    // One listener for each of two addresses; a connection has two descriptors as well.
    let mut limits = Limits::of_this_process();
    limits.connect_timeout = settings.network.connect_timeout;
    limits.udp_idle = settings.network.udp_idle;
    let most = limits.connections.saturating_sub(mappings).max(1);
    // More than the descriptors allow would fail at accept, with a worse message.
    limits.connections = settings.network.max_connections.unwrap_or(usize::MAX).min(most);
    limits
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
            ledgers: Vec::new(),
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
            let id = self.add(mapping, listeners, source);
            new.forwards.push((id, (mapping.protocol, mapping.guest)));
        }
        Ok(new)
    }

    /// Forwards a port that the guest listens on from the same port of this machine, or from the next that is free.
    pub fn detect(&mut self, (protocol, guest): Port) -> Result<ForwardId> {
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
            tracing::info!("host port {guest} is not available; guest:{guest} is forwarded from host port {taken}");
        }
        Ok(self.add(loopback(host), listeners, Source::Detected))
    }

    /// What leads to a port of the guest for links of other runs.
    pub fn linked(&self, (protocol, guest): Port) -> Option<Arc<Forward>> {
        let is_one =
            |bound: &&Bound| bound.is_for_links() && (bound.mapping.protocol, bound.mapping.guest) == (protocol, guest);
        self.bound.iter().find(is_one).map(|bound| bound.forward.clone())
    }

    /// Makes that.
    pub fn link(&mut self, (protocol, guest): Port, source: Source) -> Arc<Forward> {
        let mapping = Mapping {
            bind: Bind::Loopback,
            host: 0,
            guest,
            protocol,
        };
        self.add(mapping, netns::Listeners::none(guest), source);
        self.bound[self.bound.len() - 1].forward.clone()
    }

    /// Makes what is wanted and new.
    pub fn expose(&mut self, ports: &[u16]) -> Vec<(ForwardId, Port)> {
        let is_new = |port: &&u16| {
            let is_one = |bound: &Bound| bound.source == Source::Exposed && bound.mapping.guest == **port;
            !self.bound.iter().any(is_one)
        };
        let new: Vec<u16> = ports.iter().filter(is_new).copied().collect();
        let made = new.into_iter().map(|port| {
            let forward = self.link((Protocol::Tcp, port), Source::Exposed);
            (forward.id(), (Protocol::Tcp, port))
        });
        made.collect()
    }

    fn add(&mut self, mapping: Mapping, listeners: netns::Listeners, source: Source) -> ForwardId {
        let forward = self.forwarder.add(listeners);
        let id = forward.id();
        self.bound.push(Bound {
            mapping,
            source,
            forward,
            adopted: Counts::default(),
        });
        id
    }

    /// Their numbers, with the guest's port.
    pub fn ids(&self) -> Vec<(ForwardId, Port)> {
        self.bound
            .iter()
            .map(|bound| (bound.forward.id(), bound.port()))
            .collect()
    }

    /// Closes those with these numbers.
    pub fn remove(&mut self, ids: &[ForwardId]) {
        let (gone, kept): (Vec<Bound>, Vec<Bound>) = std::mem::take(&mut self.bound)
            .into_iter()
            .partition(|bound| ids.contains(&bound.forward.id()));
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

    /// What is forwarded, with where that comes from.
    pub fn mappings(&self) -> Vec<(Mapping, String)> {
        let place = |source| match source {
            Source::Settings => "the settings of the run",
            Source::Asked => "another `wasmrun forward`",
            Source::Detected => "`--auto-forward`",
            Source::Exposed => "`--expose`",
            Source::Link => "a link of another run",
        };
        let bound = |bound: &Bound| {
            let addresses = bound.forward.addresses().first();
            let host = addresses.map_or(bound.mapping.host, SocketAddr::port);
            (Mapping { host, ..bound.mapping }, place(bound.source).to_owned())
        };
        self.bound.iter().map(bound).collect()
    }

    /// Those on a host port, each with where it comes from.
    pub fn on_host_port(&self, host_port: u16) -> Vec<(ForwardId, Source)> {
        let bound = self.bound.iter().filter(|bound| bound.is_on(host_port));
        bound.map(|bound| (bound.forward.id(), bound.source)).collect()
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

    /// The guest's TCP ports in the order of the rules; each port once. What another run has asked for is none of them.
    pub fn guest_ports_in_order(&self) -> Vec<u16> {
        let mut seen = BTreeSet::new();
        let tcp = self
            .bound
            .iter()
            .filter(|bound| bound.mapping.protocol == Protocol::Tcp && bound.source != Source::Link);
        let all = tcp.map(|bound| bound.mapping.guest);
        all.filter(|port| seen.insert(*port)).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.bound.is_empty()
    }

    /// The host port of the first forward to a guest port.
    pub fn host_port(&self, port: Port) -> Option<u16> {
        let mut bound = self.bound.iter();
        let bound = bound.find(|bound| bound.port() == port)?;
        bound.forward.addresses().first().map(SocketAddr::port)
    }

    fn get(&self, id: ForwardId) -> Option<&Bound> {
        self.bound.iter().find(|bound| bound.forward.id() == id)
    }

    /// Sends a forward's new connections elsewhere.
    pub fn retarget(&self, id: ForwardId, upstream: Upstream) {
        if let Some(bound) = self.get(id) {
            self.forwarder.retarget(&bound.forward, upstream);
        }
    }

    /// Tries waiting connections again.
    pub fn wake(&self, id: ForwardId) {
        if let Some(bound) = self.get(id) {
            self.forwarder.wake(&bound.forward);
        }
    }

    /// Accepts what comes to a forward here. Whoever accepted it has stopped, or is gone.
    pub fn reclaim(&self, id: ForwardId) {
        if let Some(bound) = self.get(id) {
            self.forwarder.reclaim(&bound.forward);
        }
    }

    /// Leaves a forward's listeners to a generation. False when it does not take them, and they are ours.
    pub fn lend(&mut self, id: ForwardId, port: u16, guest: &mut Generation) -> bool {
        let Some(bound) = self.get(id) else { return false };
        let listeners = self.forwarder.lend(&bound.forward);
        let taken = guest.adopt(id, port, listeners);
        if !taken {
            self.forwarder.reclaim(&bound.forward);
        }
        if !self.ledgers.iter().any(|known| Arc::ptr_eq(known, &guest.ledger)) {
            self.close_ledgers();
            self.ledgers.push(guest.ledger.clone());
        }
        taken
    }

    /// Prints the ready line of each of a forward's addresses.
    pub fn announce(&self, id: ForwardId) {
        let Some(bound) = self.get(id) else { return };
        for host in bound.forward.addresses() {
            report::ready(*host, bound.mapping.guest, bound.mapping.protocol);
        }
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

    /// Those of the settings that are not wanted any more.
    pub fn unwanted(&self, wanted: &[Mapping]) -> Vec<ForwardId> {
        let is_gone = |bound: &&Bound| bound.source == Source::Settings && !wanted.contains(&bound.mapping);
        self.bound
            .iter()
            .filter(is_gone)
            .map(|bound| bound.forward.id())
            .collect()
    }

    /// Binds what is wanted and new. One that cannot be bound is said, and the others still are.
    pub fn add_wanted(&mut self, wanted: &[Mapping]) -> Vec<(ForwardId, Port)> {
        let mut added = Vec::new();
        for mapping in wanted {
            if self.bound.iter().any(|bound| bound.mapping == *mapping) {
                continue;
            }
            match self.add_all(&[*mapping], Source::Settings) {
                Ok(new) => added.extend(new.forwards),
                Err(failure) => report::failure(&failure),
            }
        }
        added
    }

    /// Refuses new connections; those that are open go on.
    pub fn close(&mut self) {
        for bound in &self.bound {
            self.forwarder.remove(&bound.forward);
            self.forwarder.retarget(&bound.forward, Upstream::Awaited);
        }
    }
}

fn shown(addresses: &[SocketAddr]) -> String {
    let texts: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
    texts.join(" and ")
}
