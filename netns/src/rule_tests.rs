//! Tests of [`super::Rule`].

use super::*;
use proptest::prelude::*;

fn error(text: &str) -> String {
    text.parse::<Rule>().unwrap_err().to_string()
}

fn mappings(text: &str) -> Vec<(u16, u16)> {
    let rule: Rule = text.parse().unwrap();
    rule.mappings().map(|m| (m.host, m.guest)).collect()
}

#[test]
fn rules_that_people_type() {
    assert_eq!(mappings("8080:3000"), [(8080, 3000)]);
    assert_eq!(mappings("8080:3000/tcp"), [(8080, 3000)]);
    assert_eq!(mappings("0:3000"), [(0, 3000)]);
    let protocol = |text: &str| text.parse::<Rule>().unwrap().protocol;
    assert_eq!(
        (protocol("53:53"), protocol("53:53/tcp")),
        (Protocol::Tcp, Protocol::Tcp)
    );
    assert_eq!(protocol("127.0.0.1:5353:53/udp"), Protocol::Udp);
    assert_eq!(
        mappings("8000-8002:9000-9002"),
        [(8000, 9000), (8001, 9001), (8002, 9002)]
    );
    let bind = |text: &str| text.parse::<Rule>().unwrap().bind;
    assert_eq!(bind("8080:3000"), Bind::Loopback);
    assert_eq!(bind("localhost:8080:3000"), Bind::Loopback);
    assert_eq!(bind("0.0.0.0:80:80"), Bind::Address([0, 0, 0, 0].into()));
    assert_eq!(bind("[::1]:8080:3000"), Bind::Address(Ipv6Addr::LOCALHOST.into()));
    assert_eq!(mappings("1-65535:1-65535").len(), 65535);
}

#[test]
fn each_fault_has_its_own_text() {
    let cases = [
        ("", "it is empty; write HOST:PROC, for example `8080:3000`"),
        ("/tcp", "it is empty; write HOST:PROC, for example `8080:3000`"),
        (
            "8080",
            "the guest's port is missing; write HOST:PROC, for example `8080:3000`, or `8080:8080` when both are the same",
        ),
        (
            ":3000",
            "the host port is missing; write `8080:3000`, or `0:3000` to take a free port",
        ),
        (
            "8080:",
            "the guest's port is missing after the colon; write `8080:3000`, for example",
        ),
        (
            "99999:1",
            "`99999` is not a port; ports are whole numbers from 1 to 65535",
        ),
        ("abc:1", "`abc` is not a port; ports are whole numbers from 1 to 65535"),
        ("+80:1", "`+80` is not a port; ports are whole numbers from 1 to 65535"),
        ("80 :1", "`80 ` is not a port; ports are whole numbers from 1 to 65535"),
        (
            "8080:3000:1:2",
            "it has too many parts; the form is [BIND:]HOST:PROC, with an IPv6 address in brackets, for example `[::1]:8080:3000`",
        ),
        (
            "::1:8080:3000",
            "it has too many parts; the form is [BIND:]HOST:PROC, with an IPv6 address in brackets, for example `[::1]:8080:3000`",
        ),
        (
            "example.org:80:80",
            "`example.org` is not an address to bind; write an IP address of this host, for example `127.0.0.1:8080:3000`",
        ),
        (
            "[zz]:80:80",
            "`zz` is not an address to bind; write an IP address of this host, for example `127.0.0.1:8080:3000`",
        ),
        (
            "8080:3000/sctp",
            "unsupported protocol `sctp`; write `/tcp`, the default, or `/udp`",
        ),
        (
            "8080:0",
            "the guest's port cannot be 0; write the port that the guest listens on",
        ),
        (
            "0-2:3000-3002",
            "port 0 (take a free port) cannot be part of a range; write one rule for each free port",
        ),
        (
            "8090-8080:1-11",
            "the range `8090-8080` runs backwards; write the smaller port first",
        ),
        (
            "8000-8010:9000-9009",
            "the ranges differ in length: 8000-8010 on the host (11 ports), 9000-9009 in the guest (10 ports)",
        ),
        (
            "8000-8001:9000",
            "the ranges differ in length: 8000-8001 on the host (2 ports), 9000 in the guest (1 port)",
        ),
    ];
    for (rule, reason) in cases {
        assert_eq!(error(rule), format!("invalid forward rule `{rule}`: {reason}"));
    }
}

#[test]
fn overlap_is_about_the_same_address() {
    let bind = |text: &str| format!("{text}:1:1").parse::<Rule>().unwrap().bind;
    let cases = [
        ("localhost", "127.0.0.1", true),
        ("localhost", "[::1]", true),
        ("127.0.0.1", "127.0.0.2", false),
        ("127.0.0.1", "[::1]", false),
        ("0.0.0.0", "127.0.0.1", true),
        ("0.0.0.0", "[::1]", false),
        ("[::]", "127.0.0.1", true),
        ("[::]", "[::1]", true),
    ];
    for (a, b, expected) in cases {
        assert_eq!(bind(a).overlaps(bind(b)), expected, "{a} {b}");
        assert_eq!(bind(b).overlaps(bind(a)), expected, "{b} {a}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_rule_or_an_error(text in "\\PC*") {
        let _ = text.parse::<Rule>();
    }

    #[test]
    fn rule_like_text_never_panics(text in "[0-9:\\-\\[\\]./a-z]{0,40}") {
        let _ = text.parse::<Rule>();
    }

    #[test]
    fn what_is_displayed_parses_to_the_same(host in 1u16..60000, guest in 1u16..60000, extra in 0u16..100, v6: bool, udp: bool) {
        let bind = if v6 { "[::1]:" } else { "" };
        let protocol = if udp { "/udp" } else { "" };
        let text = format!("{bind}{host}-{}:{guest}-{}{protocol}", host + extra, guest + extra);
        let rule: Rule = text.parse().unwrap();
        prop_assert_eq!(rule.to_string().parse::<Rule>().unwrap(), rule.clone());
        prop_assert_eq!(rule.mappings().count(), usize::from(extra) + 1);
    }
}
