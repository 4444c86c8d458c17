//! Tests of [`super::Policy`].

use super::super::pins::{Pins, Synthetic};
use super::super::rule::tests::any_rule;
use super::super::special::tests::address;
use super::*;
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn policy(rules: &[&str], private: &[&str]) -> Policy {
    let rules = rules
        .iter()
        .map(|rule| rule.parse().unwrap_or_else(|error| panic!("{rule}: {error}")));
    Policy::new(
        rules.collect(),
        private.iter().map(|network| network.parse().unwrap()).collect(),
    )
}

fn pin(name: &str) -> Pin {
    let name = name.to_owned();
    Pin {
        name,
        is_fresh: true,
        is_local: false,
    }
}

fn stale(name: &str) -> Pin {
    Pin {
        is_fresh: false,
        ..pin(name)
    }
}

fn local(name: &str) -> Pin {
    Pin {
        is_local: true,
        ..pin(name)
    }
}

const ELSEWHERE: bool = false;
const OWN: bool = true;

/// What is said of a verdict in a table.
fn judged(rules: &[&str], private: &[&str], to: &str, pins: &[Pin], is_own: bool) -> String {
    match policy(rules, private).judge(to.parse().unwrap(), Protocol::Tcp, pins, is_own) {
        Verdict::Allowed(rule) => rule.to_string(),
        Verdict::Stale(names) => format!("stale {}", names.join(" ")),
        Verdict::Denied(Reason::NoRule) => "no rule".to_owned(),
        Verdict::Denied(Reason::NotPublic { address }) => format!("not public {address}"),
        Verdict::Denied(Reason::Metadata { address }) => format!("metadata {address}"),
        Verdict::Denied(Reason::Forbidden) => "forbidden".to_owned(),
        Verdict::Denied(Reason::Own) => "own".to_owned(),
        Verdict::Denied(other) => format!("{other:?}"),
    }
}

