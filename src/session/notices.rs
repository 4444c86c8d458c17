//! What a session says to the user.

use super::state::{End, Next, Port, Say, Swap, Why};
use netns::egress::{self, Reason, Refusal};
use netns::{Notice, Protocol, Target};
use report::line;
use runtime::{Attempt, Event};
use std::time::Duration;

/// What is looked up for a sentence.
pub struct Facts<'a> {
    pub grace: Duration,
    /// Connections to generations that have a successor.
    pub draining: usize,
    /// The host's port that leads to one of the guest's.
    pub host_port: &'a dyn Fn(Port) -> Option<u16>,
    /// What the guest's language has to say where nobody listens.
    pub hint_of_silence: Option<&'static str>,
}

/// Says it.
pub fn say(what: Say, facts: &Facts<'_>) {
    match what {
        Say::Failure(failure) => report::failure(&failure),
        Say::NotOptimized(failure) => tracing::warn!("the guest cannot be optimized: {failure}"),
        Say::TriesAgain(pause) => tracing::info!("retrying in {}; connections wait", shown(pause)),
        Say::ServesOn(number) => tracing::info!("still serving #{number}"),
        Say::NobodyServes => tracing::info!("no guest is running; waiting for a change"),
        Say::Unchanged(number) => tracing::info!("the guest has not changed; still serving #{number}"),
        Say::DidNotTakeOver { number, why } => tracing::error!("#{number} did not take over: {}", reason(why)),
        Say::Ended { number, end, next } => ended(number, end, next),
        Say::Reloaded(swap) => {
            let (number, total) = (swap.number, swap.took.as_millis());
            let cause = swap
                .cause
                .as_ref()
                .map(|cause| format!("; {cause}"))
                .unwrap_or_default();
            tracing::info!(
                event = "reloaded",
                generation = number,
                milliseconds = total as u64,
                "reloaded #{number} in {total} ms ({}){}{cause}",
                steps(&swap),
                draining(facts.draining),
            );
        }
        Say::Optimized(swap) => {
            let number = swap.number;
            tracing::info!(
                event = "optimized",
                generation = number,
                "optimized as #{number} ({}){}",
                steps(&swap),
                draining(facts.draining),
            );
        }
        Say::Drained { number, cut: 0 } => tracing::debug!("#{number}: gone"),
        Say::Drained { number, cut } => {
            let cut = plural(cut, "connection");
            tracing::warn!("#{number}: ended {cut} still open after {}", shown(facts.grace));
        }
        Say::NoForward => tracing::warn!(
            hint = "add `--forward 8080:8080`",
            "the guest answers HTTP requests, but no port is forwarded to it"
        ),
        Say::NotForwarded((protocol, port)) => {
            let end = match protocol {
                Protocol::Tcp => "",
                Protocol::Udp => "/udp",
            };
            tracing::info!("guest listens on {port}{end}: add --forward {port}:{port}{end}, or --auto-forward");
        }
        Say::NotListening { port, elsewhere } => not_listening(port, elsewhere, facts),
        Say::WaitedInVain { port, waited } => {
            let waited = shown(Duration::from_secs(waited.as_secs().max(1)));
            tracing::warn!("a connection waited {waited} for guest:{port} and was closed: nothing listens there");
        }
        Say::MostDetected(most) => {
            tracing::warn!("--auto-forward: the limit of {most} forwards is reached; further ports are not forwarded");
        }
        Say::Silent { number, ends: true } => tracing::error!(
            "#{number}: the guest's init has not answered for {}; ending the guest",
            shown(Target::SILENT)
        ),
        Say::Silent { ends: false, .. } => tracing::error!(
            hint = "pass `--restart on-failure` to restart such a guest",
            "the guest's init has not answered for {}: new connections fail",
            shown(Target::SILENT)
        ),
        Say::StoppedByUser => tracing::info!(event = "stopped", "stopped by `wasmrun stop`"),
        Say::Stopping => {
            let waits_for = match facts.draining {
                0 => "the guest to exit".to_owned(),
                live => plural(live, "open connection"),
            };
            let grace = shown(facts.grace);
            tracing::info!("stopping: waiting for {waits_for}, up to {grace}; press Ctrl-C again to stop now");
        }
        Say::Cut(cut) => tracing::warn!("ended {}", plural(cut, "open connection")),
    }
}

