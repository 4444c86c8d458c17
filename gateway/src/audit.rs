//! What happened, for whoever has to know later: one line of JSON each.
//!
//! A line has no token, code or cookie in it: nothing here is given one. Texts of clients are cut, and JSON escapes their control
//! characters (RFC 8259, 7), so that a line stays one.

use super::principal::Principal;
use serde::Serialize;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Longest text of a field, in characters.
const LONGEST: usize = 256;
/// Refusals that are written in a second; the rest is counted. Whoever is refused could fill a disk.
const REFUSALS: u32 = 50;
const SECOND: Duration = Duration::from_secs(1);

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// A browser was let in.
    Login,
    /// A session of a native client began or ended.
    Session,
    /// A browser was let into an app.
    Grant,
    /// A run was managed: restarted, stopped, its forwards changed.
    Manage,
    /// A session was ended, or a grant taken back.
    Stop,
    /// Somebody was not let in, or not let do something.
    Refusal,
    /// A connection to a guest has ended.
    Stream,
}

/// One line. What is not known is left out.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// What kind of thing.
    pub event: Event,
    /// Who: a token's name, a user's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// By which way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub door: Option<&'static str>,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<SocketAddr>,
    /// What was wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<&'static str>,
    /// Of which run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// To which of its ports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Its generation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_guest: Option<u64>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_client: Option<u64>,
    /// How long it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// How it ended, or why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
}

impl Entry {
    /// Of nobody who is known.
    pub fn new(event: Event) -> Entry {
        Entry {
            event,
            who: None,
            door: None,
            from: None,
            operation: None,
            run: None,
            port: None,
            generation: None,
            to_guest: None,
            to_client: None,
            seconds: None,
            outcome: None,
        }
    }

    /// Of somebody.
    pub fn of(event: Event, principal: &Principal) -> Entry {
        Entry {
            who: Some(principal.who.to_string()),
            door: Some(principal.door.as_str()),
            from: principal.from,
            ..Entry::new(event)
        }
    }

    /// With an outcome.
    #[must_use]
    pub fn outcome(self, outcome: impl ToString) -> Entry {
        Entry {
            outcome: Some(outcome.to_string()),
            ..self
        }
    }

    fn cut(mut self) -> Entry {
        for text in [&mut self.who, &mut self.run, &mut self.outcome].into_iter().flatten() {
            if let Some((end, _)) = text.char_indices().nth(LONGEST) {
                text.truncate(end);
            }
        }
        self
    }
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    #[serde(flatten)]
    entry: &'a Entry,
    #[serde(skip_serializing_if = "is_zero")]
    unsaid: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Writes lines.
pub struct Audit {
    writer: Mutex<Writer>,
    streams: bool,
}

struct Writer {
    to: Box<dyn Write + Send>,
    has_failed: bool,
    since: Instant,
    refusals: u32,
    unsaid: u64,
}

impl Audit {
    /// Lines to a writer: one call of `write_all` each. With `streams` each connection has one, too.
    pub fn new(to: Box<dyn Write + Send>, streams: bool) -> Audit {
        Audit {
            writer: Mutex::new(Writer {
                to,
                has_failed: false,
                since: Instant::now(),
                refusals: 0,
                unsaid: 0,
            }),
            streams,
        }
    }

    /// Nobody wants to know.
    pub fn none() -> Audit {
        Audit::new(Box::new(std::io::sink()), false)
    }

    /// Writes a line.
    pub fn say(&self, entry: Entry) {
        if entry.event == Event::Stream && !self.streams {
            return;
        }
        let entry = entry.cut();
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut unsaid = 0;
        if entry.event == Event::Refusal {
            if writer.since.elapsed() >= SECOND {
                writer.since = Instant::now();
                writer.refusals = 0;
            }
            writer.refusals += 1;
            if writer.refusals > REFUSALS {
                writer.unsaid += 1;
                return;
            }
            unsaid = std::mem::take(&mut writer.unsaid);
        }
        let line = Line {
            time: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            entry: &entry,
            unsaid,
        };
        let Ok(mut line) = serde_json::to_vec(&line) else {
            return;
        };
        line.push(b'\n');
        let written = writer.to.write_all(&line).and_then(|()| writer.to.flush());
        // Said once: the next line may find room.
        match written {
            Ok(()) => writer.has_failed = false,
            Err(error) if !writer.has_failed => {
                writer.has_failed = true;
                tracing::error!("hub: the audit cannot be written: {error}");
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(page: &Page) -> Vec<serde_json::Value> {
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_stays_one_whatever_a_client_says() {
        let page = Page::default();
        let audit = Audit::new(Box::new(page.clone()), false);
        let mut entry =
            Entry::new(Event::Session).outcome(format!("a\n{{\"event\":\"login\"}}\u{1b}[2J{}", "x".repeat(9000)));
        entry.run = Some("<script>".into());
        audit.say(entry);
        audit.say(Entry::new(Event::Stream));
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains('\u{1b}'));
        let lines = lines(&page);
        assert_eq!(lines.len(), 1, "streams were not asked for");
        assert_eq!(lines[0]["event"], "session");
        assert_eq!(lines[0]["run"], "<script>");
        assert_eq!(lines[0]["outcome"].as_str().unwrap().chars().count(), LONGEST);
    }

    #[test]
    fn refusals_in_a_flood_are_counted_and_others_are_written() {
        let page = Page::default();
        let audit = Audit::new(Box::new(page.clone()), true);
        for _ in 0..REFUSALS + 100 {
            audit.say(Entry::new(Event::Refusal));
        }
        audit.say(Entry::new(Event::Login));
        let written = lines(&page);
        assert_eq!(written.last().unwrap()["event"], "login");
        assert!(written.len() <= REFUSALS as usize + 1);
        audit.writer.lock().unwrap().since -= SECOND;
        audit.say(Entry::new(Event::Refusal));
        assert_eq!(lines(&page).last().unwrap()["unsaid"], 100);
    }
}
