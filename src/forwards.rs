//! The forwards of a session: bound once, pointed at one guest after another, changed while the others go on.

use crate::failure::{Failure, Result};
use crate::report;
use anyhow::anyhow;
use netns::{Forward, Forwarder, Mapping, Target};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

/// One mapping that listens.
struct Bound {
    mapping: Mapping,
    forward: Arc<Forward>,
    /// Its ready line was printed.
    said: bool,
}

/// Every mapping that listens, in the order of the rules.
pub struct Forwards {
    forwarder: Arc<Forwarder>,
    bound: Vec<Bound>,
    target: Option<Arc<Target>>,
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
        };
        for (mapping, listeners) in listeners {
            forwards.add(mapping, listeners);
        }
        forwards
    }

    fn add(&mut self, mapping: Mapping, listeners: netns::Listeners) {
        let forward = self.forwarder.add(listeners);
        self.forwarder.retarget(&forward, self.target.clone());
        self.bound.push(Bound {
            mapping,
            forward,
            said: false,
        });
    }

    pub fn is_empty(&self) -> bool {
        self.bound.is_empty()
    }

    /// The guest's ports.
    pub fn guest_ports(&self) -> BTreeSet<u16> {
        self.bound.iter().map(|bound| bound.mapping.guest).collect()
    }

    /// The host port of the first forward to a guest port.
    pub fn host_port(&self, guest_port: u16) -> Option<u16> {
        let mut bound = self.bound.iter();
        let bound = bound.find(|bound| bound.mapping.guest == guest_port)?;
        bound.forward.addresses().first().map(SocketAddr::port)
    }

    /// Sends new connections to another guest, or lets them wait.
    pub fn retarget(&mut self, target: Option<Arc<Target>>) {
        self.target.clone_from(&target);
        for bound in &self.bound {
            self.forwarder.retarget(&bound.forward, target.clone());
        }
    }

    /// The serving guest listens on `guest_port`: who waits goes on, and the ready lines are printed once. False when
    /// no forward leads there.
    pub fn listening(&mut self, guest_port: u16) -> bool {
        let mut found = false;
        for bound in self.bound.iter_mut().filter(|bound| bound.mapping.guest == guest_port) {
            found = true;
            self.forwarder.wake(&bound.forward);
            if !std::mem::replace(&mut bound.said, true) {
                for host in bound.forward.addresses() {
                    report::ready(*host, guest_port);
                }
            }
        }
        found
    }

    /// Closes what is not wanted any more and binds what is new; the rest is not touched. One that cannot be bound is
    /// said, and the others still are.
    pub fn change(&mut self, wanted: &[Mapping]) {
        let (kept, gone): (Vec<Bound>, Vec<Bound>) = std::mem::take(&mut self.bound)
            .into_iter()
            .partition(|bound| wanted.contains(&bound.mapping));
        self.bound = kept;
        for bound in gone {
            self.forwarder.remove(&bound.forward);
            tracing::info!(
                "closed: {} -> guest:{}/tcp",
                shown(bound.forward.addresses()),
                bound.mapping.guest
            );
        }
        for mapping in wanted {
            if self.bound.iter().any(|bound| bound.mapping == *mapping) {
                continue;
            }
            match bind(mapping) {
                Ok(listeners) => self.add(*mapping, listeners),
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
