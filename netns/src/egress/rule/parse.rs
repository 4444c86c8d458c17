//! From text to a [`Rule`].

use super::error::RuleError;
use super::place::{Destination, HOST_NAMES, Ports, Rule};
use super::url::{self, Authority};
use crate::egress::{pins, special};
use crate::rule::Protocol;
use ipnet::IpNet;
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

impl Rule {
    /// Parses a rule, or the one that a variable has as its value: `$NAME` or `${NAME}`.
    ///
    /// # Errors
    ///
    /// It is no rule, or there is no such variable. No value is repeated, not even in part.
    pub fn read(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Rule, RuleError> {
        let expanded = expand(text, variable)?;
        expanded.parse().map_err(|error: RuleError| match self::variable(text) {
            Some(name) => RuleError::Value {
                name: name.to_owned(),
                source: Box::new(error.redacted()),
            },
            None => error,
        })
    }
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Rule, RuleError> {
        rule(text)
    }
}

impl TryFrom<String> for Rule {
    type Error = RuleError;

    fn try_from(text: String) -> Result<Rule, RuleError> {
        text.parse()
    }
}

/// Puts the value of a variable in the place of `$NAME` or `${NAME}`, which has to be the whole text. Other texts stay as they are.
///
/// # Errors
///
/// The variable is not set, or empty, or the text has more than its name.
pub(super) fn expand<'a>(text: &'a str, variable: impl Fn(&str) -> Option<String>) -> Result<Cow<'a, str>, RuleError> {
    if !text.starts_with('$') {
        return Ok(Cow::Borrowed(text));
    }
    let name = self::variable(text).ok_or(RuleError::Variable)?;
    match variable(name) {
        None => Err(RuleError::Unset(name.to_owned())),
        Some(value) if value.trim().is_empty() => Err(RuleError::EmptyValue(name.to_owned())),
        Some(value) => Ok(Cow::Owned(value)),
    }
}

/// The variable that a text stands for.
fn variable(text: &str) -> Option<&str> {
    let name = text.strip_prefix('$')?;
    let name = match name.strip_prefix('{') {
        Some(name) => name.strip_suffix('}')?,
        None => name,
    };
    let is_first = |first: char| first.is_ascii_alphabetic() || first == '_';
    let is_name = name.starts_with(is_first) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some(name)
}

fn rule(text: &str) -> Result<Rule, RuleError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(RuleError::Empty);
    }
    match url::authority(text).transpose()? {
        None => bare(text, |dest| Err(RuleError::NoPort(dest.to_owned()))),
        Some(Authority { text, scheme, port }) => bare(&text, |_| match port {
            Some(port) => Ok(Ports {
                first: port,
                last: port,
            }),
            None => Err(RuleError::SchemeWithoutPort(scheme.to_owned())),
        }),
    }
}

/// A rule without a scheme. `otherwise`: the ports where none are typed.
fn bare(text: &str, otherwise: impl FnOnce(&str) -> Result<Ports, RuleError>) -> Result<Rule, RuleError> {
    if text.starts_with('$') {
        return Err(RuleError::Variable);
    }
    if text.contains('@') {
        return Err(RuleError::User);
    }
    if text.contains(',') {
        return Err(RuleError::Several);
    }
    if !text.is_ascii() {
        return Err(RuleError::NotAscii);
    }
    // `%` is for the zone of an IPv6 address and `+` for a port, which have messages of their own.
    let is_usual = |c: char| c.is_ascii_alphanumeric() || "-._*:/[]+".contains(c) || c == '%' && text.starts_with('[');
    if !text.chars().all(is_usual) {
        return Err(RuleError::Character);
    }
    let parts = split(text)?;
    if parts.host.is_empty() {
        return Err(RuleError::NoHost);
    }
    let protocol = match parts.protocol {
        None | Some("tcp") => Protocol::Tcp,
        Some("udp") => Protocol::Udp,
        Some(other) => return Err(RuleError::Protocol(other.to_owned())),
    };
    // The destination's faults come first: they tell more.
    let to = destination(&parts)?;
    let ports = match parts.ports {
        None | Some("") => otherwise(&to.to_string())?,
        Some(typed) => ports(typed)?,
    };
    Ok(Rule { to, ports, protocol })
}

struct Parts<'a> {
    host: &'a str,
    is_bracketed: bool,
    prefix: Option<&'a str>,
    ports: Option<&'a str>,
    protocol: Option<&'a str>,
}

/// `HOST[/LENGTH][:PORTS][/PROTOCOL]`
fn split(text: &str) -> Result<Parts<'_>, RuleError> {
    let (host, is_bracketed, rest) = match text.strip_prefix('[') {
        Some(text) => {
            let (host, rest) = text.split_once(']').ok_or(RuleError::Brackets)?;
            (host, true, rest)
        }
        None => {
            let (host, rest) = text.split_at(text.find([':', '/']).unwrap_or(text.len()));
            let is_of_ipv6 = |byte: u8| byte.is_ascii_hexdigit() || b":.".contains(&byte);
            let bytes: Vec<u8> = text.bytes().take_while(|byte| *byte != b'/').collect();
            if bytes.iter().filter(|byte| **byte == b':').count() > 1 && bytes.into_iter().all(is_of_ipv6) {
                return Err(RuleError::Brackets);
            }
            (host, false, rest)
        }
    };
    // `[2001:db8::/32]:443` is as clear as `[2001:db8::]/32:443`.
    let (host, within) = match host.split_once('/') {
        Some((host, length)) => (host, Some(length)),
        None => (host, None),
    };
    let is_digit = |c: char| c.is_ascii_digit();
    let (behind, rest) = match rest.strip_prefix('/') {
        Some(tail) if tail.starts_with(is_digit) => {
            let (length, rest) = tail.split_at(tail.find([':', '/']).unwrap_or(tail.len()));
            (Some(length), rest)
        }
        _ => (None, rest),
    };
    let (ports, rest) = match rest.strip_prefix(':') {
        Some(tail) => {
            let (ports, rest) = tail.split_at(tail.find('/').unwrap_or(tail.len()));
            (Some(ports), rest)
        }
        None => (None, rest),
    };
    if !rest.is_empty() && !rest.starts_with('/') {
        return Err(RuleError::Brackets);
    }
    if let (Some(_), Some(length)) = (within, behind) {
        return Err(RuleError::Prefix(length.to_owned()));
    }
    Ok(Parts {
        host,
        is_bracketed,
        prefix: within.or(behind),
        ports,
        protocol: rest.strip_prefix('/'),
    })
}

