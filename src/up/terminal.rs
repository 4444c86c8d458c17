//! The form of what services write: each line with its service's name before it.
//!
//! ```text
//!   bytes of a guest --Splitter--> lines --line--> `api    | line`, or {"service":"api","stream":"stdout","text":"line"}
//!   wasmrun's lines of a run, as JSON -----own---> `api    * line`, or the same JSON with its service
//! ```

use report::{Format, Verbosity};
use serde_json::{Value, json};

/// A line that is longer is cut into several, in bytes: a guest that writes none takes no more memory.
const LONGEST: usize = 64 * 1024;
/// Of services, in turn (ECMA-48, SGR).
const COLORS: [&str; 6] = ["36", "32", "35", "33", "34", "96"];

/// Where a guest writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// How lines are written.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Of the longest name, in bytes, which are characters.
    pub width: usize,
    pub format: Format,
    pub verbosity: Verbosity,
    /// Of standard output, and of standard error.
    pub is_colored: [bool; 2],
}

/// A service's name before each of its lines.
#[derive(Clone, Debug)]
pub struct Prefix {
    pub name: String,
    /// Which of the services it is.
    pub number: usize,
}

/// Puts a guest's lines together.
#[derive(Default)]
pub struct Splitter {
    rest: Vec<u8>,
}

impl Splitter {
    /// Takes what was written; `each` gets the lines that are whole, without their ends.
    pub fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(&[u8])) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.fill(&bytes[..end], &mut each);
            each(&self.rest);
            self.rest.clear();
            bytes = &bytes[end + 1..];
        }
        self.fill(bytes, &mut each);
    }

    /// The last line, where it has no end.
    pub fn finish(&mut self, mut each: impl FnMut(&[u8])) {
        if !self.rest.is_empty() {
            each(&self.rest);
            self.rest.clear();
        }
    }

    fn fill(&mut self, mut bytes: &[u8], each: &mut impl FnMut(&[u8])) {
        while self.rest.len() + bytes.len() > LONGEST {
            let (now, later) = bytes.split_at(LONGEST - self.rest.len());
            self.rest.extend_from_slice(now);
            each(&self.rest);
            self.rest.clear();
            bytes = later;
        }
        self.rest.extend_from_slice(bytes);
    }
}

impl Style {
    /// A guest's line, as it is written to the same stream.
    pub fn line(&self, prefix: &Prefix, stream: Stream, line: &[u8]) -> Vec<u8> {
        if self.format == Format::Json {
            let stream = match stream {
                Stream::Stdout => "stdout",
                Stream::Stderr => "stderr",
            };
            let text = String::from_utf8_lossy(line);
            let value = json!({ "service": prefix.name, "stream": stream, "text": text });
            return format!("{value}\n").into_bytes();
        }
        let mut whole = self.before(prefix, '|', self.is_colored[stream as usize]);
        whole.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        whole.push(b'\n');
        whole
    }

    /// What wasmrun says of a run, for standard error; none where it is nobody's business.
    pub fn own(&self, prefix: &Prefix, mut said: Value) -> Option<Vec<u8>> {
        let level = said["level"].as_str().unwrap_or("INFO").to_owned();
        if said["event"] == "state" || (self.verbosity == Verbosity::Errors && level != "ERROR") {
            return None;
        }
        if self.format == Format::Json {
            said["service"] = json!(prefix.name);
            return Some(format!("{said}\n").into_bytes());
        }
        let is_colored = self.is_colored[Stream::Stderr as usize];
        let before = self.before(prefix, '*', is_colored);
        let message = said["message"].as_str().unwrap_or_default();
        let label = match level.as_str() {
            "ERROR" => Some(("error", "31")),
            "WARN" => Some(("warning", "33")),
            _ => None,
        };
        let hint = said["hint"].as_str().map(|hint| (Some(("hint", "36")), hint));
        let mut whole = Vec::new();
        for (label, text) in [(label, message)].into_iter().chain(hint) {
            let mut label = label;
            for line in text.lines() {
                whole.extend_from_slice(&before);
                let line = report::line(line);
                let text = match (label.take(), is_colored) {
                    (Some((name, color)), true) => format!("\x1b[1;{color}m{name}\x1b[0m: \x1b[1m{line}\x1b[0m\n"),
                    (None, true) => format!("\x1b[1m{line}\x1b[0m\n"),
                    (Some((name, _)), false) => format!("{name}: {line}\n"),
                    (None, false) => format!("{line}\n"),
                };
                whole.extend_from_slice(text.as_bytes());
            }
        }
        Some(whole)
    }

