//! The state of a session, and where each event goes.

use super::effect::{Effect, Exit, Say, Why};
use super::event::{Event, ForwardId, Made, Number, Port, Rules};
use super::forwards::Forwards;
use super::guest::{Build, Candidate, Condition, Guest, Starting, Step};
use super::phase::Phase;
use crate::backoff::Backoff;
use crate::settings::choices::Restart;
use netns::Protocol;
use report::Failure;
use runtime::Kind;
use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// What is known of a session. It begins with [`Event::Begin`].
pub struct State {
    pub(super) rules: Rules,
    pub(super) forwards: Forwards,
    pub(super) phase: Phase,
    /// Of the event that is taken.
    pub(super) now: Instant,
    pub(super) effects: Vec<Effect>,

    pub(super) build: Option<Build>,
    pub(super) build_ended: Option<Instant>,
    pub(super) optimizing: bool,
    /// What the generation that was started last runs.
    pub(super) last: Option<Made>,
    pub(super) started: Number,
    pub(super) starting: Option<Starting>,
    pub(super) candidate: Option<Candidate>,
    pub(super) serving: Option<Guest>,
    pub(super) draining: BTreeSet<Number>,

    /// Why there is no successor, and when that is said unless there is one by then.
    pub(super) unsaid: Option<(Instant, Failure)>,
    /// When the guest that has ended is started again.
    pub(super) restart: Option<Instant>,
    pub(super) backoff: Backoff,
    /// When to look whether the guest listens where it should.
    pub(super) look: Option<Instant>,
    /// Ports of which it was said that nobody listens, or that none leads there.
    pub(super) told: BTreeSet<Port>,
    pub(super) waited: HashMap<u16, Instant>,
    pub(super) said_most: bool,
    pub(super) said_ready: bool,
    /// What the next reload is for.
    pub(super) cause: Option<String>,

    pub(super) traps: u64,
    pub(super) reloads: u64,
    /// A fault that `properties` has to find: a swap that does not wait for the listeners.
    #[cfg(test)]
    pub swaps_early: bool,
}

impl State {
    /// A session that has not begun, with forwards whose connections wait.
    pub fn new(rules: Rules, forwards: Vec<(ForwardId, Port)>, now: Instant) -> State {
        State {
            rules,
            forwards: Forwards::new(forwards),
            phase: Phase::Runs,
            now,
            effects: Vec::new(),
            build: None,
            build_ended: None,
            optimizing: false,
            last: None,
            started: 0,
            starting: None,
            candidate: None,
            serving: None,
            draining: BTreeSet::new(),
            unsaid: None,
            restart: None,
            backoff: Backoff::default(),
            look: None,
            told: BTreeSet::new(),
            waited: HashMap::new(),
            said_most: false,
            said_ready: false,
            cause: None,
            traps: 0,
            reloads: 0,
            #[cfg(test)]
            swaps_early: false,
        }
    }

    /// Takes an event in and returns what is to be done, in this order. An event about what is no more has no effect.
    pub fn step(&mut self, now: Instant, event: Event) -> Vec<Effect> {
        self.now = now;
        match self.phase {
            Phase::Runs => {
                self.runs(event);
                self.settle();
            }
            Phase::Stops(_) => self.stops(event),
            Phase::Over => {}
        }
        std::mem::take(&mut self.effects)
    }

    /// When [`Event::Due`] is due, if nothing happens before.
    pub fn deadline(&self) -> Option<Instant> {
        let due = match &self.phase {
            Phase::Runs => [
                self.serving.as_ref().and_then(|guest| guest.releases),
                self.candidate_due(),
                self.unsaid.as_ref().map(|unsaid| unsaid.0),
                self.restart,
                self.look,
            ],
            Phase::Stops(stopping) => [stopping.said, stopping.end, None, None, None],
            Phase::Over => return None,
        };
        due.into_iter().flatten().min()
    }

    // What others may know.

    pub fn condition(&self) -> Condition {
        match &self.serving {
            _ if !matches!(self.phase, Phase::Runs) => Condition::Stopping,
            Some(guest) if guest.listens_on(&self.forwards.ports()) => Condition::Serving,
            Some(_) => Condition::Starting,
            None if self.build.is_some() => Condition::Making,
            None => Condition::Waiting,
        }
    }

    /// The generation that serves.
    pub fn serving(&self) -> Option<Number> {
        self.serving.as_ref().map(|guest| guest.number)
    }

    /// The ports of one protocol that the serving generation listens on.
    pub fn listening(&self, protocol: Protocol) -> Vec<u16> {
        let ports = self.serving.iter().flat_map(|guest| &guest.listening);
        ports.filter(|port| port.0 == protocol).map(|port| port.1).collect()
    }

    /// How long connections may take to end, now.
    pub fn grace(&self) -> Duration {
        self.rules.grace
    }

    /// Generations started so far, traps of them, and swaps for a change.
    pub fn counts(&self) -> (u64, u64, u64) {
        (self.started, self.traps, self.reloads)
    }

