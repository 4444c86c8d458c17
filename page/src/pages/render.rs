//! Pages, from what a browser may see.

use super::answer;
use super::logs;
use super::sight::{self, Looker, Seen};
use super::views::{Frame, List, Log, Message, OfRun, StartForm};
use crate::text;
use gateway::hooks::Visit;
use http::{Response, StatusCode};
use tunnel::mux::{Body, Refusal};

pub(super) fn looker(visit: &Visit) -> Looker<'_> {
    Looker {
        access: &visit.access,
        session: visit.session.digest,
        is_local: sight::is_local(&visit.authority),
    }
}

pub(super) fn frame(visit: &Visit, shape: String, events: String) -> Frame {
    Frame {
        token: visit.form_token().expose().to_owned(),
        shape,
        events,
    }
}

/// Why something is not done.
pub(super) fn refused(visit: &Visit, refusal: &Refusal) -> Response<Body> {
    let title = match refusal.status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => "Not allowed",
        _ => "That did not work",
    };
    let message = Message {
        frame: frame(visit, String::new(), String::new()),
        title: title.to_owned(),
        text: text::sentence(&refusal.error),
        hint: text::sentence(refusal.hint.as_deref().unwrap_or_default()),
    };
    answer::html(refusal.status, &message)
}

/// All runs. The form is shown where something was wrong with it.
pub(super) fn list_page(visit: &Visit, runs: Vec<Seen>, form: Option<StartForm>, status: StatusCode) -> Response<Body> {
    let list = List {
        frame: frame(visit, sight::shape(&runs), "/events".to_owned()),
        start: form.or_else(|| StartForm::offered(&runs, None)),
        runs,
    };
    answer::html(status, &list)
}

/// One run.
pub(super) async fn run_page(
    visit: &Visit,
    runs: Vec<Seen>,
    name: &str,
    form: Option<StartForm>,
    status: StatusCode,
) -> Response<Body> {
    let form = form.or_else(|| StartForm::offered(&runs, Some(name)));
    let Some(run) = runs.into_iter().find(|run| run.name == name) else {
        let refusal = Refusal::new(StatusCode::NOT_FOUND, format!("`{name}` is not running"));
        return refused(visit, &refusal.hint("it may have ended since this link was made"));
    };
    let log = match run.may_read {
        true => Some(log(visit, name).await),
        false => None,
    };
    let run = [run];
    let shape = sight::shape(&run);
    let [run] = run;
    let page = OfRun {
        frame: frame(visit, shape, format!("/events?run={name}")),
        start: form,
        run,
        log,
    };
    answer::html(status, &page)
}

async fn log(visit: &Visit, name: &str) -> Log {
    match logs::last(&visit.access, name).await {
        Ok(lines) => Log {
            since: lines.back().map_or(0, |line| line.time.saturating_add(1)),
            lines,
            error: None,
        },
        Err(refusal) => Log {
            since: 0,
            lines: Default::default(),
            error: Some(refusal.error),
        },
    }
}