    fn before(&self, prefix: &Prefix, mark: char, is_colored: bool) -> Vec<u8> {
        let (name, width) = (&prefix.name, self.width);
        let color = COLORS[prefix.number % COLORS.len()];
        match is_colored {
            true => format!("\x1b[{color}m{name:width$} {mark}\x1b[0m "),
            false => format!("{name:width$} {mark} "),
        }
        .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn style(format: Format, is_colored: bool) -> Style {
        Style {
            width: 6,
            format,
            verbosity: Verbosity::Usual,
            is_colored: [is_colored, false],
        }
    }

    fn api() -> Prefix {
        Prefix {
            name: "api".to_owned(),
            number: 0,
        }
    }

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_has_its_service_before_it() {
        let plain = style(Format::Text, false);
        assert_eq!(text(plain.line(&api(), Stream::Stdout, b"one")), "api    | one\n");
        assert_eq!(text(plain.line(&api(), Stream::Stderr, b"one\r")), "api    | one\n");
        assert_eq!(plain.line(&api(), Stream::Stdout, b"\xff\0"), b"api    | \xff\0\n");
        let colored = style(Format::Text, true);
        assert_eq!(
            text(colored.line(&api(), Stream::Stdout, b"one")),
            "\x1b[36mapi    |\x1b[0m one\n"
        );
        assert_eq!(text(colored.line(&api(), Stream::Stderr, b"one")), "api    | one\n");
        let json = style(Format::Json, false);
        assert_eq!(
            text(json.line(&api(), Stream::Stderr, b"a\"\xff")),
            "{\"service\":\"api\",\"stream\":\"stderr\",\"text\":\"a\\\"\u{fffd}\"}\n"
        );
    }

    #[test]
    fn own_lines_are_told_apart() {
        let plain = style(Format::Text, false);
        let said = json!({ "level": "ERROR", "message": "no guest\n  cause: gone", "hint": "build it" });
        assert_eq!(
            text(plain.own(&api(), said).unwrap()),
            "api    * error: no guest\napi    *   cause: gone\napi    * hint: build it\n"
        );
        let said = json!({ "level": "INFO", "message": "a\u{1b}[2J", "event": "ready" });
        assert_eq!(text(plain.own(&api(), said).unwrap()), "api    * a\u{fffd}[2J\n");
        assert_eq!(plain.own(&api(), json!({ "level": "INFO", "event": "state" })), None);
        let mut quiet = plain;
        quiet.verbosity = Verbosity::Errors;
        assert_eq!(quiet.own(&api(), json!({ "level": "INFO", "message": "a" })), None);
        let json = style(Format::Json, false).own(&api(), json!({ "level": "INFO", "message": "a" }));
        let json: Value = serde_json::from_slice(&json.unwrap()).unwrap();
        assert_eq!(json, json!({ "level": "INFO", "message": "a", "service": "api" }));
    }

    proptest! {
        /// However it comes in pieces, nothing is lost, and what is kept is bounded.
        #[test]
        fn lines_are_put_together(pieces in prop::collection::vec(prop::collection::vec(0..4_u8, 0..200), 0..40), long in 0..3_usize) {
            let pieces: Vec<Vec<u8>> = pieces
                .into_iter()
                .map(|piece| piece.into_iter().map(|byte| if byte == 0 { b'\n' } else { byte }).collect())
                .chain((0..long).map(|_| vec![b'x'; 100_000]))
                .collect();
            let (mut splitter, mut lines) = (Splitter::default(), Vec::new());
            for piece in &pieces {
                splitter.feed(piece, |line| lines.push(line.to_vec()));
                prop_assert!(splitter.rest.len() <= LONGEST);
            }
            splitter.finish(|line| lines.push(line.to_vec()));
            prop_assert!(lines.iter().all(|line| line.len() <= LONGEST && !line.contains(&b'\n')));
            let whole: Vec<u8> = pieces.concat().into_iter().filter(|byte| *byte != b'\n').collect();
            prop_assert_eq!(lines.concat(), whole);
        }
    }
}
