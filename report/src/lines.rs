//! What wasmrun says, and in which form; `stderr` writes it.
//!
//! Everything is a `tracing` event. As text, a message stands alone, errors and warnings after their name, a `hint` on a
//! line of its own; with `--log-format json` each event is an object with its fields. Names, paths and what went wrong in a
//! guest are somebody else's text: nothing of it begins a line, and nothing is obeyed by a terminal.

use crate::Failure;
use crate::stderr;
use std::fmt;
use std::io::IsTerminal;
use std::net::SocketAddr;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The least severe event that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// Errors only.
    Errors,
    /// What a user needs to know.
    Usual,
    /// Each step.
    Steps,
    /// All that is traced.
    Everything,
}

/// The form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Our own crates: what libraries trace is not written for users.
const CRATES: [&str; 14] = [
    "wasmrun",
    "compression",
    "crypto",
    "files",
    "gateway",
    "languages",
    "netns",
    "page",
    "report",
    "runtime",
    "sqlite",
    "supervisor",
    "tls",
    "tunnel",
];

/// Installs the subscriber of all events, once, before anything else.
pub fn start(verbosity: Verbosity, format: Format) {
    let level = match verbosity {
        Verbosity::Errors => "error",
        Verbosity::Usual => "info",
        Verbosity::Steps => "debug",
        Verbosity::Everything => "trace",
    };
    let filter = CRATES
        .iter()
        .fold("off".to_owned(), |filter, name| format!("{filter},{name}={level}"));
    let filter = EnvFilter::new(filter);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| stderr::Lines)
        // A reader of our lines that goes away must not take the service with it.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    match format {
        Format::Text => builder.event_format(Text).init(),
        Format::Json => builder.json().flatten_event(true).with_current_span(false).init(),
    }
}

/// The stable line for one address that leads to the guest.
pub fn ready(host: SocketAddr, guest_port: u16, protocol: impl fmt::Display) {
    let line = ready_line(host, guest_port, &protocol);
    tracing::info!(event = "ready", %host, guest = guest_port, %protocol, "{line}");
}

/// The same for a guest of another machine, by its target.
pub fn ready_elsewhere(host: SocketAddr, target: &str, guest_port: u16, protocol: impl fmt::Display) {
    let line = format!("ready: {host} -> {target}:{guest_port}/{protocol}");
    tracing::info!(event = "ready", %host, guest = guest_port, %protocol, target, "{line}");
}

/// Its text.
pub fn ready_line(host: SocketAddr, guest_port: u16, protocol: impl fmt::Display) -> String {
    format!("ready: {host} -> guest:{guest_port}/{protocol}")
}

/// The last words of a command that failed.
pub fn failure(failure: &Failure) {
    match &failure.hint {
        Some(hint) => tracing::error!(hint, "{failure}"),
        None => tracing::error!("{failure}"),
    }
}

/// A question, of which the last line asks, to whoever sits at the terminal. Everything but a yes is a no.
pub fn ask(question: &str) -> std::io::Result<bool> {
    use std::io::Write;
    // Nothing of a session is there that it could stop.
    let mut errors = std::io::stderr().lock();
    write!(errors, "{} [y/N] ", message(question))?;
    errors.flush()?;
    drop(errors);
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Messages for people.
struct Text;

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut parts = Parts::default();
        event.record(&mut parts);
        let (name, color) = match *event.metadata().level() {
            Level::ERROR => ("error", "31"),
            Level::WARN => ("warning", "33"),
            _ => ("", ""),
        };
        if !name.is_empty() {
            label(&mut writer, name, color)?;
        }
        writeln!(writer, "{}", message(&parts.message))?;
        if let Some(hint) = parts.hint {
            label(&mut writer, "hint", "36")?;
            writeln!(writer, "{}", message(&hint))?;
        }
        Ok(())
    }
}

/// A text whose first line alone begins at the start of a line: a name or a cause may have lines of its own, and one that
/// begins like `ready:` is not to be taken for ours. Lines that are set against each other stay so.
fn message(text: &str) -> String {
    let mut lines = text.lines().map(line);
    let mut whole = lines.next().unwrap_or_default();
    let more: Vec<String> = lines.collect();
    let indent = if more.iter().all(|line| line.is_empty() || line.starts_with(' ')) {
        ""
    } else {
        "  "
    };
    for line in more {
        whole.push('\n');
        if !line.is_empty() {
            whole.push_str(indent);
            whole.push_str(&line);
        }
    }
    whole
}

/// A text in one line, without what a terminal would obey or a reader be misled by: control characters, and those that
/// change the direction of what follows (Unicode Standard Annex #9, 2.1 to 2.6; CVE-2021-42574).
pub fn line(text: &str) -> String {
    let safe = |c: char| match c {
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            char::REPLACEMENT_CHARACTER
        }
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(safe).collect()
}

fn label(writer: &mut Writer<'_>, name: &str, color: &str) -> fmt::Result {
    if writer.has_ansi_escapes() {
        write!(writer, "\x1b[1;{color}m{name}\x1b[0m: ")
    } else {
        write!(writer, "{name}: ")
    }
}

#[derive(Default)]
struct Parts {
    message: String,
    hint: Option<String>,
}

impl Visit for Parts {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message = value.to_owned(),
            "hint" => self.hint = Some(value.to_owned()),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_of_the_workspace_is_heard() {
        let manifest = include_str!("../../Cargo.toml");
        let members = manifest.split_once("members = [").unwrap().1.split(']').next().unwrap();
        let members: Vec<&str> = members.split(',').map(|name| name.trim().trim_matches('"')).collect();
        assert!(members.len() > 3);
        assert!(members.iter().all(|name| CRATES.contains(name)), "{members:?}");
    }

    #[test]
    fn what_is_not_ours_begins_no_line() {
        assert_eq!(message("one"), "one");
        assert_eq!(
            message("no guest\n  cause: it is empty"),
            "no guest\n  cause: it is empty"
        );
        assert_eq!(
            message("trapped: a\nready: 127.0.0.1:1 -> guest:1/tcp\n    0: main\n\nend"),
            "trapped: a\n  ready: 127.0.0.1:1 -> guest:1/tcp\n      0: main\n\n  end"
        );
        // What a reader could take for the end of a line is none.
        for separator in ["\r", "\u{b}", "\u{c}", "\u{1c}", "\u{85}", "\u{2028}", "\u{2029}"] {
            assert_eq!(message(&format!("a{separator}ready: b")), "a\u{fffd}ready: b");
        }
        assert_eq!(message("a\r\nb"), "a\n  b");
        // These look like nothing, and are no indentation.
        assert_eq!(message("a\n\u{200b}ready: b"), "a\n  \u{200b}ready: b");
    }

    #[test]
    fn nothing_changes_the_direction_or_is_obeyed() {
        assert_eq!(
            line("a\nb\u{1b}[2Jc\u{9b}d\u{202e}e\u{2066}f\u{200f}g\u{61c}h"),
            "a�b�[2Jc�d�e�f�g�h"
        );
        assert_eq!(line("שלום größe 日本"), "שלום größe 日本");
    }
}
