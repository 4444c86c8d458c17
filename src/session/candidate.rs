//! The candidate: a generation that is to take over, and does or does not.

use super::notices::plural;
use super::start::LINGER;
use super::{Candidate, Session};
use crate::session::drain::{Drained, RELEASE};
use crate::session::forwards::Port;
use crate::session::health;
use netns::Protocol;
use report::Result;
use std::collections::BTreeSet;
use std::time::Duration;
use supervisor::protocol::Message;
use tokio::time::Instant;

impl Session {
    pub(super) fn candidate_says(&mut self, message: Message) -> Result<()> {
        let Some(candidate) = &mut self.candidate else {
            return Ok(());
        };
        let event = match candidate.live.take(message) {
            Ok(event) => event,
            Err(failure) => {
                self.candidate_failed(&failure.to_string());
                return Ok(());
            }
        };
        if let Some(event) = event {
            self.report(&event);
        }
        let ports = self.required_ports();
        let Some(candidate) = &mut self.candidate else {
            return Ok(());
        };
        if candidate.health.is_some() || candidate.takes_over || !candidate.live.listens_on(&ports) {
            return Ok(());
        }
        let health = self.settings.watch.as_ref().and_then(|watch| watch.health.clone());
        let mut tcp = self
            .settings
            .mappings
            .iter()
            .filter(|mapping| mapping.protocol == Protocol::Tcp);
        match (health, tcp.next()) {
            (Some(path), Some(first)) => {
                let target = candidate.live.process.target.clone();
                let limit = candidate.due.saturating_duration_since(Instant::now());
                candidate.health = Some(Box::pin(health::healthy(target, first.guest, path, limit)));
            }
            _ => self.take_over(),
        }
        Ok(())
    }

    /// The candidate is ready. A serving guest that accepts from the host's listeners gives them back first, so that nobody
    /// meets the old one after the new one; connections wait in the queue meanwhile.
    pub(super) fn take_over(&mut self) {
        let (Some(candidate), Some(live)) = (&mut self.candidate, &mut self.serving) else {
            return;
        };
        candidate.health = None;
        if !live.release() {
            return self.swap();
        }
        candidate.takes_over = true;
        candidate.due = Instant::now() + RELEASE;
    }

    /// The serving guest has given the host's listeners back: for the one that takes over now, or for one that is no more,
    /// and then they are its own again.
    pub(super) fn released(&mut self) {
        match &self.candidate {
            Some(candidate) if candidate.takes_over => self.swap(),
            _ => self.lend_again(),
        }
    }

    /// Connections are accepted for the serving guest again: by itself, or here until it has answered what it was asked.
    fn lend_again(&mut self) {
        let Some(live) = &self.serving else { return };
        self.forwards.retarget(Some(live.process.target.clone()));
        live.listening.clone().into_iter().for_each(|port| self.heard(port));
    }

    /// Ends the candidate, if there is one; the serving guest goes on.
    pub(super) fn drop_candidate(&mut self) -> Option<Candidate> {
        let candidate = self.candidate.take()?;
        if candidate.takes_over {
            self.lend_again();
        }
        Some(candidate)
    }

    /// Where a candidate has to listen: on each forwarded port, but for those on which nobody listens now, either. Such a
    /// port is a mistake, or comes with this very change; neither may hold the rest up.
    fn required_ports(&self) -> BTreeSet<Port> {
        let forwarded = self.forwards.guest_ports();
        let serving = self.serving.as_ref().map(|live| &live.listening);
        match serving.map(|listening| forwarded.intersection(listening).copied().collect::<BTreeSet<Port>>()) {
            Some(both) if !both.is_empty() => both,
            _ => forwarded,
        }
    }

    pub(super) async fn candidate_ended(&mut self) {
        let Some(candidate) = &mut self.candidate else { return };
        let ended = tokio::time::timeout(LINGER, candidate.live.process.ended()).await;
        let code = ended.ok().and_then(Result::ok).unwrap_or(report::FAILED);
        let why = match candidate.live.epitaph(code) {
            (short, Some(text)) => format!("it {short}: {text}"),
            (short, None) => format!("it {short}"),
        };
        self.candidate_failed(&why);
    }

