//! What a server has to make of a request before anybody is asked (RFC 9110, 9112 and 9113). What is wrong with the bytes
//! themselves hyper has refused.

use super::body::ResponseBody;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use std::net::SocketAddr;

/// An answer to a request that the guest is not asked about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) StatusCode, pub(super) &'static str);

const fn bad(text: &'static str) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, text)
}

impl Refusal {
    /// The body that was sent is still on its way.
    pub(super) const LATE: Refusal = Refusal(StatusCode::REQUEST_TIMEOUT, "408: the request's body timed out\n");
    /// What came is no body.
    pub(super) const BROKEN: Refusal = bad("400: the request's body is invalid\n");
    pub(super) const FAILED: Refusal = Refusal(
        StatusCode::INTERNAL_SERVER_ERROR,
        "500: the guest failed; see wasmrun's output\n",
    );

    pub(super) fn response(self) -> Response<ResponseBody> {
        let Refusal(status, text) = self;
        let mut response = Response::new(ResponseBody::plain(text));
        *response.status_mut() = status;
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, plain);
        response
    }
}

/// Checks a request that came to the address `local`, and gives its target the form that all guests know: with scheme and
/// authority.
pub(super) fn check<B: http_body::Body>(request: &mut Request<B>, local: SocketAddr) -> Result<(), Refusal> {
    let version = request.version();
    let is_asterisk = request.uri().path_and_query().is_some_and(|path| path == "*");
    let has_authority = request.uri().authority().is_some();
    match *request.method() {
        // There is no resource that could be a tunnel (RFC 9110, 9.3.6).
        Method::CONNECT => {
            return Err(Refusal(StatusCode::NOT_IMPLEMENTED, "501: CONNECT is not supported\n"));
        }
        Method::TRACE if !request.body().is_end_stream() => return Err(bad("400: TRACE has no body\n")),
        Method::OPTIONS => {}
        _ if is_asterisk => return Err(bad("400: the target `*` is for OPTIONS only\n")),
        _ => {}
    }
    match request.uri().scheme() {
        Some(scheme) if *scheme != Scheme::HTTP && *scheme != Scheme::HTTPS => {
            return Err(bad("400: the target's scheme must be http or https\n"));
        }
        // `GET example.com`: that form is CONNECT's (RFC 9112, 3.2.3).
        None if has_authority => return Err(bad("400: the target must be a path\n")),
        _ => {}
    }
    if version != Version::HTTP_10 {
        expectations(request.headers())?;
    }
    codings(request.headers())?;
    let host = host(request.headers(), version)?;
    let authority = match (request.uri().authority(), host) {
        (Some(authority), host) => {
            if !is_valid(authority) {
                return Err(bad("400: the target's authority is not valid\n"));
            }
            // RFC 9113, 8.3.1. In HTTP/1.1 the header is passed over (RFC 9112, 3.2.2).
            if version == Version::HTTP_2 && host.is_some_and(|host| host != *authority) {
                return Err(bad("400: `host` and `:authority` differ\n"));
            }
            authority.clone()
        }
        (None, Some(host)) => host,
        // Where the client has connected to is what it means.
        (None, None) => Authority::try_from(local.to_string()).map_err(|_| bad("400: there is no host\n"))?,
    };
    let mut target = std::mem::take(request.uri_mut()).into_parts();
    target.scheme.get_or_insert(Scheme::HTTP);
    target.authority = Some(authority);
    target.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from_parts(target).map_err(|_| bad("400: the target is not valid\n"))?;
    Ok(())
}

/// The one `host`, which may be empty (RFC 9112, 3.2).
fn host(headers: &HeaderMap, version: Version) -> Result<Option<Authority>, Refusal> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host,
        (None, _) if version == Version::HTTP_11 => return Err(bad("400: HTTP/1.1 needs a `host`\n")),
        (None, _) => return Ok(None),
        (Some(_), Some(_)) => return Err(bad("400: there is more than one `host`\n")),
    };
    if host.is_empty() {
        return Ok(None);
    }
    match Authority::try_from(host.as_bytes()) {
        Ok(host) if is_valid(&host) => Ok(Some(host)),
        _ => Err(bad("400: `host` is not valid\n")),
    }
}

