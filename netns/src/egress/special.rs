//! Addresses that are not of the public Internet, by IANA's registries of special-purpose addresses (RFC 6890) and what came after.
//!
//! An IPv6 address that carries an IPv4 address is judged by that one ([`canonical`]), since whoever translates it sends there. What is
//! not in the table is public. Documentation ranges are, since they lead nowhere; 198.18.0.0/15 is, since resolvers that answer every
//! name with an address of their own (Clash, sing-box) take it from there. Nothing here is a decision: `policy.rs` makes it.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const V4: [Ipv4Net; 12] = [
    v4([0, 0, 0, 0], 8),          // this network, RFC 791
    v4([10, 0, 0, 0], 8),         // private, RFC 1918
    v4([100, 64, 0, 0], 10),      // shared by the customers of a provider, RFC 6598; Tailscale
    v4([127, 0, 0, 0], 8),        // loopback, RFC 1122
    v4([169, 254, 0, 0], 16),     // link-local, RFC 3927
    v4([172, 16, 0, 0], 12),      // private, RFC 1918
    v4([192, 0, 0, 0], 24),       // protocol assignments, RFC 6890; DS-Lite, 464XLAT
    v4([192, 88, 99, 0], 24),     // relays of 6to4, RFC 7526
    v4([192, 168, 0, 0], 16),     // private, RFC 1918
    v4([224, 0, 0, 0], 4),        // multicast, RFC 5771
    v4([240, 0, 0, 0], 4),        // reserved, RFC 1112; `pins.rs` makes addresses of it
    v4([255, 255, 255, 255], 32), // broadcast, RFC 919
];

/// Only 2000::/3 is given to anybody for public use (RFC 4291, IANA's registry of the address space); the rest of the space is in here.
const V6: [Ipv6Net; 16] = [
    v6([0; 8], 3),
    v6([0; 8], 128),                          // unspecified
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128),        // loopback
    v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), // NAT64 of one network, RFC 8215: where the IPv4 address is, only its operator knows
    v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64),     // discard, RFC 6666
    v6([0x100, 0, 0, 1, 0, 0, 0, 0], 64),     // dummy prefix, RFC 9780
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), // Teredo, RFC 4380: a client is behind it, at an address that it says itself
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), // protocol assignments, RFC 2928: benchmarks, ORCHID
    v6([0x4000, 0, 0, 0, 0, 0, 0, 0], 2),
    v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), // SRv6, RFC 9602
    v6([0x8000, 0, 0, 0, 0, 0, 0, 0], 1),
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),  // unique local, RFC 4193
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), // link-local, RFC 4291
    v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), // site-local, RFC 3879
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),  // multicast, RFC 4291
    v6([0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16), // 6bone, RFC 3701: given back
];

/// Where clouds tell a machine its credentials, each a block of its own: a rule has to say exactly this address.
const METADATA_V4: [Ipv4Addr; 10] = [
    Ipv4Addr::new(169, 254, 169, 254), // AWS, Azure, Google, DigitalOcean, OpenStack, Oracle and more
    Ipv4Addr::new(169, 254, 170, 2),   // AWS ECS
    Ipv4Addr::new(169, 254, 170, 23),  // AWS EKS
    Ipv4Addr::new(169, 254, 0, 23),    // Tencent
    Ipv4Addr::new(169, 254, 10, 10),   // Tencent
    Ipv4Addr::new(169, 254, 42, 42),   // Scaleway
    Ipv4Addr::new(100, 100, 100, 200), // Alibaba
    Ipv4Addr::new(100, 96, 0, 96),     // Volcengine
    Ipv4Addr::new(192, 0, 0, 192),     // Oracle
    Ipv4Addr::new(168, 63, 129, 16),   // Azure's WireServer: in a public range, and not public
];

const METADATA_V6: [Ipv6Addr; 7] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),      // AWS
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),       // AWS EKS
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),       // Google
    Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe), // Oracle
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),        // Scaleway
    Ipv6Addr::new(0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1),    // Linode
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe),    // OpenStack, Linode
];

const fn v4([a, b, c, d]: [u8; 4], length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), length)
}

/// The address that packets to `address` are for in the end: the IPv4 address inside, where there is one, or itself.
///
/// These have one: IPv4-mapped (::ffff:0:0/96) and IPv4-compatible (::/96) addresses, RFC 4291; IPv4-translated ones (::ffff:0:0:0/96),
/// RFC 2765; NAT64's 64:ff9b::/96, RFC 6052; 6to4's 2002::/16, RFC 3056; ISATAP's interface identifiers in public networks, RFC 5214.
pub(super) fn canonical(address: IpAddr) -> IpAddr {
    let IpAddr::V6(outer) = address else { return address };
    let inside = |high: u16, low: u16| {
        let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match outer.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => address,
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] | [0, 0, 0, 0, 0, 0, high, low] => {
            inside(high, low)
        }
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inside(high, low),
        [0x2002, high, low, ..] => inside(high, low),
        // The identifier says nothing of what lies in a special block as a whole, which must not become public by it.
        [.., 0 | 0x200, 0x5efe, high, low] if in_table(address).is_none() => inside(high, low),
        _ => address,
    }
}

/// The smallest special block that [`canonical`] of an address lies in; none for a public address. An address of [`is_metadata`] is a
/// block of its own.
pub(super) fn block(address: IpAddr) -> Option<IpNet> {
    let address = canonical(address);
    match is_metadata(address) {
        true => Some(address.into()),
        false => in_table(address),
    }
}

fn in_table(address: IpAddr) -> Option<IpNet> {
    match address {
        IpAddr::V4(address) => smallest(
            V4.iter()
                .filter(|block| block.contains(&address))
                .copied()
                .map(IpNet::V4),
        ),
        IpAddr::V6(address) => smallest(
            V6.iter()
                .filter(|block| block.contains(&address))
                .copied()
                .map(IpNet::V6),
        ),
    }
}

fn smallest(blocks: impl Iterator<Item = IpNet>) -> Option<IpNet> {
    blocks.max_by_key(IpNet::prefix_len)
}

/// Whether a network has public and special addresses, or more than one special block.
pub(super) fn is_mixed(network: &IpNet) -> bool {
    match block(network.addr()) {
        Some(block) => block.prefix_len() > network.prefix_len(),
        None => match network {
            IpNet::V4(network) => V4.iter().any(|block| network.contains(block)),
            IpNet::V6(network) => V6.iter().any(|block| network.contains(block)),
        },
    }
}

/// Whether no rule may allow an address: nobody is there, or everybody.
pub(super) fn is_forbidden(address: IpAddr) -> bool {
    let address = canonical(address);
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    address.is_unspecified() || address.is_multicast() || is_broadcast
}

/// Whether an address is of the machine that asks, wherever it asks.
pub(super) fn is_loopback(address: IpAddr) -> bool {
    canonical(address).is_loopback()
}

/// Whether an address holds on one link alone.
pub(super) fn is_link_local(address: IpAddr) -> bool {
    match canonical(address) {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// Whether a cloud may answer there with the credentials of this machine.
pub(super) fn is_metadata(address: IpAddr) -> bool {
    match canonical(address) {
        IpAddr::V4(address) => METADATA_V4.contains(&address),
        IpAddr::V6(address) => METADATA_V6.contains(&address),
    }
}

#[cfg(test)]
#[path = "special_tests.rs"]
pub(in crate::egress) mod tests;
