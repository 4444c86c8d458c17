//! What rules allow: rules, and the names of an address, to a verdict.
//!
//! ```text
//!   nothing there, or everybody, or made up for guests          denied
//!   this machine's (loopback, own addresses)                    `host:`, `localhost:`, or a rule of that very address
//!   public                                                      a rule of a network, `*`, or a name that it was just answered for
//!   special, that is private, link-local, metadata, …           a network within the same special block; or a name, if it leads into
//!                                                               `allow-private`, or strangers cannot answer for it and a rule says
//!                                                               it in full; link-local and metadata never by name
//! ```
//!
//! It is the address that is judged, after names were looked up, and the one that is connected to; how the guest came by it does not
//! matter. An address that carries another one is judged by that ([`special::canonical`]).

use super::pins::{self, Pin};
use super::refusal::Reason;
use super::rule::{Destination, Rule, is_numeric};
use super::special;
use crate::rule::Protocol;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// Domains in which the public DNS has no names: reserved (RFC 6761, 6762, 8375, ICANN's .internal), or never to be delegated.
const INSIDE: [&str; 8] = [
    "internal",
    "local",
    "localhost",
    "test",
    "home.arpa",
    "lan",
    "home",
    "corp",
];

/// Rules, and the private networks that names may lead into.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    rules: Vec<Rule>,
    private: Vec<IpNet>,
}

/// What comes of a guest's wish to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// This rule allows it.
    Allowed(&'a Rule),
    /// Allowed if one of these names still has the address among its answers: look them up again, pin, and judge anew.
    Stale(Vec<String>),
    /// No rule allows it.
    Denied(Reason),
}

/// A place as it is judged.
struct Place {
    /// As it is connected to.
    address: IpAddr,
    /// What the address stands for.
    canonical: IpAddr,
    /// The special block of that.
    block: Option<IpNet>,
    port: u16,
    protocol: Protocol,
}

impl Policy {
    /// Rules, and the networks besides public addresses that names may lead into.
    pub fn new(rules: Vec<Rule>, private: Vec<IpNet>) -> Policy {
        Policy { rules, private }
    }

    /// The rules.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether a rule covers a name, on any port: no other is looked up.
    pub fn names(&self, name: &str) -> bool {
        self.rules.iter().any(|rule| covers(rule, name))
    }

    /// The rule by which a guest may connect to a name, wherever that leads: somebody else looks it up.
    pub(super) fn of_name(&self, name: &str, port: u16, protocol: Protocol) -> Option<&Rule> {
        self.on(port, protocol).find(|rule| covers(rule, name))
    }

    /// The rule by which a guest may connect to a port of this machine, as `host.wasmrun.internal`.
    pub fn host(&self, port: u16, protocol: Protocol) -> Option<&Rule> {
        let is_one = |rule: &&Rule| matches!(rule.to, Destination::Host | Destination::Localhost);
        self.on(port, protocol).find(is_one)
    }

    /// The rule that leads a port of the guest's own localhost to this machine's.
    pub fn localhost(&self, port: u16, protocol: Protocol) -> Option<&Rule> {
        self.on(port, protocol).find(|rule| rule.to == Destination::Localhost)
    }

