//! What a session answers over its control socket.

use super::{Session, Step};
use crate::control::{Added, Answer, Ask, NewForward, Request, Source, State, Stop};
use crate::session::generation::Generation;
use crate::settings;
use anyhow::anyhow;
use bytes::Bytes;
use http::StatusCode;
use netns::{Protocol, Rule};
use report::{Failure, Result};
use std::time::Duration;
use supervisor::procfs;
use supervisor::protocol::Message;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// A guest's counts are there within this; those of a busy one are as old as they are.
const COUNT: Duration = Duration::from_millis(100);
/// The guest listens on every forwarded port.
pub(super) const SERVING: &str = "serving";

impl Session {
    pub(super) async fn asked(&mut self, ask: Ask) -> Result<Step> {
        let answer = match ask.request {
            Request::State => Answer::json(&self.state().await?),
            Request::Metrics => Answer::Text(crate::control::metrics::text(&[self.state().await?])),
            Request::Logs { since, follow } => Answer::Lines(self.ring.lines(since, follow), None),
            Request::Forward(new) => self.forward(&new),
            Request::Unforward(port) => self.unforward(port),
            Request::Restart => self.restart_now(),
            Request::Stop(Stop { grace }) => {
                // Answered first: the end is what the asker sees next.
                let _ = ask.answer.send(Answer::json(&()));
                if let Some(grace) = grace {
                    self.settings.grace = Duration::from_millis(grace);
                }
                tracing::info!("stopped by `wasmrun stop`");
                self.stop().await;
                return Ok(Step::End(143));
            }
        };
        // An asker that is gone needs no answer.
        let _ = ask.answer.send(answer);
        Ok(Step::GoOn)
    }

    /// Has the guest say what it has accepted itself.
    async fn count(&mut self) -> Result<()> {
        let asked = |live: &Generation| live.has_listeners() && live.process.count();
        let end = Instant::now() + COUNT;
        let mut waits = self.serving.as_ref().is_some_and(asked);
        while waits && let Some(live) = &mut self.serving {
            match tokio::time::timeout_at(end, live.process.message()).await {
                Ok(Some(message)) => {
                    waits = !matches!(message, Message::Counted);
                    self.serving_says(message)?;
                }
                // The loop will see an end for itself.
                Ok(None) | Err(_) => waits = false,
            }
        }
        Ok(())
    }

    async fn state(&mut self) -> Result<State> {
        self.count().await?;
        let forwards = self.forwards.states();
        let live = self.serving.as_ref();
        let guest = live.and_then(|live| live.process.pid()).and_then(procfs::guest_of);
        let name = |of: fn(&crate::control::Claim) -> &String| self.claim.as_ref().map(of).cloned().unwrap_or_default();
        Ok(State {
            name: name(|claim| &claim.name),
            id: name(|claim| &claim.id),
            pid: std::process::id(),
            guest_pid: guest,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            path: self.os.path.display().to_string(),
            config: self.file.as_ref().map(|file| file.path.display().to_string()),
            state: self.condition().to_owned(),
            generation: live.map_or(0, |live| live.number),
            uptime: self.began.elapsed().as_secs(),
            generation_uptime: live.map_or(0, |live| live.started.elapsed().as_secs()),
            kind: live.and_then(|live| live.kind).map(|kind| kind.to_string()),
            isolated: self.settings.isolation,
            watched: self.settings.watch.is_some(),
            forwards,
            listening: live.map_or_else(Vec::new, |live| live.ports(Protocol::Tcp)),
            bound: live.map_or_else(Vec::new, |live| live.ports(Protocol::Udp)),
            draining: self.draining.live(),
            memory: guest.and_then(procfs::private_memory),
            cpu: guest.and_then(procfs::cpu_time),
            namespace: guest
                .filter(|_| self.settings.isolation)
                .map(|pid| format!("/proc/{pid}/ns/net")),
            starts: self.started,
            traps: self.traps,
            reloads: self.reloads,
            settings: settings::explain(&self.os, self.file.as_deref(), &self.settings),
        })
    }

