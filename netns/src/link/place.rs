//! A link as it is typed: `[ALIAS[:PORT]=]RUN:PORT`.

use crate::rule::Protocol;
use std::fmt;
use std::str::FromStr;

/// Longest name that DNS has, in bytes (RFC 1035, 2.3.4).
const LONGEST: usize = 253;

/// A port of another run, under a name in the guest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    /// The name that the guest knows it by, in lower case.
    pub alias: String,
    /// The port that the guest connects to.
    pub port: u16,
    /// The name of the run.
    pub run: String,
    /// The port on which that run's guest listens.
    pub to: u16,
    /// What goes there.
    pub protocol: Protocol,
}

/// Why a text is no link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// `orders`
    #[error("the link `{0}` names no port; write RUN:PORT, for example `orders:8080`")]
    NoPort(String),
    /// A number from 1 to 65535 is missing.
    #[error("`{0}` is not a port; ports are whole numbers from 1 to 65535")]
    Port(String),
    /// Another character than run names have.
    #[error("`{0}` is not the name of a run; names are letters, digits, `-`, `_` and `.`")]
    Run(String),
    /// A guest could not look it up, or it means something else.
    #[error(
        "a guest cannot know a run as `{0}`; write ALIAS=RUN:PORT with a name of letters, digits, `-` and single dots"
    )]
    Alias(String),
    /// `/sctp`
    #[error("`{0}` is not a protocol; write `/udp`, or nothing for TCP")]
    Protocol(String),
}

impl FromStr for Link {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Link, LinkError> {
        let (text, protocol) = match text.split_once('/') {
            None => (text, Protocol::Tcp),
            Some((text, protocol)) if protocol.eq_ignore_ascii_case("tcp") => (text, Protocol::Tcp),
            Some((text, protocol)) if protocol.eq_ignore_ascii_case("udp") => (text, Protocol::Udp),
            Some((_, other)) => return Err(LinkError::Protocol(other.to_owned())),
        };
        let (known, target) = match text.split_once('=') {
            Some((known, target)) => (Some(known), target),
            None => (None, text),
        };
        let (run, to) = target
            .rsplit_once(':')
            .ok_or_else(|| LinkError::NoPort(target.to_owned()))?;
        let to = port(to)?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if run.is_empty() || run.starts_with(['-', '.']) || !run.chars().all(is_plain) {
            return Err(LinkError::Run(run.to_owned()));
        }
        let (alias, port) = match known.map(|known| known.split_once(':').ok_or(known)) {
            None => (run, to),
            Some(Err(alias)) => (alias, to),
            Some(Ok((alias, known))) => (alias, port(known)?),
        };
        if !is_name(alias) {
            return Err(LinkError::Alias(alias.to_owned()));
        }
        Ok(Link {
            alias: alias.to_ascii_lowercase(),
            port,
            run: run.to_owned(),
            to,
            protocol,
        })
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.alias == self.run, self.port == self.to) {
            (true, true) => write!(f, "{}:{}", self.run, self.to)?,
            (false, true) => write!(f, "{}={}:{}", self.alias, self.run, self.to)?,
            (_, false) => write!(f, "{}:{}={}:{}", self.alias, self.port, self.run, self.to)?,
        }
        match self.protocol {
            Protocol::Tcp => Ok(()),
            Protocol::Udp => f.write_str("/udp"),
        }
    }
}

fn port(text: &str) -> Result<u16, LinkError> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|port| is_number && *port != 0);
    number.ok_or_else(|| LinkError::Port(text.to_owned()))
}

/// Whether a guest's look-up of it comes to us, and means nothing else.
fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_label =
        |label: &str| (1..64).contains(&label.len()) && !label.starts_with('-') && label.bytes().all(is_letter);
    let is_taken = crate::egress::is_own_name(&name.to_ascii_lowercase());
    name.len() <= LONGEST && name.split('.').all(is_label) && !is_taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_link_is_read_and_written() {
        for (text, alias, port, run, to, protocol) in [
            ("orders:8080", "orders", 8080, "orders", 8080, Protocol::Tcp),
            ("Cache=valkey:6379", "cache", 6379, "valkey", 6379, Protocol::Tcp),
            ("web:80=front:3000", "web", 80, "front", 3000, Protocol::Tcp),
            (
                "shop.orders:80/tcp",
                "shop.orders",
                80,
                "shop.orders",
                80,
                Protocol::Tcp,
            ),
            ("orders=orders:8080", "orders", 8080, "orders", 8080, Protocol::Tcp),
            ("api:80=api:8080", "api", 80, "api", 8080, Protocol::Tcp),
            ("statsd:8125/udp", "statsd", 8125, "statsd", 8125, Protocol::Udp),
            ("dns:53=names:5300/UDP", "dns", 53, "names", 5300, Protocol::Udp),
        ] {
            let link: Link = text.parse().expect(text);
            assert_eq!(
                link,
                Link {
                    alias: alias.to_owned(),
                    port,
                    run: run.to_owned(),
                    to,
                    protocol
                },
                "{text}"
            );
            assert_eq!(link.to_string().parse(), Ok(link), "{text}");
        }
    }

    #[test]
    fn what_is_no_link_says_what_to_write() {
        for (text, wanted) in [
            ("orders", "names no port"),
            ("", "names no port"),
            ("orders:", "`` is not a port"),
            ("orders:0", "`0` is not a port"),
            ("orders:+80", "`+80` is not a port"),
            ("orders:80-90", "`80-90` is not a port"),
            ("orders:65536", "`65536` is not a port"),
            ("a:x=orders:80", "`x` is not a port"),
            (":80", "`` is not the name of a run"),
            ("-x:80", "`-x` is not the name of a run"),
            ("a b:80", "`a b` is not the name of a run"),
            ("=orders:80", "cannot know a run as ``"),
            ("localhost=orders:80", "cannot know a run as `localhost`"),
            (
                "HOST.wasmrun.internal=orders:80",
                "cannot know a run as `HOST.wasmrun.internal`",
            ),
            ("a..b=orders:80", "cannot know a run as `a..b`"),
            ("10.0.0.1=orders:80", "cannot know a run as `10.0.0.1`"),
            ("a..b:80", "cannot know a run as `a..b`"),
            ("orders:80/sctp", "`sctp` is not a protocol"),
            ("orders:80/", "`` is not a protocol"),
        ] {
            let error = text.parse::<Link>().expect_err(text).to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_link_or_an_error(text in "[a-z0-9.:=/_ -]{0,24}|\\PC*") {
            if let Ok(link) = text.parse::<Link>() {
                prop_assert_eq!(link.to_string().parse(), Ok(link));
            }
        }
    }
}