#[test]
fn addresses_and_networks() {
    let cases: &[(&[&str], &str, &str)] = &[
        (&[], "192.0.2.7:80", "no rule"),
        (&["192.0.2.7:80"], "192.0.2.7:80", "192.0.2.7:80"),
        (&["192.0.2.7:80"], "[::ffff:192.0.2.7]:80", "192.0.2.7:80"),
        (&["192.0.2.7:80"], "192.0.2.7:81", "no rule"),
        (&["192.0.2.7:80/udp"], "192.0.2.7:80", "no rule"),
        (&["192.0.2.7:80"], "192.0.2.8:80", "no rule"),
        (&["192.0.2.0/24:70-90"], "192.0.2.8:80", "192.0.2.0/24:70-90"),
        (&["[2001:db8::]/32:80"], "[2001:db8:1::5]:80", "[2001:db8::]/32:80"),
        // Any is what is public; so is a wide network.
        (&["*:80"], "198.18.0.5:80", "*:80"),
        (&["*:80"], "10.1.2.3:80", "not public 10.1.2.3"),
        (&["0.0.0.0/0:80"], "192.0.2.7:80", "0.0.0.0/0:80"),
        (&["0.0.0.0/0:80"], "10.1.2.3:80", "not public 10.1.2.3"),
        (&["8.0.0.0/5:80"], "10.1.2.3:80", "not public 10.1.2.3"),
        (&["10.0.0.0/8:80"], "10.1.2.3:80", "10.0.0.0/8:80"),
        (&["10.1.2.3:80"], "[64:ff9b::a01:203]:80", "10.1.2.3:80"),
        (&["[::]/0:80"], "[64:ff9b::a01:203]:80", "not public 10.1.2.3"),
        (&["[::]/0:80"], "[64:ff9b::808:808]:80", "[::]/0:80"),
        (&["[::]/0:80", "*:80"], "[2002:a01:203::1]:80", "not public 10.1.2.3"),
        (
            &["[::]/0:80", "*:80"],
            "[64:ff9b:1::808:808]:80",
            "not public 64:ff9b:1::808:808",
        ),
        (&["[::]/0:80", "*:80"], "[2001:0:1::1]:80", "not public 2001:0:1::1"),
        (&["[::]/0:80", "*:80"], "[fd00::1]:80", "not public fd00::1"),
        (&["[fd00::]/8:80"], "[fd00::1]:80", "[fd00::]/8:80"),
        (&["[fe80::1]:80"], "[fe80::1]:80", "[fe80::1]:80"),
        // Metadata has to be said as such.
        (&["*:*"], "169.254.169.254:80", "metadata 169.254.169.254"),
        (&[], "169.254.170.2:80", "metadata 169.254.170.2"),
        (&["169.254.0.0/16:80"], "169.254.169.254:80", "metadata 169.254.169.254"),
        (&["169.254.0.0/16:80"], "169.254.1.1:80", "169.254.0.0/16:80"),
        (&["169.254.169.254:80"], "169.254.169.254:80", "169.254.169.254:80"),
        (&["[fc00::]/7:80"], "[fd00:ec2::254]:80", "metadata fd00:ec2::254"),
        (&["[fd00:ec2::254]:80"], "[fd00:ec2::254]:80", "[fd00:ec2::254]:80"),
        (&["100.64.0.0/10:80"], "100.100.100.200:80", "metadata 100.100.100.200"),
        (&["*:*", "168.0.0.0/8:80"], "168.63.129.16:80", "metadata 168.63.129.16"),
        (&["*:*"], "[::ffff:169.254.169.254]:80", "metadata 169.254.169.254"),
        (&["*:*"], "[64:ff9b::a9fe:a9fe]:80", "metadata 169.254.169.254"),
        // Never.
        (&["*:*", "0.0.0.0/8:*", "host:*"], "0.0.0.0:80", "forbidden"),
        (&["*:*", "[::]/0:*", "host:*"], "[::]:80", "forbidden"),
        (&["*:*", "192.0.0.0/2:*"], "224.0.0.251:80", "forbidden"),
        (&["*:*", "240.0.0.0/4:*"], "255.255.255.255:80", "forbidden"),
        (&["*:*", "240.0.0.0/4:*"], "240.0.0.1:80", "forbidden"),
        (&["*:*", "240.0.0.0/4:*"], "240.0.200.1:80", "forbidden"),
        (&["240.0.0.0/4:*"], "240.1.0.1:80", "240.0.0.0/4:*"),
        (&["*:*", "[fe00::]/7:*"], "[ff02::1]:80", "forbidden"),
        (&["*:*", "0.0.0.0/0:*"], "127.0.0.1:80", "own"),
        (&["*:*", "[::]/0:*", "[::]/127:*"], "[::1]:80", "own"),
        // Loopback is this machine's; what translates it is not.
        (&["host:80"], "127.0.0.1:80", "host:80"),
        (&["host:80"], "[::1]:80", "host:80"),
        (&["localhost:80"], "127.0.0.1:80", "localhost:80"),
        (&["host:80"], "127.0.0.1:81", "own"),
        (&["host:*", "*:*", "[::]/0:*"], "[64:ff9b::7f00:1]:80", "own"),
        (&["host:*", "*:*", "[::]/0:*"], "[2002:7f00:1::]:80", "own"),
    ];
    for (rules, to, wanted) in cases {
        assert_eq!(judged(rules, &[], to, &[], ELSEWHERE), *wanted, "{rules:?} {to}");
    }
}

#[test]
fn own_addresses_have_to_be_said() {
    let names = [local("me"), pin("me.example.com")];
    let cases: &[(&[&str], &str, &str)] = &[
        (
            &[
                "*:*",
                "0.0.0.0/0:*",
                "203.0.113.0/24:*",
                "me:*",
                "me.example.com:*",
                "*.example.com:*",
            ],
            "203.0.113.5:80",
            "own",
        ),
        (&["203.0.113.5:80"], "203.0.113.5:80", "203.0.113.5:80"),
        (&["host:80"], "203.0.113.5:80", "host:80"),
        (&["localhost:80"], "203.0.113.5:80", "localhost:80"),
        (&["localhost:81"], "203.0.113.5:80", "own"),
        (&["*:*", "me:*", "192.0.0.0/8:*"], "192.168.1.5:80", "own"),
        (&["192.168.0.0/16:80"], "192.168.1.5:80", "192.168.0.0/16:80"),
        (&["[2001:db8::5]:80"], "[2001:db8::5]:80", "[2001:db8::5]:80"),
        (&["[2001:db8::]/64:80", "[::]/0:80", "*:*"], "[2001:db8::5]:80", "own"),
    ];
    for (rules, to, wanted) in cases {
        assert_eq!(
            judged(rules, &["0.0.0.0/0"], to, &names, OWN),
            *wanted,
            "{rules:?} {to}"
        );
    }
}

