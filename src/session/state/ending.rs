//! The end: no new connection, and time for those that are open.

use super::effect::{Effect, Exit, Say};
use super::event::Event;
use super::machine::State;
use super::phase::{Phase, Stopping};
use std::time::{Duration, Instant};

/// Who still has connections that soon after a stop is told.
const SILENT_STOP: Duration = Duration::from_millis(200);
/// Those that drain end by themselves with the grace; after this much more they are ended.
const OVERTIME: Duration = Duration::from_secs(1);

impl State {
    /// Takes no new connection and gives those that are open time to end.
    pub(super) fn stop(&mut self, code: u8) {
        if self.build.take().is_some() {
            self.effects.push(Effect::CancelBuild);
        }
        self.cancel_optimizing();
        self.drop_candidate();
        self.effects.extend([Effect::Unwatch, Effect::Close]);
        let grace = self.rules.grace;
        if let Some(guest) = self.serving.take() {
            self.drain(guest.number, grace);
        }
        self.effects.push(Effect::Terminate);
        // What an upgrade has left has no end of its own.
        let end = self.now.checked_add(grace.saturating_add(OVERTIME));
        self.phase = Phase::Stops(Stopping {
            code,
            cut: 0,
            said: Some(self.now + SILENT_STOP),
            end,
            at_once: false,
        });
        self.exit_when_drained();
    }

    pub(super) fn stops(&mut self, event: Event) {
        let Phase::Stops(stopping) = &mut self.phase else {
            return;
        };
        let is_due = |at: &mut Instant| *at <= self.now;
        match event {
            Event::Drained { number, cut } => {
                if self.draining.remove(&number) {
                    stopping.cut = stopping.cut.saturating_add(cut);
                }
            }
            Event::Cut(cut) => stopping.cut = stopping.cut.saturating_add(cut),
            Event::Due => {
                if stopping.said.take_if(is_due).is_some() {
                    self.effects.push(Effect::Say(Say::Stopping));
                }
                if stopping.end.take_if(is_due).is_some() {
                    self.effects.push(Effect::Abort);
                }
                return;
            }
            // Somebody has less time than was said before.
            Event::Stop { grace: Some(grace) } => {
                let end = self.now.checked_add(grace);
                stopping.end = [stopping.end, end].into_iter().flatten().min();
                return;
            }
            // Somebody has none.
            Event::Signal(_) => {
                stopping.at_once = true;
                return self.effects.push(Effect::Abort);
            }
            // It comes too late.
            Event::Started { number, .. } => return self.effects.push(Effect::Drop(number)),
            _ => return,
        }
        self.exit_when_drained();
    }

    pub(super) fn exit_when_drained(&mut self) {
        let Phase::Stops(stopping) = &self.phase else { return };
        if !stopping.at_once && !self.draining.is_empty() {
            return;
        }
        let (code, cut) = (stopping.code, stopping.cut);
        if cut > 0 {
            self.say(Say::Cut(cut));
        }
        self.exit(Exit::Code(code));
    }
}
