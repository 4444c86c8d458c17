//! How a carrier, and how a session ends.

use super::frame::{Bye, Malformed, Refused};

/// The peer broke a rule, or is silent. The carrier is to be dropped; the session may go on over another one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The bytes are no frame.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A frame that has no place here: of the other side, or before or after the greeting.
    #[error("the peer sent a frame where it has no place")]
    Unexpected,
    /// The peer acknowledges what was never sent.
    #[error("the peer acknowledged {received} bytes, and {sent} were sent")]
    AcknowledgedAhead {
        /// What it says.
        received: u64,
        /// What is true.
        sent: u64,
    },
    /// The peer takes an acknowledgement back.
    #[error("the peer acknowledged {received} bytes after {before}")]
    AcknowledgedBack {
        /// What it says.
        received: u64,
        /// What it said before.
        before: u64,
    },
    /// The peer sends more than the buffer takes.
    #[error("the peer sent more than the buffer of {limit} bytes takes")]
    Overrun {
        /// Most bytes that have arrived and are not read.
        limit: usize,
    },
    /// The peer's buffer is below [`LEAST_BUFFER`](super::LEAST_BUFFER).
    #[error("the peer offers a buffer of {0} bytes, which is too small")]
    Buffer(u32),
    /// Nothing came for too long.
    #[error("the peer has been silent for too long")]
    Silent,
}

/// Why a session is over. No byte is lost without one of these.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum End {
    /// One side ended it. With [`Bye::DONE`] everything that it wrote has arrived.
    #[error("the session was ended{}{}", if .0.text.as_str().is_empty() { "" } else { ": " }, .0.text)]
    Bye(Bye),
    /// The server has no such session, or takes none.
    #[error("the session was refused: {}", .0.text)]
    Refused(Refused),
    /// No carrier came back in time.
    #[error("the link was down for longer than the session is kept")]
    Expired,
    /// The ends disagree about what was sent.
    #[error("the ends of the session disagree about what was sent")]
    Position,
}

/// Why a HELLO does not resume a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// A newer carrier was there before it. It gets no answer: its client has given it up.
    Stale,
    /// The ends disagree: the session is over.
    Position,
    /// The session is over already.
    Over,
}
