//! Tests of [`super::Rule`].

use super::parse::expand;
use super::*;
use crate::egress::special;
use crate::rule::Protocol;
use ipnet::IpNet;
use proptest::prelude::*;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StringDeserializer};
use serde::{Deserialize, Serialize};
use std::fmt;

fn rule(text: &str) -> Rule {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn error(text: &str) -> String {
    text.parse::<Rule>().expect_err(text).to_string()
}

#[test]
fn rules_that_people_type() {
    // As typed, in its own form, and what it means.
    let cases = [
        (
            "db.example.com:5432",
            "db.example.com:5432",
            "TCP port 5432 of db.example.com",
        ),
        (
            " DB.Example.COM.:5432/tcp ",
            "db.example.com:5432",
            "TCP port 5432 of db.example.com",
        ),
        ("db:1-65535", "db:*", "every TCP port of db"),
        (
            "_srv.x-1.example:80-80",
            "_srv.x-1.example:80",
            "TCP port 80 of _srv.x-1.example",
        ),
        (
            "xn--bcher-kva.example:443",
            "xn--bcher-kva.example:443",
            "TCP port 443 of xn--bcher-kva.example",
        ),
        (
            "https://api.stripe.com",
            "api.stripe.com:443",
            "TCP port 443 of api.stripe.com",
        ),
        (
            "HTTPS://api.stripe.com:8443/v1/x?y=1#z",
            "api.stripe.com:8443",
            "TCP port 8443 of api.stripe.com",
        ),
        (
            "https://registry.npmjs.org/@scope/name",
            "registry.npmjs.org:443",
            "TCP port 443 of registry.npmjs.org",
        ),
        (
            "https://a.example/x?mail=b@c",
            "a.example:443",
            "TCP port 443 of a.example",
        ),
        (
            "postgres://user:secret@db.example.com/name",
            "db.example.com:5432",
            "TCP port 5432 of db.example.com",
        ),
        (
            "postgresql+psycopg://u:p@w@db:5433/name?a=b",
            "db:5433",
            "TCP port 5433 of db",
        ),
        (
            "mysql+pymysql://root@localhost/x",
            "localhost:3306",
            "this machine's TCP port 3306, as the guest's own localhost:3306 and host.wasmrun.internal:3306",
        ),
        (
            "rediss://:secret@[2001:db8::5]/0",
            "[2001:db8::5]:6379",
            "TCP port 6379 of 2001:db8::5",
        ),
        ("foo://h.example:1", "h.example:1", "TCP port 1 of h.example"),
        (
            "https://h.example/udp",
            "h.example:443/udp",
            "UDP port 443 of h.example",
        ),
        (
            "https://*.example.com",
            "*.example.com:443",
            "every name below example.com, TCP port 443",
        ),
        ("http://10.20.3.4/8", "10.20.3.4:80", "TCP port 80 of 10.20.3.4"),
        ("http://10.0.0.1/v1", "10.0.0.1:80", "TCP port 80 of 10.0.0.1"),
        (
            "*.s3.amazonaws.com:443",
            "*.s3.amazonaws.com:443",
            "every name below s3.amazonaws.com, TCP port 443",
        ),
        ("*.x:*", "*.x:*", "every name below x, every TCP port"),
        (
            "10.20.0.0/16:9000-9010",
            "10.20.0.0/16:9000-9010",
            "TCP ports 9000-9010 of 10.20.0.0/16",
        ),
        ("10.20.0.1/32:1", "10.20.0.1:1", "TCP port 1 of 10.20.0.1"),
        (
            "0.0.0.0/0:443",
            "0.0.0.0/0:443",
            "TCP port 443 of 0.0.0.0/0, public addresses only",
        ),
        (
            "[::]/0:443",
            "[::]/0:443",
            "TCP port 443 of ::/0, public addresses only",
        ),
        ("[2001:DB8::5]:443", "[2001:db8::5]:443", "TCP port 443 of 2001:db8::5"),
        (
            "[2001:db8::/32]:443/udp",
            "[2001:db8::]/32:443/udp",
            "UDP port 443 of 2001:db8::/32",
        ),
        ("1.1.1.1:53/udp", "1.1.1.1:53/udp", "UDP port 53 of 1.1.1.1"),
        ("*:443", "*:443", "any public host's TCP port 443"),
        ("*:80-90", "*:80-90", "any public host's TCP ports 80-90"),
        ("*:*", "*:*", "every TCP port of any public host"),
        (
            "localhost:5432",
            "localhost:5432",
            "this machine's TCP port 5432, as the guest's own localhost:5432 and host.wasmrun.internal:5432",
        ),
        (
            "localhost:*",
            "localhost:*",
            "every TCP port of this machine, as the guest's own localhost:* and host.wasmrun.internal:*",
        ),
        (
            "host:9200",
            "host:9200",
            "this machine's TCP port 9200, as host.wasmrun.internal:9200",
        ),
        (
            "Host.Docker.Internal:1-2/udp",
            "host:1-2/udp",
            "this machine's UDP ports 1-2, as host.wasmrun.internal:1-2",
        ),
        (
            "http://host.wasmrun.internal/",
            "host:80",
            "this machine's TCP port 80, as host.wasmrun.internal:80",
        ),
    ];
    for (typed, canonical, meaning) in cases {
        assert_eq!(
            (rule(typed).to_string().as_str(), rule(typed).meaning().as_str()),
            (canonical, meaning),
            "{typed}"
        );
        assert_eq!(rule(canonical), rule(typed));
    }
    for (text, wanted) in [
        ("*:*", true),
        ("*:*/udp", true),
        ("0.0.0.0/0:*", true),
        ("*:443", false),
        ("*.com:*", false),
    ] {
        assert_eq!(rule(text).is_everything(), wanted, "{text}");
    }
}

#[test]
fn schemes_have_ports() {
    let cases = [
        ("http", 80),
        ("ws", 80),
        ("https", 443),
        ("wss", 443),
        ("postgres", 5432),
        ("postgresql", 5432),
        ("mysql", 3306),
        ("mariadb", 3306),
        ("redis", 6379),
        ("rediss", 6379),
        ("mongodb", 27017),
        ("amqp", 5672),
        ("amqps", 5671),
        ("mqtt", 1883),
        ("mqtts", 8883),
        ("nats", 4222),
        ("smtp", 25),
        ("smtps", 465),
        ("ldap", 389),
        ("ldaps", 636),
    ];
    for (scheme, port) in cases {
        assert_eq!(
            rule(&format!("{scheme}://h.example/")).to_string(),
            format!("h.example:{port}")
        );
    }
}

#[test]
fn each_fault_says_what_to_write() {
    let (name, port) = (
        "; write HOST:PORT, for example `db.example.com:5432`",
        "ports are whole numbers from 1 to 65535, two of them as `8000-8080`, or `*` for all",
    );
    let loopback = |port: &str| {
        format!(
            "a guest's loopback is its own; write `localhost:{port}` to lead its localhost to this machine's, \
             or `host:{port}` to reach this machine as `host.wasmrun.internal`"
        )
    };
    let numeric = |text: &str| {
        format!("`{text}` is neither a name nor an address; write an address in full, for example `192.0.2.1`")
    };
    let no_name = |text: &str| {
        format!("`{text}` is not a name; names are letters, digits, `-` and `_`, with single dots between")
    };
    let no_port =
        |text: &str| format!("`{text}` has no port; write `{text}:443`, for example, or `{text}:*` for every port");
    let star = |text: &str| {
        format!(
            "in `{text}` the `*` is in the wrong place; write `*.NAME` for every name below, or `*` alone for any public host"
        )
    };
    let carrier = |text: &str| {
        format!(
            "`{text}` carries an IPv4 address, and is judged by that; write it in its own form, as `10.20.0.0/16` or `192.0.2.1`"
        )
    };
    let forbidden = |text: &str| {
        format!("`{text}` is nothing that a rule can allow; write an address of one machine, or a network of such")
    };
    let prefix = |text: &str| {
        format!("`/{text}` is not the prefix of a network; write `10.20.0.0/16` or `[2001:db8::]/32`, for example")
    };
    let brackets = "an IPv6 address goes in brackets; write `[2001:db8::5]:443` or `[2001:db8::]/32:443`, for example";
    let not_ascii = "the name is not ASCII; write its ASCII form, which has `xn--` in it (`idn2 NAME` prints it)";
    let long = "the name is too long; a name has at most 253 bytes, and at most 63 between two dots";
    let variable = "a variable stands for a rule as a whole; write `$NAME` or `${NAME}` alone";
    let ambiguous = "in this URL the password cannot be told from the host; write HOST:PORT, or `%2F`, `%3F`, `%23` for `/`, `?`, `#`";
    let (label, full) = ("a".repeat(64), "a.".repeat(127));
    let (label, full) = (format!("{label}.example:1"), format!("{full}aa:1"));
    let cases: Vec<(&str, String)> = vec![
        ("", format!("the rule is empty{name}")),
        ("  ", format!("the rule is empty{name}")),
        (":443", format!("the rule names no host{name}")),
        ("sqlite:///x.db", format!("the rule names no host{name}")),
        ("postgresql://u:p@/db", format!("the rule names no host{name}")),
        ("http+unix://%2Fvar%2Frun/x", format!("the rule names no host{name}")),
        ("db.example.com", no_port("db.example.com")),
        ("db.example.com:", no_port("db.example.com")),
        ("db.example.com/udp", no_port("db.example.com")),
        ("10.0.0.0/8", no_port("10.0.0.0/8")),
        ("*", no_port("*")),
        ("localhost", no_port("localhost")),
        ("h:0", format!("`0` is not a port; {port}")),
        ("h:65536", format!("`65536` is not a port; {port}")),
        ("h:+80", format!("`+80` is not a port; {port}")),
        ("h:1-2-3", format!("`2-3` is not a port; {port}")),
        ("h:http", format!("`http` is not a port; {port}")),
        (
            "h:90-80",
            "the range `90-80` runs backwards; write the smaller port first".to_owned(),
        ),
        (
            "h:80/sctp",
            "unsupported protocol `sctp`; write `/tcp`, the default, or `/udp`".to_owned(),
        ),
        (
            "h:80/v1/x",
            "unsupported protocol `v1/x`; write `/tcp`, the default, or `/udp`".to_owned(),
        ),
        (
            "ftp://h/x",
            "the scheme `ftp` has no port of its own; write the port as well: `ftp://HOST:PORT`".to_owned(),
        ),
        (
            "jdbc:postgresql://h/x",
            format!("what stands before `://` is not a scheme{name}"),
        ),
        (
            "mongodb+srv://u:p@c.example/x",
            "`mongodb+srv` names servers by SRV records, not by a host; write a rule for each: \
             HOST:PORT, or `*.NAME:PORT`"
                .to_owned(),
        ),
        (
            "mongodb://u:p@a:1,b:2/x",
            "a rule names one host; write a rule for each".to_owned(),
        ),
        ("a:1,b:2", "a rule names one host; write a rule for each".to_owned()),
        (
            "user:secret@h:1",
            "user and password do not belong in a rule; write HOST:PORT".to_owned(),
        ),
        ("postgres://u:a/b@h/x", ambiguous.to_owned()),
        ("https://u:12/3@h", ambiguous.to_owned()),
        ("https://u@h/@x", ambiguous.to_owned()),
        (
            "host=db password=x",
            format!("the rule has a character that no host, port or network has{name}"),
        ),
        (
            "https://good.example\\@evil.example",
            format!("the rule has a character that no host, port or network has{name}"),
        ),
        ("bücher.example:443", not_ascii.to_owned()),
        ("https://bücher.example", not_ascii.to_owned()),
        ("a..b:1", no_name("a..b")),
        (".b:1", no_name(".b")),
        ("b..:1", no_name("b.")),
        ("-b.c:1", no_name("-b.c")),
        (&label, long.to_owned()),
        (&full, long.to_owned()),
        ("a.*.example.com:1", star("a.*.example.com")),
        ("*.*.example.com:1", star("*.*.example.com")),
        ("*example.com:1", star("*example.com")),
        ("*.:1", star("*.")),
        ("2130706433:80", numeric("2130706433")),
        ("0x7f.1:80", numeric("0x7f.1")),
        ("127.1:80", numeric("127.1")),
        ("0177.0.0.1:80", numeric("0177.0.0.1")),
        ("0x7f000001:80", numeric("0x7f000001")),
        ("1.2.3.4.5:80", numeric("1.2.3.4.5")),
        ("1.2.3.256:80", numeric("1.2.3.256")),
        ("127.0.0.1:5432", loopback("5432")),
        ("127.0.0.0/8:*", loopback("*")),
        ("127.9.9.9", loopback("PORT")),
        ("[::1]:5432", loopback("5432")),
        ("[::ffff:127.0.0.1]:5432", loopback("5432")),
        ("app.localhost:3000", loopback("3000")),
        ("*.localhost:3000", loopback("3000")),
        ("[::ffff:10.0.0.1]:80", carrier("::ffff:10.0.0.1")),
        ("[64:ff9b::a00:1]:80", carrier("64:ff9b::a00:1")),
        ("[2002::]/16:80", carrier("2002::")),
        ("0.0.0.0:80", forbidden("0.0.0.0")),
        ("[::]:80", forbidden("[::]")),
        ("224.0.0.0/4:80", forbidden("224.0.0.0/4")),
        ("255.255.255.255:80", forbidden("255.255.255.255")),
        ("[ff02::1]:80", forbidden("[ff02::1]")),
        ("240.0.0.1:80", forbidden("240.0.0.1")),
        ("240.0.128.0/17:80", forbidden("240.0.128.0/17")),
        (
            "10.20.3.4/16:80",
            "`10.20.3.4/16` has bits beyond its prefix; \
             write `10.20.0.0/16` for the network, or `10.20.3.4` alone"
                .to_owned(),
        ),
        (
            "http://10.0.0.0/8",
            "`10.0.0.0/8` may be a network, or an address and a path; \
             write a network without a scheme: `10.0.0.0/8:443`, for example"
                .to_owned(),
        ),
        (
            "http://[2001:db8::]/32:80",
            "`[2001:db8::]/32` may be a network, or an address and a path; \
             write a network without a scheme: `[2001:db8::]/32:443`, for example"
                .to_owned(),
        ),
        ("10.0.0.0/33:80", prefix("33")),
        ("db.example.com/8:80", prefix("8")),
        ("[2001:db8::/32]/32:80", prefix("32")),
        ("[2001:db8::/x]:80", prefix("x")),
        ("2001:db8::5:443", brackets.to_owned()),
        ("2001:db8::/32:443", brackets.to_owned()),
        ("::1:443", brackets.to_owned()),
        ("[2001:db8::5:443", brackets.to_owned()),
        ("[2001:db8::5]443", brackets.to_owned()),
        (
            "[db.example.com]:443",
            "`db.example.com` is not an IPv6 address; write `[2001:db8::5]:443`, for example".to_owned(),
        ),
        (
            "[fe80::1%eth0]:443",
            "`fe80::1%eth0` is not an IPv6 address; write `[2001:db8::5]:443`, for example".to_owned(),
        ),
        ("$HOST:5432", variable.to_owned()),
    ];
    for (text, wanted) in cases {
        assert_eq!(error(text), wanted, "{text}");
    }
}

#[test]
fn variables() {
    let variable = |name: &str| match name {
        "DATABASE_URL" => Some("postgres://u:secret@db.example.com/x".to_owned()),
        "KEY" => Some("sk_live_secret".to_owned()),
        "PORT" => Some("db:secret".to_owned()),
        "NESTED" => Some("$KEY".to_owned()),
        "EMPTY" => Some(" ".to_owned()),
        _ => None,
    };
    assert_eq!(expand("a:1", variable).unwrap(), "a:1");
    assert_eq!(
        expand("$DATABASE_URL", variable).unwrap(),
        "postgres://u:secret@db.example.com/x"
    );
    for text in ["$DATABASE_URL", "${DATABASE_URL}"] {
        assert_eq!(Rule::read(text, variable).unwrap(), rule("db.example.com:5432"));
    }
    let cases = [
        (
            "$X",
            "`$X` is not set; set it for the guest, or write HOST:PORT in its place",
            "",
        ),
        (
            "${EMPTY}",
            "`$EMPTY` is empty; set it for the guest, or write HOST:PORT in its place",
            "",
        ),
        (
            "$KEY:1",
            "a variable stands for a rule as a whole; write `$NAME` or `${NAME}` alone",
            "",
        ),
        (
            "${KEY",
            "a variable stands for a rule as a whole; write `$NAME` or `${NAME}` alone",
            "",
        ),
        (
            "$1",
            "a variable stands for a rule as a whole; write `$NAME` or `${NAME}` alone",
            "",
        ),
        (
            "$",
            "a variable stands for a rule as a whole; write `$NAME` or `${NAME}` alone",
            "",
        ),
        (
            "$KEY",
            "the value of `$KEY` is not a rule",
            "`…` has no port; write `…:443`, for example, or `…:*` for every port",
        ),
        (
            "$PORT",
            "the value of `$PORT` is not a rule",
            "`…` is not a port; ports are whole numbers from 1 to 65535, two of them as `8000-8080`, or `*` for all",
        ),
        (
            "$NESTED",
            "the value of `$NESTED` is not a rule",
            "a variable stands for a rule as a whole; write `$NAME` or `${NAME}` alone",
        ),
    ];
    for (text, message, cause) in cases {
        let error = Rule::read(text, variable).unwrap_err();
        let source = std::error::Error::source(&error)
            .map(ToString::to_string)
            .unwrap_or_default();
        assert_eq!(
            (error.to_string().as_str(), source.as_str()),
            (message, cause),
            "{text}"
        );
        assert!(!format!("{error:?}").contains("secret"));
    }
}

#[test]
fn serde_has_the_text() {
    let text = |text: &str| -> StringDeserializer<Error> { text.to_owned().into_deserializer() };
    let read = Rule::deserialize(text("https://a.example")).unwrap();
    assert_eq!(read, rule("a.example:443"));
    assert!(
        Rule::deserialize(text("a.example"))
            .unwrap_err()
            .to_string()
            .contains("has no port")
    );
    struct Shown(Rule);
    impl fmt::Display for Shown {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.serialize(f)
        }
    }
    assert_eq!(Shown(read).to_string(), "a.example:443");
}

