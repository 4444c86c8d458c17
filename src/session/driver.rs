//! The session's loop: waits for what happens, has [`State::step`] say what follows, and does it. All I/O of a session is begun
//! here, and nothing is decided.

use super::builds::{self, Builds};
use super::counting::Counting;
use super::drain::{Drained, Draining};
use super::forwards::Forwards;
use super::generation::{Generation, Next, Word, next_of};
use super::later::{Later, or_never};
use super::launch::Launch;
use super::links::Links;
use super::outbound::Outbound;
use super::project::{Project, Read, Sorted};
use super::ready::Ready;
use super::state::{Condition, Effect, Event, Exit, Heard, Made, Number, Say, State, Upstream};
use super::{health, notices};
use crate::accept::Server;
use crate::control::{Answer, Ask, Claim, Source};
use crate::parent::Parent;
use crate::settings::choices::Tiered;
use crate::signals::Signals;
use crate::watch::Changes;
use languages::registry;
use netns::{Forwarder, Notice, Protocol, Target};
use report::Result;
use runtime::Kind;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use supervisor::code::Wish;
use supervisor::logs::Ring;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

/// Connections of a guest that has ended have this long to deliver what it had sent.
const LINGER: Duration = Duration::from_secs(1);
/// SIGTERM.
const TERMINATE: u8 = 15;
/// Who was answered has this long to read it, where the answer is the last.
const LAST_ANSWERS: Duration = Duration::from_millis(200);

/// Everything that a session does its work with. Nothing in it is the process's, so that a process can have several.
pub struct Session {
    pub state: State,
    pub project: Project,
    pub builds: Builds,
    pub forwards: Forwards,
    pub forwarder: Arc<Forwarder>,
    pub outbound: Outbound,
    /// Most connections at once.
    pub connections: usize,
    pub claim: Option<Claim>,
    /// They end with the session.
    pub control: Option<Server>,
    pub _metrics: Option<Server>,
    pub _links: Option<Links>,
    pub asks: Receiver<Ask>,
    pub ring: Arc<Ring>,
    /// Numbers of forwards whose asker is gone.
    pub detached: (UnboundedSender<Vec<u64>>, UnboundedReceiver<Vec<u64>>),
    pub began: Instant,
    /// What was at fault last.
    pub reason: Option<String>,
    /// Who wants to know that it serves.
    pub ready: Option<Ready>,
    /// Who wants to know all of it.
    pub parent: Option<Parent>,
    pub told: Option<Told>,
    pub is_orphan: bool,
    pub notices: UnboundedReceiver<Notice>,
    pub signals: Signals,
    pub work: Work,
}

/// What the parent was told.
#[derive(PartialEq, Eq)]
pub struct Told {
    condition: Condition,
    listening: Vec<u16>,
}

/// What is under way.
#[derive(Default)]
pub struct Work {
    /// Of what was done, and not taken in yet.
    pub(super) events: VecDeque<Event>,
    /// Given when their effects are there.
    pub(super) answers: Vec<(oneshot::Sender<Answer>, Answer)>,
    /// The serving one and the one that is to take over.
    pub(super) generations: BTreeMap<Number, Generation>,
    pub(super) draining: Draining,
    probe: Option<(Number, Later<anyhow::Result<()>>)>,
    pub(super) reread: Option<(Sorted, Later<Result<Option<Read>>>)>,
    /// Requests that wait for the guest's counts.
    pub(super) counting: Option<Counting>,
}

/// Everything that can come from outside.
enum Happening {
    Due,
    Guest(Number, Next),
    Probed(Number, anyhow::Result<()>),
    Build(builds::Outcome),
    Changed(Changes),
    Reread(Box<Result<Option<Read>>>),
    Drained(Drained),
    Notice(Notice),
    Asked(Ask),
    CountsOverdue,
    CountedOut,
    Detached(Vec<u64>),
    Signal(u8),
    ParentGone,
}

impl Session {
    /// Runs until the end, and returns the exit code.
    pub async fn run(mut self) -> Result<u8> {
        self.work.events.push_back(Event::Begin);
        let exit = loop {
            if let Some(exit) = self.advance() {
                break exit;
            }
            let happening = self.next().await;
            self.take(happening).await;
        };
        let code = self.exit(exit).await;
        let project = self.project.layers.of_project();
        if let (true, Some(parent), Some(project)) = (self.is_orphan, &self.parent, project) {
            parent.clear_up(project).await;
        }
        self.asks.close();
        if let Some(control) = self.control.take() {
            control.finish(LAST_ANSWERS).await;
        }
        code
    }

