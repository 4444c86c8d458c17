//! Answers of the page.

use askama::Template;
use bytes::Bytes;
use futures::Stream;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use serde::Serialize;
use std::convert::Infallible;
use tunnel::mux::Body;

const STYLE: &str = include_str!("../../assets/style.css");
const SCRIPT: &str = include_str!("../../assets/script.js");

fn whole(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(body.into()).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// A page.
pub(crate) fn html(status: StatusCode, page: &impl Template) -> Response<Body> {
    match page.render() {
        Ok(text) => whole(status, "text/html; charset=utf-8", text),
        Err(error) => {
            let text = format!("the page cannot be made: {error}\n");
            whole(StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", text)
        }
    }
}

/// A value.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    whole(
        status,
        "application/json",
        serde_json::to_vec(value).unwrap_or_default(),
    )
}

/// The style sheet.
pub(crate) fn style() -> Response<Body> {
    whole(StatusCode::OK, "text/css; charset=utf-8", STYLE)
}

/// The script.
pub(crate) fn script() -> Response<Body> {
    whole(StatusCode::OK, "text/javascript; charset=utf-8", SCRIPT)
}

/// To another place, by GET (RFC 9110, 15.4.4).
pub(crate) fn see_other(place: &str) -> Response<Body> {
    let mut response = whole(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", Bytes::new());
    if let Ok(place) = HeaderValue::from_str(place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

/// Events (HTML, 9.2), each sent as it comes.
pub(crate) fn events(events: impl Stream<Item = String> + Send + 'static) -> Response<Body> {
    use futures::StreamExt;
    let frames = events.map(|event| Ok::<_, Infallible>(Frame::data(Bytes::from(event))));
    let body = StreamBody::new(frames).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    let kind = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
