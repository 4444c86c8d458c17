//! What is said about connections that are not made: a line, and a hint that can be pasted.

use super::record::RecordKind;
use super::records;
use super::rule::{Destination, HOST_NAMES, Rule};
use super::special;
use crate::link::{Link, Refused};
use crate::rule::Protocol;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Most addresses that a line has.
const SHOWN: usize = 3;

/// A connection that was not made, and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Refusal {
    /// What the guest asked for, a name or an address, with its port; an IPv6 address is in brackets.
    pub to: String,
    /// What should have gone there.
    pub protocol: Protocol,
    /// Why it may not.
    pub reason: Reason,
}

/// Why a connection is not made.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// No rule is about it.
    NoRule,
    /// A rule is about it, but it is at an address that is not public.
    NotPublic {
        /// The address.
        address: IpAddr,
    },
    /// A cloud may answer there with the credentials of this machine.
    Metadata {
        /// The address.
        address: IpAddr,
    },
    /// The address was an answer for this name, but is not any more.
    Stale {
        /// The name.
        name: String,
        /// Its addresses by now, in order; none where it has none.
        now: Vec<IpAddr>,
    },
    /// Nothing that a connection could lead to: unspecified, multicast, broadcast, or made up for guests.
    Forbidden,
    /// It is this machine, which a rule has to say.
    Own,
    /// A rule leads to this machine, and nothing is there.
    NothingListensOnHost {
        /// The port.
        port: u16,
    },
    /// There are as many connections as there may be.
    AtLimit {
        /// So many.
        connections: usize,
    },
    /// A run has that name, and no link leads to that port of it.
    NotLinked,
    /// The other end of a link.
    Link {
        /// The run.
        run: String,
        /// What it says.
        why: Refused,
    },
    /// No rule is about the name whose records were asked for.
    Records {
        /// Of this kind.
        kind: RecordKind,
    },
    /// A proxy does not lead there.
    Proxy {
        /// Its name or address, with its port.
        proxy: String,
        /// What it does instead.
        why: String,
    },
    /// It is the guest's own localhost, and nothing is there.
    NothingListensInGuest {
        /// The port.
        port: u16,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refusal { to, protocol, reason } = self;
        let udp = self.suffix();
        match reason {
            Reason::NoRule => write!(f, "denied: {to}/{protocol}: no rule allows it"),
            Reason::NotPublic { .. } if self.address().is_some() => write!(f, "denied: {to}{udp} is not public"),
            Reason::NotPublic { address } => write!(f, "denied: {to}{udp} is {address}, which is not public"),
            Reason::Metadata { .. } => {
                write!(
                    f,
                    "denied: {to}/{protocol}: this machine's cloud credentials may be there"
                )
            }
            Reason::Stale { name, now } => {
                write!(f, "denied: {to}{udp}: {name} ")?;
                match now.as_slice() {
                    [] => f.write_str("is no longer there"),
                    now => write!(f, "is {} by now", Addresses(now)),
                }
            }
            Reason::Forbidden => write!(f, "denied: {to}/{protocol}: no rule can allow this address"),
            Reason::Own => write!(f, "denied: {to}/{protocol}: that is this machine itself"),
            Reason::NothingListensOnHost { port } => {
                write!(
                    f,
                    "refused: this machine's port {port}{udp}: nothing listens on 127.0.0.1 or ::1"
                )
            }
            Reason::AtLimit { connections } => {
                write!(
                    f,
                    "refused: {to}{udp}: {connections} connections are open, which is the limit"
                )
            }
            Reason::NotLinked => write!(f, "denied: {to}/{protocol}: no link leads there"),
            Reason::Link { run, why } => write!(f, "refused: {to}{udp}: {run} {why}"),
            Reason::Records { kind } => write!(f, "denied: {kind} records of {to}: no rule is about that name"),
            Reason::Proxy { proxy, why } => write!(f, "refused: {to}{udp}: the proxy {proxy} {why}"),
            Reason::NothingListensInGuest { port } => {
                write!(f, "refused: localhost:{port}{udp}: nothing listens there in the guest")
            }
        }
    }
}

impl Refusal {
    /// What would allow it, where something does.
    pub fn hint(&self) -> Option<String> {
        match &self.reason {
            Reason::NoRule => Some(allowed_by(&self.rule(self.to.as_str())?)),
            Reason::NotPublic { address } => match self.address() {
                None if !special::is_link_local(*address) => {
                    Some(format!("`--allow-private {}`, if that is meant", IpNet::from(*address)))
                }
                _ => Some(format!("`--allow {}`, if that is meant", self.literal(*address)?)),
            },
            Reason::Metadata { address } => Some(format!("`--allow {}`, if that is meant", self.literal(*address)?)),
            Reason::Own => Some(allowed_by(&self.rule(&format!(
                "{}:{}",
                HOST_NAMES[0],
                self.port()?
            ))?)),
            Reason::NothingListensInGuest { port } => {
                Some(format!("this machine's: `--allow localhost:{port}{}`", self.suffix()))
            }
            // What port it is about, only the records say.
            Reason::Records { .. } => Some(format!("`--allow {}:PORT` is about it", records::owner(&self.to))),
            Reason::NotLinked => {
                let link: Link = format!("{}{}", self.to, self.suffix()).parse().ok()?;
                Some(format!("`--link {link}`, or `links = [\"{link}\"]` under `[network]`"))
            }
            Reason::AtLimit { .. } => Some("raise `--max-outbound`".to_owned()),
            Reason::Link {
                run,
                why: Refused::NotRunning,
            } => Some(format!("start it with `--name {run}`; `wasmrun ps` lists the runs")),
            Reason::Proxy { why, .. } if why.starts_with("answers 407") => {
                Some("write `http://USER:PASSWORD@HOST:PORT`".to_owned())
            }
            Reason::Link { .. } | Reason::Proxy { .. } => None,
            Reason::Stale { .. } | Reason::Forbidden | Reason::NothingListensOnHost { .. } => None,
        }
    }

    /// The rule of a place; none where the guest has asked for what cannot be a rule.
    fn rule(&self, place: &str) -> Option<Rule> {
        let rule: Rule = format!("{place}{}", self.suffix()).parse().ok()?;
        // What a guest calls a name must not become a wide rule, or one of another place, by being pasted.
        let is_it = match &rule.to {
            Destination::Any | Destination::Below(_) => false,
            Destination::Network(network) => network.prefix_len() == network.max_prefix_len(),
            Destination::Name(name) => place.rsplit_once(':')?.0.eq_ignore_ascii_case(name),
            Destination::Host | Destination::Localhost => true,
        };
        (is_it && rule.ports.first == rule.ports.last).then_some(rule)
    }

    fn literal(&self, address: IpAddr) -> Option<Rule> {
        self.rule(&SocketAddr::new(address, self.port()?).to_string())
    }

    fn address(&self) -> Option<SocketAddr> {
        self.to.parse().ok()
    }

    fn port(&self) -> Option<u16> {
        self.to.rsplit_once(':')?.1.parse().ok()
    }

    fn suffix(&self) -> &'static str {
        match self.protocol {
            Protocol::Tcp => "",
            Protocol::Udp => "/udp",
        }
    }
}

fn allowed_by(rule: &Rule) -> String {
    format!("`--allow {rule}`, or `allow = [\"{rule}\"]` under `[network]`")
}

struct Addresses<'a>(&'a [IpAddr]);

impl fmt::Display for Addresses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<String> = self.0.iter().take(SHOWN).map(IpAddr::to_string).collect();
        f.write_str(&shown.join(", "))?;
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod tests;
