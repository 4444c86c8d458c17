//! Starts an app: a port of a run, at an origin of its own.

use super::answer;
use super::form::Form;
use super::render;
use super::shared::Shared;
use super::sight::Seen;
use super::views::StartForm;
use crate::app::Beginning;
use crate::label;
use crate::proxy::guest::Target;
use crate::text;
use gateway::hooks::Visit;
use gateway::scope::Operation;
use gateway::site::ENTER;
use http::{Response, StatusCode};
use tunnel::mux::Body;

/// What is wrong with a form.
enum Wrong {
    Run(String),
    Port(String, Option<u16>),
}

/// A form that was sent: to the app, or back to the form with what is wrong at its field.
pub(super) async fn answer(shared: &Shared, visit: &Visit, sent: &Form) -> Response<Body> {
    let looker = render::looker(visit);
    let runs = match looker.runs(&shared.started).await {
        Ok(runs) => runs,
        Err(refusal) => return render::refused(visit, &refusal),
    };
    let (name, port) = (sent.field("run"), sent.field("port"));
    let wrong = match target(&runs, visit, sent) {
        Ok(target) => match begin(shared, visit, target) {
            Ok(place) => return answer::see_other(&place),
            Err(error) => Wrong::Port(error, None),
        },
        Err(wrong) => wrong,
    };
    let of_run = sent.field("from") == "run" && runs.iter().any(|run| run.name == name);
    let Some(mut form) = StartForm::offered(&runs, of_run.then_some(name)) else {
        let refusal = tunnel::mux::Refusal::new(StatusCode::FORBIDDEN, "this browser may start no apps");
        return render::refused(visit, &refusal);
    };
    name.clone_into(&mut form.run);
    port.clone_into(&mut form.port);
    match wrong {
        Wrong::Run(error) => form.run_error = Some(error),
        Wrong::Port(error, anyway) => {
            form.port_error = Some(error);
            form.anyway = anyway;
        }
    }
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    match of_run {
        true => render::run_page(visit, runs, name, Some(form), status).await,
        false => render::list_page(visit, runs, Some(form), status),
    }
}

/// What the form names.
fn target(runs: &[Seen], visit: &Visit, sent: &Form) -> Result<Target, Wrong> {
    let name = sent.field("run");
    let Some(run) = runs.iter().find(|run| run.name == name) else {
        let error = match name {
            "" => "choose a run".to_owned(),
            _ => format!("{name} is not running"),
        };
        return Err(Wrong::Run(error));
    };
    if !run.may_connect {
        return Err(Wrong::Run(format!("this browser may not connect to {name}")));
    }
    let port = sent.field("port");
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port: u16 = match port.parse() {
        Ok(port) if is_number && port > 0 => port,
        _ => return Err(Wrong::Port("a port is a number from 1 to 65535".to_owned(), None)),
    };
    if let Err(denied) = visit.access.may(Operation::Connect, Some(name), Some(port)) {
        return Err(Wrong::Port(denied.to_string(), None));
    }
    let is_confirmed = sent.field("anyway") == port.to_string();
    // One that listens nowhere is about to: requests wait for it.
    if !run.listening.is_empty() && !run.listening.contains(&port) && !is_confirmed {
        let listened = text::listed(&run.listening);
        let error = format!("{name} listens on {listened}, not on {port}. Start again to try it all the same");
        return Err(Wrong::Port(error, Some(port)));
    }
    Ok(Target {
        run: name.to_owned(),
        port,
    })
}

/// Where the browser goes.
fn begin(shared: &Shared, visit: &Visit, target: Target) -> Result<String, String> {
    let domain = label::domain(&visit.authority, shared.domain.as_deref());
    let domain = domain.ok_or_else(|| {
        format!(
            "apps need a domain of their own, and this hub has none for browsers that come by {}",
            visit.authority
        )
    })?;
    let scheme = if visit.is_secure { "https" } else { "http" };
    let label = label::label(&target.run, target.port);
    let origin = format!("{scheme}://{label}.{domain}");
    let beginning = Beginning {
        label: label.clone(),
        origin: origin.clone(),
        page: format!("{scheme}://{}", visit.authority),
        by: visit.session.digest,
    };
    let started = shared.started.start(&visit.session, beginning, target);
    started.map_err(|refusal| refusal.error)?;
    Ok(format!("{origin}{ENTER}?code={}", visit.entry(&label).expose()))
}
