//! A line of a guest as it is kept and sent.

use serde::{Deserialize, Serialize};

/// Which stream of the guest's something was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamName {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A line of a guest, as `GET /v1/logs` of the control socket has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Milliseconds since 1970.
    pub time: u64,
    /// Where it was written.
    pub stream: StreamName,
    /// The generation that wrote it.
    pub generation: u64,
    /// The line, without its end.
    pub text: String,
    /// It stands for so many lines that came faster than they were read; then there is no text.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missed: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
