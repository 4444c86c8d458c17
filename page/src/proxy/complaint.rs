//! What an app's origin says when its guest has no answer: a page for people, JSON for programs.

use crate::pages::answer;
use crate::text::{self, Part};
use askama::Template;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use tunnel::mux::{Body, Refusal};

/// The style sheet of these pages: the page's own is at another origin.
pub(crate) const STYLE: &str = "/.wasmrun/style.css";

/// Who has asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// Somebody who reads pages.
    Person,
    /// Something that does not say that it reads them.
    Program,
}

impl Asker {
    /// By its `Accept` (RFC 9110, 12.5.1).
    pub(crate) fn of(headers: &HeaderMap) -> Asker {
        let accepts = headers.get_all(header::ACCEPT).iter();
        let mut kinds = accepts.filter_map(|accept| accept.to_str().ok());
        match kinds.any(|kinds| kinds.to_ascii_lowercase().contains("text/html")) {
            true => Asker::Person,
            false => Asker::Program,
        }
    }
}

#[derive(Template)]
#[template(path = "complaint.html")]
struct Page<'a> {
    style: &'static str,
    title: &'a str,
    error: Vec<Part>,
    hint: Vec<Part>,
    page: &'a str,
}

#[derive(Serialize)]
struct Complaint<'a> {
    error: &'a str,
    hint: Option<&'a str>,
}

/// A refusal, with a link to the page where the app can be started.
pub(crate) fn refusal(refusal: &Refusal, asker: Asker, page: &str) -> Response<Body> {
    let hint = refusal.hint.as_deref();
    let mut response = match asker {
        Asker::Person => {
            let view = Page {
                style: STYLE,
                title: title(refusal.status),
                error: text::sentence(&refusal.error),
                hint: text::sentence(hint.unwrap_or_default()),
                page,
            };
            answer::html(refusal.status, &view)
        }
        Asker::Program => {
            let complaint = Complaint {
                error: &refusal.error,
                hint,
            };
            answer::json(refusal.status, &complaint)
        }
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; img-src data:; frame-ancestors 'self'; base-uri 'none'; form-action 'none'",
        ),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "No such run",
        StatusCode::GONE => "It has ended",
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => "Not allowed",
        StatusCode::GATEWAY_TIMEOUT => "Nobody listens yet",
        StatusCode::SERVICE_UNAVAILABLE => "Too much at once",
        _ => "No answer",
    }
}
