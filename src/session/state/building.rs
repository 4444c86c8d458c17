//! From a change to a generation that runs: builds, better code, and starts.

use super::effect::{Effect, Exit, Say, Upstream, Why};
use super::event::{Made, Number};
use super::guest::{Build, Candidate, Guest, Starting, Step};
use super::machine::State;
use crate::settings::choices::Restart;
use report::Failure;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A file that cannot be used may be one that is still written: what is wrong with it is said when it has been left alone for
/// so long.
const IN_PIECES: Duration = Duration::from_secs(1);

impl State {
    pub(super) fn changed(&mut self, since: Instant, cause: Option<String>) {
        self.cause = cause.or(self.cause.take());
        // What was starting is older than this.
        self.drop_candidate();
        self.restart = None;
        self.let_go();
        self.make(since, false);
    }

    /// Begins to make what runs next. It is not started if it is what serves, unless that is wanted.
    pub(super) fn make(&mut self, since: Instant, anyway: bool) {
        self.cancel_optimizing();
        self.unsaid = None;
        if self.forwards.upstream() == Upstream::Nobody {
            self.forwards.retarget(Upstream::Awaited, &mut self.effects);
        }
        let dropped = self.build.take();
        self.build = Some(Build {
            since: dropped.as_ref().map_or(since, |build| build.since.min(since)),
            anyway: anyway || dropped.is_some_and(|build| build.anyway),
        });
        self.effects.push(Effect::Build);
    }

    pub(super) fn built(&mut self, made: Made, fits: bool) {
        let Some(build) = self.build.take() else { return };
        self.build_ended = Some(self.now);
        // An interpreter is the same, and what it runs is not.
        let is_free = self.rules.watch && self.candidate.is_none() && !build.anyway && !made.is_program && fits;
        let serving = self.serving.as_ref().filter(|_| is_free);
        if let Some(guest) = serving.filter(|guest| guest.made.digest == made.digest) {
            let number = guest.number;
            self.say(Say::Unchanged(number));
            self.optimize_serving();
            return;
        }
        self.backoff.reset();
        self.start(made, build.since, false, false);
    }

    pub(super) fn not_built(&mut self, failure: Failure) {
        if self.build.take().is_none() {
            return;
        }
        self.build_ended = Some(self.now);
        if self.rules.watch && !self.rules.builds {
            self.unsaid = Some((self.now + IN_PIECES, failure));
        } else if self.rules.watch || self.serving.is_some() {
            // What serves is not ended by a successor that cannot be made.
            self.say_failure(failure);
        } else {
            self.did_not_come(failure);
        }
    }

    /// Says why there is no successor.
    pub(super) fn say_failure(&mut self, failure: Failure) {
        self.say(Say::Failure(failure));
        self.say_who_serves();
        self.optimize_serving();
    }

    pub(super) fn say_who_serves(&mut self) {
        match (&self.serving, self.restart) {
            (Some(guest), _) => {
                let number = guest.number;
                self.say(Say::ServesOn(number));
            }
            (None, Some(_)) => {}
            (None, None) if self.comes() => {}
            (None, None) => {
                self.say(Say::NobodyServes);
                self.forwards.retarget(Upstream::Nobody, &mut self.effects);
            }
        }
    }

    /// Whether a generation is on its way, or what is wrong with it has yet to be said.
    pub(super) fn comes(&self) -> bool {
        self.build.is_some() || self.starting.is_some() || self.unsaid.is_some()
    }

    fn optimize(&mut self, made: &Made) {
        self.cancel_optimizing();
        if made.is_baseline || made.has_ahead {
            self.optimizing = true;
            self.effects.push(Effect::Optimize(made.id));
        }
    }

    pub(super) fn cancel_optimizing(&mut self) {
        if std::mem::take(&mut self.optimizing) {
            self.effects.push(Effect::CancelOptimize);
        }
    }

    /// Goes on with what was given up for a successor that has not come.
    pub(super) fn optimize_serving(&mut self) {
        if let Some(made) = self.serving.as_ref().map(|guest| guest.made.clone()) {
            self.optimize(&made);
        }
    }

    /// Better code is there, for a guest that serves or comes again.
    pub(super) fn optimized(&mut self, made: Option<Made>) {
        if !std::mem::take(&mut self.optimizing) {
            return;
        }
        match made {
            Some(made) if self.serving.is_some() && self.candidate.is_none() => self.start(made, self.now, true, false),
            made => self.last = made.or(self.last.take()),
        }
    }

    /// Nobody has asked for better code, so what goes wrong with it ends nothing.
    pub(super) fn not_optimized(&mut self, failure: Failure) {
        if std::mem::take(&mut self.optimizing) {
            self.say(Say::NotOptimized(failure));
            self.say_who_serves();
        }
    }