#[test]
fn names() {
    let cases: &[(&[&str], &str, Pin, &str)] = &[
        (
            &["db.example.com:80"],
            "192.0.2.7:80",
            pin("db.example.com"),
            "db.example.com:80",
        ),
        (
            &["db.example.com:80"],
            "192.0.2.7:80",
            pin("DB.example.com."),
            "db.example.com:80",
        ),
        (&["db.example.com:80"], "192.0.2.7:81", pin("db.example.com"), "no rule"),
        (
            &["db.example.com:80"],
            "192.0.2.7:80",
            pin("xdb.example.com"),
            "no rule",
        ),
        (
            &["db.example.com:80"],
            "192.0.2.7:80",
            pin("x.db.example.com"),
            "no rule",
        ),
        (
            &["*.example.com:80"],
            "192.0.2.7:80",
            pin("a.b.example.com"),
            "*.example.com:80",
        ),
        (&["*.example.com:80"], "192.0.2.7:80", pin("example.com"), "no rule"),
        (&["*.example.com:80"], "192.0.2.7:80", pin(".example.com"), "no rule"),
        (&["*.example.com:80"], "192.0.2.7:80", pin("notexample.com"), "no rule"),
        (
            &["db.example.com:80"],
            "192.0.2.7:80",
            stale("db.example.com"),
            "stale db.example.com",
        ),
        (&["*:80"], "192.0.2.7:80", stale("db.example.com"), "*:80"),
        // Inside: allow-private, or what strangers cannot say.
        (
            &["db.example.com:80"],
            "10.9.2.3:80",
            pin("db.example.com"),
            "not public 10.9.2.3",
        ),
        (
            &["db.example.com:80"],
            "10.1.2.3:80",
            pin("db.example.com"),
            "db.example.com:80",
        ),
        (
            &["*.example.com:80"],
            "10.1.2.3:80",
            pin("db.example.com"),
            "*.example.com:80",
        ),
        (&["*:80"], "10.1.2.3:80", pin("db.example.com"), "*:80"),
        (
            &["*:80"],
            "10.1.2.3:80",
            stale("db.example.com"),
            "stale db.example.com",
        ),
        (&["*:80"], "10.9.2.3:80", pin("db.example.com"), "not public 10.9.2.3"),
        (
            &["db.example.com:80"],
            "10.9.2.3:80",
            local("db.example.com"),
            "db.example.com:80",
        ),
        (
            &["*.example.com:80"],
            "10.9.2.3:80",
            local("db.example.com"),
            "not public 10.9.2.3",
        ),
        (&["*:80"], "10.9.2.3:80", local("db"), "not public 10.9.2.3"),
        (&["db:80"], "10.9.2.3:80", pin("db"), "db:80"),
        (&["db:80"], "10.9.2.3:80", stale("db"), "stale db"),
        (
            &["db.corp.internal:80"],
            "[fd00::1]:80",
            pin("db.corp.internal"),
            "db.corp.internal:80",
        ),
        (
            &["*.internal:80"],
            "[fd00::1]:80",
            pin("db.corp.internal"),
            "not public fd00::1",
        ),
        (&["nas.local:80"], "192.168.1.9:80", pin("nas.local"), "nas.local:80"),
        (
            &["nas.home.arpa:80"],
            "192.168.1.9:80",
            pin("nas.home.arpa"),
            "nas.home.arpa:80",
        ),
        (
            &["nas.notlocal:80"],
            "192.168.1.9:80",
            pin("nas.notlocal"),
            "not public 192.168.1.9",
        ),
        (
            &["nas.local.example:80"],
            "192.168.1.9:80",
            pin("nas.local.example"),
            "not public 192.168.1.9",
        ),
        // Never that way, whoever says so.
        (&["db:80"], "127.0.0.1:80", local("db"), "own"),
        (&["db:80"], "[::1]:80", local("db"), "own"),
        (&["db:80"], "169.254.1.1:80", local("db"), "not public 169.254.1.1"),
        (&["db:80"], "[fe80::1]:80", local("db"), "not public fe80::1"),
        (
            &["metadata.google.internal:80"],
            "169.254.169.254:80",
            local("metadata.google.internal"),
            "metadata 169.254.169.254",
        ),
        (
            &["instance.internal:80"],
            "[fd00:ec2::254]:80",
            local("instance.internal"),
            "metadata fd00:ec2::254",
        ),
        (&["db:80"], "240.0.0.1:80", local("db"), "forbidden"),
        (&["db:80"], "0.0.0.0:80", local("db"), "forbidden"),
    ];
    for (rules, to, pin, wanted) in cases {
        let private = ["10.1.0.0/16", "169.254.0.0/16", "fe80::/10"];
        assert_eq!(
            judged(rules, &private, to, std::slice::from_ref(pin), ELSEWHERE),
            *wanted,
            "{rules:?} {to} {pin:?}"
        );
    }
    // A fresh one does; of stale ones, those that would.
    let two = [stale("a.example.com"), pin("b.example.com"), stale("c.example.org")];
    assert_eq!(
        judged(
            &["a.example.com:80", "b.example.com:80"],
            &[],
            "192.0.2.7:80",
            &two,
            ELSEWHERE
        ),
        "b.example.com:80"
    );
    assert_eq!(
        judged(
            &["*.example.com:80", "a.example.com:80"],
            &[],
            "192.0.2.7:80",
            &two[..1],
            ELSEWHERE
        ),
        "stale a.example.com"
    );
    assert_eq!(
        judged(
            &["*.example.org:80", "a.example.com:80"],
            &[],
            "192.0.2.7:80",
            &two,
            ELSEWHERE
        ),
        "stale c.example.org a.example.com"
    );
}

