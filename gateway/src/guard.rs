//! Requests that are refused before anybody asks who has sent them.
//!
//! * By a foreign name (`Host`): a page of any site can have its name resolve to 127.0.0.1 and then read what answers there (DNS
//!   rebinding), but its requests have that name in them.
//! * From another site (`Origin`, `Sec-Fetch-Site`): a browser sends them with what it knows of us, cookies or a way to loopback.

use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use std::net::IpAddr;

/// The page's own name, which browsers take for loopback (RFC 6761, 6.3).
pub const PAGE: &str = "wasmrun.localhost";
const LOCAL: &str = "localhost";
const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// By which name a request has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Site {
    /// The hub's: the page and the endpoints of native clients.
    Hub,
    /// `localhost`, whose cookies every server of this machine gets: for native clients alone.
    Local,
    /// An app's, by the first label of its host: `web-3000`.
    App(String),
}

/// Names by which the hub is reached.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    names: Vec<String>,
    domains: Vec<String>,
}

impl Hosts {
    /// With further names of the hub (`hub.example.com`), and further domains of apps (`run.example.com`).
    pub fn new(names: impl IntoIterator<Item = String>, domains: impl IntoIterator<Item = String>) -> Hosts {
        let lower = |name: String| name.to_ascii_lowercase();
        Hosts {
            names: names.into_iter().map(lower).collect(),
            domains: domains.into_iter().map(lower).collect(),
        }
    }

    /// Which of ours a request names; none where it names another, or not exactly one. `own` is the address that it came to: a
    /// number cannot be made to lead elsewhere.
    pub fn site(&self, uri: &Uri, headers: &HeaderMap, own: Option<IpAddr>) -> Option<Site> {
        let host = authority(uri, headers)?;
        let host = host.host().to_ascii_lowercase();
        if host == LOCAL {
            return Some(Site::Local);
        }
        if host == PAGE || self.names.contains(&host) {
            return Some(Site::Hub);
        }
        let number = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(&host);
        if let Ok(number) = number.parse::<IpAddr>() {
            let is_ours = number == IpAddr::from([127, 0, 0, 1])
                || number == IpAddr::V6(std::net::Ipv6Addr::LOCALHOST)
                || own.is_some_and(|own| own.to_canonical() == number.to_canonical());
            return is_ours.then_some(Site::Hub);
        }
        let (label, domain) = host.split_once('.')?;
        let is_domain = domain == LOCAL || self.domains.iter().any(|known| known == domain);
        (is_domain && app(label).is_some()).then(|| Site::App(label.to_owned()))
    }

    /// Where a form of the page may lead: `http://*.localhost:7070`.
    pub fn form_targets(&self, is_secure: bool, port: Option<u16>) -> String {
        let scheme = if is_secure { "https" } else { "http" };
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let domains = self.domains.iter().map(String::as_str).chain([LOCAL]);
        let targets: Vec<String> = domains.map(|domain| format!("{scheme}://*.{domain}{port}")).collect();
        targets.join(" ")
    }
}

/// The run and the port of an app's label: the last `-` splits it. Lower case, digits and `-` alone.
pub fn app(label: &str) -> Option<(&str, u16)> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let (name, port) = label.rsplit_once('-')?;
    let is_label = label.len() <= 63 && label.bytes().all(is_plain) && !name.is_empty() && !name.starts_with('-');
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
    let port = port.parse().ok().filter(|_| is_label && is_number)?;
    Some((name, port))
}

/// The authority that a request names: one `Host` (RFC 9112, 3.2), and the same in the target where that has one.
pub fn authority(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host: Authority = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok()?.parse().ok()?,
        _ => return None,
    };
    let has_user = host.as_str().contains('@');
    let agrees = uri.authority().is_none_or(|target| *target == host);
    (agrees && !has_user && !host.host().is_empty()).then_some(host)
}

/// Whether a request comes from a web page, which opens no tunnel and talks to no API: native clients send neither field.
pub fn is_from_a_page(headers: &HeaderMap) -> bool {
    let typed = |site: &HeaderValue| site == "none";
    headers.contains_key(header::ORIGIN) || headers.get(SEC_FETCH_SITE).is_some_and(|site| !typed(site))
}

/// Whether a request may change something by its origin: it comes from this very origin. Where the browser does not say so by
/// `Sec-Fetch-Site`, its `Origin` has to be ours.
pub fn is_same_origin(uri: &Uri, headers: &HeaderMap, is_secure: bool) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return site == "same-origin";
    }
    let Some(host) = authority(uri, headers) else {
        return false;
    };
    let scheme = if is_secure { "https" } else { "http" };
    let own = format!("{scheme}://{host}");
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let (first, second) = (origins.next(), origins.next());
    first.is_some_and(|origin| origin.as_bytes().eq_ignore_ascii_case(own.as_bytes())) && second.is_none()
}

/// Whether a request to an app comes from another origin, by more than a link that somebody has followed. Apps below a domain of
/// the user's are one site, so that `SameSite` does not keep the cookie of one from requests that another one's page makes.
pub fn is_from_another_app(uri: &Uri, headers: &HeaderMap, method: &Method, is_secure: bool) -> bool {
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|found| found == value);
    if headers.contains_key(SEC_FETCH_SITE) {
        let is_own = is(SEC_FETCH_SITE, "same-origin") || is(SEC_FETCH_SITE, "none");
        let is_link = is_safe(method) && is("sec-fetch-mode", "navigate");
        return !is_own && !is_link;
    }
    headers.contains_key(header::ORIGIN) && !is_same_origin(uri, headers, is_secure)
}

