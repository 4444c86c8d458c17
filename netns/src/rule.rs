//! Forward rules as people type them: `[BIND:]HOST[-END]:PROC[-END][/tcp|/udp]`.
//!
//! A [`Rule`] is what was typed, checked; [`Rule::mappings`] spells a range out, one host port and one guest port each.
//! Nothing here touches the kernel.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;

/// The host addresses a forward listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bind {
    /// 127.0.0.1 and, where the host has it, ::1.
    Loopback,
    /// Exactly this address; `::` is dual-stack, as everywhere on Linux.
    Address(IpAddr),
}

impl Bind {
    /// Whether a listener on `self` and one on `other` would want the same port of the same address.
    pub fn overlaps(self, other: Bind) -> bool {
        let (ours, theirs) = (self.addresses(), other.addresses());
        ours.iter().any(|a| {
            theirs.iter().any(|b| {
                let any = |x: &IpAddr, y: &IpAddr| x.is_unspecified() && (x.is_ipv6() || x.is_ipv4() == y.is_ipv4());
                a == b || any(a, b) || any(b, a)
            })
        })
    }

    /// Whether somebody on another machine could connect to this bind address.
    pub fn is_loopback(self) -> bool {
        self.addresses().iter().all(IpAddr::is_loopback)
    }

    pub(crate) fn addresses(self) -> Vec<IpAddr> {
        match self {
            Bind::Loopback => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            Bind::Address(address) => vec![address],
        }
    }
}

/// What is forwarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Connections.
    #[default]
    Tcp,
    /// Datagrams.
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        })
    }
}

/// A forward rule: host ports on some bind address, and as many guest ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    bind: Bind,
    host: RangeInclusive<u16>,
    guest: RangeInclusive<u16>,
    protocol: Protocol,
}

/// One host port that is forwarded to one guest port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mapping {
    /// Where to listen on the host.
    pub bind: Bind,
    /// The host's port; 0 takes a free one.
    pub host: u16,
    /// The port inside the guest's namespace, never 0.
    pub guest: u16,
    /// What goes through it.
    pub protocol: Protocol,
}

impl Rule {
    /// Every host port of the rule with its guest port, in ascending order.
    pub fn mappings(&self) -> impl Iterator<Item = Mapping> + use<> {
        let (bind, protocol) = (self.bind, self.protocol);
        self.host
            .clone()
            .zip(self.guest.clone())
            .map(move |(host, guest)| Mapping {
                bind,
                host,
                guest,
                protocol,
            })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bind {
            Bind::Loopback => {}
            Bind::Address(IpAddr::V4(address)) => write!(f, "{address}:")?,
            Bind::Address(IpAddr::V6(address)) => write!(f, "[{address}]:")?,
        }
        write!(f, "{}:{}", Span(&self.host), Span(&self.guest))?;
        match self.protocol {
            Protocol::Tcp => Ok(()),
            Protocol::Udp => f.write_str("/udp"),
        }
    }
}

struct Span<'a>(&'a RangeInclusive<u16>);

impl fmt::Display for Span<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.start(), self.0.end()) {
            (start, end) if start == end => write!(f, "{start}"),
            (start, end) => write!(f, "{start}-{end}"),
        }
    }
}

/// Why a text is not a forward rule. The text of each says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid forward rule `{rule}`: {reason}")]
pub struct RuleError {
    /// The rule as it was typed.
    pub rule: String,
    /// What is wrong with it and what would be right.
    pub reason: Reason,
}

/// The faults that a rule can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Nothing was typed.
    #[error("it is empty; write HOST:PROC, for example `8080:3000`")]
    Empty,
    /// A single port.
    #[error(
        "the guest's port is missing; write HOST:PROC, for example `{0}:3000`, or `{0}:{0}` when both are the same"
    )]
    NoGuestPort(String),
    /// `:3000`
    #[error("the host port is missing; write `8080:{0}`, or `0:{0}` to take a free port")]
    EmptyHost(String),
    /// `8080:`
    #[error("the guest's port is missing after the colon; write `{0}:3000`, for example")]
    EmptyGuest(String),
    /// More parts than a rule has.
    #[error(
        "it has too many parts; the form is [BIND:]HOST:PROC, with an IPv6 address in brackets, for example `[::1]:8080:3000`"
    )]
    TooManyParts,
    /// Neither an IP address nor `localhost`.
    #[error("`{0}` is not an address to bind; write an IP address of this host, for example `127.0.0.1:8080:3000`")]
    Address(String),
    /// Not a number from 0 to 65535.
    #[error("`{0}` is not a port; ports are whole numbers from 1 to 65535")]
    Port(String),
    /// The guest's port is 0.
    #[error("the guest's port cannot be 0; write the port that the guest listens on")]
    GuestPortZero,
    /// Port 0 as part of a range.
    #[error("port 0 (take a free port) cannot be part of a range; write one rule for each free port")]
    ZeroInRange,
    /// `8090-8080`
    #[error("the range `{0}` runs backwards; write the smaller port first")]
    Backwards(String),
    /// Ranges that do not pair up.
    #[error("the ranges differ in length: {host} on the host ({host_len}), {guest} in the guest ({guest_len})")]
    Unequal {
        /// The host's side as typed.
        host: String,
        /// Its number of ports.
        host_len: String,
        /// The guest's side as typed.
        guest: String,
        /// Its number of ports.
        guest_len: String,
    },
    /// A protocol other than tcp and udp.
    #[error("unsupported protocol `{0}`; write `/tcp`, the default, or `/udp`")]
    Protocol(String),
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Rule, RuleError> {
        parse(text).map_err(|reason| RuleError {
            rule: text.to_owned(),
            reason,
        })
    }
}