#[test]
fn names_that_may_be_looked_up() {
    let some = policy(
        &[
            "db.example.com:1",
            "*.example.org:1",
            "10.0.0.0/8:*",
            "host:1",
            "localhost:1",
        ],
        &[],
    );
    for (name, wanted) in [
        ("db.example.com", true),
        ("DB.EXAMPLE.COM.", true),
        ("a.example.org", true),
        ("example.org", false),
        ("x", false),
        ("", false),
    ] {
        assert_eq!(some.names(name), wanted, "{name}");
    }
    assert!(policy(&["*:443"], &[]).names("x") && !Policy::default().names("x"));
}

#[test]
fn ports_of_this_machine() {
    let some = policy(&["host:1-2", "localhost:2-3", "localhost:9/udp"], &[]);
    let host = |port, protocol| some.host(port, protocol).map(ToString::to_string).unwrap_or_default();
    let localhost = |port, protocol| {
        some.localhost(port, protocol)
            .map(ToString::to_string)
            .unwrap_or_default()
    };
    assert_eq!(
        [host(1, Protocol::Tcp), host(3, Protocol::Tcp), host(4, Protocol::Tcp)],
        ["host:1-2", "localhost:2-3", ""]
    );
    assert_eq!(
        [localhost(1, Protocol::Tcp), localhost(2, Protocol::Tcp)],
        ["", "localhost:2-3"]
    );
    assert_eq!(
        [
            host(9, Protocol::Udp),
            localhost(9, Protocol::Udp),
            host(9, Protocol::Tcp)
        ],
        ["localhost:9/udp", "localhost:9/udp", ""]
    );
    assert_eq!(some.rules().len(), 3);
}

