//! Answers of the hub itself.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty, Full};
use serde::Serialize;
use tunnel::mux::{Body, Refusal};

/// A status and nothing else.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let body = Empty::new().map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status;
    response
}

/// A sentence, for a terminal or a browser.
pub(crate) fn text(status: StatusCode, text: &str) -> Response<Body> {
    whole(status, "text/plain; charset=utf-8", format!("{text}\n").into())
}

/// A value.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    whole(
        status,
        "application/json",
        serde_json::to_vec(value).unwrap_or_default(),
    )
}

/// Why something is not done, as the control socket says it.
pub(crate) fn refusal(refusal: &Refusal) -> Response<Body> {
    #[derive(Serialize)]
    struct Complaint<'a> {
        error: &'a str,
        hint: Option<&'a str>,
    }
    let complaint = Complaint {
        error: &refusal.error,
        hint: refusal.hint.as_deref(),
    };
    json(refusal.status, &complaint)
}

/// To another place, by GET.
pub(crate) fn see_other(place: &'static str, cookie: Option<HeaderValue>) -> Response<Body> {
    let mut response = empty(StatusCode::SEE_OTHER);
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, HeaderValue::from_static(place));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    response
}

fn whole(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response<Body> {
    let body = Full::new(Bytes::from(body)).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
