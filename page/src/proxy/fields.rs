//! Fields of messages that are for one hop only, and those that say where a request came from.

use super::cookies;
use gateway::hooks::AppVisit;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::net::IpAddr;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The protocol that a message changes to (RFC 9110, 7.8); none where it does not ask for it.
pub(super) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let asks = words(headers, &header::CONNECTION).any(|word| word.eq_ignore_ascii_case("upgrade"));
    headers.get(header::UPGRADE).filter(|_| asks).cloned()
}

fn words<'a>(headers: &'a HeaderMap, name: &'a HeaderName) -> impl Iterator<Item = &'a str> {
    let fields = headers.get_all(name).iter().filter_map(|field| field.to_str().ok());
    fields.flat_map(|field| field.split(',')).map(str::trim)
}

/// Takes out what is for one hop only (RFC 9110, 7.6.1): what `Connection` names, and what it should have named.
fn without_hops(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = words(headers, &header::CONNECTION)
        .filter_map(|word| word.parse().ok())
        // Without these a message would be another one.
        .filter(|name| *name != header::HOST && *name != header::CONTENT_LENGTH)
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        header::CONNECTION,
        header::UPGRADE,
        header::TE,
        header::TRANSFER_ENCODING,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        KEEP_ALIVE,
        PROXY_CONNECTION,
    ] {
        headers.remove(name);
    }
}

/// Makes the fields of a request those that the guest gets. `protocol` is what it asks to change to.
pub(super) fn request(headers: &mut HeaderMap, visit: &AppVisit, protocol: Option<&HeaderValue>) {
    let takes_trailers = words(headers, &header::TE).any(|word| word.eq_ignore_ascii_case("trailers"));
    without_hops(headers);
    if takes_trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    upgrading(headers, protocol);
    forwarded(headers, visit);
}

/// Makes the fields of an answer those that the browser gets.
pub(super) fn answer(headers: &mut HeaderMap, protocol: Option<&HeaderValue>) {
    without_hops(headers);
    upgrading(headers, protocol);
    cookies::of_guest(headers);
}

fn upgrading(headers: &mut HeaderMap, protocol: Option<&HeaderValue>) {
    if let Some(protocol) = protocol {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, protocol.clone());
    }
}

/// Says who has asked, for which host and how: RFC 7239, and the fields that are older. Whatever the client said of it goes.
fn forwarded(headers: &mut HeaderMap, visit: &AppVisit) {
    let said: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("x-forwarded-") || **name == header::FORWARDED || **name == REAL_IP)
        .cloned()
        .collect();
    for name in said {
        headers.remove(name);
    }
    let proto = if visit.is_secure { "https" } else { "http" };
    let from = visit.access.principal().from.map(|from| from.ip().to_canonical());
    let node = match from {
        Some(IpAddr::V4(address)) => address.to_string(),
        // RFC 7239, 6: in brackets, and so in quotes.
        Some(IpAddr::V6(address)) => format!("\"[{address}]\""),
        None => "unknown".to_owned(),
    };
    let said = [
        (
            header::FORWARDED,
            format!("for={node};host=\"{}\";proto={proto}", visit.authority),
        ),
        (FORWARDED_HOST, visit.authority.clone()),
        (FORWARDED_PROTO, proto.to_owned()),
    ];
    let from = from.map(|from| (FORWARDED_FOR, from.to_string()));
    for (name, value) in said.into_iter().chain(from) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_one_hop_go_no_further() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-One"),
            ("connection", "host"),
            ("x-one", "1"),
            ("host", "a"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("trailer", "x-sum"),
            ("x-two", "2"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        assert_eq!(upgrade(&headers), None, "it is not named");
        without_hops(&mut headers);
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["host", "trailer", "x-two"]);
    }

    #[test]
    fn an_upgrade_is_one_that_both_fields_name() {
        let mut headers = HeaderMap::new();
        headers.insert("connection", HeaderValue::from_static("keep-alive, Upgrade"));
        assert_eq!(upgrade(&headers), None);
        headers.insert("upgrade", HeaderValue::from_static("websocket"));
        assert_eq!(upgrade(&headers).unwrap(), "websocket");
    }
}
