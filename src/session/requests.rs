//! Requests over the control socket.

use super::answers::{self, Facts};
use super::driver::Session;
use super::generation::Generation;
use super::state::{Condition, Event};
use crate::control::{Answer, Ask, NewForward, Request, Source, Stop};
use anyhow::anyhow;
use report::Failure;
use std::time::{Duration, Instant};

/// A guest's counts are there within this; those of a busy one are as old as they are.
const COUNT: Duration = Duration::from_millis(100);

impl Session {
    pub(super) fn asked(&mut self, ask: Ask) {
        let answer = match ask.request {
            Request::State | Request::Metrics => return self.count(ask),
            Request::Logs { since, follow } => Answer::Lines(self.ring.lines(since, follow), None),
            Request::Forward(ref new) => self.forward(new),
            Request::Unforward(port) => match answers::unforward(&self.forwards.on_host_port(port), port) {
                Ok(ids) => {
                    self.work.events.push_back(Event::Removed(ids));
                    Answer::json(&())
                }
                Err(answer) => answer,
            },
            Request::Restart => self.restart(),
            Request::Down(_) => answers::conflict(Failure::usage(anyhow!("this is a run, not `wasmrun up`"))),
            Request::Stop(Stop { grace }) => {
                let grace = grace.map(Duration::from_millis);
                self.work.events.push_back(Event::Stop { grace });
                Answer::json(&())
            }
        };
        self.work.answers.push((ask.answer, answer));
    }

    fn restart(&mut self) -> Answer {
        let why = match (self.state.condition(), self.state.counts()) {
            (Condition::Stopping, _) => "the run is stopping",
            (_, (0, ..)) => "no guest has been started yet",
            _ => {
                self.work.events.push_back(Event::Restart);
                return Answer::json(&());
            }
        };
        answers::conflict(Failure::usage(anyhow!(why)))
    }

    fn forward(&mut self, new: &NewForward) -> Answer {
        if self.state.condition() == Condition::Stopping {
            return answers::conflict(Failure::usage(anyhow!("the run is stopping")));
        }
        let mappings = answers::mappings(new, &self.forwards);
        let added = mappings.and_then(|mappings| self.forwards.add_all(&mappings, Source::Asked));
        let added = match added {
            Ok(added) => added,
            Err(failure) => return answers::conflict(failure),
        };
        self.work.events.push_back(Event::Added {
            forwards: added.forwards.clone(),
            source: Source::Asked,
        });
        answers::added(added, new.detached, &self.detached.0)
    }

    /// Has the guest say what it has accepted itself, before the request is answered.
    fn count(&mut self, ask: Ask) {
        let asks = |live: &Generation| live.has_listeners() && live.process.count();
        if let Some((_, asked)) = &mut self.work.counting {
            asked.push(ask);
        } else if self.serving().is_some_and(asks) {
            self.work.counting = Some((Instant::now() + COUNT, vec![ask]));
        } else {
            self.tell_state(ask);
        }
    }

    pub(super) fn counted(&mut self) {
        for ask in self.work.counting.take().into_iter().flat_map(|counting| counting.1) {
            self.tell_state(ask);
        }
    }

    fn tell_state(&mut self, ask: Ask) {
        let facts = Facts {
            claim: self.claim.as_ref(),
            began: self.began,
            project: &self.project,
            state: &self.state,
            forwards: &mut self.forwards,
            outbound: self.outbound.rows(),
            serving: self
                .state
                .serving()
                .and_then(|number| self.work.generations.get(&number)),
            draining: self.work.draining.live(),
        };
        let answer = answers::state(&ask.request, facts);
        self.work.answers.push((ask.answer, answer));
    }
}
