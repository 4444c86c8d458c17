//! Hosts of apps: `web-3000.localhost`. The first label has the run and the port.

use gateway::guard;
use gateway::secret::Digest;
use http::uri::Authority;

/// Longest label of a host, in bytes (RFC 1035, 2.3.4).
const LABEL: usize = 63;
/// Where browsers find this machine without asking anybody (RFC 6761, 6.3).
const LOCAL: &str = "localhost";

/// The first label of an app's host. The name of a run that is none has a slug instead, with four digits of its digest.
pub(crate) fn label(run: &str, port: u16) -> String {
    let plain = format!("{run}-{port}");
    if guard::app(&plain) == Some((run, port)) && !run.ends_with('-') {
        return plain;
    }
    let digest = Digest::of(run).to_hex();
    let end = format!("-{}-{port}", digest.get(..4).unwrap_or("0000"));
    let lower = run
        .to_ascii_lowercase()
        .replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let slug = lower.trim_matches('-');
    // All of it is ASCII by now.
    let slug = slug.get(..LABEL - end.len()).unwrap_or(slug).trim_end_matches('-');
    let slug = if slug.is_empty() { "run" } else { slug };
    format!("{slug}{end}")
}

/// The domain of apps for a browser that has come to the page by this authority, with the port.
///
/// None where neither this machine's own name will do nor another is known.
pub(crate) fn domain(authority: &str, domain: Option<&str>) -> Option<String> {
    let authority: Authority = authority.parse().ok()?;
    let domain = if is_local(&authority) { LOCAL } else { domain? };
    Some(match authority.port_u16() {
        Some(port) => format!("{domain}:{port}"),
        None => domain.to_owned(),
    })
}

/// Whether the browser runs where the hub does, or at the other end of a forward of its port.
pub(crate) fn is_local(authority: &Authority) -> bool {
    let host = authority.host().to_ascii_lowercase();
    let number = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = number
        .parse::<std::net::IpAddr>()
        .is_ok_and(|address| address.is_loopback());
    host == LOCAL || host.ends_with(".localhost") || is_loopback
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_plain_name_is_its_own_label() {
        assert_eq!(label("web", 3000), "web-3000");
        assert_eq!(label("web-a", 80), "web-a-80");
        let slug = label("Web_1", 80);
        assert!(
            slug.starts_with("web-1-") && slug.ends_with("-80") && slug.len() == 13,
            "{slug}"
        );
        assert_ne!(label("web_1", 80), label("Web_1", 80));
        assert!(label("___", 80).starts_with("run-"));
    }

    #[test]
    fn apps_are_below_localhost_or_a_domain_of_their_own() {
        for (authority, expected) in [
            ("wasmrun.localhost:7070", Some("localhost:7070")),
            ("127.0.0.1:7070", Some("localhost:7070")),
            ("[::1]:1", Some("localhost:1")),
            ("hub.example.com", Some("run.example.com")),
            ("10.0.0.5:7443", Some("run.example.com:7443")),
        ] {
            assert_eq!(domain(authority, Some("run.example.com")).as_deref(), expected);
        }
        assert_eq!(domain("hub.example.com", None), None);
        assert_eq!(domain("", None), None);
    }

    proptest! {
        #[test]
        fn every_name_has_a_label_that_the_gateway_takes(name in "[A-Za-z0-9._~-]{1,255}", port in 1..=u16::MAX) {
            let label = label(&name, port);
            let (_, of) = guard::app(&label).expect("a label of an app");
            prop_assert_eq!(of, port);
        }
    }
}
