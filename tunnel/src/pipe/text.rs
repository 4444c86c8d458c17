//! Text that a peer says about itself or about a failure.

use std::fmt;

/// Most bytes of a text.
pub const MAX_TEXT: usize = 1024;

/// Text for people: at most [`MAX_TEXT`] bytes, without control characters, so that it can stand in a line of a terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// Control characters become spaces, and what is too long is cut.
    pub fn new(text: &str) -> Text {
        let mut clean = String::with_capacity(text.len().min(MAX_TEXT));
        for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
            if clean.len() + c.len_utf8() > MAX_TEXT {
                break;
            }
            clean.push(c);
        }
        Text(clean)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text::new(text)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
