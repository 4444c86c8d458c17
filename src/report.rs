//! What wasmrun says: the only module that writes to standard error.
//!
//! Everything is a `tracing` event. As text, a message stands alone, errors and warnings after their name, a `hint` on a
//! line of its own; with `--log-format json` each event is an object with its fields.

use crate::cli::{LogFormat, Talk};
use crate::failure::Failure;
use netns::Protocol;
use std::fmt;
use std::io::IsTerminal;
use std::net::SocketAddr;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Sets up what is said and how, once, before anything else.
pub fn start(talk: &Talk) {
    let level = match (talk.quiet, talk.verbose) {
        (true, _) => "error",
        (false, 0) => "info",
        (false, 1) => "debug",
        (false, _) => "trace",
    };
    // Only our own crates: what libraries trace is not written for users.
    let filter = EnvFilter::new(format!("off,wasmrun={level},netns={level},runtime={level}"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A reader of our lines that goes away must not take the service with it.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    match talk.log_format {
        LogFormat::Text => builder.event_format(Text).init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).init(),
    }
}

/// The stable line for one address that leads to the guest.
pub fn ready(host: SocketAddr, guest_port: u16, protocol: Protocol) {
    tracing::info!(event = "ready", %host, guest = guest_port, %protocol, "ready: {host} -> guest:{guest_port}/{protocol}");
}

/// The last words of a command that failed.
pub fn failure(failure: &Failure) {
    match &failure.hint {
        Some(hint) => tracing::error!(hint, "{failure}"),
        None => tracing::error!("{failure}"),
    }
}

/// A question to whoever sits at the terminal. Everything but a yes is a no.
pub fn ask(question: &str) -> std::io::Result<bool> {
    use std::io::Write;
    let mut errors = std::io::stderr().lock();
    write!(errors, "{} [y/N] ", harmless(question))?;
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
        writeln!(writer, "{}", harmless(&parts.message))?;
        if let Some(hint) = parts.hint {
            label(&mut writer, "hint", "36")?;
            writeln!(writer, "{}", harmless(&hint))?;
        }
        Ok(())
    }
}

/// Without what a terminal would obey: names of functions, files and processes are somebody else's text.
pub fn harmless(text: &str) -> String {
    let safe = |c: char| {
        if c.is_control() && c != '\n' {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
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
