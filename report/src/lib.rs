//! What wasmrun tells its user. Knows nothing of guests, namespaces or commands.
//!
//! * `failure`: an error with its hint and exit code.
//! * `lines`: wasmrun's own lines, as text or as JSON.
//! * [`stderr`]: the one writer to standard error.
//! * [`spinner`]: progress on a terminal.
//! * [`panics`]: faults of wasmrun itself.

#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod failure;
mod lines;
pub mod panics;
pub mod spinner;
pub mod stderr;

pub use failure::{FAILED, Failure, Result, TRAPPED, USAGE};
pub use lines::{Format, Verbosity, ask, failure, line, ready, ready_elsewhere, ready_line, start};
