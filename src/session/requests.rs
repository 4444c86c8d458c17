//! Requests over the control socket.

use super::answers::{self, Facts};
use super::counting::Counting;
use super::driver::Session;
use super::generation::Generation;
use super::state::{Condition, Event, Port};
use crate::control::{Answer, Ask, NewForward, Request, Source, Stop};
use anyhow::anyhow;
use netns::link::Route;
use report::Failure;
use std::time::Duration;

impl Session {
    pub(super) fn asked(&mut self, ask: Ask) {
        let answer = match ask.request {
            Request::State | Request::Metrics => return self.count(ask),
            Request::Logs { since, follow, network } => {
                let ring = if network { self.outbound.log() } else { &self.ring };
                Answer::Lines(ring.lines(since, follow), None)
            }
            Request::Link(port) => self.link(port),
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

    fn link(&mut self, (protocol, port): Port) -> Answer {
        if self.state.condition() == Condition::Stopping {
            return answers::conflict(Failure::usage(anyhow!("the run is stopping")));
        }
        let forward = self.forwards.linked((protocol, port)).unwrap_or_else(|| {
            let forward = self.forwards.link((protocol, port), Source::Link);
            self.work.events.push_back(Event::Added {
                forwards: vec![(forward.id(), (protocol, port))],
                source: Source::Link,
            });
            forward
        });
        // A relay moves a kept connection to the next guest.
        let relay = (!self.project.settings.adopts()).then(|| self.forwarder.clone());
        Answer::Route(Route { forward, relay })
    }

    /// Has the guest say what it has accepted and what has left it, before the request is answered.
    fn count(&mut self, ask: Ask) {
        if let Some(counting) = &mut self.work.counting {
            return counting.asks.push(ask);
        }
        let asks = |live: &Generation| live.has_listeners() && live.process.count();
        let is_counted = !self.serving().is_some_and(asks);
        let outbound = self.outbound.count();
        if is_counted && outbound.is_none() {
            return self.tell_state(ask);
        }
        self.work.counting = Some(Counting::new(ask, is_counted, outbound));
    }

    /// The guest has said what it has accepted.
    pub(super) fn counted(&mut self) {
        if let Some(counting) = &mut self.work.counting {
            counting.is_counted = true;
            self.counted_out();
        }
    }

    /// The guest may have said what has left it.
    pub(super) fn counted_out(&mut self) {
        if self.work.counting.as_ref().is_some_and(Counting::is_over) {
            self.count_no_more();
        }
    }

    pub(super) fn count_no_more(&mut self) {
        for ask in self.work.counting.take().into_iter().flat_map(|counting| counting.asks) {
            self.tell_state(ask);
        }
    }

    fn tell_state(&mut self, ask: Ask) {
        let facts = Facts {
            claim: self.claim.as_ref(),
            reason: self.reason.as_deref(),
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
