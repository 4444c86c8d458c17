//! What is answered in the place of a run.

use crate::control;
use bytes::Bytes;
use http::{Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use tunnel::mux::Body;

/// As a control socket complains.
pub(super) fn complaint(status: StatusCode, failure: &report::Failure) -> Response<Body> {
    let complaint = control::Complaint {
        error: format!("{:#}", failure.error),
        hint: failure.hint.clone(),
    };
    let body = Bytes::from(serde_json::to_vec(&complaint).unwrap_or_default());
    let mut response = Response::new(Full::new(body).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
