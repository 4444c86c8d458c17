//! What `up` says to the user.

use super::state::{Say, Waits};
use std::collections::BTreeMap;
use std::time::Duration;

/// Says it.
pub fn say(what: Say) {
    match what {
        Say::NotStarted(service, why) => {
            tracing::error!(event = "not-started", service, "{service} not started: {why}");
        }
        Say::Failed(service, code) => {
            tracing::error!(event = "failed", service, code, "{service} failed (exit {code})");
        }
        Say::AwaitsChange {
            service,
            code,
            dependants,
        } => {
            let exit = code.map_or_else(String::new, |code| format!(" (exit {code})"));
            let wait = match dependants.as_slice() {
                [] => String::new(),
                [one] => format!("; {one} waits for it"),
                more => format!("; {} wait for it", more.join(", ")),
            };
            tracing::error!(
                event = "failed",
                service,
                "{service} failed{exit}, and starts with its next build{wait}"
            );
        }
        Say::Ready(service, took) => tracing::debug!(event = "up", service, "{service} is ready after {}", time(took)),
        Say::Restarts(service, code, pause) => tracing::error!(
            event = "restarts",
            service,
            code,
            "the run of {service} has ended (exit {code}); restarting in {}",
            humantime::format_duration(pause)
        ),
        Say::Waits(all) => {
            let lines: String = all
                .iter()
                .map(|(name, waits)| format!("\n  {name} {}", sentence(name, waits)))
                .collect();
            tracing::info!(event = "waiting", "not ready yet:{lines}");
        }
        Say::Stopping(names) => {
            tracing::info!("stopping {}; press Ctrl-C again to stop now", names.join(", "));
        }
    }
}

fn sentence(name: &str, waits: &Waits) -> String {
    match waits {
        Waits::For(others) => format!("waits for {}", others.join(", ")),
        Waits::Ports(ports) => {
            let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
            format!("does not listen on {}, which others link to", ports.join(", "))
        }
        Waits::Is(condition) => format!("is {condition}: see what {name} says"),
        Waits::Change => "failed, and waits for a change".to_owned(),
    }
}

/// Every service, how it is, and what leads to it.
pub fn table(states: &[(String, String)], forwards: &BTreeMap<String, Vec<String>>, took: Duration) {
    let none = Vec::new();
    let rows = states.iter().map(|(name, state)| {
        let forwards = forwards.get(name).unwrap_or(&none).join(", ");
        [name.as_str(), state.as_str(), &forwards].map(str::to_owned)
    });
    let rows: Vec<[String; 3]> = rows.collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let (names, states) = (width(0), width(1));
    let lines = rows.iter().map(|[name, state, forwards]| {
        let line = format!("  {name:names$}  {state:states$}  {forwards}");
        format!("\n{}", line.trim_end())
    });
    let lines: String = lines.collect();
    tracing::info!(event = "services", "services after {}:{lines}", time(took));
}

fn time(time: Duration) -> String {
    match time.as_millis() {
        short @ ..1000 => format!("{short} ms"),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}