    pub(super) fn condition(&self) -> &'static str {
        let ports = self.forwards.guest_ports();
        match &self.serving {
            Some(live) if live.listens_on(&ports) => SERVING,
            Some(_) => "starting",
            None if self.making.is_some() => "making",
            None => "waiting",
        }
    }

    fn forward(&mut self, new: &NewForward) -> Answer {
        let refused = |failure: Failure| Answer::Failed(StatusCode::CONFLICT, failure);
        let mut mappings = Vec::new();
        for rule in &new.rules {
            match rule.parse::<Rule>() {
                Ok(rule) => mappings.extend(rule.mappings()),
                Err(error) => return refused(Failure::usage(anyhow!("{error}"))),
            }
        }
        let added = match self.forwards.add_all(&mappings, Source::Asked) {
            Ok(added) => added,
            Err(failure) => return refused(failure),
        };
        if let Some(live) = &mut self.serving {
            for port in live.listening.clone() {
                self.forwards.listening(port, live);
            }
        }
        // Listeners of such a guest are opened before it runs: it comes again, with these.
        let unknown = |live: &crate::session::generation::Generation| {
            let mut tcp = mappings.iter().filter(|mapping| mapping.protocol == Protocol::Tcp);
            tcp.any(|mapping| !live.listening.contains(&(Protocol::Tcp, mapping.guest)))
        };
        if self
            .serving
            .as_ref()
            .is_some_and(|live| live.is_given_listeners() && unknown(live))
        {
            self.restart_now();
        }
        self.told.clear();
        self.look = Some(Instant::now() + super::start::SETTLE);
        let line = serde_json::to_vec(&Added {
            forwards: added.addresses,
        })
        .map(|mut line| {
            line.push(b'\n');
            line
        });
        let (sender, lines) = mpsc::channel(1);
        let _ = sender.try_send(Bytes::from(line.unwrap_or_default()));
        if new.detached {
            return Answer::Lines(lines, None);
        }
        // The sender lives as long as somebody listens; then the guard tells us.
        let guard = Attached {
            ids: added.ids,
            gone: self.detached.0.clone(),
            _lines: sender,
        };
        Answer::Lines(lines, Some(Box::new(guard)))
    }

    fn unforward(&mut self, port: u16) -> Answer {
        if self.forwards.remove_added(port) {
            return Answer::json(&());
        }
        let why = match self.forwards.has_host_port(port) {
            true => "it belongs to the run: take it out of its .wasmrun.toml, or start it without",
            false => "`wasmrun forward NAME --list` shows those that are",
        };
        let failure = Failure::usage(anyhow!("host port {port} was not forwarded with `wasmrun forward`")).hint(why);
        Answer::Failed(StatusCode::NOT_FOUND, failure)
    }

    /// The same code in a new generation; the one that serves drains.
    fn restart_now(&mut self) -> Answer {
        if self.started == 0 {
            let failure = Failure::usage(anyhow!("nothing has been started yet"));
            return Answer::Failed(StatusCode::CONFLICT, failure);
        }
        // The next generation comes with better code, soon.
        if self.last_made.is_none() && self.optimizing.is_some() && self.serving.is_some() {
            return Answer::json(&());
        }
        self.drop_candidate();
        match self.start_again() {
            Ok(()) => Answer::json(&()),
            Err(failure) => Answer::Failed(StatusCode::INTERNAL_SERVER_ERROR, failure),
        }
    }
}

/// Ends the forwards of a client that is gone.
struct Attached {
    ids: Vec<u64>,
    gone: mpsc::UnboundedSender<Vec<u64>>,
    _lines: mpsc::Sender<Bytes>,
}

impl Drop for Attached {
    fn drop(&mut self) {
        // A session that has ended has closed them.
        let _ = self.gone.send(std::mem::take(&mut self.ids));
    }
}
