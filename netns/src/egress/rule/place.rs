//! A place that guests may connect to, and what is said of it.

use crate::egress::special;
use crate::rule::Protocol;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The names of this machine in a guest; the first one is ours, the others are what containers call it.
pub(in crate::egress) const HOST_NAMES: [&str; 3] = [
    "host.wasmrun.internal",
    "host.docker.internal",
    "host.containers.internal",
];

/// A place that guests may connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Rule {
    /// Whose ports.
    pub to: Destination,
    /// Which ports.
    pub ports: Ports,
    /// What goes there.
    pub protocol: Protocol,
}

/// Whose ports a rule is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    /// Any public host: `*`.
    Any,
    /// A name, in lower case, ASCII, without a last dot.
    Name(String),
    /// Every name that ends in a dot and this one, at any depth: `*.NAME`.
    Below(String),
    /// Addresses; a single one is a network of 32 or 128 bits.
    Network(IpNet),
    /// This machine, as `host.wasmrun.internal`.
    Host,
    /// This machine, in place of the guest's own localhost and as `host.wasmrun.internal`.
    Localhost,
}

/// Ports from `first` to `last`, both included; neither is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ports {
    /// The lowest.
    pub first: u16,
    /// The highest.
    pub last: u16,
}

impl Ports {
    /// Every port: `*`.
    pub const ALL: Ports = Ports {
        first: 1,
        last: u16::MAX,
    };

    /// Whether a port is one of them.
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl Rule {
    /// What the rule allows, in a line.
    pub fn meaning(&self) -> String {
        let (ports, of_all) = (self.named_ports(), self.ports == Ports::ALL);
        let host = HOST_NAMES[0];
        let of_this_machine = match of_all {
            true => format!("{ports} of this machine"),
            false => format!("this machine's {ports}"),
        };
        match &self.to {
            Destination::Any if of_all => format!("{ports} of any public host"),
            Destination::Any => format!("any public host's {ports}"),
            Destination::Name(name) => format!("{ports} of {name}"),
            Destination::Below(name) => format!("every name below {name}, {ports}"),
            Destination::Network(network) if network.prefix_len() == network.max_prefix_len() => {
                format!("{ports} of {}", network.addr())
            }
            Destination::Network(network) if special::is_mixed(network) => {
                format!("{ports} of {network}, public addresses only")
            }
            Destination::Network(network) => format!("{ports} of {network}"),
            Destination::Host => format!("{of_this_machine}, as {host}:{}", self.ports),
            Destination::Localhost => {
                format!(
                    "{of_this_machine}, as the guest's own localhost:{0} and {host}:{0}",
                    self.ports
                )
            }
        }
    }

    /// Whether the rule allows every public host, on every port.
    pub fn is_everything(&self) -> bool {
        let is_any = match &self.to {
            Destination::Any => true,
            Destination::Network(network) => network.prefix_len() == 0,
            _ => false,
        };
        is_any && self.ports == Ports::ALL
    }

    /// Whether the rule leads to this machine, or into a network that is not public.
    pub fn is_inside(&self) -> bool {
        match &self.to {
            Destination::Host | Destination::Localhost => true,
            Destination::Network(network) => special::block(network.addr()).is_some(),
            Destination::Any | Destination::Name(_) | Destination::Below(_) => false,
        }
    }

    fn named_ports(&self) -> String {
        let protocol = match self.protocol {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
        };
        match self.ports {
            Ports::ALL => format!("every {protocol} port"),
            Ports { first, last } if first == last => format!("{protocol} port {first}"),
            ports => format!("{protocol} ports {ports}"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.to, self.ports)?;
        match self.protocol {
            Protocol::Tcp => Ok(()),
            Protocol::Udp => f.write_str("/udp"),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Any => f.write_str("*"),
            Destination::Name(name) => f.write_str(name),
            Destination::Below(name) => write!(f, "*.{name}"),
            Destination::Network(network) => {
                match network {
                    IpNet::V4(network) => write!(f, "{}", network.addr())?,
                    IpNet::V6(network) => write!(f, "[{}]", network.addr())?,
                }
                match network.prefix_len() {
                    length if length == network.max_prefix_len() => Ok(()),
                    length => write!(f, "/{length}"),
                }
            }
            Destination::Host => f.write_str("host"),
            Destination::Localhost => f.write_str("localhost"),
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Ports::ALL => f.write_str("*"),
            Ports { first, last } if first == last => write!(f, "{first}"),
            Ports { first, last } => write!(f, "{first}-{last}"),
        }
    }
}

impl From<Rule> for String {
    fn from(rule: Rule) -> String {
        rule.to_string()
    }
}
