//! Names as every program of this machine looks them up: getaddrinfo(3), with its hosts file, its search domains, mDNS and whatever
//! else nsswitch.conf(5) names. It blocks.

use super::message::{ADDRESSES, Failed};
use super::special;
use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType};
use std::net::IpAddr;
use std::path::Path;

/// hosts(5).
const HOSTS: &str = "/etc/hosts";

/// What a name stands for.
pub(super) struct Found {
    pub(super) addresses: Vec<IpAddr>,
    /// Some are not public, and this machine's own file has them all: no stranger has answered.
    pub(super) is_local: bool,
}

/// Looks a name up. It is ASCII.
pub(super) fn look_up(name: &str) -> Result<Found, Failed> {
    let hints = AddrInfoHints {
        socktype: SockType::Stream.into(),
        ..AddrInfoHints::default()
    };
    let found = dns_lookup::getaddrinfo(Some(name), None, Some(hints)).map_err(|error| match error.kind() {
        LookupErrorKind::NoName | LookupErrorKind::NoData => Failed::Unknown,
        _ => Failed::TryAgain,
    })?;
    let mut addresses: Vec<IpAddr> = Vec::new();
    for found in found.flatten() {
        let address = found.sockaddr.ip();
        if !addresses.contains(&address) && addresses.len() < ADDRESSES {
            addresses.push(address);
        }
    }
    match addresses.is_empty() {
        true => Err(Failed::Unknown),
        // Of public addresses nobody asks who has answered.
        false => Ok(Found {
            is_local: addresses.iter().any(|address| special::block(*address).is_some())
                && are_in(Path::new(HOSTS), name, &addresses),
            addresses,
        }),
    }
}

/// Whether a hosts file has the name with all of these addresses. Where nsswitch.conf(5) asks somebody else first, it may have the
/// name alone.
fn are_in(file: &Path, name: &str, addresses: &[IpAddr]) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let own = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = words.next()?.parse::<IpAddr>().ok()?.to_canonical();
        let mut names = words.map(|other| other.trim_end_matches('.'));
        names.any(|other| other.eq_ignore_ascii_case(name)).then_some(address)
    });
    let own: Vec<IpAddr> = own.collect();
    addresses.iter().all(|address| own.contains(&address.to_canonical()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn numbers_and_this_machine_need_no_server() {
        assert_eq!(
            look_up("127.0.0.1").unwrap().addresses,
            ["127.0.0.1".parse::<IpAddr>().unwrap()]
        );
        let found = look_up("localhost").unwrap();
        assert!(found.addresses.iter().all(IpAddr::is_loopback) && !found.addresses.is_empty());
    }

    #[test]
    fn a_hosts_file_has_names_and_comments() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            "# 1.2.3.4 no\n10.0.0.1\tDb.Example. db # other\n\n::1 six\n",
        )
        .unwrap();
        for (name, addresses, wanted) in [
            ("db.example", &["10.0.0.1"][..], true),
            ("db", &["10.0.0.1"], true),
            ("db", &["10.0.0.2"], false),
            ("db", &["10.0.0.1", "::1"], false),
            ("six", &["::1"], true),
            ("no", &["1.2.3.4"], false),
            ("other", &["10.0.0.1"], false),
            ("10.0.0.1", &["10.0.0.1"], false),
        ] {
            let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
            assert_eq!(are_in(file.path(), name, &addresses), wanted, "{name} {addresses:?}");
        }
        assert!(!are_in(Path::new("/nonexistent"), "db", &[Ipv4Addr::LOCALHOST.into()]));
    }
}
