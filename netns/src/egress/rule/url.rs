//! The place that a URL names, as a rule without a scheme. All else of it is dropped: its path, its query, its user and its password.

use super::error::RuleError;
use super::place::Destination;
use ipnet::IpNet;

/// What a URL has between its user and its path.
pub(super) struct Authority<'a> {
    /// As a rule has it: `DEST[:PORTS][/tcp|/udp]`.
    pub(super) text: String,
    /// The scheme as typed.
    pub(super) scheme: &'a str,
    /// What the scheme stands for, where no port is typed.
    pub(super) port: Option<u16>,
}

/// The host and the port of a URL; none for what is not one.
pub(super) fn authority(text: &str) -> Option<Result<Authority<'_>, RuleError>> {
    let (scheme, rest) = text.split_once("://")?;
    Some(of_parts(scheme, rest))
}

fn of_parts<'a>(scheme: &'a str, rest: &str) -> Result<Authority<'a>, RuleError> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) || !scheme.bytes().all(is_letter) {
        return Err(RuleError::Scheme);
    }
    let (base, driver) = scheme.split_once('+').unwrap_or((scheme, ""));
    let base = base.to_ascii_lowercase();
    match driver.to_ascii_lowercase().as_str() {
        "srv" => return Err(RuleError::Records(scheme.to_owned())),
        // `http+unix`: the host is the path of a socket.
        "unix" | "socket" => return Err(RuleError::NoHost),
        _ => {}
    }
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // RFC 3986 ends the host at the first `/`, and drivers of databases do not: in `user:pa/ss@host` the host would be a user, and the
    // port a part of the password. On the web, `https://host/@user` is usual.
    let is_web = matches!(base.as_str(), "http" | "https" | "ws" | "wss");
    if tail.contains('@') && (!is_web || authority.contains(['@', ':'])) {
        return Err(RuleError::Ambiguous);
    }
    // Browsers end the host at a backslash, others do not.
    if authority.contains(|c: char| c == '\\' || c.is_whitespace() || c.is_control()) {
        return Err(RuleError::Character);
    }
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if let Some(network) = network(host, tail) {
        return Err(RuleError::NetworkOrPath(network));
    }
    let protocol = match tail {
        "/tcp" | "/udp" => tail,
        _ => "",
    };
    Ok(Authority {
        text: format!("{host}{protocol}"),
        scheme,
        port: port_of(&base),
    })
}

/// The network that an address and a path look like. `redis://192.0.2.1/0` has a path, and `http://10.0.0.0/8` may have one.
fn network(host: &str, tail: &str) -> Option<String> {
    let length = tail.strip_prefix('/')?.split(':').next()?;
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let network: IpNet = format!("{address}/{length}").parse().ok()?;
    let is_one = network == network.trunc() && network.prefix_len() < network.max_prefix_len();
    is_one.then(|| Destination::Network(network).to_string())
}

fn port_of(scheme: &str) -> Option<u16> {
    Some(match scheme {
        "http" | "ws" => 80,
        "https" | "wss" => 443,
        "postgres" | "postgresql" => 5432,
        "mysql" | "mariadb" => 3306,
        "redis" | "rediss" => 6379,
        "mongodb" => 27017,
        "amqp" => 5672,
        "amqps" => 5671,
        "mqtt" => 1883,
        "mqtts" => 8883,
        "nats" => 4222,
        "smtp" => 25,
        "smtps" => 465,
        "ldap" => 389,
        "ldaps" => 636,
        _ => return None,
    })
}