/// `uri-host [ ":" port ]`, and no user in front (RFC 9110, 4.2.4 and 7.2).
fn is_valid(authority: &Authority) -> bool {
    let (text, host) = (authority.as_str(), authority.host());
    let port = text
        .strip_prefix(host)
        .map(|port| port.strip_prefix(':').unwrap_or(port));
    !host.is_empty() && port.is_some_and(|port| port.is_empty() || port.parse::<u16>().is_ok())
}

/// There is one expectation, and hyper meets it when the body is read (RFC 9110, 10.1.1).
fn expectations(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut expectations = headers.get_all(header::EXPECT).iter();
    if expectations.all(|expected| expected.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Ok(());
    }
    Err(Refusal(
        StatusCode::EXPECTATION_FAILED,
        "417: only `100-continue` can be expected\n",
    ))
}

/// Only `chunked` is decoded; what is coded otherwise, too, the guest could not read (RFC 9112, 6.1).
fn codings(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut chunked = 0;
    for codings in headers.get_all(header::TRANSFER_ENCODING) {
        for coding in codings.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if coding.eq_ignore_ascii_case(b"chunked") {
                chunked += 1;
            } else if !coding.is_empty() {
                return Err(Refusal(
                    StatusCode::NOT_IMPLEMENTED,
                    "501: the only supported transfer coding is chunked\n",
                ));
            }
        }
    }
    if chunked > 1 {
        return Err(bad("400: more than one chunked coding\n"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Empty;

    fn checked(version: Version, method: &str, target: &str, headers: &[(&str, &str)]) -> Result<String, u16> {
        let mut request = Request::builder().version(version).method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Empty::<&[u8]>::new()).unwrap();
        let checked = check(&mut request, SocketAddr::from(([127, 0, 0, 1], 8080)));
        checked.map_err(|refusal| refusal.0.as_u16())?;
        Ok(request.uri().authority().unwrap().to_string())
    }

    #[test]
    fn the_authority_is_the_targets_the_hosts_or_where_the_client_connected() {
        use Version as V;
        type Row<'a> = (V, &'a str, &'a str, &'a [(&'a str, &'a str)], Result<&'a str, u16>);
        let rows: &[Row<'_>] = &[
            (V::HTTP_11, "GET", "/", &[("host", "a:80")], Ok("a:80")),
            (V::HTTP_11, "GET", "/", &[("host", "[::1]:80")], Ok("[::1]:80")),
            (V::HTTP_11, "GET", "/", &[("host", "")], Ok("127.0.0.1:8080")),
            (V::HTTP_11, "GET", "http://b/x", &[("host", "a")], Ok("b")),
            (V::HTTP_10, "GET", "/", &[], Ok("127.0.0.1:8080")),
            (V::HTTP_2, "GET", "/", &[("host", "a")], Ok("a")),
            (V::HTTP_2, "GET", "http://a/", &[("host", "a")], Ok("a")),
            (V::HTTP_2, "GET", "http://a/", &[("host", "b")], Err(400)),
            (V::HTTP_2, "GET", "/", &[("host", "a"), ("host", "a")], Err(400)),
            (V::HTTP_11, "GET", "/", &[("host", "u@a")], Err(400)),
            (V::HTTP_11, "GET", "/", &[("host", "a:b")], Err(400)),
            (V::HTTP_11, "GET", "/", &[("host", "a:99999")], Err(400)),
            (V::HTTP_11, "GET", "/", &[("host", ":80")], Err(400)),
            (V::HTTP_11, "OPTIONS", "*", &[("host", "a")], Ok("a")),
            (V::HTTP_11, "GET", "*", &[("host", "a")], Err(400)),
        ];
        for (version, method, target, headers, expected) in rows {
            let result = checked(*version, method, target, headers);
            assert_eq!(
                result.as_deref().map_err(|status| *status),
                *expected,
                "{method} {target} {headers:?}"
            );
        }
    }
}
