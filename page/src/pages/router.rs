//! Which page a path is.
//!
//! ```text
//!   GET  /                          all runs                POST /start            run, port -> 303 to the app
//!   GET  /runs/NAME                 one run                 POST /apps/N/stop      -> 303 back
//!   GET  /runs/NAME/restart, stop   the question            POST /runs/NAME/restart, stop
//!   GET  /events, /runs/NAME/logs   what changes            POST /logout
//! ```

use super::answer;
use super::events;
use super::form::Form;
use super::logs;
use super::render::{list_page, looker, refused, run_page};
use super::run::{self, Act};
use super::shared::Shared;
use super::sight;
use super::start;
use gateway::hooks::Visit;
use gateway::scope::is_name;
use http::{Method, Request, Response, StatusCode, request};
use std::sync::Arc;
use tunnel::mux::{Body, Refusal};

/// Answers.
pub(crate) async fn answer(shared: &Arc<Shared>, request: Request<Body>, visit: &Visit) -> Response<Body> {
    let (head, body) = request.into_parts();
    let parts: Vec<&str> = head.uri.path().split('/').skip(1).collect();
    let is_read = matches!(head.method, Method::GET | Method::HEAD);
    if !is_read && head.method != Method::POST {
        let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "the page has only forms");
        return refused(visit, &refusal);
    }
    match (is_read, parts.as_slice()) {
        (true, ["style.css"]) => answer::style(),
        (true, ["script.js"]) => answer::script(),
        (true, ["events"]) => events::answer(shared, visit, query(&head, "run")),
        (true, [""]) => match looker(visit).runs(&shared.started).await {
            Ok(runs) => list_page(visit, runs, None, StatusCode::OK),
            Err(refusal) => refused(visit, &refusal),
        },
        (true, ["runs", name]) if is_name(name) => match looker(visit).runs(&shared.started).await {
            Ok(runs) => run_page(visit, runs, name, None, StatusCode::OK).await,
            Err(refusal) => refused(visit, &refusal),
        },
        (true, ["runs", name, "logs"]) if is_name(name) => {
            let last = head
                .headers
                .get("last-event-id")
                .and_then(|id| id.to_str().ok()?.parse::<u64>().ok());
            let since = last.map(|last| last.saturating_add(1));
            let since = since.or_else(|| query(&head, "since")?.parse().ok()).unwrap_or(0);
            let followed = logs::follow(&visit.access, name, since).await;
            followed.unwrap_or_else(|refusal| refused(visit, &refusal))
        }
        (_, ["runs", name, word]) if is_name(name) => match (Act::of(word), is_read) {
            (Some(act), true) => run::ask(visit, name, act),
            (Some(act), false) => run::act(visit, name, act).await,
            (None, _) => unknown(visit),
        },
        (false, ["start"]) => start::answer(shared, visit, &Form::read(body).await).await,
        (false, ["apps", number, "stop"]) => stop(shared, visit, number, &Form::read(body).await),
        (false, ["logout"]) => {
            visit.logout();
            // Without a body: that of an answer to somebody who may not be here is broken off.
            answer::see_other("/")
        }
        _ => unknown(visit),
    }
}

fn query(head: &request::Parts, name: &str) -> Option<String> {
    let pairs = form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes());
    let mut named = pairs.filter(|(found, _)| found == name);
    named.next().map(|(_, value)| value.into_owned())
}

fn unknown(visit: &Visit) -> Response<Body> {
    refused(visit, &Refusal::new(StatusCode::NOT_FOUND, "there is no such page"))
}

/// Ends an app, and all that is open in it.
fn stop(shared: &Shared, visit: &Visit, number: &str, form: &Form) -> Response<Body> {
    let app = number.parse().ok().and_then(|number| shared.started.get(number));
    let Some(app) = app else {
        // It has ended already, which is what was wanted.
        return answer::see_other("/");
    };
    if !sight::may_stop(&visit.access, &visit.session.digest, &app) {
        return refused(
            visit,
            &Refusal::new(StatusCode::FORBIDDEN, "another browser has started this app"),
        );
    }
    app.stop();
    let run = &app.target().run;
    match form.field("from") {
        "run" if is_name(run) => answer::see_other(&format!("/runs/{run}")),
        _ => answer::see_other("/"),
    }
}
