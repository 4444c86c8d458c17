//! What is done to a run: restart and stop, each after a question.

use super::answer;
use super::render;
use super::views::Confirm;
use bytes::Bytes;
use gateway::hooks::Visit;
use gateway::scope::Operation;
use http::{Method, Response, StatusCode};
use http_body_util::BodyExt;
use serde::Deserialize;
use tunnel::mux::{Body, Refusal};

/// Longest complaint of a run, in bytes.
const COMPLAINT: usize = 8 * 1024;

/// Something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Restart,
    Stop,
}

impl Act {
    /// By its part of the path.
    pub(super) fn of(word: &str) -> Option<Act> {
        match word {
            "restart" => Some(Act::Restart),
            "stop" => Some(Act::Stop),
            _ => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Act::Restart => "restart",
            Act::Stop => "stop",
        }
    }

    fn operation(self) -> Operation {
        match self {
            Act::Restart => Operation::Restart,
            Act::Stop => Operation::Stop,
        }
    }
}

/// The question.
pub(super) fn ask(visit: &Visit, run: &str, act: Act) -> Response<Body> {
    if let Err(refusal) = visit.access.judge(act.operation(), Some(run), None) {
        return render::refused(visit, &refusal);
    }
    let (title, question, button) = match act {
        Act::Restart => (
            format!("Restart {run}?"),
            "Its guest starts anew. Connections that are open are finished first, as far as its grace period allows.",
            "Restart",
        ),
        Act::Stop => (
            format!("Stop {run}?"),
            "The run ends, with its forwards and apps. It has to be started again from a terminal.",
            "Stop",
        ),
    };
    let confirm = Confirm {
        frame: render::frame(visit, String::new(), String::new()),
        title,
        question: question.to_owned(),
        action: format!("/runs/{run}/{}", act.word()),
        back: format!("/runs/{run}"),
        button,
        is_grave: act == Act::Stop,
    };
    answer::html(StatusCode::OK, &confirm)
}

/// Does it.
pub(super) async fn act(visit: &Visit, run: &str, act: Act) -> Response<Body> {
    // The control socket takes an empty object where it takes anything.
    let body = Bytes::from_static(b"{}");
    match visit.access.request(run, Method::POST, act.word(), None, body).await {
        Ok(response) if response.status().is_success() => {
            let place = match act {
                Act::Restart => format!("/runs/{run}"),
                Act::Stop => "/".to_owned(),
            };
            answer::see_other(&place)
        }
        Ok(response) => render::refused(visit, &complaint(run, act, response).await),
        Err(refusal) => render::refused(visit, &refusal),
    }
}

/// What the run says against it.
async fn complaint(run: &str, act: Act, response: Response<Body>) -> Refusal {
    #[derive(Deserialize)]
    struct Complaint {
        error: String,
        hint: Option<String>,
    }
    let status = response.status();
    let mut body = response.into_body();
    let mut text = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        text.extend(frame.into_data().unwrap_or_default());
        if text.len() > COMPLAINT {
            break;
        }
    }
    let said = serde_json::from_slice::<Complaint>(&text).ok();
    match said {
        Some(said) => Refusal {
            status,
            error: said.error,
            hint: said.hint,
        },
        None => Refusal::new(status, format!("`{run}` does not {}", act.word())),
    }
}