/// Any rule.
pub(in crate::egress) fn any_rule() -> impl Strategy<Value = Rule> {
    let label = "[a-z_][a-z0-9_-]{0,8}";
    let name = prop_oneof![
        prop::collection::vec(label, 1..4).prop_map(|labels| labels.join(".")),
        Just("db.corp.internal".to_owned()),
        Just("db.example.com".to_owned()),
    ];
    let network = (special::tests::address(), 0u8..=128).prop_map(|(address, length)| {
        let length = length.min(if address.is_ipv4() { 32 } else { 128 });
        IpNet::new(address, length).unwrap().trunc()
    });
    let to = prop_oneof![
        Just(Destination::Any),
        name.clone().prop_map(Destination::Name),
        name.prop_map(Destination::Below),
        network.prop_map(Destination::Network),
        Just(Destination::Host),
        Just(Destination::Localhost),
    ];
    let ports = prop_oneof![
        Just(Ports::ALL),
        (1u16..=u16::MAX, 0u16..5).prop_map(|(first, more)| {
            Ports {
                first,
                last: first.saturating_add(more),
            }
        })
    ];
    let protocol = prop_oneof![Just(Protocol::Tcp), Just(Protocol::Udp)];
    let all = (to, ports, protocol).prop_map(|(to, ports, protocol)| Rule { to, ports, protocol });
    // Only what can be typed.
    all.prop_filter("a rule", |rule| rule.to_string().parse::<Rule>().is_ok())
}

