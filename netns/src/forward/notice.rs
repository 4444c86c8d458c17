//! What a person may want to know of forwards.

use std::sync::Arc;
use std::time::Duration;

/// Something that happened to a forward and that a person may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A connection was given up because nothing in the guest listened on the port in time.
    NotListening {
        /// The guest's port.
        guest_port: u16,
        /// How long the connection waited.
        waited: Duration,
    },
    /// The connection limit is reached; new connections wait in the queue.
    AtLimit {
        /// The limit.
        connections: usize,
    },
    /// The process that makes the guest's sockets does not answer, and connections wait for it.
    DoesNotAnswer {
        /// How long it has not: two seconds, then [`super::Target::SILENT`].
        waited: Duration,
    },
    /// It answers again.
    AnswersAgain,
    /// A connection could not be accepted or made.
    Failed {
        /// The guest's port.
        guest_port: u16,
        /// What the kernel said.
        reason: String,
    },
}

/// Receives notices, from any worker thread.
pub type OnNotice = Arc<dyn Fn(Notice) + Send + Sync>;
