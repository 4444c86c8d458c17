//! `wasmrun os`: binds, makes, starts, forwards, swaps, and ends in order.
//!
//! ```text
//!   watch --changes--> make (build, compile) --Made--> candidate --listens on every port--> serving --> draining
//!                        | failed                        | ended, or never listens
//!                        +--- the serving one stays -----+
//! ```
//!
//! Everything that can happen is one `Happening`; the loop takes them one by one, so no two steps of a swap overlap.

#![expect(
    clippy::disallowed_methods,
    reason = "the supervisor raises its own number of descriptors"
)]

mod backoff;
mod build;
mod candidate;
mod drain;
mod forwards;
mod generation;
mod health;
mod ledger;
mod notices;
mod ready;
mod reload;
mod requests;
mod start;

pub use ready::Ready;

use crate::control::metrics::Metrics;
use crate::control::{self, Ask, Claim, Server};
use crate::settings::file::File;
use crate::settings::typed::Os;
use crate::settings::{self, Settings};
use crate::signals::Signals;
use crate::trust;
use crate::watch::livereload::Livereload;
use crate::watch::{Changes, Repeats, Watch};
use anyhow::{Context, anyhow};
use backoff::Backoff;
use build::Made;
use drain::{Drained, Draining, RELEASE};
use forwards::Forwards;
use generation::Generation;
use languages::artifact;
use netns::{Forwarder, Limits, Notice};
use notices::plural;
use report::{Failure, Result};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use supervisor::logs::Ring;
use supervisor::protocol::Message;
use supervisor::{Compiler, refusal};
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

/// Connections that nobody uses are closed within this; who still has some then is told.
const UNSAID: Duration = Duration::from_millis(200);

/// Runs the command and returns wasmrun's exit code.
pub async fn run(os: &Os, ready: Option<Ready>) -> Result<u8> {
    refusal::require_proc()?;
    if !os.no_cache {
        // Needed soon, and to be had meanwhile.
        std::thread::spawn(runtime::Key::settings);
    }
    // A file system that does not answer stops this thread here, and nothing is there yet that would have to be ended in
    // order: signals end the process.
    let os = &settings::with_env_files(os)?;
    let file = File::find(os.config.as_deref(), &os.path)?;
    trust::require_or_ask(os, file.as_ref())?;
    let settings = settings::resolve(os, file.as_ref())?;
    if let Some(file) = &file {
        tracing::debug!("config: {}", file.path.display());
    }
    if settings.build.is_none() {
        artifact::find(&os.path, file.as_ref().and_then(File::named).as_ref())?;
    }
    // From here on signals wait for us.
    let signals = Signals::new()?;
    let mut claim = claim(os)?;
    raise_descriptor_limit()?;
    let listeners = settings
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
    let limits = limits(&settings, listeners.len());
    let forwarder = Arc::new(Forwarder::start(limits, listener).context("cannot start the forwards")?);
    let (asker, asks) = control::asks();
    let control = match claim.as_mut().and_then(Claim::listener) {
        Some(listener) => Some(Server::start(listener, asker.clone()).context("cannot serve the control socket")?),
        None => None,
    };
    let metrics = match os.metrics {
        Some(address) => Some(Metrics::start(address, asker).await?),
        None => None,
    };
    let compiler = || match settings.watch {
        Some(_) => Compiler::for_many_builds(settings.compile),
        None => Compiler::for_one_build(settings.compile),
    };
    let mut session = Session {
        claim,
        _servers: (control, metrics),
        asks,
        ring: Ring::new(),
        detached: unbounded_channel(),
        began: Instant::now(),
        traps: 0,
        reloads: 0,
        os: os.clone(),
        ready,
        forwards: Forwards::new(forwarder.clone(), listeners),
        connections: limits.connections,
        forwarder,
        notices: notice_receiver,
        signals,
        watch: None,
        livereload: None,
        compiler: Arc::new(compiler()),
        optimizer: Arc::new(compiler().in_background()),
        making: None,
        optimizing: None,
        candidate: None,
        serving: None,
        draining: Draining::default(),
        unsaid: None,
        restart: None,
        backoff: Backoff::default(),
        last_made: None,
        started: 0,
        look: None,
        told: BTreeSet::new(),
        waited: HashMap::new(),
        cause: None,
        repeats: Repeats::default(),
        products: HashSet::new(),
        build_ended: None,
        settings,
        file: file.map(Arc::new),
    };
    if session.settings.watch.is_some() {
        let mut signals = Signals::new()?;
        tokio::select! {
            watched = session.watch() => watched?,
            number = signals.next() => return Ok(128 + number),
        }
    }
    session.make(std::time::Instant::now(), false);
    session.serve().await
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
                tracing::info!("this run is called `{}`: there is a `{name}` already", claim.name);
            }
            Ok(Some(claim))
        }
        Err(failure) => {
            tracing::warn!("{failure}; `wasmrun ps` will not show this run");
            Ok(None)
        }
    }
}