    /// Code that is not in the cache and will not be asked for again goes as soon as the guest has it in memory: what is not
    /// there is not left behind by a kill.
    pub(super) fn let_go(&mut self) {
        let goes_on = self.goes_on();
        let candidate = self.candidate.as_ref().map(|candidate| candidate.guest.made.id);
        let Some(guest) = self.serving.as_mut().filter(|guest| guest.kind.is_some()) else {
            return;
        };
        // One that starts with the same has yet to find it.
        let made = guest.made.id;
        let is_shared = candidate == Some(made) || self.starting.as_ref().is_some_and(|one| one.made.id == made);
        let passes = !goes_on || guest.made.is_baseline;
        if passes && !is_shared && std::mem::take(&mut guest.made.is_temporary) {
            self.effects.push(Effect::LetGo(made));
            self.last.take_if(|last| last.id == made);
        }
    }

    /// Starts what ran last, and makes it anew where its code is gone.
    pub(super) fn start_again(&mut self) {
        match self.last.clone() {
            Some(made) => self.start(made, self.now, false, true),
            None => self.make(self.now, true),
        }
    }

    fn start(&mut self, made: Made, since: Instant, is_upgrade: bool, again: bool) {
        self.restart = None;
        self.started += 1;
        self.effects.push(Effect::Start {
            number: self.started,
            made: made.id,
            again,
        });
        self.last = Some(made.clone());
        self.starting = Some(Starting {
            number: self.started,
            made,
            since,
            is_upgrade,
        });
    }

    /// With nobody else there it serves at once, and connections wait for it to listen.
    pub(super) fn started(&mut self, number: Number, adopts: bool) {
        let Some(starting) = self.starting.take_if(|starting| starting.number == number) else {
            return self.effects.push(Effect::Drop(number));
        };
        let guest = Guest {
            number,
            made: starting.made,
            started: self.now,
            kind: None,
            listening: BTreeSet::new(),
            adopts,
            releases: None,
        };
        self.optimize(&guest.made.clone());
        if self.serving.is_none() {
            return self.serve(guest);
        }
        self.drop_candidate();
        self.candidate = Some(Candidate {
            guest,
            since: starting.since,
            is_upgrade: starting.is_upgrade,
            step: Step::Starts,
            due: self.now + self.rules.connect_timeout,
        });
    }

    pub(super) fn not_started(&mut self, number: Number, failure: Failure) {
        if self.starting.take_if(|starting| starting.number == number).is_some() {
            self.did_not_start(number, failure);
        }
    }

    /// Its jail cannot be built, which it says before it runs.
    pub(super) fn refused(&mut self, number: Number, failure: Failure) {
        if self.serving() == Some(number) {
            self.serving = None;
            self.effects.push(Effect::Drop(number));
            self.forwards.retarget(Upstream::Awaited, &mut self.effects);
            self.did_not_start(number, failure);
        } else if self.candidate.as_ref().is_some_and(|one| one.guest.number == number) {
            self.candidate_failed(Why::Refused(failure));
        }
    }

    /// What serves is not ended by a successor that cannot start, and one that ran before is tried again.
    fn did_not_start(&mut self, number: Number, failure: Failure) {
        if self.serving.is_some() {
            self.say_failure(failure);
        } else if let Some(candidate) = self.candidate.take() {
            self.say(Say::Failure(failure));
            self.serve(candidate.guest);
        } else if number == 1 {
            self.exit(Exit::Failed(failure));
        } else {
            self.did_not_come(failure);
        }
    }

    /// Nobody serves, and who was to could not be made or started.
    fn did_not_come(&mut self, failure: Failure) {
        if !self.goes_on() || self.started == 0 {
            return self.exit(Exit::Failed(failure));
        }
        self.say(Say::Failure(failure));
        if self.rules.restart != Restart::Never && !self.comes() {
            let pause = self.backoff.after(Duration::ZERO);
            self.restart = Some(self.now + pause);
            self.say(Say::TriesAgain(pause));
        }
        self.say_who_serves();
    }

    /// What was to be started again is made anew.
    pub(super) fn stale(&mut self, number: Number) {
        if self.starting.take_if(|starting| starting.number == number).is_some() {
            // It was not.
            self.started -= u64::from(self.started == number);
            self.last = None;
            self.make(self.now, true);
        }
    }

    /// A new generation of the same; the one that serves drains.
    pub(super) fn restart(&mut self) {
        // One that comes with better code, soon, is a new one.
        let comes = self.last.is_none() && self.optimizing && self.serving.is_some();
        if self.started > 0 && !comes {
            self.drop_candidate();
            self.start_again();
        }
    }
}
