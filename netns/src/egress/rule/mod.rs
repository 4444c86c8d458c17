//! Outbound rules as people type them: `[SCHEME://]DEST[:PORTS][/tcp|/udp]`.
//!
//! ```text
//!   text --> url: without scheme, user, password and path --> parse --> Rule, of a Destination, Ports and a protocol
//!                                                                `----> RuleError, which says what to write
//! ```
//!
//! A [`Rule`] is a place that a guest may connect to. What is typed may be a URL with a password in it, or the name of a variable whose
//! value is one: no error repeats either. `policy.rs` says what a rule allows; nothing here touches the kernel.

mod error;
mod parse;
mod place;
mod url;

pub use error::RuleError;
pub(super) use parse::is_numeric;
pub(super) use place::HOST_NAMES;
pub use place::{Destination, Ports, Rule};

#[cfg(test)]
#[path = "rule_tests.rs"]
pub(super) mod tests;
