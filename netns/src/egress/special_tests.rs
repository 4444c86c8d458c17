//! Tests of the address table.

use super::*;
use proptest::prelude::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn blocks() {
    let cases = [
        ("0.0.0.0", "0.0.0.0/8"),
        ("0.1.2.3", "0.0.0.0/8"),
        ("10.255.255.255", "10.0.0.0/8"),
        ("100.64.0.1", "100.64.0.0/10"),
        ("100.127.255.255", "100.64.0.0/10"),
        ("100.100.100.200", "100.100.100.200/32"),
        ("127.1.2.3", "127.0.0.0/8"),
        ("169.254.1.1", "169.254.0.0/16"),
        ("169.254.169.254", "169.254.169.254/32"),
        ("168.63.129.16", "168.63.129.16/32"),
        ("172.31.255.255", "172.16.0.0/12"),
        ("192.0.0.8", "192.0.0.0/24"),
        ("192.168.0.1", "192.168.0.0/16"),
        ("239.255.255.250", "224.0.0.0/4"),
        ("240.0.0.1", "240.0.0.0/4"),
        ("250.0.0.1", "240.0.0.0/4"),
        ("255.255.255.255", "255.255.255.255/32"),
        ("::", "::/128"),
        ("::1", "::1/128"),
        ("::7f00:1", "127.0.0.0/8"),
        ("::ffff:10.0.0.1", "10.0.0.0/8"),
        ("::ffff:0:a9fe:a9fe", "169.254.169.254/32"),
        ("64:ff9b::c0a8:1", "192.168.0.0/16"),
        ("64:ff9b:1::808:808", "64:ff9b:1::/48"),
        ("64:ff9b:2::808:808", "::/3"),
        ("100::1", "100::/64"),
        ("200::1", "::/3"),
        ("2001::f5ff:fffe", "2001::/32"),
        ("2001:2::1", "2001::/23"),
        ("2002:7f00:1::", "127.0.0.0/8"),
        ("2002:a00:1::5efe:808:808", "10.0.0.0/8"),
        ("2606:4700::5efe:a00:1", "10.0.0.0/8"),
        ("2606:4700::200:5efe:a9fe:a9fe", "169.254.169.254/32"),
        ("4000::1", "4000::/2"),
        ("fc00::1", "fc00::/7"),
        ("fd00:ec2::254", "fd00:ec2::254/128"),
        ("fd00:ec2::253", "fc00::/7"),
        ("fe80::1", "fe80::/10"),
        ("fe80::5efe:808:808", "fe80::/10"),
        ("fd00::5efe:808:808", "fc00::/7"),
        ("fec0::1", "fec0::/10"),
        ("ff02::1", "ff00::/8"),
    ];
    for (address, wanted) in cases {
        assert_eq!(block(ip(address)), Some(wanted.parse().unwrap()), "{address}");
    }
    let public = [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.0.0.1",
        "128.0.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "192.0.2.7",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.9",
        "223.255.255.255",
        "2001:db8::1",
        "2001:4860:4860::8888",
        "2606:4700::1111",
        "3fff::1",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2002:808:808::1",
    ];
    for address in public {
        assert_eq!(block(ip(address)), None, "{address}");
    }
}

#[test]
fn what_is_inside_counts() {
    for address in [
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::127.0.0.1",
        "2002:7f00:1::1",
        "::ffff:0:127.0.0.1",
    ] {
        assert!(is_loopback(ip(address)), "{address}");
    }
    for address in [
        "0.0.0.0",
        "::",
        "::ffff:0.0.0.0",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "64:ff9b::255.255.255.255",
    ] {
        assert!(is_forbidden(ip(address)), "{address}");
    }
    for address in [
        "169.254.0.1",
        "fe80::1",
        "febf::1",
        "::ffff:169.254.0.1",
        "2002:a9fe:1::",
    ] {
        assert!(is_link_local(ip(address)), "{address}");
    }
    for address in [
        "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::",
        "::ffff:100.100.100.200",
    ] {
        assert!(is_metadata(ip(address)), "{address}");
    }
    for address in ["::1", "::", "8.8.8.8", "2001:db8::1", "fec0::1"] {
        assert_eq!(canonical(ip(address)), ip(address));
    }
}

#[test]
fn the_tables_are_what_they_say() {
    for network in V4 {
        assert_eq!(network, network.trunc());
    }
    for network in V6 {
        assert_eq!(network, network.trunc());
    }
    for address in METADATA_V6 {
        assert!(is_metadata(address.into()) && in_table(address.into()).is_some());
    }
    for (network, wanted) in [
        ("0.0.0.0/0", true),
        ("10.0.0.0/7", true),
        ("10.0.0.0/8", false),
        ("1.1.1.0/24", false),
        ("240.0.0.0/4", false),
    ] {
        assert_eq!(is_mixed(&network.parse().unwrap()), wanted, "{network}");
    }
}

/// Addresses of which many are of the odd kinds.
pub(in crate::egress) fn address() -> impl Strategy<Value = IpAddr> {
    let v4 = prop_oneof![
        any::<u32>(),
        (prop::sample::select(V4.to_vec()), any::<u32>())
            .prop_map(|(net, host)| u32::from(net.addr()) | host & u32::from(net.hostmask())),
        prop::sample::select(METADATA_V4.to_vec()).prop_map(u32::from),
    ];
    let any_v6 = prop_oneof![
        any::<u128>(),
        (prop::sample::select(V6.to_vec()), any::<u128>())
            .prop_map(|(net, host)| u128::from(net.addr()) | host & u128::from(net.hostmask())),
        any::<u128>().prop_map(|low| 0x2000 << 112 | low >> 3),
        prop::sample::select(METADATA_V6.to_vec()).prop_map(u128::from),
    ];
    let carried = (v4.clone(), 0..7u8, any::<u64>()).prop_map(|(inside, kind, other)| {
        let (inside, other) = (u128::from(inside), u128::from(other));
        match kind {
            0 => 0xffff << 32 | inside,
            1 => inside,
            2 => 0xffff << 48 | inside,
            3 => 0x0064_ff9b << 96 | inside,
            4 => 0x2002 << 112 | inside << 80 | other,
            5 => 0x2606_4700 << 96 | 0x5efe << 32 | inside,
            _ => other << 64 | 0x0200_5efe << 32 | inside,
        }
    });
    prop_oneof![
        v4.prop_map(|bits| IpAddr::V4(bits.into())),
        any_v6.prop_map(|bits| IpAddr::V6(bits.into())),
        carried.prop_map(|bits| IpAddr::V6(bits.into())),
    ]
}

proptest! {
    #[test]
    fn canonical_is_idempotent(address in address()) {
        prop_assert_eq!(canonical(canonical(address)), canonical(address));
        prop_assert_eq!(block(canonical(address)), block(address));
    }

    #[test]
    fn a_block_holds_its_address(address in address()) {
        if let Some(block) = block(address) {
            prop_assert!(block.contains(&canonical(address)));
        }
        prop_assert!(block(address).is_some() || !is_loopback(address) && !is_forbidden(address) && !is_link_local(address));
    }

    /// What std's documentation and RFC 4291 agree on, as a second opinion.
    #[test]
    fn what_std_calls_private_is_special(address in address()) {
        let special = match canonical(address) {
            IpAddr::V4(a) => a.is_private() || a.is_loopback() || a.is_link_local() || a.is_multicast() || a.is_broadcast(),
            IpAddr::V6(a) if a.segments()[0] >> 13 != 1 => true,
            IpAddr::V6(_) => false,
        };
        prop_assert!(!special || block(address).is_some());
    }
}
