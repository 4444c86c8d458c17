//! What a guest may name, and what it is told of its connections.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Who a client is to a listener of the other family: nobody, by the dummy address of RFC 7600.
const DUMMY_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 8);
/// The same in IPv6, by the dummy prefix of RFC 9780.
const DUMMY_V6: Ipv6Addr = Ipv6Addr::new(0x100, 0, 0, 1, 0, 0, 0, 1);

/// The address family of a socket. IPv6 sockets are for IPv6 alone (wasi:sockets).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    pub(crate) fn of(address: SocketAddr) -> Family {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    pub(crate) fn any(self) -> SocketAddr {
        match self {
            Family::V4 => (Ipv4Addr::UNSPECIFIED, 0).into(),
            Family::V6 => (Ipv6Addr::UNSPECIFIED, 0).into(),
        }
    }

    /// Whether a socket can be bound or connected to it: of its own family ([`Family::is_of`]), and no group's.
    pub(crate) fn takes(self, ip: IpAddr) -> bool {
        let is_group = match ip {
            IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast(),
            IpAddr::V6(ip) => ip.is_multicast(),
        };
        self.is_of(ip) && !is_group
    }

    /// Whether an address is of this family, without the forms that stand for IPv4.
    pub(crate) fn is_of(self, ip: IpAddr) -> bool {
        match (self, ip) {
            (Family::V4, IpAddr::V4(_)) => true,
            (Family::V6, IpAddr::V6(ip)) => ip.to_ipv4().is_none() || ip.is_unspecified() || ip.is_loopback(),
            _ => false,
        }
    }

    /// A client as a socket of this family can say it.
    pub(crate) fn shown(self, client: SocketAddr) -> SocketAddr {
        let ip = client.ip().to_canonical();
        match (self, ip) {
            (Family::V4, IpAddr::V4(_)) | (Family::V6, IpAddr::V6(_)) => SocketAddr::new(ip, client.port()),
            (Family::V4, IpAddr::V6(ip)) if ip.is_loopback() => (Ipv4Addr::LOCALHOST, client.port()).into(),
            (Family::V6, IpAddr::V4(ip)) if ip.is_loopback() => (Ipv6Addr::LOCALHOST, client.port()).into(),
            (Family::V4, IpAddr::V6(_)) => (DUMMY_V4, client.port()).into(),
            (Family::V6, IpAddr::V4(_)) => (DUMMY_V6, client.port()).into(),
        }
    }
}

/// Where a client of a listener of the host has come to, as the guest sees it: to the guest's own listener.
pub(crate) fn reached(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn clients_are_shown_in_the_family_of_the_listener() {
        for (family, client, shown) in [
            (Family::V4, "10.0.0.9:5", "10.0.0.9:5"),
            (Family::V4, "[::ffff:10.0.0.9]:5", "10.0.0.9:5"),
            (Family::V4, "[::1]:5", "127.0.0.1:5"),
            (Family::V4, "[2001:db8::1]:5", "192.0.0.8:5"),
            (Family::V6, "[2001:db8::1]:5", "[2001:db8::1]:5"),
            (Family::V6, "127.0.0.1:5", "[::1]:5"),
            (Family::V6, "10.0.0.9:5", "[100:0:0:1::1]:5"),
        ] {
            assert_eq!(family.shown(address(client)), address(shown), "{family:?} {client}");
        }
    }

    #[test]
    fn addresses_of_another_kind_are_not_taken() {
        for (family, ip, taken) in [
            (Family::V4, "127.0.0.1", true),
            (Family::V4, "0.0.0.0", true),
            (Family::V4, "224.0.0.1", false),
            (Family::V4, "255.255.255.255", false),
            (Family::V4, "::1", false),
            (Family::V6, "::1", true),
            (Family::V6, "::", true),
            (Family::V6, "2001:db8::1", true),
            (Family::V6, "::ffff:127.0.0.1", false),
            (Family::V6, "::127.0.0.1", false),
            (Family::V6, "ff02::1", false),
        ] {
            assert_eq!(family.takes(ip.parse().unwrap()), taken, "{family:?} {ip}");
        }
    }
}