/// What of it stays true until a guest serves.
pub fn reason_of(what: &Say) -> Option<String> {
    match what {
        Say::Failure(failure) => Some(failure.to_string()),
        Say::Ended { end, next, .. } if !end.is_well => Some(format!("it {}{}", end.short, followed_by(next))),
        _ => None,
    }
}

fn shown(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}

fn reason(why: Why) -> String {
    match why {
        Why::Ended(End {
            short,
            long: Some(long),
            ..
        }) => format!("it {short}: {long}"),
        Why::Ended(End { short, .. }) => format!("it {short}"),
        Why::Refused(failure) => failure.to_string(),
        Why::Unwell(text) => text,
        Why::Overdue(waited) => format!("its health check did not pass within {}", shown(waited)),
        Why::NotListening(ports, waited) => {
            let ports: Vec<String> = ports
                .iter()
                .map(|(protocol, port)| format!("{port}/{protocol}"))
                .collect();
            format!(
                "it does not listen on port {} after {}",
                ports.join(", "),
                shown(waited)
            )
        }
    }
}

/// An end that is as it should be, or one that is not.
fn ended(number: u64, end: End, next: Next) {
    let next = followed_by(&next);
    let long = end.long.map(|text| format!("\n{text}")).unwrap_or_default();
    let text = format!("#{number} {}{next}{long}", end.short);
    let code = end.code;
    if end.is_well {
        tracing::info!(event = "ended", code, "{text}");
    } else {
        tracing::error!(event = "ended", code, "{text}");
    }
}

fn followed_by(next: &Next) -> String {
    match next {
        Next::TakesOver(next) => format!("; #{next} takes over"),
        Next::Made => "; waiting for the next generation".to_owned(),
        Next::Again(pause) => format!("; restarting in {}, connections wait", shown(*pause)),
        Next::Change => "; waiting for a change".to_owned(),
        Next::Nothing => String::new(),
    }
}

/// Of a guest whose end is ours. `is_service`: ports lead to it.
pub fn ended_with(end: &End, is_service: bool) {
    let text = end.long.as_deref().unwrap_or_default();
    match (end.has_trapped, is_service) {
        (true, false) => tracing::error!("the guest trapped: {text}"),
        (true, true) => {
            let hint = "pass `--restart on-failure` to restart such a guest";
            tracing::error!(hint, "the guest trapped: {text}");
        }
        (false, true) => {
            let code = end.code;
            tracing::info!("the guest ended with exit code {code}; its ports are closed");
        }
        (false, false) => {}
    }
}

fn steps(swap: &Swap) -> String {
    let steps = [
        ("build", swap.built),
        ("compile", swap.compiled),
        ("start", Some(swap.started)),
    ];
    let steps = steps
        .into_iter()
        .filter_map(|(step, time)| Some(format!("{step} {}", time?.as_millis())));
    steps.collect::<Vec<_>>().join(", ")
}

fn draining(live: usize) -> String {
    match live {
        0 => String::new(),
        live => format!(", {} draining", plural(live, "connection")),
    }
}

fn not_listening((protocol, port): Port, elsewhere: Option<u16>, facts: &Facts<'_>) {
    match (elsewhere, (facts.host_port)((protocol, port))) {
        (Some(other), Some(host)) => tracing::warn!(
            hint = format!("forward that port: `--forward {host}:{other}`"),
            "port {port} is forwarded, but the guest listens on {other}"
        ),
        _ if protocol == Protocol::Udp => {
            tracing::warn!("port {port}/udp is forwarded, but the guest has not bound it yet");
        }
        (other, host) => {
            let what = if host.is_some() { "forwarded" } else { "exposed" };
            match (facts.hint_of_silence, other) {
                (Some(hint), _) => tracing::warn!(hint, "port {port} is {what}, but the guest does not accept on it"),
                (None, Some(other)) => tracing::warn!("port {port} is {what}, but the guest listens on {other}"),
                (None, None) => tracing::warn!("port {port} is {what}, but the guest does not listen on any port yet"),
            }
        }
    }
}

