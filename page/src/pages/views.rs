//! Pages as their templates have them. Templates escape every text.

use super::logs::Line;
use super::sight::Seen;
use crate::text::Part;
use askama::Template;
use std::collections::VecDeque;

/// What every page has.
pub(super) struct Frame {
    /// Of every form.
    pub(super) token: String,
    /// Which elements the page has.
    pub(super) shape: String,
    /// Where its changes come from.
    pub(super) events: String,
}

/// All runs.
#[derive(Template)]
#[template(path = "list.html")]
pub(super) struct List {
    pub(super) frame: Frame,
    pub(super) runs: Vec<Seen>,
    pub(super) start: Option<StartForm>,
}

impl List {
    fn has_apps(&self) -> bool {
        self.runs.iter().any(|run| !run.apps.is_empty())
    }
}

/// One run.
#[derive(Template)]
#[template(path = "run.html")]
pub(super) struct OfRun {
    pub(super) frame: Frame,
    pub(super) run: Seen,
    pub(super) start: Option<StartForm>,
    pub(super) log: Option<Log>,
}

/// The lines of a run.
pub(super) struct Log {
    pub(super) lines: VecDeque<Line>,
    /// From when on others are new.
    pub(super) since: u64,
    pub(super) error: Option<String>,
}

/// The form that starts an app.
#[derive(Clone, Default)]
pub(super) struct StartForm {
    /// Runs to choose from.
    pub(super) runs: Vec<(String, String)>,
    /// What was chosen.
    pub(super) run: String,
    /// What was typed.
    pub(super) port: String,
    /// Ports that somebody listens on.
    pub(super) listening: Vec<u16>,
    /// What is wrong with the run.
    pub(super) run_error: Option<String>,
    /// What is wrong with the port.
    pub(super) port_error: Option<String>,
    /// The port that is tried all the same, next time.
    pub(super) anyway: Option<u16>,
}

impl StartForm {
    /// The empty form; none where nothing may be started.
    pub(super) fn offered(runs: &[Seen], run: Option<&str>) -> Option<StartForm> {
        let names: Vec<(String, String)> = runs
            .iter()
            .filter(|run| run.may_connect)
            .map(|run| (run.name.clone(), run.shown.clone()))
            .collect();
        let first = runs.iter().find(|run| run.may_connect && !run.listening.is_empty());
        let first = first
            .map(|run| run.name.as_str())
            .or(names.first().map(|(name, _)| name.as_str()));
        let chosen = run.or(first)?.to_owned();
        let of_run = runs.iter().find(|seen| seen.name == chosen && seen.may_connect)?;
        let listening: Vec<u16> = of_run
            .ports
            .iter()
            .filter(|port| port.may_start)
            .map(|port| port.number)
            .collect();
        Some(StartForm {
            runs: names,
            port: listening.first().map(u16::to_string).unwrap_or_default(),
            run: chosen,
            listening,
            ..StartForm::default()
        })
    }
}

/// A question before something that is not undone.
#[derive(Template)]
#[template(path = "confirm.html")]
pub(super) struct Confirm {
    pub(super) frame: Frame,
    pub(super) title: String,
    pub(super) question: String,
    pub(super) action: String,
    pub(super) back: String,
    pub(super) button: &'static str,
    pub(super) is_grave: bool,
}

/// Something that is not done.
#[derive(Template)]
#[template(path = "message.html")]
pub(super) struct Message {
    pub(super) frame: Frame,
    pub(super) title: String,
    pub(super) text: Vec<Part>,
    pub(super) hint: Vec<Part>,
}
