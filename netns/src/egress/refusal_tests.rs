//! Tests of [`super::Refusal`].

use super::*;

fn refusal(to: &str, reason: Reason) -> Refusal {
    let (to, protocol) = (to.to_owned(), Protocol::Tcp);
    Refusal { to, protocol, reason }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn allow(rule: &str) -> String {
    format!("`--allow {rule}`, or `allow = [\"{rule}\"]` under `[network]`")
}

#[test]
fn lines_and_hints() {
    let not_public = |address| Reason::NotPublic { address: ip(address) };
    let metadata = |address| Reason::Metadata { address: ip(address) };
    let now = |addresses: &[&str]| Reason::Stale {
        name: "db.example.com".to_owned(),
        now: addresses.iter().copied().map(ip).collect(),
    };
    let cases = [
        (
            "db.example.com:5432",
            Reason::NoRule,
            "denied: db.example.com:5432/tcp: no rule allows it",
            allow("db.example.com:5432"),
        ),
        (
            "192.0.2.7:80",
            Reason::NoRule,
            "denied: 192.0.2.7:80/tcp: no rule allows it",
            allow("192.0.2.7:80"),
        ),
        (
            "[2001:db8::5]:80",
            Reason::NoRule,
            "denied: [2001:db8::5]:80/tcp: no rule allows it",
            allow("[2001:db8::5]:80"),
        ),
        (
            "localhost:5432",
            Reason::NoRule,
            "denied: localhost:5432/tcp: no rule allows it",
            allow("localhost:5432"),
        ),
        (
            "host.wasmrun.internal:80",
            Reason::NoRule,
            "denied: host.wasmrun.internal:80/tcp: no rule allows it",
            allow("host:80"),
        ),
        (
            "api.example.com:443",
            not_public("10.1.2.3"),
            "denied: api.example.com:443 is 10.1.2.3, which is not public",
            "`--allow-private 10.1.2.3/32`, if that is meant".to_owned(),
        ),
        (
            "api.example.com:443",
            not_public("fd00::1"),
            "denied: api.example.com:443 is fd00::1, which is not public",
            "`--allow-private fd00::1/128`, if that is meant".to_owned(),
        ),
        (
            "api.example.com:443",
            not_public("fe80::1"),
            "denied: api.example.com:443 is fe80::1, which is not public",
            "`--allow [fe80::1]:443`, if that is meant".to_owned(),
        ),
        (
            "10.1.2.3:443",
            not_public("10.1.2.3"),
            "denied: 10.1.2.3:443 is not public",
            "`--allow 10.1.2.3:443`, if that is meant".to_owned(),
        ),
        (
            "[64:ff9b::a01:203]:443",
            not_public("10.1.2.3"),
            "denied: [64:ff9b::a01:203]:443 is not public",
            "`--allow 10.1.2.3:443`, if that is meant".to_owned(),
        ),
        (
            "169.254.169.254:80",
            metadata("169.254.169.254"),
            "denied: 169.254.169.254:80/tcp: this machine's cloud credentials may be there",
            "`--allow 169.254.169.254:80`, if that is meant".to_owned(),
        ),
        (
            "metadata.google.internal:80",
            metadata("fd00:ec2::254"),
            "denied: metadata.google.internal:80/tcp: this machine's cloud credentials may be there",
            "`--allow [fd00:ec2::254]:80`, if that is meant".to_owned(),
        ),
        (
            "192.0.2.7:5432",
            now(&["192.0.2.9"]),
            "denied: 192.0.2.7:5432: db.example.com is 192.0.2.9 by now",
            String::new(),
        ),
        (
            "192.0.2.7:5432",
            now(&["192.0.2.1", "192.0.2.2", "192.0.2.3", "::1"]),
            "denied: 192.0.2.7:5432: db.example.com is 192.0.2.1, 192.0.2.2, 192.0.2.3 and 1 more by now",
            String::new(),
        ),
        (
            "192.0.2.7:5432",
            now(&[]),
            "denied: 192.0.2.7:5432: db.example.com is no longer there",
            String::new(),
        ),
        (
            "0.0.0.0:80",
            Reason::Forbidden,
            "denied: 0.0.0.0:80/tcp: no rule can allow this address",
            String::new(),
        ),
        (
            "me.example.com:80",
            Reason::Own,
            "denied: me.example.com:80/tcp: that is this machine itself",
            allow("host:80"),
        ),
        (
            "localhost:5432",
            Reason::NothingListensOnHost { port: 5432 },
            "refused: this machine's port 5432: nothing listens on 127.0.0.1 or ::1",
            String::new(),
        ),
        (
            "localhost:5432",
            Reason::NothingListensInGuest { port: 5432 },
            "refused: localhost:5432: nothing listens there in the guest",
            "this machine's: `--allow localhost:5432`".to_owned(),
        ),
    ];
    for (to, reason, line, hint) in cases {
        let refusal = refusal(to, reason);
        assert_eq!(
            (refusal.to_string().as_str(), refusal.hint().unwrap_or_default()),
            (line, hint)
        );
    }
}

#[test]
fn datagrams_are_said() {
    let udp = |to, reason| Refusal {
        protocol: Protocol::Udp,
        ..refusal(to, reason)
    };
    let refused = udp("dns.example:53", Reason::NoRule);
    assert_eq!(refused.to_string(), "denied: dns.example:53/udp: no rule allows it");
    assert_eq!(refused.hint().unwrap(), allow("dns.example:53/udp"));
    let refused = udp(
        "dns.example:53",
        Reason::NotPublic {
            address: ip("10.0.0.1"),
        },
    );
    assert_eq!(
        refused.to_string(),
        "denied: dns.example:53/udp is 10.0.0.1, which is not public"
    );
    let refused = udp("10.0.0.1:53", Reason::Own);
    assert_eq!(refused.hint().unwrap(), allow("host:53/udp"));
}

/// A name is what a guest says; the hint is what a person pastes.
#[test]
fn a_guest_does_not_write_hints() {
    let names = [
        "*",
        "*.com",
        "10.0.0.0/8",
        "https://evil.example/x",
        "a@b",
        "a\"]",
        "$HOME",
        "x:1",
        "0.0.0.0/0",
        "127.1",
        "localhost:1/tcp",
    ];
    for name in names {
        assert_eq!(refusal(&format!("{name}:80"), Reason::NoRule).hint(), None, "{name}");
    }
    assert_eq!(refusal("no port", Reason::Own).hint(), None);
}
