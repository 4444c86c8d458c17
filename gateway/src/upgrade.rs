//! The server's part of a WebSocket's handshake (RFC 6455, 4.2).

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use tunnel::carrier::websocket;
use tunnel::mux::{Body, Refusal};

use super::answer;

/// The answer to a request for a WebSocket, and the connection once the answer has left.
///
/// # Errors
///
/// It is no such request.
pub(crate) fn websocket(
    mut request: Request<Incoming>,
    protocol: Option<&'static str>,
) -> Result<(Response<Body>, OnUpgrade), Refusal> {
    let headers = request.headers();
    let wants = request.method() == Method::GET
        && has(headers, header::CONNECTION, "upgrade")
        && has(headers, header::UPGRADE, "websocket");
    if !wants {
        let error = "this endpoint is a WebSocket";
        return Err(Refusal::new(StatusCode::UPGRADE_REQUIRED, error));
    }
    if headers
        .get(header::SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != "13")
    {
        let error = "this endpoint speaks version 13 of WebSockets";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, error));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|key| key.len() == 24);
    let accept = key.and_then(websocket::accept_key);
    let accept = accept.ok_or_else(|| Refusal::new(StatusCode::BAD_REQUEST, "the WebSocket has no key"))?;
    let mut response = answer::empty(StatusCode::SWITCHING_PROTOCOLS);
    let answered = response.headers_mut();
    answered.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    answered.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    answered.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    let protocol = protocol.map(HeaderValue::from_static);
    answered.extend(protocol.map(|protocol| (header::SEC_WEBSOCKET_PROTOCOL, protocol)));
    Ok((response, hyper::upgrade::on(&mut request)))
}

fn has(headers: &HeaderMap, name: header::HeaderName, word: &str) -> bool {
    let fields = headers
        .get_all(name)
        .iter()
        .filter_map(|field| field.to_str().ok().map(str::to_owned));
    let mut words = fields.flat_map(|field| field.split(',').map(|word| word.trim().to_owned()).collect::<Vec<_>>());
    words.any(|found| found.eq_ignore_ascii_case(word))
}