    pub(super) fn candidate_overdue(&mut self) {
        let Some(candidate) = &self.candidate else { return };
        if candidate.takes_over {
            return self.swap();
        }
        let missing: Vec<String> = self
            .required_ports()
            .difference(&candidate.live.listening)
            .map(|(protocol, port)| format!("{port}/{protocol}"))
            .collect();
        let waited = humantime::format_duration(self.settings.connect_timeout);
        let why = if missing.is_empty() {
            format!("it was not well within {waited}")
        } else {
            format!("it does not listen on port {} after {waited}", missing.join(", "))
        };
        self.candidate_failed(&why);
    }

    /// The candidate is dropped, which ends it.
    pub(super) fn candidate_failed(&mut self, why: &str) {
        let Some(candidate) = self.drop_candidate() else { return };
        tracing::error!("#{} did not take over: {why}", candidate.live.number);
        self.say_who_serves();
        // An upgrade that fails is not tried again.
        self.optimizing = None;
        if !candidate.is_upgrade {
            self.optimize_serving();
        }
        self.forget_code();
    }

    /// The candidate serves; the one before it drains. New connections go to the new one from the next line on.
    pub(super) fn swap(&mut self) {
        let Some(Candidate {
            live,
            since,
            is_upgrade,
            ..
        }) = self.candidate.take()
        else {
            return;
        };
        let target = live.process.target.clone();
        self.forwards.retarget(Some(target));
        let milliseconds = |time: Duration| time.as_millis();
        let mut steps = Vec::new();
        if let Some(built) = live.made.built {
            steps.push(format!("build {}", milliseconds(built)));
        }
        if let Some(compiled) = live.made.code.compiled {
            steps.push(format!("compile {}", milliseconds(compiled)));
        }
        steps.push(format!("start {}", milliseconds(live.started.elapsed())));
        let (number, total) = (live.number, milliseconds(since.elapsed()));
        self.forwards.undetect(&live.listening);
        let ports = live.listening.clone();
        if let Some(old) = self.serving.replace(live) {
            old.process.retire();
            // An upgrade that nobody asked for cuts nothing off.
            let grace = if is_upgrade { Duration::MAX } else { self.settings.grace };
            self.draining.add(old, self.forwarder.clone(), grace);
        }
        self.forget_code();
        for port in ports {
            self.heard(port);
        }
        let draining = match self.draining.live() {
            0 => String::new(),
            live => format!(", {} draining", plural(live, "connection")),
        };
        let steps = steps.join(", ");
        if is_upgrade {
            tracing::info!(
                event = "optimized",
                generation = number,
                "optimized as #{number} ({steps}){draining}"
            );
            return;
        }
        let cause = self.cause.take().map(|cause| format!("; {cause}")).unwrap_or_default();
        tracing::info!(
            event = "reloaded",
            generation = number,
            milliseconds = total as u64,
            "reloaded #{number} in {total} ms ({steps}){draining}{cause}",
        );
        self.reloads += 1;
        if let Some(livereload) = &self.livereload {
            livereload.tell(number);
        }
    }

    pub(super) fn drained(&self, drained: &Drained) {
        let number = drained.number;
        if drained.cut > 0 {
            let cut = plural(drained.cut, "connection");
            let grace = humantime::format_duration(self.settings.grace);
            tracing::warn!("#{number}: ended {cut} that still went on after {grace}");
        } else {
            tracing::debug!("#{number}: gone");
        }
    }

    pub(super) fn say_who_serves(&mut self) {
        match (&self.serving, self.restart) {
            (Some(live), _) => tracing::info!("#{} serves on", live.number),
            (None, Some(_)) => {}
            (None, None) => {
                tracing::info!("nothing serves: waiting for a change");
                if self.making.is_none() && self.candidate.is_none() {
                    self.forwards.give_up();
                }
            }
        }
    }
}
