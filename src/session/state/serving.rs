//! The generation that serves: what it says, where its ports are forwarded, and what comes after its end.

use super::effect::{Effect, Exit, Next, Say, Upstream, Why};
use super::event::{End, ForwardId, Heard, Number, Port};
use super::guest::Guest;
use super::machine::State;
use crate::control::Source;
use crate::settings::choices::Restart;
use netns::Protocol;
use std::collections::BTreeSet;
use std::time::Duration;

/// A guest that listens on a port that is not forwarded has this long to listen on those that are.
const SETTLE: Duration = Duration::from_secs(1);
/// The same complaint is made again after this: a load balancer's health check is no reason for a line a second.
const REPEAT: Duration = Duration::from_secs(30);
/// So many ports that a guest has chosen are forwarded.
const MOST_DETECTED: usize = 64;

impl State {
    /// A generation serves where none does.
    pub(super) fn serve(&mut self, guest: Guest) {
        self.look = Some(self.now + self.rules.connect_timeout);
        self.serving = Some(guest);
        self.let_go();
        self.lead_to_serving();
    }

    /// Sends everybody to the serving generation: by its own hand where it takes listeners, and by ours elsewhere.
    pub(super) fn lead_to_serving(&mut self) {
        let Some(guest) = &self.serving else { return };
        let ports = guest.listening.clone();
        self.forwards.retarget(Upstream::Guest(guest.number), &mut self.effects);
        ports.into_iter().for_each(|port| self.listens(port));
    }

    pub(super) fn heard(&mut self, number: Number, heard: Heard) {
        let is_serving = self.serving() == Some(number);
        let candidate = self.candidate.as_mut().map(|candidate| &mut candidate.guest);
        let guest = if is_serving { self.serving.as_mut() } else { candidate };
        let Some(guest) = guest.filter(|guest| guest.number == number) else {
            return;
        };
        match heard {
            Heard::Loaded(kind) => guest.kind = Some(kind),
            Heard::Listening(port) => {
                guest.listening.insert(port);
            }
            Heard::Closed(_) | Heard::Released | Heard::Deaf => {}
        }
        if !is_serving {
            return;
        }
        match heard {
            Heard::Loaded(kind) => {
                self.let_go();
                if kind.is_http() && self.forwards.is_empty() {
                    self.say(Say::NoForward);
                }
            }
            Heard::Listening(port) => self.listens(port),
            Heard::Closed(port) => self.forwards.closed(port, number, &mut self.effects),
            Heard::Released => self.released(),
            Heard::Deaf => self.deaf(),
        }
    }

    /// The serving generation listens on a port.
    pub(super) fn listens(&mut self, port: Port) {
        let Some(guest) = &self.serving else { return };
        let adopts = guest.adopts && guest.releases.is_none();
        if self.forwards.heard(port, guest.number, adopts, &mut self.effects) {
            return;
        }
        if self.rules.auto_forward {
            self.detect(port);
        } else if !self.forwards.is_empty() {
            let at = self.now + SETTLE;
            self.look = self.look.map(|look| look.min(at));
        } else if self.told.insert(port) {
            self.say(Say::NotForwarded(port));
        }
    }

    fn detect(&mut self, port: Port) {
        if self.forwards.detected() < MOST_DETECTED {
            self.said_most = false;
            self.effects.push(Effect::Detect(port));
        } else if !std::mem::replace(&mut self.said_most, true) {
            self.say(Say::MostDetected(MOST_DETECTED));
        }
    }

    /// Its init has not answered for long. Where a guest that fails is started again, this one has failed; elsewhere it may yet
    /// be let go on.
    pub(super) fn silent(&mut self, number: Number) {
        if self.serving() != Some(number) {
            return;
        }
        let ends = self.rules.restart != Restart::Never;
        self.say(Say::Silent { number, ends });
        if ends {
            self.effects.push(Effect::Kill(number));
        }
    }

    pub(super) fn ended(&mut self, number: Number, end: End) {
        if self.serving() == Some(number) {
            self.serving_ended(end);
        } else if self.candidate.as_ref().is_some_and(|one| one.guest.number == number) {
            self.candidate_failed(Why::Ended(end));
        }
    }

