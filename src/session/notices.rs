//! What a session says to the user.

use super::Session;
use languages::registry;
use netns::{Notice, Protocol, Target};
use report::line;
use runtime::{Event, Kind};
use std::time::Duration;
use tokio::time::Instant;

/// The same complaint is made again after this: a load balancer's health check is no reason for a line a second.
const REPEAT: Duration = Duration::from_secs(30);

impl Session {
    /// Says what an event means to the user.
    pub(super) fn report(&self, event: &Event) {
        match event {
            Event::Loaded(kind) => tracing::debug!("guest: {kind}"),
            Event::Listening(address) => tracing::debug!("guest: listens on {address}"),
            Event::Bound(address) => tracing::debug!("guest: binds {address}/udp"),
            Event::Denied(attempt) => tracing::warn!(
                "the guest tried to reach {} and was refused: a guest has no way out of its namespace",
                line(&attempt.to_string())
            ),
            Event::Adopted(_) => {}
            Event::NoSpace => tracing::warn!(
                hint =
                    "its /tmp holds what --tmp-size says; a directory that it was given, as much as there is room for",
                "the guest writes to a file system that is full"
            ),
            Event::HandlesEnd => tracing::debug!("guest: handles its end"),
            Event::Closed(port) => tracing::debug!("guest: accepts no more on {port}"),
            Event::AtLimit(connections) => at_limit(*connections),
            Event::MemoryLimit(limit) => {
                let limit = bytesize::ByteSize::b(*limit);
                tracing::warn!(
                    hint = "give it more with --memory",
                    "the guest asked for more than its {limit} of memory and was refused"
                );
            }
            Event::InstanceTrapped(text) => tracing::error!("a request failed in the guest: {text}"),
            Event::InstanceTrappedAgain(cause, times) => {
                tracing::error!("the same failure {}: {cause}", plural(*times as usize, "more time"));
            }
        }
    }

    pub(super) fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::NotListening { guest_port, waited } => {
                let now = Instant::now();
                if self.waited.get(&guest_port).is_some_and(|said| now - *said < REPEAT) {
                    return;
                }
                self.waited.insert(guest_port, now);
                let waited = humantime::format_duration(Duration::from_secs(waited.as_secs().max(1)));
                tracing::warn!(
                    "a connection waited {waited} for guest:{guest_port} and was closed: nothing listens there"
                );
                self.look_for_listeners();
            }
            Notice::AtLimit { connections } => at_limit(connections),
            Notice::DoesNotAnswer { waited } if waited < Target::SILENT => tracing::warn!(
                hint = "it may be stopped: by SIGSTOP, a debugger, a freezer, or a machine that is very busy",
                "the guest's init has not answered for {}: new connections wait",
                humantime::format_duration(waited)
            ),
            Notice::DoesNotAnswer { .. } => self.end_silent(),
            Notice::AnswersAgain => tracing::info!("the guest's init answers again: connections go on"),
            Notice::Failed { guest_port, reason } => {
                tracing::warn!("a connection to guest:{guest_port} failed: {reason}");
            }
        }
    }

    /// Says once of each forwarded port that nobody listens on it, and where the guest listens instead.
    pub(super) fn look_for_listeners(&mut self) {
        let Some(live) = &self.serving else { return };
        // One that listens nowhere is still on its way.
        if !live.listening.is_empty() {
            self.forwards.undetect(&live.listening);
        }
        let forwarded = self.forwards.guest_ports();
        let is_module = live.kind == Some(Kind::Module);
        let hint = registry::hint_of_silence(registry::ALL, &live.made.code.traits).filter(|_| is_module);
        for forwarded_port in &forwarded {
            if live.listening.contains(forwarded_port) || !self.told.insert(*forwarded_port) {
                continue;
            }
            let (protocol, port) = *forwarded_port;
            let mut elsewhere = live
                .listening
                .difference(&forwarded)
                .filter(|other| other.0 == protocol);
            match (elsewhere.next(), self.forwards.host_port(*forwarded_port)) {
                (Some((_, other)), Some(host)) => tracing::warn!(
                    hint = format!("forward that one: --forward {host}:{other}"),
                    "port {port} is forwarded, but the guest listens on {other}"
                ),
                _ if protocol == Protocol::Udp => {
                    tracing::warn!("port {port}/udp is forwarded, but the guest has not bound it yet");
                }
                _ => match hint {
                    Some(hint) => {
                        tracing::warn!(hint, "port {port} is forwarded, but the guest does not accept on it");
                    }
                    None => tracing::warn!("port {port} is forwarded, but the guest does not listen on any port yet"),
                },
            }
        }
    }
}

fn at_limit(connections: usize) {
    tracing::warn!(
        hint = "raise --max-connections, and `ulimit -n` with it: each connection needs two descriptors",
        "{connections} connections are open, which is the limit; more wait in the queue"
    );
}

/// An end that is as it should be, or one that is not.
pub(super) fn say(well: bool, text: &str) {
    if well {
        tracing::info!("{text}");
    } else {
        tracing::error!("{text}");
    }
}

pub(super) fn plural(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}