fn destination(parts: &Parts<'_>) -> Result<Destination, RuleError> {
    let Parts { host, prefix, .. } = *parts;
    let ports = parts.ports.filter(|ports| !ports.is_empty()).unwrap_or("PORT");
    if parts.is_bracketed {
        let address: Ipv6Addr = host.parse().map_err(|_| RuleError::Address(host.to_owned()))?;
        return network(address.into(), prefix, ports);
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return network(address.into(), prefix, ports);
    }
    if let Some(prefix) = prefix {
        return Err(RuleError::Prefix(prefix.to_owned()));
    }
    let host = host.to_ascii_lowercase();
    // The root's dot, which `*.` would lose to become any host.
    let host = host.strip_suffix('.').filter(|host| *host != "*").unwrap_or(&host);
    match host {
        "*" => return Ok(Destination::Any),
        "host" => return Ok(Destination::Host),
        "localhost" => return Ok(Destination::Localhost),
        _ if HOST_NAMES.contains(&host) => return Ok(Destination::Host),
        // RFC 6761: these are loopback, too.
        _ if host.ends_with(".localhost") => return Err(RuleError::Loopback(ports.to_owned())),
        _ => {}
    }
    match host.strip_prefix("*.") {
        Some("") => Err(RuleError::Star(host.to_owned())),
        Some(below) => Ok(Destination::Below(name(below, host)?)),
        None => Ok(Destination::Name(name(host, host)?)),
    }
}

/// A name that DNS can have; `typed` is what to repeat.
fn name(name: &str, typed: &str) -> Result<String, RuleError> {
    if name.contains('*') {
        return Err(RuleError::Star(typed.to_owned()));
    }
    if name.len() > 253 || name.split('.').any(|label| label.len() > 63) {
        return Err(RuleError::Long);
    }
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_label = |label: &str| !label.is_empty() && !label.starts_with('-') && label.bytes().all(is_letter);
    if !name.split('.').all(is_label) {
        return Err(RuleError::Name(typed.to_owned()));
    }
    match is_numeric(name) {
        true => Err(RuleError::Numeric(typed.to_owned())),
        false => Ok(name.to_owned()),
    }
}

/// Whether getaddrinfo(3) may take a name for an address in one of its old forms: its last label is a number.
pub(in crate::egress) fn is_numeric(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_hex = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    last.bytes().all(|byte| byte.is_ascii_digit()) || last.strip_prefix("0x").is_some_and(is_hex)
}

fn network(address: IpAddr, prefix: Option<&str>, ports: &str) -> Result<Destination, RuleError> {
    if special::is_loopback(address) {
        return Err(RuleError::Loopback(ports.to_owned()));
    }
    if special::canonical(address) != address {
        return Err(RuleError::Carrier(address.to_string()));
    }
    let network = match prefix {
        None => IpNet::from(address),
        Some(length) => {
            let wrong = || RuleError::Prefix(length.to_owned());
            let is_number = length.bytes().all(|byte| byte.is_ascii_digit());
            let bits = length.parse().ok().filter(|_| is_number).ok_or_else(wrong)?;
            IpNet::new(address, bits).map_err(|_| wrong())?
        }
    };
    if network != network.trunc() {
        return Err(RuleError::HostBits {
            address: address.to_string(),
            network: Destination::Network(network.trunc()).to_string(),
        });
    }
    let is_all = |kind: fn(IpAddr) -> bool| kind(network.addr()) && kind(network.broadcast());
    let is_single = network.prefix_len() == network.max_prefix_len();
    // Multicast and what is made up for guests are one block each.
    let is_nowhere = is_all(pins::is_synthetic) || is_all(|address| address.is_multicast());
    match is_nowhere || is_single && special::is_forbidden(address) {
        true => Err(RuleError::Forbidden(Destination::Network(network).to_string())),
        false => Ok(Destination::Network(network)),
    }
}

/// `N`, `N-M` or `*`.
fn ports(text: &str) -> Result<Ports, RuleError> {
    // `u16::from_str` also takes `+80`, which no tool prints and nobody means.
    let port = |part: &str| match part.parse() {
        Ok(port) if port > 0 && part.bytes().all(|byte| byte.is_ascii_digit()) => Ok(port),
        _ => Err(RuleError::Port(part.to_owned())),
    };
    let (first, last) = match text.split_once('-') {
        None if text == "*" => return Ok(Ports::ALL),
        None => (port(text)?, port(text)?),
        Some((first, last)) => (port(first)?, port(last)?),
    };
    match first > last {
        true => Err(RuleError::Backwards(text.to_owned())),
        false => Ok(Ports { first, last }),
    }
}