/// As the server uses them: what was answered, is asked again, and has changed.
#[test]
fn rebinding() {
    let (mut pins, start) = (Pins::default(), Instant::now());
    let policy = policy(&["db.example.com:5432"], &[]);
    let (first, second): (IpAddr, IpAddr) = ("192.0.2.7".parse().unwrap(), "10.0.0.9".parse().unwrap());
    let judge = |pins: &Pins, address, now| match policy.judge(
        (address, 5432).into(),
        Protocol::Tcp,
        &pins.of(address, now),
        ELSEWHERE,
    ) {
        Verdict::Allowed(_) => "allowed",
        Verdict::Stale(_) => "stale",
        Verdict::Denied(_) => "denied",
    };
    assert_eq!(judge(&pins, first, start), "denied");
    pins.pin("db.example.com", &[first], false, start);
    assert_eq!(judge(&pins, first, start), "allowed");
    let later = start + Duration::from_secs(61);
    assert_eq!(judge(&pins, first, later), "stale");
    pins.pin("db.example.com", &[second], false, later);
    assert_eq!(
        (judge(&pins, first, later), judge(&pins, second, later)),
        ("stale", "denied")
    );
    pins.pin("db.example.com", &[first], false, later);
    assert_eq!(judge(&pins, first, later), "allowed");
    let made_up = IpAddr::from(Synthetic::default().address_of("other.example"));
    pins.pin("db.example.com", &[made_up], false, later);
    assert_eq!(judge(&pins, made_up, later), "denied");
}

fn any_name() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "db",
        "db.example.com",
        "a.db.example.com",
        "db.corp.internal",
        "nas.local",
        "x",
        "127.1",
    ])
    .prop_map(str::to_owned)
}

fn any_pin() -> impl Strategy<Value = Pin> {
    (any_name(), any::<bool>(), any::<bool>()).prop_map(|(name, is_fresh, is_local)| Pin {
        name,
        is_fresh,
        is_local,
    })
}

/// Rules that are likely to have to do with the address and the names.
fn any_rules(about: IpAddr) -> impl Strategy<Value = Vec<Rule>> {
    let near =
        (0u8..=128, any::<bool>(), any_name(), 0..6).prop_filter_map("typed", move |(length, inside, name, kind)| {
            let address = if inside { special::canonical(about) } else { about };
            let length = length.min(if address.is_ipv4() { 32 } else { 128 });
            let to = match kind {
                0 => Destination::Name(name),
                1 => Destination::Below(name),
                2 => Destination::Any,
                _ => Destination::Network(IpNet::new(address, length).ok()?.trunc()),
            };
            let (ports, protocol) = (super::super::rule::Ports::ALL, Protocol::Tcp);
            Some(Rule { to, ports, protocol })
        });
    prop::collection::vec(prop_oneof![2 => near, 1 => any_rule()], 0..5)
}