fn parse(text: &str) -> Result<Rule, Reason> {
    let (ports, protocol) = match text.split_once('/') {
        Some((ports, protocol)) => (ports, protocol),
        None => (text, "tcp"),
    };
    if ports.is_empty() {
        return Err(Reason::Empty);
    }
    let protocol = match protocol {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        other => return Err(Reason::Protocol(other.to_owned())),
    };
    let (bind, ports) = split_bind(ports)?;
    let Some((host, guest)) = ports.split_once(':') else {
        return Err(match span(ports) {
            Err(reason) => reason,
            Ok(_) => Reason::NoGuestPort(ports.to_owned()),
        });
    };
    if host.is_empty() {
        return Err(Reason::EmptyHost(guest.to_owned()));
    }
    if guest.is_empty() {
        return Err(Reason::EmptyGuest(host.to_owned()));
    }
    pair(bind, host, guest, protocol)
}

/// Takes the bind address off the front: in brackets, or what stands before two further parts.
fn split_bind(text: &str) -> Result<(Bind, &str), Reason> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, ports) = rest.split_once("]:").ok_or(Reason::TooManyParts)?;
        let address: Ipv6Addr = address.parse().map_err(|_| Reason::Address(address.to_owned()))?;
        return match ports.matches(':').count() {
            0 | 1 => Ok((Bind::Address(address.into()), ports)),
            _ => Err(Reason::TooManyParts),
        };
    }
    match text.matches(':').count() {
        0 | 1 => Ok((Bind::Loopback, text)),
        2 => {
            let (address, ports) = text.split_once(':').expect("two colons were counted");
            if address == "localhost" {
                return Ok((Bind::Loopback, ports));
            }
            let parsed: Ipv4Addr = address.parse().map_err(|_| Reason::Address(address.to_owned()))?;
            Ok((Bind::Address(parsed.into()), ports))
        }
        _ => Err(Reason::TooManyParts),
    }
}

fn pair(bind: Bind, host_text: &str, guest_text: &str, protocol: Protocol) -> Result<Rule, Reason> {
    let (host, guest) = (span(host_text)?, span(guest_text)?);
    if host.contains(&0) && host.len() > 1 {
        return Err(Reason::ZeroInRange);
    }
    if guest.contains(&0) {
        return Err(Reason::GuestPortZero);
    }
    if host.len() != guest.len() {
        let count = |n: usize| {
            if n == 1 {
                "1 port".to_owned()
            } else {
                format!("{n} ports")
            }
        };
        return Err(Reason::Unequal {
            host: host_text.to_owned(),
            host_len: count(host.len()),
            guest: guest_text.to_owned(),
            guest_len: count(guest.len()),
        });
    }
    Ok(Rule {
        bind,
        host,
        guest,
        protocol,
    })
}

fn span(text: &str) -> Result<RangeInclusive<u16>, Reason> {
    let (start, end) = match text.split_once('-') {
        None => {
            let port = port(text)?;
            (port, port)
        }
        Some((start, end)) => (port(start)?, port(end)?),
    };
    if start > end {
        return Err(Reason::Backwards(text.to_owned()));
    }
    Ok(start..=end)
}

fn port(text: &str) -> Result<u16, Reason> {
    // `u16::from_str` also takes `+80`, which no tool prints and nobody means.
    match text.parse() {
        Ok(port) if text.bytes().all(|b| b.is_ascii_digit()) => Ok(port),
        _ => Err(Reason::Port(text.to_owned())),
    }
}

#[cfg(test)]
#[path = "rule_tests.rs"]
mod tests;