    /// When the last build ended; none where none has, or one is under way.
    pub fn build_ended(&self) -> Option<Instant> {
        self.build_ended.filter(|_| self.build.is_none())
    }

    pub fn is_building(&self) -> bool {
        self.build.is_some()
    }

    /// Whether better code would be used now: one takeover at a time.
    pub fn takes_upgrade(&self) -> bool {
        self.optimizing && self.candidate.is_none() && self.starting.is_none()
    }

    /// Whether a change of the forwarded ports needs a new generation: listeners of these kinds are opened before the guest
    /// runs.
    pub fn is_given_listeners(&self) -> bool {
        let kind = self.serving.as_ref().and_then(|guest| guest.kind);
        kind.is_none_or(|kind| kind == Kind::Module || kind.is_http())
    }

    /// Whether what was made may be started, or made better, yet.
    pub fn needs(&self, made: u64) -> bool {
        let known = [
            self.last.as_ref(),
            self.starting.as_ref().map(|starting| &starting.made),
            self.candidate.as_ref().map(|candidate| &candidate.guest.made),
            self.serving.as_ref().map(|guest| &guest.made),
        ];
        known.into_iter().flatten().any(|known| known.id == made)
    }

    // Running.

    fn runs(&mut self, event: Event) {
        match event {
            Event::Begin => self.make(self.now, false),
            Event::Due => self.due(),
            Event::Changed { since, cause } => self.changed(since, cause),
            Event::Ruled(rules) => {
                self.rules = rules;
                self.look_again();
            }
            Event::Built { made, fits } => self.built(made, fits),
            Event::NotBuilt(failure) => self.not_built(failure),
            Event::Optimized(made) => self.optimized(made),
            Event::NotOptimized(failure) => self.not_optimized(failure),
            Event::Started { number, adopts } => self.started(number, adopts),
            Event::NotStarted { number, failure } => self.not_started(number, failure),
            Event::Stale(number) => self.stale(number),
            Event::Heard { number, heard } => self.heard(number, heard),
            Event::Refused { number, failure } => self.refused(number, failure),
            Event::Ended { number, end } => self.ended(number, end),
            Event::Silent(number) => self.silent(number),
            Event::Healthy(number) => {
                if self.is_candidate(number, Step::Probed) {
                    self.take_over();
                }
            }
            Event::Unwell { number, why } => {
                if self.is_candidate(number, Step::Probed) {
                    self.candidate_failed(Why::Unwell(why));
                }
            }
            Event::Drained { number, cut } => {
                if self.draining.remove(&number) {
                    self.say(Say::Drained { number, cut });
                }
            }
            Event::Added { forwards, source } => self.added(&forwards, source),
            Event::Removed(ids) => self.forwards.remove(&ids, &mut self.effects),
            Event::NotLent { forward, number } => self.forwards.not_lent(forward, number),
            Event::NobodyListens { port, waited } => self.nobody_listens(port, waited),
            Event::Restart => self.restart(),
            Event::Stop { grace } => {
                self.rules.grace = grace.unwrap_or(self.rules.grace);
                self.say(Say::StoppedByUser);
                self.stop(143);
            }
            Event::Signal(number) => self.stop(128 + number),
            Event::Cut(_) => {}
        }
    }

    /// What follows from how things are now, whatever has brought it about.
    fn settle(&mut self) {
        if !matches!(self.phase, Phase::Runs) {
            return;
        }
        let ports = self.required_ports();
        let starts = |candidate: &&Candidate| candidate.step == Step::Starts && candidate.guest.listens_on(&ports);
        if self.candidate.as_ref().filter(starts).is_some() {
            self.candidate_listens();
        }
        let awaits_ports = self.rules.auto_forward && self.forwards.is_empty();
        if self.condition() == Condition::Serving && !awaits_ports && !std::mem::replace(&mut self.said_ready, true) {
            self.effects.push(Effect::Ready);
        }
    }

    fn due(&mut self) {
        let now = self.now;
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if is_due(self.serving.as_ref().and_then(|guest| guest.releases)) {
            self.deaf();
        }
        if is_due(self.candidate_due()) {
            self.candidate_overdue();
        }
        if is_due(self.unsaid.as_ref().map(|unsaid| unsaid.0))
            && let Some((_, failure)) = self.unsaid.take()
        {
            self.say_failure(failure);
        }
        if is_due(self.restart) {
            self.restart = None;
            self.start_again();
        }
        if is_due(self.look) {
            self.look = None;
            self.look_for_listeners();
        }
    }

    pub(super) fn say(&mut self, say: Say) {
        self.effects.push(Effect::Say(say));
    }

    pub(super) fn exit(&mut self, exit: Exit) {
        self.phase = Phase::Over;
        self.effects.push(Effect::Exit(exit));
    }

    /// Whether the end of the guest is not the end of everything.
    pub(super) fn goes_on(&self) -> bool {
        self.rules.watch || self.rules.restart != Restart::Never
    }
}