/// Whether a method changes nothing (RFC 9110, 9.2.1).
pub fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// What every answer of the page has: no script, style or frame of anybody else, and nothing kept.
pub fn secure(headers: &mut HeaderMap, form_targets: &str) {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
         form-action 'self' {form_targets}; frame-ancestors 'none'; base-uri 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn site(host: &str) -> Option<Site> {
        let hosts = Hosts::new(["Hub.example.com".into()], ["run.example.com".into()]);
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        hosts.site(&Uri::from_static("/"), &headers, Some([10, 0, 0, 5].into()))
    }

    #[test]
    fn only_our_names_are_ours() {
        for host in [
            "wasmrun.localhost",
            "WASMRUN.localhost:7070",
            "127.0.0.1",
            "127.0.0.1:1",
            "[::1]:7070",
            "hub.EXAMPLE.com",
        ] {
            assert_eq!(site(host), Some(Site::Hub), "{host}");
        }
        assert_eq!(site("10.0.0.5:7443"), Some(Site::Hub), "where it came to");
        assert_eq!(site("localhost:7070"), Some(Site::Local));
        assert_eq!(site("web-3000.localhost:7070"), Some(Site::App("web-3000".into())));
        assert_eq!(site("web-a-80.run.example.com"), Some(Site::App("web-a-80".into())));
        for host in [
            "evil.com",
            "127.0.0.1.evil.com",
            "localhost.evil.com",
            "wasmrun.localhost.evil.com",
            "evil@127.0.0.1",
            "10.0.0.6",
            "a.web-3000.localhost",
            "web.localhost",
            "web-0.localhost",
            "web-080.localhost",
            "web-99999.localhost",
            "-3000.localhost",
            "--3000.localhost",
            "web-3000.evil.com",
            "0",
            "2130706433",
            "",
        ] {
            assert_eq!(site(host), None, "{host}");
        }
    }

    #[test]
    fn two_hosts_are_none_and_the_target_has_to_agree() {
        let hosts = Hosts::default();
        let mut headers = HeaderMap::new();
        assert_eq!(hosts.site(&Uri::from_static("/"), &headers, None), None);
        headers.append(header::HOST, HeaderValue::from_static("127.0.0.1"));
        let target = Uri::from_static("http://127.0.0.1/");
        assert_eq!(hosts.site(&target, &headers, None), Some(Site::Hub));
        let target = Uri::from_static("http://evil.com/");
        assert_eq!(hosts.site(&target, &headers, None), None);
        headers.append(header::HOST, HeaderValue::from_static("127.0.0.1"));
        assert_eq!(hosts.site(&Uri::from_static("/"), &headers, None), None);
    }

    #[test]
    fn only_the_same_origin_changes_something() {
        let same = |fields: &[(&'static str, &str)], is_secure| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("wasmrun.localhost:7070"));
            for (name, value) in fields {
                headers.append(*name, HeaderValue::from_str(value).unwrap());
            }
            is_same_origin(&Uri::from_static("/"), &headers, is_secure)
        };
        assert!(same(&[("sec-fetch-site", "same-origin")], false));
        assert!(same(&[("origin", "http://wasmrun.localhost:7070")], false));
        assert!(same(&[("origin", "https://wasmrun.localhost:7070")], true));
        let own = ("origin", "http://wasmrun.localhost:7070");
        for fields in [
            &[][..],
            &[("sec-fetch-site", "same-site"), own],
            &[("sec-fetch-site", "cross-site"), own],
            &[("sec-fetch-site", "none"), own],
            &[("origin", "null")],
            &[("origin", "http://web-3000.localhost:7070")],
            &[("origin", "http://wasmrun.localhost")],
            &[("origin", "https://wasmrun.localhost:7070")],
            &[own, own],
        ] {
            assert!(!same(fields, false), "{fields:?}");
        }
    }

    #[test]
    fn an_app_takes_its_own_requests_and_links() {
        let foreign = |method: Method, fields: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("web-80.run.example.com"));
            for (name, value) in fields {
                headers.append(*name, HeaderValue::from_static(value));
            }
            is_from_another_app(&Uri::from_static("/"), &headers, &method, true)
        };
        let site = |site| ("sec-fetch-site", site);
        let mode = |mode| ("sec-fetch-mode", mode);
        assert!(!foreign(Method::GET, &[]));
        assert!(!foreign(Method::POST, &[site("same-origin"), mode("cors")]));
        assert!(!foreign(Method::POST, &[("origin", "https://web-80.run.example.com")]));
        assert!(!foreign(Method::GET, &[site("cross-site"), mode("navigate")]));
        assert!(!foreign(Method::GET, &[site("none"), mode("navigate")]));
        assert!(foreign(Method::POST, &[site("same-site"), mode("navigate")]));
        assert!(foreign(Method::GET, &[site("same-site"), mode("websocket")]));
        assert!(foreign(Method::GET, &[site("same-site"), mode("no-cors")]));
        assert!(foreign(Method::GET, &[("origin", "https://db-80.run.example.com")]));
        assert!(foreign(Method::GET, &[("origin", "null")]));
    }

    proptest! {
        #[test]
        fn no_host_makes_the_guard_panic(host in "[ -~]{0,80}", label in "[a-z0-9-]{0,70}") {
            let _ = site(&host);
            if let Some((name, port)) = app(&label) {
                prop_assert_eq!(format!("{name}-{port}"), label);
            }
        }
    }
}