/// Says what an event of the guest means to the user.
pub fn event(event: &Event) {
    match event {
        Event::Loaded(kind) => tracing::debug!("guest: {kind}"),
        Event::Listening(address) => tracing::debug!("guest: listens on {address}"),
        Event::Bound(address) => tracing::debug!("guest: binds {address}/udp"),
        Event::Denied(attempt) => denied(attempt),
        Event::NobodyListens(port) => refused(&Refusal {
            to: format!("localhost:{port}"),
            protocol: Protocol::Tcp,
            reason: Reason::NothingListensInGuest { port: *port },
        }),
        Event::NoSpace => tracing::warn!(
            hint = "raise `--tmp-size` for its /tmp, or free space in its directories",
            "the guest wrote to a full file system"
        ),
        Event::HandlesEnd => tracing::debug!("guest: handles termination"),
        Event::Closed(port) => tracing::debug!("guest: accepts no more on {port}"),
        Event::AtLimit(connections) => at_limit(*connections),
        Event::MemoryLimit(limit) => {
            let limit = bytesize::ByteSize::b(*limit);
            tracing::warn!(
                hint = "raise the limit with `--memory`",
                "the guest reached its memory limit of {limit}: an allocation was refused"
            );
        }
        Event::InstanceTrapped(text) => tracing::error!("a request failed in the guest: {text}"),
        Event::InstanceTrappedAgain(cause, times) => {
            tracing::error!("the same failure {}: {cause}", plural(*times as usize, "more time"));
        }
    }
}

/// Says what was refused in the guest's process.
fn denied(attempt: &Attempt) {
    let (to, protocol) = match attempt {
        Attempt::Records(kind, name) => {
            let kind = supervisor::records::kind(*kind);
            return refused(&Refusal {
                to: name.to_ascii_lowercase(),
                protocol: Protocol::Udp,
                reason: Reason::Records { kind },
            });
        }
        Attempt::Tcp(address) => (address.to_string(), Protocol::Tcp),
        Attempt::Name(name, port) => (format!("{name}:{port}"), Protocol::Tcp),
        Attempt::Udp(address) => (address.to_string(), Protocol::Udp),
        Attempt::UdpName(name, port) => (format!("{name}:{port}"), Protocol::Udp),
    };
    let reason = Reason::NoRule;
    refused(&Refusal { to, protocol, reason });
}

fn refused(refusal: &Refusal) {
    let text = line(&refusal.to_string());
    match refusal.hint() {
        Some(hint) => tracing::warn!(hint = line(&hint), "{text}"),
        None => tracing::warn!("{text}"),
    }
}

/// Says what has become of a connection that leaves the guest's network.
pub fn outbound(event: &egress::Event) {
    match event {
        egress::Event::Refused(refusal) => refused(refusal),
        egress::Event::Connected { to, address } => tracing::debug!("outbound: {} connected, {address}", line(to)),
        egress::Event::Closed { to, .. } => tracing::debug!("outbound: {} closed", line(to)),
        egress::Event::Failed { to, error } => tracing::debug!("outbound: {} failed: {error}", line(to)),
    }
}

/// Says what a notice of the forwards means to the user, where that is all that follows from it.
pub fn forwards(notice: &Notice) {
    match notice {
        Notice::AtLimit { connections } => at_limit(*connections),
        Notice::DoesNotAnswer { waited } => tracing::warn!(
            hint = "check for SIGSTOP, a debugger, a frozen control group, or an overloaded machine",
            "the guest's init has not answered for {}: new connections wait",
            humantime::format_duration(*waited)
        ),
        Notice::AnswersAgain => tracing::info!("the guest's init answers again; connections continue"),
        Notice::Failed { guest_port, reason } => {
            tracing::warn!("a connection to guest:{guest_port} failed: {reason}");
        }
        Notice::NotListening { .. } => {}
    }
}

fn at_limit(connections: usize) {
    tracing::warn!(
        hint = "raise `--max-connections` and `ulimit -n`: each connection needs two descriptors",
        "the limit of {connections} open connections is reached; more wait in the queue"
    );
}

fn plural(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}
