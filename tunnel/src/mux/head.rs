//! What a stream is opened with. `:authority` is `NAME:PORT`; the rest is in fields.

use super::refusal::Refusal;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use std::net::SocketAddr;
use std::time::Duration;

/// The field with the address of the client's own client, as `ip:port`. Whether it is believed is the server's policy.
pub const CLIENT: &str = "wasmrun-client";
/// The field with how long the server waits until the guest listens, in milliseconds.
pub const WAIT: &str = "wasmrun-wait";
/// The field of the answer with the guest's generation.
pub const GENERATION: &str = "wasmrun-generation";

/// The protocol of an extended CONNECT that carries datagrams (RFC 9298, 3.4).
pub(super) const CONNECT_UDP: &str = "connect-udp";
const DATAGRAMS: &str = "/.well-known/masque/udp/";
/// RFC 9297, 3.4.
pub(super) const CAPSULES: &str = "capsule-protocol";

/// Longest name of a run.
const NAME: usize = 255;

/// The head of a request for a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The run, by its name.
    pub run: String,
    /// The port of its guest.
    pub port: u16,
    /// Who connects, as the client says.
    pub client: Option<SocketAddr>,
    /// How long the server may wait until the guest listens.
    pub wait: Option<Duration>,
}

impl Head {
    /// A stream to a port of a run.
    pub fn new(run: impl Into<String>, port: u16) -> Head {
        Head {
            run: run.into(),
            port,
            client: None,
            wait: None,
        }
    }

    /// None: the name cannot stand in a request.
    pub(super) fn authority(&self) -> Option<Authority> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
        let is_name = !self.run.is_empty() && self.run.len() <= NAME && self.run.chars().all(is_plain);
        format!("{}:{}", self.run, self.port).parse().ok().filter(|_| is_name)
    }

    pub(super) fn fields(&self) -> HeaderMap {
        let mut fields = HeaderMap::new();
        let wait = self
            .wait
            .map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        fields.extend(wait.map(|wait| (http::HeaderName::from_static(WAIT), HeaderValue::from(wait))));
        let client = self
            .client
            .and_then(|client| HeaderValue::from_str(&client.to_string()).ok());
        fields.extend(client.map(|client| (http::HeaderName::from_static(CLIENT), client)));
        fields
    }

    /// The request of a TCP stream (RFC 9113, 8.5).
    pub(super) fn request(&self) -> Option<Request<()>> {
        let mut request = Request::new(());
        *request.method_mut() = Method::CONNECT;
        *request.uri_mut() = http::Uri::builder().authority(self.authority()?).build().ok()?;
        *request.headers_mut() = self.fields();
        Some(request)
    }

    /// The request of a stream of datagrams: the template of RFC 9298, 3, with the run as its host.
    pub(super) fn datagram_request(&self) -> Option<Request<()>> {
        let authority = self.authority()?;
        let path = format!("{DATAGRAMS}{}/{}/", self.run, self.port);
        let mut request = Request::new(());
        *request.method_mut() = Method::CONNECT;
        *request.uri_mut() = http::Uri::builder()
            .scheme("https")
            .authority(authority)
            .path_and_query(path)
            .build()
            .ok()?;
        *request.headers_mut() = self.fields();
        request.headers_mut().insert(CAPSULES, HeaderValue::from_static("?1"));
        request
            .extensions_mut()
            .insert(h2::ext::Protocol::from_static(CONNECT_UDP));
        Some(request)
    }

    /// Reads the head of a stream of datagrams.
    pub(super) fn read_datagrams(path: &str, fields: &HeaderMap) -> Result<Head, Refusal> {
        let target = path
            .strip_prefix(DATAGRAMS)
            .and_then(|rest| rest.strip_suffix('/'))
            .and_then(|rest| rest.split_once('/'));
        let authority = target.and_then(|(run, port)| format!("{run}:{port}").parse().ok());
        Head::read(authority.as_ref(), fields)
    }

    /// Reads the head of a CONNECT. What is wrong is refused, not guessed.
    pub(super) fn read(authority: Option<&Authority>, fields: &HeaderMap) -> Result<Head, Refusal> {
        let bad = |what: &str| Refusal::new(StatusCode::BAD_REQUEST, what);
        let authority = authority.ok_or_else(|| bad("the request names no run"))?;
        let port = authority.port_u16().filter(|port| *port > 0);
        let head = Head {
            run: authority.host().to_owned(),
            port: port.ok_or_else(|| bad("the request names no port"))?,
            client: read(fields, CLIENT).map_err(|_| bad("`wasmrun-client` is no address"))?,
            wait: read(fields, WAIT)
                .map_err(|_| bad("`wasmrun-wait` is no number"))?
                .map(Duration::from_millis),
        };
        if head.authority().as_ref() != Some(authority) {
            return Err(bad("the request names no run"));
        }
        Ok(head)
    }
}

/// One field's value. More than one field is as wrong as a value that is none.
fn read<T: std::str::FromStr>(fields: &HeaderMap, name: &str) -> Result<Option<T>, ()> {
    let mut values = fields.get_all(name).iter();
    let (first, second) = (values.next(), values.next());
    match (first, second) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map_err(|_| ())?.parse().map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_was_written() {
        let head = Head {
            client: Some("[::1]:4000".parse().expect("an address")),
            wait: Some(Duration::from_secs(30)),
            ..Head::new("web_1.test", 3000)
        };
        for head in [head, Head::new("w", 1)] {
            let request = head.request().expect("a request");
            assert_eq!(
                Head::read(request.uri().authority(), request.headers()),
                Ok(head.clone())
            );
            let request = head.datagram_request().expect("a request");
            assert_eq!(Head::read_datagrams(request.uri().path(), request.headers()), Ok(head));
        }
    }

    #[test]
    fn what_is_no_head_is_refused() {
        for name in ["", "a:b", "a@b", "a/b", "[::1]", "a b", "é", &"a".repeat(256)] {
            assert!(Head::new(name, 1).request().is_none(), "{name}");
        }
        for authority in ["web", "web:0", "web:99999", "a@web:1", "[::1]:1", "web:"] {
            let authority: Authority = authority.parse().expect("an authority");
            assert!(Head::read(Some(&authority), &HeaderMap::new()).is_err(), "{authority}");
        }
        assert!(Head::read(None, &HeaderMap::new()).is_err());
        let authority: Authority = "web:1".parse().expect("an authority");
        for (name, value) in [(CLIENT, "here"), (WAIT, "-1"), (WAIT, "1 s")] {
            let mut fields = HeaderMap::new();
            fields.insert(name, HeaderValue::from_static(value));
            assert!(Head::read(Some(&authority), &fields).is_err(), "{name}: {value}");
        }
        let mut fields = HeaderMap::new();
        fields.append(WAIT, HeaderValue::from_static("1"));
        fields.append(WAIT, HeaderValue::from_static("2"));
        assert!(Head::read(Some(&authority), &fields).is_err());
    }
}
