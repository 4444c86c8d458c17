//! Words for people: sizes, times, and what guests print.

use gateway::scope::ELSEWHERE;
use std::time::Duration;

const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

/// Bytes, in three digits or so.
pub(crate) fn size(bytes: u64) -> String {
    let (mut value, mut unit) = (bytes as f64, 0);
    // What would be printed as 1024 is the next unit's.
    while value >= 1023.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let decimals = usize::from(unit > 0 && value < 99.95);
    format!("{value:.decimals$} {}", UNITS[unit])
}

/// A time that has passed, in its greatest unit: it changes seldom.
pub(crate) fn age(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => "< 1 min".to_owned(),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// `3000`, `3000 and 9229`, `80, 443 and 8080`.
pub(crate) fn listed(ports: &[u16]) -> String {
    let texts: Vec<String> = ports.iter().map(u16::to_string).collect();
    match texts.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

/// A part of a sentence, and whether it is something typed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) text: String,
    pub(crate) is_code: bool,
}

/// A message as a page has it: from a capital to a full stop, with what is between backticks apart.
pub(crate) fn sentence(message: &str) -> Vec<Part> {
    let mut message = plain(message.trim());
    let end = message.chars().last();
    if let Some(first) = message.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if end.is_some_and(|end| !matches!(end, '.' | '?' | '!' | ':')) {
        message.push('.');
    }
    let parts = message.split('`').enumerate();
    let parts = parts.map(|(place, text)| Part {
        text: text.to_owned(),
        is_code: place % 2 == 1,
    });
    parts.filter(|part| !part.text.is_empty()).collect()
}

/// A line as a guest has printed it, without what only a terminal understands: control sequences (ECMA-48, 5.4 and 5.6) and
/// characters.
pub(crate) fn plain(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => escape(&mut chars),
            '\u{9b}' => sequence(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => string(&mut chars),
            '\t' => plain.push('\t'),
            // Characters that turn the direction of what follows could make a line look like another.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    plain
}

fn escape(chars: &mut std::str::Chars<'_>) {
    let mut ahead = chars.clone();
    match ahead.next() {
        Some('[') => {
            *chars = ahead;
            sequence(chars);
        }
        Some('P' | 'X' | ']' | '^' | '_') => {
            *chars = ahead;
            string(chars);
        }
        // Intermediate bytes and a final one.
        Some(c) if c.is_ascii() && !c.is_ascii_control() => {
            let mut c = Some(c);
            while matches!(c, Some(' '..='/')) {
                c = ahead.next();
            }
            *chars = ahead;
        }
        _ => {}
    }
}

/// Parameters, then a final byte.
fn sequence(chars: &mut std::str::Chars<'_>) {
    loop {
        let mut ahead = chars.clone();
        match ahead.next() {
            Some(' '..='?') => *chars = ahead,
            Some('@'..='~') => {
                *chars = ahead;
                return;
            }
            // It is none: what follows is text.
            _ => return,
        }
    }
}

/// Up to its terminator. One that has none takes the line.
fn string(chars: &mut std::str::Chars<'_>) {
    while let Some(c) = chars.next() {
        match c {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                let mut ahead = chars.clone();
                if ahead.next() == Some('\\') {
                    *chars = ahead;
                }
                return;
            }
            _ => {}
        }
    }
}

/// A run's name as people and commands write it: `lab/web` of another machine.
pub(crate) fn run(name: &str) -> String {
    name.replace(ELSEWHERE, "/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_only_a_terminal_understands_is_left_out() {
        for (line, expected) in [
            ("plain\ttext", "plain\ttext"),
            ("\u{1b}[1;32mgreen\u{1b}[0m", "green"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;http://evil\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}(Bline\u{1b}7", "line"),
            ("\u{9b}31mred", "red"),
            ("a\u{8}\u{0}b\r", "ab"),
            ("\u{1b}", ""),
            ("\u{1b}[", ""),
            ("\u{1b}[1é", "é"),
            ("abc\u{202e}cba", "abccba"),
        ] {
            assert_eq!(plain(line), expected, "{line:?}");
        }
    }

    #[test]
    fn sizes_and_times_are_short() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1024), "1.0 KiB");
        assert_eq!(size(52_428_800), "50.0 MiB");
        assert_eq!(size(1024 * 1024 - 1), "1.0 MiB");
        assert_eq!(size(u64::MAX), "16777216 TiB");
        assert_eq!(age(Duration::from_secs(59)), "< 1 min");
        assert_eq!(age(Duration::from_mins(61)), "1 h 1 min");
        assert_eq!(age(Duration::from_hours(49)), "2 d 1 h");
        assert_eq!(listed(&[]), "");
        assert_eq!(listed(&[80]), "80");
        assert_eq!(listed(&[80, 443, 8080]), "80, 443 and 8080");
    }

    #[test]
    fn a_message_becomes_a_sentence() {
        let part = |text: &str, is_code| Part {
            text: text.into(),
            is_code,
        };
        assert_eq!(sentence("this app was stopped"), [part("This app was stopped.", false)]);
        assert_eq!(
            sentence("`web` has ended: `wasmrun ps` lists others"),
            [
                part("web", true),
                part(" has ended: ", false),
                part("wasmrun ps", true),
                part(" lists others.", false)
            ]
        );
        assert_eq!(sentence(""), []);
    }

    proptest! {
        #[test]
        fn no_line_keeps_a_control_character(line in any::<String>()) {
            let plain = plain(&line);
            prop_assert!(plain.chars().all(|c| c == '\t' || !c.is_control()));
        }

        #[test]
        fn plain_lines_stay_as_they_are(line in "[ -~äöü]{0,100}") {
            prop_assert_eq!(plain(&line), line);
        }
    }
}