    /// Takes in what has happened until nothing more follows.
    fn advance(&mut self) -> Option<Exit> {
        let mut exit = None;
        while let Some(event) = self.work.events.pop_front() {
            for effect in self.state.step(Instant::now(), event) {
                match effect {
                    Effect::Exit(last) => exit = Some(last),
                    effect => self.carry_out(effect),
                }
            }
        }
        self.builds.retain(|made| self.state.needs(made));
        for (asker, answer) in self.work.answers.drain(..) {
            // An asker that is gone needs no answer.
            let _ = asker.send(answer);
        }
        self.tell_parent();
        exit
    }

    /// Says how things are where `wasmrun up` reads it.
    fn tell_parent(&mut self) {
        if self.parent.is_none() {
            return;
        }
        let told = Told {
            condition: self.state.condition(),
            listening: self.state.listening(Protocol::Tcp),
        };
        if self.told.as_ref() != Some(&told) {
            let ports: Vec<String> = told.listening.iter().map(u16::to_string).collect();
            let (state, listening) = (told.condition, ports.join(","));
            tracing::info!(event = "state", %state, listening, "{state}");
            self.told = Some(told);
        }
    }

    /// Waits for the next thing to happen. Each branch can be dropped without a loss.
    async fn next(&mut self) -> Happening {
        let Work {
            generations,
            draining,
            probe,
            reread,
            counting,
            ..
        } = &mut self.work;
        let until = |at: Option<Instant>| or_never(at.map(|at| tokio::time::sleep_until(at.into())));
        let counts_due = counting.as_ref().map(|counting| counting.until);
        let is_read = reread.is_none();
        tokio::select! {
            (number, next) = next_of(generations) => Happening::Guest(number, next),
            probed = or_never(probe.as_mut().map(|(number, probe)| async { (*number, probe.await) })) => {
                Happening::Probed(probed.0, probed.1)
            }
            outcome = self.builds.next(self.state.takes_upgrade()) => Happening::Build(outcome),
            // One change of the settings at a time.
            changes = self.project.changes(), if is_read => Happening::Changed(changes),
            read = or_never(reread.as_mut().map(|(_, read)| read)) => Happening::Reread(Box::new(read)),
            drained = draining.next() => Happening::Drained(drained),
            () = until(self.state.deadline()) => Happening::Due,
            () = until(counts_due) => Happening::CountsOverdue,
            () = or_never(counting.as_mut().map(Counting::outbound)) => Happening::CountedOut,
            Some(notice) = self.notices.recv() => Happening::Notice(notice),
            Some(ask) = self.asks.recv() => Happening::Asked(ask),
            Some(ids) = self.detached.1.recv() => Happening::Detached(ids),
            number = self.signals.next() => Happening::Signal(number),
            () = or_never(self.parent.as_mut().map(Parent::gone)), if !self.is_orphan => Happening::ParentGone,
        }
    }

