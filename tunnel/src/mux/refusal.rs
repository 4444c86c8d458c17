//! Why the server opens no stream: a status, and a body like the control socket's.

use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

/// Most bytes of a body that are read.
pub(super) const MOST: usize = 8 * 1024;

/// A refusal for people, with a status for programs: 403 not allowed or switched off, 404 no such run, 410 it has ended,
/// 502 the guest refused, 503 a limit, 504 it did not listen in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Refusal {
    /// What programs look at.
    pub status: StatusCode,
    /// What failed and why, as one sentence.
    pub error: String,
    /// The next step.
    pub hint: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Body {
    error: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Refusal {
    /// A refusal without a hint.
    pub fn new(status: StatusCode, error: impl Into<String>) -> Refusal {
        Refusal {
            status,
            error: error.into(),
            hint: None,
        }
    }

    /// The same with the next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Refusal {
        self.hint = Some(hint.into());
        self
    }

    /// The head of the answer, and its body.
    pub(super) fn answer(&self) -> (Response<()>, Vec<u8>) {
        let body = Body {
            error: self.error.clone(),
            hint: self.hint.clone(),
        };
        let mut head = Response::new(());
        // Only 200 opens a stream: a refusal that says so is a fault of the server's.
        let is_success = self.status.is_success() || self.status.is_informational();
        *head.status_mut() = if is_success {
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            self.status
        };
        let json = http::HeaderValue::from_static("application/json");
        head.headers_mut().insert(http::header::CONTENT_TYPE, json);
        (head, serde_json::to_vec(&body).unwrap_or_default())
    }

    /// What a server said, which may be none of ours. Control characters are left out.
    pub(super) fn read(status: StatusCode, body: &[u8]) -> Refusal {
        let clean = |text: String| text.replace(char::is_control, " ");
        match serde_json::from_slice::<Body>(body) {
            Ok(body) => Refusal {
                status,
                error: clean(body.error),
                hint: body.hint.map(clean),
            },
            Err(_) => Refusal::new(status, format!("the server answered {status}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_as_it_was_written() {
        let refusal = Refusal::new(StatusCode::NOT_FOUND, "there is no run `web`").hint("`wasmrun ps` lists them");
        let (head, body) = refusal.answer();
        assert_eq!(Refusal::read(head.status(), &body), refusal);
    }

    #[test]
    fn a_body_that_is_none_of_ours_is_not_shown() {
        let refusal = Refusal::read(StatusCode::BAD_GATEWAY, b"<html>\x1b[2J");
        assert_eq!(refusal.error, "the server answered 502 Bad Gateway");
        let refusal = Refusal::read(StatusCode::BAD_GATEWAY, br#"{"error":"a\u001b[2Jb"}"#);
        assert_eq!(refusal.error, "a [2Jb");
    }

    #[test]
    fn a_refusal_is_never_a_success() {
        assert_eq!(
            Refusal::new(StatusCode::OK, "x").answer().0.status(),
            StatusCode::INTERNAL_SERVER_ERROR
        );
    }
}