    /// Whether a guest may connect to an address. `pins`: the names that it was an answer for. `is_own`: it is one of this machine's.
    pub fn judge(&self, to: SocketAddr, protocol: Protocol, pins: &[Pin], is_own: bool) -> Verdict<'_> {
        let place = Place {
            address: to.ip(),
            canonical: special::canonical(to.ip()),
            block: special::block(to.ip()),
            port: to.port(),
            protocol,
        };
        if special::is_forbidden(place.canonical) || pins::is_synthetic(place.canonical) {
            return Verdict::Denied(Reason::Forbidden);
        }
        // What carries a loopback address (NAT64, 6to4) leads elsewhere: no rule of this machine's ports is about that.
        let is_here = is_own || place.address.to_canonical().is_loopback();
        if is_here && let Some(rule) = self.host(place.port, protocol) {
            return Verdict::Allowed(rule);
        }
        if special::is_loopback(place.canonical) {
            return Verdict::Denied(Reason::Own);
        }
        let literal = self.on(place.port, protocol).find(|rule| match &rule.to {
            Destination::Network(network) => place.is_in(network, is_own),
            _ => false,
        });
        match literal {
            Some(rule) => Verdict::Allowed(rule),
            None if is_own => Verdict::Denied(Reason::Own),
            None => self.by_name(&place, pins),
        }
    }

    /// By rules that are not of addresses.
    fn by_name(&self, place: &Place, pins: &[Pin]) -> Verdict<'_> {
        let address = place.canonical;
        if special::is_metadata(address) {
            return Verdict::Denied(Reason::Metadata { address });
        }
        let mut stale: Vec<String> = Vec::new();
        let mut is_covered = false;
        for rule in self.on(place.port, place.protocol) {
            match &rule.to {
                Destination::Any if place.block.is_none() => return Verdict::Allowed(rule),
                // A wide network means what is public of it.
                Destination::Any => is_covered = true,
                Destination::Network(network) => {
                    is_covered |= network.contains(&address) || network.contains(&place.address)
                }
                _ => {}
            }
            for pin in pins.iter().filter(|pin| covers(rule, &pin.name)) {
                is_covered = true;
                match self.leads(rule, pin, place) {
                    true if pin.is_fresh => return Verdict::Allowed(rule),
                    true if !stale.contains(&pin.name) => stale.push(pin.name.clone()),
                    _ => {}
                }
            }
        }
        match place.block {
            _ if !stale.is_empty() => Verdict::Stale(stale),
            Some(_) if is_covered => Verdict::Denied(Reason::NotPublic { address }),
            _ => Verdict::Denied(Reason::NoRule),
        }
    }

    /// Whether a rule that covers the name of a pin allows it to lead to its address.
    fn leads(&self, rule: &Rule, pin: &Pin, place: &Place) -> bool {
        if place.block.is_none() {
            return true;
        }
        // Of this machine's own link, names are not asked at all.
        if special::is_link_local(place.canonical) {
            return false;
        }
        let is_exact = matches!(rule.to, Destination::Name(_));
        let is_private = self.private.iter().any(|network| network.contains(&place.canonical));
        is_private || is_exact && (pin.is_local || is_inside(&pin.name))
    }

    /// The rules of a port.
    fn on(&self, port: u16, protocol: Protocol) -> impl Iterator<Item = &Rule> {
        let is_on = move |rule: &&Rule| rule.protocol == protocol && rule.ports.contains(port);
        self.rules.iter().filter(is_on)
    }
}

impl Place {
    /// Whether a rule of a network is about this place. Public addresses are in any network; this machine's own ones have to be said
    /// alone; special ones are in networks that lie within their block.
    fn is_in(&self, network: &IpNet, is_own: bool) -> bool {
        match self.block {
            Some(block) => block.contains(network) && network.contains(&self.canonical),
            None if is_own && network.prefix_len() < network.max_prefix_len() => false,
            None => network.contains(&self.canonical) || network.contains(&self.address),
        }
    }
}

/// Whether a rule is about a name.
fn covers(rule: &Rule, name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    match &rule.to {
        Destination::Any => true,
        Destination::Name(exact) => name.eq_ignore_ascii_case(exact),
        Destination::Below(domain) => is_below(name, domain),
        _ => false,
    }
}

fn is_below(name: &str, domain: &str) -> bool {
    let (name, domain) = (name.as_bytes(), domain.as_bytes());
    match name.len().checked_sub(domain.len()) {
        Some(before) if before >= 2 => name[before..].eq_ignore_ascii_case(domain) && name[before - 1] == b'.',
        _ => false,
    }
}

/// Whether nobody on the Internet can answer for a name: it is one label, which is for this network's own servers, or of a domain
/// that is inside.
pub(super) fn is_inside(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    !is_numeric(name) && (!name.contains('.') || INSIDE.iter().any(|domain| is_below(name, domain)))
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