fn limits(settings: &Settings, mappings: usize) -> Limits {
    // One listener for each of two addresses; a connection has two descriptors as well.
    let mut limits = Limits::of_this_process();
    limits.connect_timeout = settings.connect_timeout;
    limits.udp_idle = settings.udp_idle;
    let most = limits.connections.saturating_sub(mappings).max(1);
    // More than the descriptors allow would fail at accept, with a worse message.
    limits.connections = settings.max_connections.unwrap_or(usize::MAX).min(most);
    limits
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
            let message = anyhow!("this process may have {fds} open files (`ulimit -n`), which is not enough");
            Err(Failure::from(message).hint(format!("{} are the least", Limits::LEAST_FDS)))
        }
        _ => Ok(()),
    }
}

type Later<T> = Pin<Box<dyn Future<Output = T>>>;

struct Session {
    claim: Option<Claim>,
    /// They end with the session.
    _servers: (Option<Server>, Option<Metrics>),
    asks: Receiver<Ask>,
    ring: Arc<Ring>,
    /// Numbers of forwards whose asker is gone.
    detached: (UnboundedSender<Vec<u64>>, UnboundedReceiver<Vec<u64>>),
    began: Instant,
    traps: u64,
    reloads: u64,
    os: Os,
    /// Who wants to know that it serves.
    ready: Option<Ready>,
    file: Option<Arc<File>>,
    settings: Settings,
    forwarder: Arc<Forwarder>,
    forwards: Forwards,
    /// Most connections at once.
    connections: usize,
    notices: UnboundedReceiver<Notice>,
    signals: Signals,
    watch: Option<Watch>,
    livereload: Option<Livereload>,
    compiler: Arc<Compiler>,
    /// Makes better code of what is started already.
    optimizer: Arc<Compiler>,
    making: Option<Making>,
    optimizing: Option<Later<Result<Option<Made>>>>,
    candidate: Option<Candidate>,
    serving: Option<Generation>,
    draining: Draining,
    /// Why there is no successor, and when that is said unless there is one by then.
    unsaid: Option<(Instant, Failure)>,
    /// When the guest that has ended is started again.
    restart: Option<Instant>,
    backoff: Backoff,
    /// What the last generation that was started runs.
    last_made: Option<Made>,
    /// Generations started so far.
    started: u64,
    /// When to look whether the guest listens where it should.
    look: Option<Instant>,
    /// Forwarded ports of which it was said that nobody listens.
    told: BTreeSet<forwards::Port>,
    /// When it was last said of a port that a connection had waited in vain.
    waited: HashMap<u16, Instant>,
    /// Files that builds write into the project.
    /// What the next reload is for.
    cause: Option<String>,
    repeats: Repeats,
    products: HashSet<PathBuf>,
    build_ended: Option<std::time::Instant>,
}

/// A build and compilation under way.
struct Making {
    since: std::time::Instant,
    /// It is started even if it is what serves already.
    anyway: bool,
    made: Later<Result<Made>>,
}

/// A generation that is to take over.
struct Candidate {
    live: Generation,
    /// The change that it is the answer to.
    since: std::time::Instant,
    /// It is what serves already, with better code.
    is_upgrade: bool,
    /// It listens everywhere and is asked whether it is well.
    health: Option<Later<anyhow::Result<()>>>,
    /// It is ready, and the serving one was asked for the host's listeners.
    takes_over: bool,
    /// It has to be ready by then, or to have them.
    due: Instant,
}

/// Everything that can happen to a session.
enum Happening {
    /// From the serving guest; none at its end.
    Serving(Option<Message>),
    /// From the next one.
    Candidate(Option<Message>),
    Health(anyhow::Result<()>),
    CandidateOverdue,
    Made(Result<Made>),
    Optimized(Result<Option<Made>>),
    /// Nothing has come of what could not be used.
    Unsaid,
    Changed(Changes),
    Drained(Drained),
    Restart,
    Look,
    Notice(Notice),
    Asked(Ask),
    Detached(Vec<u64>),
    Signal(u8),
}

/// What comes of it for the session.
enum Step {
    GoOn,
    End(u8),
}

async fn or_never<F: Future>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

impl Session {
    async fn serve(&mut self) -> Result<u8> {
        loop {
            let happening = self.next().await;
            if let Step::End(code) = self.take(happening).await? {
                return Ok(code);
            }
        }
    }