    async fn take(&mut self, happening: Happening) {
        let event = match happening {
            Happening::Due => Event::Due,
            Happening::Guest(number, next) => return self.guest(number, next),
            Happening::Probed(number, probed) => {
                self.work.probe = None;
                match probed {
                    Ok(()) => Event::Healthy(number),
                    Err(error) => Event::Unwell {
                        number,
                        why: format!("{error:#}"),
                    },
                }
            }
            Happening::Build(outcome) => self.build_ended(outcome),
            Happening::Changed(changes) => return self.changed(changes).await,
            Happening::Reread(read) => return self.reread(*read).await,
            Happening::Drained(Drained { number, cut }) => Event::Drained { number, cut },
            Happening::Notice(notice) => match self.notice(&notice) {
                Some(event) => event,
                None => return,
            },
            Happening::Asked(ask) => return self.asked(ask),
            Happening::CountsOverdue => return self.count_no_more(),
            Happening::CountedOut => return self.counted_out(),
            Happening::Detached(ids) => Event::Removed(ids),
            Happening::Signal(number) => Event::Signal(number),
            Happening::ParentGone => {
                self.is_orphan = true;
                // The second leaves no grace.
                self.work.events.push_back(Event::Signal(TERMINATE));
                Event::Signal(TERMINATE)
            }
        };
        self.work.events.push_back(event);
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Build => self.builds.build(self.order()),
            Effect::CancelBuild => self.builds.cancel_build(),
            Effect::Optimize(made) => self.builds.optimize(made, self.project.settings.code.cache),
            Effect::CancelOptimize => self.builds.cancel_optimizing(),
            Effect::LetGo(made) => {
                if let Some(made) = self.builds.get(made) {
                    made.code.let_go();
                }
            }
            Effect::Start { number, made, again } => {
                let event = self.start(number, made, again);
                self.work.events.push_back(event);
            }
            Effect::Probe {
                number,
                port,
                path,
                limit,
            } => {
                if let Some(live) = self.work.generations.get(&number) {
                    let target = live.process.target.clone();
                    let probe = health::healthy(target, port, path, limit);
                    self.work.probe = Some((number, Box::pin(probe)));
                }
            }
            Effect::Release(number) => {
                let live = self.work.generations.get_mut(&number);
                if !live.is_some_and(Generation::release) {
                    self.heard(number, Heard::Deaf);
                }
            }
            Effect::Kill(number) => {
                if let Some(live) = self.work.generations.get_mut(&number) {
                    live.process.kill();
                }
            }
            Effect::Drop(number) => {
                self.work.generations.remove(&number);
                self.work.probe.take_if(|probe| probe.0 == number);
            }
            Effect::Retire(number) => {
                if let Some(live) = self.work.generations.get(&number) {
                    live.process.retire();
                }
            }
            Effect::Drain { number, grace } => {
                if let Some(live) = self.work.generations.remove(&number) {
                    self.work.draining.add(live, self.forwarder.clone(), grace);
                }
            }
            Effect::Retarget(forward, upstream) => self.forwards.retarget(forward, self.target_of(upstream)),
            Effect::Wake(forward) => self.forwards.wake(forward),
            Effect::Lend { forward, port, to } => {
                let live = self.work.generations.get_mut(&to);
                if !live.is_some_and(|live| self.forwards.lend(forward, port, live)) {
                    self.work.events.push_back(Event::NotLent { forward, number: to });
                }
            }
            Effect::Reclaim(forward) => self.forwards.reclaim(forward),
            Effect::Announce(forward) => self.forwards.announce(forward),
            Effect::Unforward(forwards) => self.forwards.remove(&forwards),
            Effect::Detect(port) => match self.forwards.detect(port) {
                Ok(forward) => self.work.events.push_back(Event::Added {
                    forwards: vec![(forward, port)],
                    source: Source::Detected,
                }),
                Err(failure) => report::failure(&failure),
            },
            Effect::Close => self.forwards.close(),
            Effect::Ready => {
                if let Some(ready) = self.ready.take() {
                    let lines = self.forwards.ready_lines();
                    ready.say(if lines.is_empty() { "ready\n".to_owned() } else { lines });
                }
            }
            Effect::Refresh(number) => self.project.refresh(number),
            Effect::Say(what) if self.is_linked(&what) => {}
            Effect::Say(what) => {
                self.reason = notices::reason_of(&what).or(self.reason.take());
                notices::say(
                    what,
                    &notices::Facts {
                        grace: self.state.grace(),
                        draining: self.work.draining.live(),
                        host_port: &|port| self.forwards.host_port(port),
                        hint_of_silence: self.hint_of_silence(),
                    },
                );
            }
            Effect::Unwatch => self.project.unwatch(),
            Effect::Terminate => self.work.draining.stop(),
            Effect::Abort => {
                let cut = self.work.draining.abort(&self.forwarder);
                self.work.events.push_back(Event::Cut(cut));
            }
            // The loop's own.
            Effect::Exit(_) => {}
        }
    }

    /// The last that a session does.
    async fn exit(&mut self, exit: Exit) -> Result<u8> {
        let (number, end) = match exit {
            Exit::Code(code) => return Ok(code),
            Exit::Failed(failure) => return Err(failure),
            Exit::Guest { number, end } => (number, end),
        };
        if let Some(live) = self.work.generations.get_mut(&number) {
            // What the guest sent before it ended still goes out.
            let _ = tokio::time::timeout(LINGER, live.process.target.drained()).await;
            tokio::select! {
                () = live.process.delivered() => {}
                number = self.signals.next() => return Ok(128 + number),
            }
        }
        match end.failure {
            Some(failure) => Err(failure),
            None => {
                notices::ended_with(&end, !self.forwards.is_empty());
                Ok(end.code)
            }
        }
    }

    // Builds and starts.

    fn order(&self) -> builds::Order {
        let Project {
            os, layers, settings, ..
        } = &self.project;
        let is_service = settings.network.auto_forward || !self.forwards.is_empty();
        let tiered = match settings.code.tiered {
            // A program that nobody connects to does its work once.
            Tiered::Auto if !is_service => Tiered::Never,
            wanted => wanted,
        };
        builds::Order {
            path: os.path.clone(),
            plan: settings.source.build.clone(),
            named: layers.named(),
            wish: Wish {
                use_cache: settings.code.cache,
                tiered: tiered.into(),
                precompiled: settings.code.precompiled,
            },
        }
    }

    fn build_ended(&mut self, outcome: builds::Outcome) -> Event {
        match outcome {
            builds::Outcome::Built(Ok(made)) => {
                let made = self.keep(made);
                // Of an interpreter it is not asked: what it runs is another.
                let fits = !made.is_program && !self.is_outdated();
                Event::Built { made, fits }
            }
            builds::Outcome::Built(Err(failure)) => Event::NotBuilt(failure),
            builds::Outcome::Optimized(Ok(made)) => Event::Optimized(made.map(|made| self.keep(made))),
            builds::Outcome::Optimized(Err(failure)) => Event::NotOptimized(failure),
        }
    }

    fn keep(&mut self, made: super::build::Made) -> Made {
        self.builds.keep(made, self.project.settings.code.cache)
    }

    /// Whether a word is for those who have forgotten a forward, and a link leads there.
    fn is_linked(&self, what: &Say) -> bool {
        let linked = &self.project.settings.network.expose;
        match what {
            Say::NoForward => !linked.is_empty(),
            Say::NotForwarded((Protocol::Tcp, port)) => linked.contains(port),
            _ => false,
        }
    }

    fn launch(&self) -> Launch<'_> {
        Launch {
            settings: &self.project.settings,
            config: self.project.layers.files(),
            ports: self.forwards.guest_ports_in_order(),
            connections: self.connections,
        }
    }

    /// Whether the serving guest was started under other settings than those that hold now.
    fn is_outdated(&self) -> bool {
        self.serving()
            .is_none_or(|live| live.given != self.launch().of(&live.made))
    }

    fn start(&mut self, number: Number, made: u64, again: bool) -> Event {
        let Some(made) = self.builds.get(made) else {
            return Event::Stale(number);
        };
        if again && made.snapshot.as_ref().is_some_and(|snapshot| !snapshot.holds()) {
            return Event::Stale(number);
        }
        let launch = self.launch();
        let started = launch
            .check(made)
            .and_then(|()| Generation::start(number, made.clone(), launch.of(made), self.ring.clone()));
        let network = &self.project.settings.network;
        let started = started.and_then(|mut live| {
            self.outbound.serve(&mut live.process, network)?;
            Ok(live)
        });
        match started {
            Ok(live) => {
                let adopts = live.adopts();
                self.work.generations.insert(number, live);
                Event::Started { number, adopts }
            }
            Err(failure) => Event::NotStarted { number, failure },
        }
    }

    // What generations say.

    pub(super) fn serving(&self) -> Option<&Generation> {
        self.work.generations.get(&self.state.serving()?)
    }

    fn target_of(&self, upstream: Upstream) -> netns::Upstream {
        let number = match upstream {
            Upstream::Awaited => return netns::Upstream::Awaited,
            Upstream::Nobody => return netns::Upstream::Nobody,
            Upstream::Guest(number) => number,
        };
        match self.work.generations.get(&number) {
            Some(live) => live.process.target.clone().into(),
            None => netns::Upstream::Awaited,
        }
    }

    fn hint_of_silence(&self) -> Option<&'static str> {
        let live = self.serving().filter(|live| live.kind == Some(Kind::Module))?;
        registry::hint_of_silence(registry::ALL, &live.made.code.traits)
    }

    fn heard(&mut self, number: Number, heard: Heard) {
        self.work.events.push_back(Event::Heard { number, heard });
    }

    fn guest(&mut self, number: Number, next: Next) {
        let Some(live) = self.work.generations.get_mut(&number) else {
            return;
        };
        let word = match next {
            Next::Message(message) => live.take(message),
            Next::Ended(code) => {
                let end = live.end(code);
                return self.work.events.push_back(Event::Ended { number, end });
            }
        };
        match word {
            Ok(None) => {}
            Ok(Some(Word::Counted)) => self.counted(),
            Ok(Some(Word::Released)) => self.heard(number, Heard::Released),
            Ok(Some(Word::Event(event))) => {
                notices::event(&event);
                match event {
                    runtime::Event::Loaded(kind) => self.heard(number, Heard::Loaded(kind)),
                    runtime::Event::Listening(address) => {
                        self.heard(number, Heard::Listening((Protocol::Tcp, address.port())));
                    }
                    runtime::Event::Bound(address) => {
                        self.heard(number, Heard::Listening((Protocol::Udp, address.port())));
                    }
                    runtime::Event::Closed(port) => self.heard(number, Heard::Closed(port)),
                    _ => {}
                }
            }
            Err(failure) => self.work.events.push_back(Event::Refused { number, failure }),
        }
    }

    fn notice(&self, notice: &Notice) -> Option<Event> {
        match *notice {
            Notice::NotListening { guest_port, waited } => Some(Event::NobodyListens {
                port: guest_port,
                waited,
            }),
            Notice::DoesNotAnswer { waited } if waited >= Target::SILENT => self
                .serving()
                .filter(|live| live.process.target.is_silent())
                .map(|live| Event::Silent(live.number)),
            _ => {
                notices::forwards(notice);
                None
            }
        }
    }
}
