//! `wasmrun os`: binds, makes, starts, forwards, swaps, and ends in order.
//!
//! ```text
//!   files, guests, forwards, signals, requests --> driver --Event--> state (decides) --Effect--> driver (does)
//! ```
//!
//! What follows from what is in `state`, without I/O; `driver` waits and does; the rest is what it does it with: `builds`,
//! `launch`, `generation`, `drain`, `forwards`, `project` (watch and settings), `changes`, `requests`, `answers` and `notices`.

#![expect(
    clippy::disallowed_methods,
    reason = "the supervisor raises its own number of descriptors"
)]

mod answers;
mod build;
mod builds;
mod changes;
mod counting;
mod drain;
mod driver;
mod forwards;
mod generation;
mod health;
mod later;
mod launch;
mod ledger;
mod links;
mod notices;
mod outbound;
mod project;
mod ready;
mod requests;
mod state;

pub use later::or_never;
pub use ready::Ready;

use crate::control::{self, Claim, Source, metrics};
use crate::parent::Parent;
use crate::settings::typed::Os;
use crate::settings::{self, Layers};
use crate::signals::Signals;
use crate::trust;
use anyhow::{Context, anyhow};
use builds::Builds;
use driver::{Session, Work};
use forwards::Forwards;
use languages::artifact;
use links::Links;
use netns::{Forwarder, Limits};
use outbound::Outbound;
use project::Project;
use report::{Failure, Result};
use state::{Event, State};
use std::sync::Arc;
use std::time::Instant;
use supervisor::logs::Ring;
use supervisor::refusal;
use tokio::sync::mpsc::unbounded_channel;

/// Runs the command and returns wasmrun's exit code.
pub async fn run(os: &Os, ready: Option<Ready>, parent: Option<Parent>) -> Result<u8> {
    refusal::require_proc()?;
    if !os.no_cache {
        // Needed soon, and to be had meanwhile.
        std::thread::spawn(runtime::Key::settings);
    }
    // A file system that does not answer stops this thread here, and nothing is there yet that would have to be ended in
    // order: signals end the process.
    let os = &settings::with_env_files(os)?;
    let layers = Layers::of(os)?;
    trust::require_or_ask(os, &layers)?;
    let settings = settings::resolve(os, &layers)?;
    for file in layers.files() {
        tracing::debug!("config: {}", file.shown());
    }
    if settings.source.build.is_none() {
        artifact::find(&os.path, layers.named().as_ref())?;
    }
    // From here on signals wait for us.
    let signals = Signals::new()?;
    let mut claim = claim(os)?;
    raise_descriptor_limit()?;
    let listeners = settings
        .network
        .mappings
        .iter()
        .map(|mapping| Ok((*mapping, forwards::bind(mapping)?)));
    let listeners: Vec<_> = listeners.collect::<Result<_>>()?;
    if !settings.isolation {
        tracing::warn!("--no-isolation: the guest runs in the host's network, without namespaces around it");
    }
    let (notices, notice_receiver) = unbounded_channel();
    // A receiver that is gone is a session that has ended.
    let listener: netns::OnNotice = Arc::new(move |notice| drop(notices.send(notice)));
    let limits = forwards::limits(&settings, listeners.len());
    let forwarder = Arc::new(Forwarder::start(limits, listener).context("cannot start the forwards")?);
    let (asker, asks) = control::asks();
    let control = match claim.as_mut().and_then(Claim::listener) {
        Some(listener) => Some(control::start(listener, asker.clone()).context("cannot serve the control socket")?),
        None => None,
    };
    let links = match &claim {
        Some(claim) => Some(Links::start(claim, asker.clone())?),
        None => None,
    };
    let metrics = match os.metrics {
        Some(address) => Some(metrics::start(address, asker).await?),
        None => None,
    };
    let mut forwards = Forwards::new(forwarder.clone(), listeners);
    let state = State::new(project::rules(&settings), forwards.ids(), Instant::now());
    let mut work = Work::default();
    work.events.push_back(Event::Added {
        forwards: forwards.expose(&settings.network.expose),
        source: Source::Exposed,
    });
    let builds = Builds::new(settings.code.compile, settings.watch.is_some());
    let mut project = Project::new(os.clone(), layers, settings);
    if project.settings.watch.is_some() {
        let mut signals = Signals::new()?;
        tokio::select! {
            watched = project.watch() => watched?,
            number = signals.next() => return Ok(128 + number),
        }
    }
    let session = Session {
        state,
        project,
        builds,
        forwards,
        forwarder,
        outbound: Outbound::default(),
        connections: limits.connections,
        claim,
        control,
        _metrics: metrics,
        _links: links,
        asks,
        ring: Ring::new(),
        detached: unbounded_channel(),
        began: Instant::now(),
        reason: None,
        ready,
        parent,
        told: None,
        is_orphan: false,
        notices: notice_receiver,
        signals,
        work,
    };
    session.run().await
}

/// The name that this run is known by. Where control sockets cannot be made the run goes on without.
fn claim(os: &Os) -> Result<Option<Claim>> {
    let folder = match control::folder() {
        Ok(folder) => folder,
        Err(failure) => {
            tracing::warn!("{failure}; `wasmrun ps` will not show this run");
            return Ok(None);
        }
    };
    if let Some(name) = &os.name {
        return Claim::take(&folder, name).map(Some);
    }
    let name = control::name_of(&os.path);
    match Claim::take_like(&folder, &name) {
        Ok(claim) => {
            if claim.name != name {
                tracing::info!(
                    "this run is named `{}`: a run named `{name}` already exists",
                    claim.name
                );
            }
            Ok(Some(claim))
        }
        Err(failure) => {
            tracing::warn!("{failure}; `wasmrun ps` will not show this run");
            Ok(None)
        }
    }
}

/// Takes what the hard limit allows: each connection needs two descriptors here and one in the guest.
fn raise_descriptor_limit() -> Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // What is there then has to do; the connection limit follows it.
    let _ = setrlimit(Resource::Nofile, limit);
    match limit.current {
        Some(fds) if fds < Limits::LEAST_FDS => {
            let message = anyhow!("the limit of {fds} open files (`ulimit -n`) is too low");
            Err(Failure::from(message).hint(format!(
                "raise the hard limit to {} or more: `ulimit -Hn`, limits.conf(5)",
                Limits::LEAST_FDS
            )))
        }
        _ => Ok(()),
    }
}