    /// Waits for the next thing to happen. Each branch can be dropped without a loss.
    async fn next(&mut self) -> Happening {
        // One takeover at a time.
        let optimizing = self.optimizing.as_mut().filter(|_| self.candidate.is_none());
        let (candidate, health, due) = match &mut self.candidate {
            Some(candidate) => (
                Some(candidate.live.process.message()),
                candidate.health.as_mut(),
                Some(tokio::time::sleep_until(candidate.due)),
            ),
            None => (None, None, None),
        };
        tokio::select! {
            message = or_never(self.serving.as_mut().map(|live| live.process.message())) => Happening::Serving(message),
            message = or_never(candidate) => Happening::Candidate(message),
            healthy = or_never(health) => Happening::Health(healthy),
            () = or_never(due) => Happening::CandidateOverdue,
            made = or_never(self.making.as_mut().map(|making| making.made.as_mut())) => Happening::Made(made),
            made = or_never(optimizing.map(|optimizing| optimizing.as_mut())) => Happening::Optimized(made),
            changes = or_never(self.watch.as_mut().map(Watch::next)) => Happening::Changed(changes),
            drained = self.draining.next() => Happening::Drained(drained),
            () = or_never(self.unsaid.as_ref().map(|unsaid| tokio::time::sleep_until(unsaid.0))) => Happening::Unsaid,
            () = or_never(self.restart.map(tokio::time::sleep_until)) => Happening::Restart,
            () = or_never(self.look.map(tokio::time::sleep_until)) => Happening::Look,
            Some(notice) = self.notices.recv() => Happening::Notice(notice),
            Some(ask) = self.asks.recv() => Happening::Asked(ask),
            Some(ids) = self.detached.1.recv() => Happening::Detached(ids),
            number = self.signals.next() => Happening::Signal(number),
        }
    }

    async fn take(&mut self, happening: Happening) -> Result<Step> {
        match happening {
            Happening::Serving(Some(message)) => self.serving_says(message)?,
            Happening::Serving(None) => return self.serving_ended().await,
            Happening::Candidate(Some(message)) => self.candidate_says(message)?,
            Happening::Candidate(None) => self.candidate_ended().await,
            Happening::Health(Ok(())) => self.take_over(),
            Happening::Health(Err(error)) => self.candidate_failed(&format!("{error:#}")),
            Happening::CandidateOverdue => self.candidate_overdue(),
            Happening::Made(made) => return self.made(made),
            Happening::Optimized(made) => self.optimized(made),
            Happening::Changed(changes) => self.changed(changes).await,
            Happening::Drained(drained) => self.drained(&drained),
            Happening::Unsaid => {
                if let Some((_, failure)) = self.unsaid.take() {
                    self.say_failure(&failure);
                }
            }
            Happening::Restart => {
                self.restart = None;
                self.start_again()?;
            }
            Happening::Look => {
                self.look = None;
                self.look_for_listeners();
            }
            Happening::Notice(notice) => self.notice(notice),
            Happening::Detached(ids) => self.forwards.remove(&ids),
            Happening::Asked(ask) => return self.asked(ask).await,
            Happening::Signal(number) => {
                self.stop().await;
                return Ok(Step::End(128 + number));
            }
        }
        Ok(Step::GoOn)
    }

    /// Takes no new connection and gives those that are open time to end; a second signal ends them.
    async fn stop(&mut self) {
        self.making = None;
        self.unsaid = None;
        self.optimizing = None;
        self.candidate = None;
        self.watch = None;
        self.forwards.close();
        if let Some(mut live) = self.serving.take() {
            live.give_back(RELEASE).await;
            self.draining.add(live, self.forwarder.clone(), self.settings.grace);
        }
        self.draining.stop();
        let shown = humantime::format_duration(self.settings.grace);
        let said_at = Instant::now() + UNSAID;
        let (mut is_said, mut is_over) = (false, false);
        let mut cut = 0;
        // Those that drain end by themselves with the grace, but for what an upgrade has left.
        let end = Instant::now() + self.settings.grace + start::LINGER;
        while !self.draining.is_empty() {
            tokio::select! {
                drained = self.draining.next() => cut += drained.cut,
                // Most are gone before.
                () = tokio::time::sleep_until(said_at), if !is_said => {
                    is_said = true;
                    let waits_for = match self.draining.live() {
                        0 => "the guest's own end".to_owned(),
                        live => plural(live, "open connection"),
                    };
                    tracing::info!("stopping: {waits_for}, up to {shown}; Ctrl-C again to end now");
                }
                () = tokio::time::sleep_until(end), if !is_over => {
                    is_over = true;
                    cut += self.draining.abort(&self.forwarder);
                }
                _ = self.signals.next() => {
                    cut += self.draining.abort(&self.forwarder);
                    break;
                }
            }
        }
        if cut > 0 {
            tracing::warn!("ended {}", plural(cut, "open connection"));
        }
    }
}
