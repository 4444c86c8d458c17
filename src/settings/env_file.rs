//! Files of variables, as `docker run --env-file` reads them.
//!
//! A line is `NAME=VALUE`, or `NAME` for a variable of this environment that is passed on where it is set. What is after the
//! first `=` is the value as it stands: there are no quotes, escapes, comments behind it or other variables in it. Lines that
//! are empty or begin with `#` say nothing. (docker's cli, pkg/kvfile; `dotenvy` reads another language, the shell's.)

use anyhow::{Context, anyhow};
use report::{Failure, Result};
use std::io::Read;
use std::path::Path;

/// Longest file, in bytes.
const LONGEST: u64 = 1 << 20;

/// Reads one. A pipe will do (`--env-file <(…)`), so nobody who must not wait may read it.
///
/// # Errors
///
/// It cannot be read, or a line is wrong, which is named.
pub fn read(path: &Path) -> Result<Vec<(String, String)>> {
    let shown = path.display();
    let read = || {
        let mut text = String::new();
        std::fs::File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
        std::io::Result::Ok(text)
    };
    let text = read()
        .with_context(|| format!("--env-file: cannot read {shown}"))
        .map_err(Failure::usage)?;
    if text.len() as u64 > LONGEST {
        let longest = bytesize::ByteSize::b(LONGEST);
        return Err(Failure::usage(anyhow!("--env-file: {shown} is larger than {longest}")));
    }
    parse(&text, |name| std::env::var(name).ok()).map_err(|(line, what)| {
        Failure::usage(anyhow!("{shown}:{line}: {what}")).hint("write NAME=VALUE, or NAME to pass on a variable")
    })
}

/// The variables in their order; `lookup` has those of this environment. The error has the line's number.
fn parse(text: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<Vec<(String, String)>, (usize, &'static str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut variables = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (line, lookup(line)),
        };
        let wrong = match name {
            "" => Some("missing name before `=`"),
            name if name.contains(char::is_whitespace) => Some("the name contains white space"),
            name if name.contains('\0') => Some("the name contains a NUL byte"),
            _ if value.as_ref().is_some_and(|value| value.contains('\0')) => Some("the value contains a NUL byte"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            return Err((number + 1, wrong));
        }
        variables.extend(value.map(|value| (name.to_owned(), value)));
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_docker_reads_them() {
        let text = "\u{feff}A=1\r\n\n# comment\n   # another\n  B=two words # no comment\nC=\"quoted\" $A = x\nHERE\nNOT_HERE\nD=\nA=2";
        let lookup = |name: &str| (name == "HERE").then(|| "from here".to_owned());
        let variables = parse(text, lookup).unwrap();
        let shown: Vec<(&str, &str)> = variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                ("A", "1"),
                ("B", "two words # no comment"),
                ("C", "\"quoted\" $A = x"),
                ("HERE", "from here"),
                ("D", ""),
                ("A", "2"),
            ]
        );
    }

    #[test]
    fn a_line_that_is_wrong_is_named() {
        for (text, line) in [
            ("A=1\n=x", 2),
            ("export A=1", 1),
            ("A B", 1),
            ("A\0=1", 1),
            ("\nA=\0", 2),
        ] {
            assert_eq!(parse(text, |_| None).unwrap_err().0, line, "{text:?}");
        }
    }
}