proptest! {
    #[test]
    fn what_is_displayed_parses_to_the_same(rule in any_rule()) {
        prop_assert_eq!(rule.to_string().parse::<Rule>().unwrap(), rule.clone());
        prop_assert!(!rule.meaning().is_empty());
    }

    #[test]
    fn any_text_is_a_rule_or_an_error(text in "\\PC*") {
        if let Ok(rule) = text.parse::<Rule>() {
            prop_assert_eq!(rule.to_string().parse::<Rule>().unwrap(), rule);
        }
        let _ = Rule::read(&text, |_| Some(text.clone()));
    }

    #[test]
    fn rule_like_text_never_panics(text in "(https?://|x\\+y://|)[a-z*0-9:\\-\\[\\]./%@$é]{0,40}") {
        if let Ok(rule) = text.parse::<Rule>() {
            prop_assert_eq!(rule.to_string().parse::<Rule>().unwrap(), rule);
        }
    }

    /// Wherever the password has signs that mean something in a URL.
    #[test]
    fn no_password_is_shown(
        scheme in "(postgresql\\+psycopg|https|mysql|zz|1|jdbc:mysql|mongodb\\+srv)://|",
        user in "[a-z]{0,4}",
        before in "[a-z0-9/:@?#.*\\[\\]%, $é=]{0,6}",
        after in "[a-z0-9/:@?#.*\\[\\]%, $é=-]{0,6}",
        host in "(db|10\\.0\\.0\\.0|\\[::2\\]|\\*|)(/8|)(:[0-9]{1,6}|:x|)(/path|/udp|\\?x=y|/@x|)",
    ) {
        let text = format!("{scheme}{user}:{before}SECRET{after}@{host}");
        let said = match text.parse::<Rule>() {
            Ok(rule) => format!("{rule} {} {rule:?}", rule.meaning()),
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!said.to_lowercase().contains("secret"), "{}: {}", text, said);
        let value = Rule::read("$X", |_| Some(text.clone()));
        let said = format!("{:?}", value).to_lowercase();
        prop_assert!(!said.contains("secret"), "{}: {}", text, said);
    }
}
