//! Calls between processes: a question over a channel, an answer with the same number, and a socket along with it. Both ends are
//! the same binary.

mod caller;
mod channel;

pub(crate) use caller::{Caller, Heard, Reply};
pub(crate) use channel::Channel;

use serde::{Deserialize, Serialize};

/// Longest message, in bytes: a name has 253, an answer 64 addresses.
const LONGEST: usize = 8 << 10;
/// Most calls of one caller that are not answered.
pub(crate) const IN_FLIGHT: usize = 256;

/// From who calls.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Up<Q, N> {
    Call {
        /// The answer has it again.
        number: u64,
        what: Q,
        /// What happened before, which needs no answer.
        #[serde(default = "nothing", skip_serializing_if = "Option::is_none")]
        note: Option<N>,
    },
    /// Something that needs no answer.
    Note(N),
}

fn nothing<N>() -> Option<N> {
    None
}

/// From who answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Down<A, M> {
    Answer {
        number: u64,
        what: A,
    },
    /// Something that was not asked for.
    Note(M),
}
