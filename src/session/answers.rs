//! What a session answers over its control socket.

use super::forwards::{Forwards, New};
use super::generation::Generation;
use super::project::Project;
use super::state::{self, Condition};
use crate::control::{Added, Answer, Claim, NewForward, Request, Source, metrics};
use crate::settings;
use anyhow::anyhow;
use bytes::Bytes;
use http::StatusCode;
use netns::egress::Row;
use netns::{Mapping, Protocol};
use report::{Failure, Result};
use std::time::Instant;
use supervisor::procfs;
use tokio::sync::mpsc;

/// What there is to be said of a session.
pub struct Facts<'a> {
    pub claim: Option<&'a Claim>,
    /// What was at fault last.
    pub reason: Option<&'a str>,
    pub began: Instant,
    pub project: &'a Project,
    pub state: &'a state::State,
    pub forwards: &'a mut Forwards,
    /// What has become of what the guest asked for outside of its network.
    pub outbound: Vec<Row>,
    pub serving: Option<&'a Generation>,
    /// Connections to generations that have a successor.
    pub draining: usize,
}

/// `GET /v1/state`, or the same as metrics.
pub fn state(request: &Request, facts: Facts<'_>) -> Answer {
    let state = whole(facts);
    match request {
        Request::Metrics => metrics::text(vec![state]).map_or_else(
            |failure| Answer::Failed(StatusCode::INTERNAL_SERVER_ERROR, failure),
            Answer::Metrics,
        ),
        _ => Answer::json(&state),
    }
}

fn whole(facts: Facts<'_>) -> crate::control::State {
    let (project, live) = (facts.project, facts.serving);
    let guest = live.and_then(|live| live.process.pid()).and_then(procfs::guest_of);
    let name = |of: fn(&Claim) -> &String| facts.claim.map(of).cloned().unwrap_or_default();
    let (starts, traps, reloads) = facts.state.counts();
    crate::control::State {
        name: name(|claim| &claim.name),
        id: name(|claim| &claim.id),
        project: project.layers.of_project().map(str::to_owned),
        service: project.os.service.as_ref().map(|service| service.name.clone()),
        pid: std::process::id(),
        guest_pid: guest,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        path: project.os.path.display().to_string(),
        config: project.layers.project().map(|file| file.path.display().to_string()),
        state: facts.state.condition().to_string(),
        reason: match facts.state.condition() {
            Condition::Serving | Condition::Stopping => None,
            Condition::Making | Condition::Starting | Condition::Waiting => facts.reason.map(str::to_owned),
        },
        generation: live.map_or(0, |live| live.number),
        uptime: facts.began.elapsed().as_secs(),
        generation_uptime: live.map_or(0, |live| live.started.elapsed().as_secs()),
        kind: live.and_then(|live| live.kind).map(|kind| kind.to_string()),
        isolated: project.settings.isolation,
        watched: project.settings.watch.is_some(),
        forwards: facts.forwards.states(),
        outbound: facts.outbound,
        listening: facts.state.listening(Protocol::Tcp),
        bound: facts.state.listening(Protocol::Udp),
        draining: facts.draining,
        memory: guest.and_then(procfs::private_memory),
        cpu: guest.and_then(procfs::cpu_time),
        namespace: guest
            .filter(|_| project.settings.isolation)
            .map(|pid| format!("/proc/{pid}/ns/net")),
        starts,
        traps,
        reloads,
        settings: settings::explain(&project.os, &project.layers, &project.settings),
    }
}

/// The rules of `POST /v1/forwards`, beside what is forwarded already.
pub fn mappings(new: &NewForward, forwards: &Forwards) -> Result<Vec<Mapping>> {
    let rules = new.rules.iter();
    let rules = rules.map(|rule| (rule.as_str(), "`wasmrun forward`".to_owned()));
    settings::rules::mappings(rules, forwards.mappings())
}

/// The answer to `POST /v1/forwards`: what was bound, and a stream that lasts as long as the asker, whose end is told to `gone`.
pub fn added(new: New, is_detached: bool, gone: &mpsc::UnboundedSender<Vec<u64>>) -> Answer {
    let forwards = new.addresses;
    let mut line = serde_json::to_vec(&Added { forwards }).unwrap_or_default();
    line.push(b'\n');
    let (sender, lines) = mpsc::channel(1);
    let _ = sender.try_send(Bytes::from(line));
    if is_detached {
        return Answer::Lines(lines, None);
    }
    // The sender lives as long as somebody listens; then the guard tells us.
    let guard = Attached {
        ids: new.forwards.iter().map(|forward| forward.0).collect(),
        gone: gone.clone(),
        _lines: sender,
    };
    Answer::Lines(lines, Some(Box::new(guard)))
}

/// What a request to end the forwards of a host port ends.
pub fn unforward(on_port: &[(u64, Source)], port: u16) -> Result<Vec<u64>, Answer> {
    let added = on_port.iter().filter(|(_, source)| *source != Source::Settings);
    let added: Vec<u64> = added.map(|(id, _)| *id).collect();
    if !added.is_empty() {
        return Ok(added);
    }
    let hint = match on_port.is_empty() {
        false => "remove it from the run's .wasmrun.toml or command line",
        true => "list the forwards of the run with `wasmrun forward NAME --list`",
    };
    let error = anyhow!("host port {port} was not forwarded with `wasmrun forward`");
    Err(Answer::Failed(StatusCode::NOT_FOUND, Failure::usage(error).hint(hint)))
}

/// A request that cannot be granted as things are.
pub fn conflict(failure: Failure) -> Answer {
    Answer::Failed(StatusCode::CONFLICT, failure)
}

/// Ends the forwards of a client that is gone.
struct Attached {
    ids: Vec<u64>,
    gone: mpsc::UnboundedSender<Vec<u64>>,
    _lines: mpsc::Sender<Bytes>,
}

impl Drop for Attached {
    fn drop(&mut self) {
        // A session that has ended has closed them.
        let _ = self.gone.send(std::mem::take(&mut self.ids));
    }
}