fn any_case() -> impl Strategy<Value = (Vec<Rule>, Vec<IpNet>, SocketAddr, Vec<Pin>, bool)> {
    let near = |address: IpAddr| {
        (0u8..=32).prop_filter_map("net", move |length| {
            IpNet::new(address, length).ok().map(|net| net.trunc())
        })
    };
    address().prop_flat_map(move |about| {
        let private = prop::collection::vec(near(special::canonical(about)), 0..2);
        (
            any_rules(about),
            private,
            any::<u16>(),
            prop::collection::vec(any_pin(), 0..3),
            any::<bool>(),
        )
            .prop_map(move |(rules, private, port, pins, is_own)| {
                (rules, private, SocketAddr::new(about, port), pins, is_own)
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    /// The rules of the design, each from the side of what is allowed, and without `special::block`'s help where std has an opinion.
    #[test]
    fn what_is_allowed_has_its_reason((rules, private, to, pins, is_own) in any_case()) {
        let policy = Policy::new(rules, private.clone());
        let (inside, block) = (special::canonical(to.ip()), special::block(to.ip()));
        let verdict = policy.judge(to, Protocol::Tcp, &pins, is_own);
        // The same place in its own form has the same verdict, but for rules of networks that are wider than what carries it.
        if let Verdict::Denied(_) = verdict {
            let bare = policy.judge(SocketAddr::new(inside, to.port()), Protocol::Tcp, &pins, is_own);
            let by_network = matches!(&bare, Verdict::Allowed(rule) if matches!(rule.to, Destination::Network(_)));
            prop_assert!(!by_network);
        }
        let Verdict::Allowed(rule) = verdict else {
            if let Verdict::Stale(names) = verdict {
                prop_assert!(!is_own && !inside.is_loopback() && !special::is_link_local(inside) && !special::is_metadata(inside));
                for name in names {
                    // Asked again with the same answer, it is allowed.
                    let refreshed = |pin: &Pin| Pin { is_fresh: pin.name == name || pin.is_fresh, ..pin.clone() };
                    let again: Vec<Pin> = pins.iter().map(refreshed).collect();
                    prop_assert!(matches!(policy.judge(to, Protocol::Tcp, &again, is_own), Verdict::Allowed(_)));
                }
            }
            return Ok(());
        };
        prop_assert!(rule.ports.contains(to.port()) && rule.protocol == Protocol::Tcp);
        prop_assert!(policy.rules().contains(rule));
        prop_assert!(!inside.is_unspecified() && !inside.is_multicast() && !pins::is_synthetic(inside) && inside != IpAddr::from([255; 4]));
        match &rule.to {
            Destination::Host | Destination::Localhost => prop_assert!(is_own || to.ip().to_canonical().is_loopback()),
            Destination::Network(network) => {
                prop_assert!(!inside.is_loopback());
                prop_assert!(network.contains(&inside) || network.contains(&to.ip()));
                match block {
                    Some(block) => prop_assert!(block.contains(network) && network.contains(&inside)),
                    None => prop_assert!(!is_own || network.prefix_len() == network.max_prefix_len()),
                }
                if special::is_metadata(inside) {
                    prop_assert_eq!(*network, IpNet::from(inside));
                }
            }
            by_name => {
                prop_assert!(!is_own && !inside.is_loopback() && !special::is_link_local(inside) && !special::is_metadata(inside));
                let fresh: Vec<&Pin> = pins.iter().filter(|pin| pin.is_fresh).collect();
                let named: Vec<&&Pin> = fresh.iter().filter(|pin| match by_name {
                    Destination::Name(name) => *name == pin.name,
                    Destination::Below(name) => pin.name.ends_with(&format!(".{name}")),
                    _ => true,
                }).collect();
                prop_assert!(*by_name == Destination::Any && block.is_none() || !named.is_empty());
                let from_here = ["db", "x", "db.corp.internal", "nas.local"];
                let is_exact = matches!(by_name, Destination::Name(_));
                prop_assert!(
                    block.is_none()
                        || private.iter().any(|network| network.contains(&inside))
                        || is_exact && named.iter().any(|pin| pin.is_local || from_here.contains(&pin.name.as_str()))
                );
            }
        }
    }

    /// Without a rule of its block and without allow-private, a special address is reached by an exact name alone.
    #[test]
    fn no_special_address_without_a_rule_for_it((rules, _, to, pins, is_own) in any_case()) {
        let Some(block) = special::block(to.ip()) else { return Ok(()) };
        let is_about_it = |rule: &Rule| match &rule.to {
            Destination::Network(network) => block.contains(network),
            Destination::Name(_) | Destination::Host | Destination::Localhost => true,
            Destination::Any | Destination::Below(_) => false,
        };
        let rules = rules.into_iter().filter(|rule| !is_about_it(rule)).collect();
        let policy = Policy::new(rules, Vec::new());
        let verdict = policy.judge(to, Protocol::Tcp, &pins, is_own);
        prop_assert!(matches!(verdict, Verdict::Denied(_)), "{:?}", verdict);
    }

    /// More rules never take away.
    #[test]
    fn rules_only_add((rules, private, to, pins, is_own) in any_case(), more in any_rule()) {
        let before = Policy::new(rules.clone(), private.clone());
        let after = Policy::new(rules.into_iter().chain([more]).collect(), private);
        if let Verdict::Allowed(_) = before.judge(to, Protocol::Tcp, &pins, is_own) {
            prop_assert!(matches!(after.judge(to, Protocol::Tcp, &pins, is_own), Verdict::Allowed(_)));
        }
    }
}
