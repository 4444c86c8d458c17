//! The candidate: a generation that is to take over, and does or does not.

use super::effect::{Effect, Say, Swap, Upstream, Why};
use super::event::{Number, Port};
use super::guest::{Candidate, Step};
use super::machine::State;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A generation says within this that it accepts no more from the host's listeners.
pub const RELEASE: Duration = Duration::from_millis(500);
/// The answer of a probe is there that soon after its time is over.
const LATE_ANSWER: Duration = Duration::from_millis(500);

impl State {
    pub(super) fn is_candidate(&self, number: Number, step: Step) -> bool {
        let candidate = self.candidate.as_ref();
        candidate.is_some_and(|candidate| candidate.guest.number == number && candidate.step == step)
    }

    /// A candidate that takes over waits for the listeners, and they have a deadline of their own. A probe ends by itself, and
    /// knows why.
    pub(super) fn candidate_due(&self) -> Option<Instant> {
        let candidate = self.candidate.as_ref();
        candidate.and_then(|candidate| match candidate.step {
            Step::Starts => Some(candidate.due),
            Step::Probed => Some(candidate.due + LATE_ANSWER),
            Step::TakesOver => None,
        })
    }

    /// Where a candidate has to listen: on each forwarded port, but for those on which nobody listens now, either. Such a
    /// port is a mistake, or comes with this very change; neither may hold the rest up.
    pub(super) fn required_ports(&self) -> BTreeSet<Port> {
        let all = self.forwards.all_ports();
        let serving = self.serving.as_ref().map(|guest| &guest.listening);
        match serving.map(|listening| all.intersection(listening).copied().collect::<BTreeSet<Port>>()) {
            Some(both) if !both.is_empty() => both,
            _ => self.forwards.ports(),
        }
    }

    pub(super) fn candidate_listens(&mut self) {
        let Some(candidate) = &mut self.candidate else { return };
        let Some((port, path)) = self.rules.health.clone() else {
            return self.take_over();
        };
        candidate.step = Step::Probed;
        self.effects.push(Effect::Probe {
            number: candidate.guest.number,
            port,
            path,
            limit: candidate.due.saturating_duration_since(self.now),
        });
    }

    /// The candidate is ready. A serving guest that accepts from the host's listeners gives them back first, so that nobody
    /// meets the old one after the new one; connections wait in the queue meanwhile.
    pub(super) fn take_over(&mut self) {
        let (Some(candidate), Some(guest)) = (&mut self.candidate, &mut self.serving) else {
            return;
        };
        #[cfg(test)]
        let is_free = self.swaps_early;
        #[cfg(not(test))]
        let is_free = false;
        if is_free || !self.forwards.are_lent_to(guest.number) {
            return self.swap();
        }
        candidate.step = Step::TakesOver;
        // It may have been asked already, for one that is no more.
        if guest.releases.is_none() {
            guest.releases = Some(self.now + RELEASE);
            self.effects.push(Effect::Release(guest.number));
        }
    }

    /// The serving guest has given the host's listeners back: for the one that takes over now, or for one that is no more,
    /// and then they are its own again.
    pub(super) fn released(&mut self) {
        let Some(guest) = self.serving.as_mut() else { return };
        if guest.releases.take().is_none() {
            return;
        }
        let takes_over = |candidate: &Candidate| candidate.step == Step::TakesOver;
        if self.candidate.as_ref().is_some_and(takes_over) {
            self.swap();
        } else {
            self.lead_to_serving();
        }
    }

    /// It does not give them back, or cannot be asked to. One that is stopped accepts nothing, and reads the order first when
    /// it goes on.
    pub(super) fn deaf(&mut self) {
        if let Some(guest) = &mut self.serving {
            guest.adopts = false;
        }
        self.released();
    }

    /// The candidate serves; the one before it drains.
    fn swap(&mut self) {
        let (Some(candidate), Some(old)) = (self.candidate.take(), self.serving.take()) else {
            return;
        };
        let guest = candidate.guest;
        let swap = Swap {
            number: guest.number,
            took: self.now.saturating_duration_since(candidate.since),
            built: guest.made.built,
            compiled: guest.made.compiled,
            started: self.now.saturating_duration_since(guest.started),
            cause: None,
        };
        // New connections go to the new one from here on.
        let (number, listening) = (guest.number, guest.listening.clone());
        self.serving = Some(guest);
        self.forwards.retarget(Upstream::Guest(number), &mut self.effects);
        self.forwards.undetect(&listening, &mut self.effects);
        // An upgrade that nobody asked for cuts nothing off.
        let grace = if candidate.is_upgrade {
            Duration::MAX
        } else {
            self.rules.grace
        };
        self.effects.push(Effect::Retire(old.number));
        self.drain(old.number, grace);
        self.let_go();
        listening.into_iter().for_each(|port| self.listens(port));
        if candidate.is_upgrade {
            return self.say(Say::Optimized(swap));
        }
        let cause = self.cause.take();
        self.say(Say::Reloaded(Swap { cause, ..swap }));
        self.reloads += 1;
        self.effects.push(Effect::Refresh(number));
    }

    pub(super) fn drain(&mut self, number: Number, grace: Duration) {
        self.draining.insert(number);
        self.effects.push(Effect::Drain { number, grace });
    }

    /// Ends the candidate, if there is one; the serving guest goes on. Where it was asked for its listeners, they are its own
    /// again when it has answered.
    pub(super) fn drop_candidate(&mut self) -> Option<Candidate> {
        let candidate = self.candidate.take()?;
        self.effects.push(Effect::Drop(candidate.guest.number));
        Some(candidate)
    }

    pub(super) fn candidate_overdue(&mut self) {
        let Some(candidate) = &self.candidate else { return };
        let missing = self
            .required_ports()
            .difference(&candidate.guest.listening)
            .copied()
            .collect::<Vec<_>>();
        let waited = self.rules.connect_timeout;
        self.candidate_failed(match missing.is_empty() {
            true => Why::Overdue(waited),
            false => Why::NotListening(missing, waited),
        });
    }

    pub(super) fn candidate_failed(&mut self, why: Why) {
        let Some(candidate) = self.drop_candidate() else { return };
        let number = candidate.guest.number;
        self.say(Say::DidNotTakeOver { number, why });
        self.say_who_serves();
        // An upgrade that fails is not tried again.
        self.cancel_optimizing();
        if !candidate.is_upgrade {
            self.optimize_serving();
        }
        self.let_go();
    }
}