    /// What comes after a guest that has ended: the next, the same again, or a wait for a change.
    fn serving_ended(&mut self, end: End) {
        let Some(guest) = self.serving.take() else { return };
        let number = guest.number;
        self.traps += u64::from(end.has_trapped);
        if !self.goes_on() {
            self.effects.push(Effect::Close);
            return self.exit(Exit::Guest { number, end });
        }
        self.effects.push(Effect::Drop(number));
        if let Some(candidate) = self.candidate.take() {
            let next = Next::TakesOver(candidate.guest.number);
            self.say(Say::Ended { number, end, next });
            return self.serve(candidate.guest);
        }
        self.forwards.retarget(Upstream::Awaited, &mut self.effects);
        // A guest that never came up fails the same way again, until it is changed.
        let came_up = !guest.listening.is_empty() || !self.rules.watch;
        let again = match self.rules.restart {
            Restart::Never => false,
            Restart::OnFailure => !end.is_well && came_up,
            Restart::Always => came_up,
        };
        if !again {
            self.cancel_optimizing();
        }
        let next = if self.comes() {
            Next::Made
        } else if again {
            Next::Again(self.backoff.after(self.now.saturating_duration_since(guest.started)))
        } else if self.rules.watch {
            Next::Change
        } else {
            Next::Nothing
        };
        let code = end.code;
        self.say(Say::Ended { number, end, next });
        match next {
            Next::TakesOver(_) | Next::Made => {}
            Next::Again(pause) => self.restart = Some(self.now + pause),
            Next::Change => self.forwards.retarget(Upstream::Nobody, &mut self.effects),
            Next::Nothing => {
                self.effects.push(Effect::Close);
                self.exit(Exit::Code(code));
            }
        }
    }

    // Forwards.

    pub(super) fn added(&mut self, new: &[(ForwardId, Port)], source: Source) {
        self.forwards.add(new, source, &mut self.effects);
        let ports: BTreeSet<Port> = new.iter().map(|forward| forward.1).collect();
        if let Some(guest) = &self.serving {
            let listening: Vec<Port> = guest.listening.intersection(&ports).copied().collect();
            listening.into_iter().for_each(|port| self.listens(port));
        }
        // Who is linked to a wrong port holds nothing up here.
        if matches!(source, Source::Detected | Source::Link) {
            return;
        }
        // Listeners of such a guest are opened before it runs: it comes again, with these.
        let is_new = |port: &Port| port.0 == Protocol::Tcp && !self.serves_on(*port);
        if source == Source::Asked && self.serving.is_some() && self.is_given_listeners() && ports.iter().any(is_new) {
            self.restart();
        }
        self.look_again();
    }

    fn serves_on(&self, port: Port) -> bool {
        self.serving
            .as_ref()
            .is_some_and(|guest| guest.listening.contains(&port))
    }

    pub(super) fn look_again(&mut self) {
        self.told.clear();
        self.look = Some(self.now + SETTLE);
    }

    pub(super) fn nobody_listens(&mut self, port: u16, waited: Duration) {
        let said = self.waited.get(&port);
        if said.is_none_or(|said| self.now.saturating_duration_since(*said) >= REPEAT) {
            self.waited.insert(port, self.now);
            self.say(Say::WaitedInVain { port, waited });
            self.look_for_listeners();
        }
    }

    /// Says once of each forwarded port that nobody listens on it, and where the guest listens instead.
    pub(super) fn look_for_listeners(&mut self) {
        let Some(guest) = &self.serving else { return };
        let listening = guest.listening.clone();
        // One that listens nowhere is still on its way.
        if !listening.is_empty() {
            self.forwards.undetect(&listening, &mut self.effects);
        }
        let forwarded = self.forwards.ports();
        for port in forwarded.difference(&listening) {
            if self.told.insert(*port) {
                let mut others = listening.difference(&forwarded).filter(|other| other.0 == port.0);
                let elsewhere = others.next().map(|other| other.1);
                self.say(Say::NotListening { port: *port, elsewhere });
            }
        }
    }
}
