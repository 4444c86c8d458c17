//! What can be asked over a control socket.

use super::message::{Down, NewForward, Stop};

/// What can be asked.
#[derive(Debug)]
pub enum Request {
    State,
    Logs {
        /// Milliseconds since 1970.
        since: Option<u64>,
        follow: bool,
    },
    Stop(Stop),
    Restart,
    Forward(NewForward),
    /// Ends a forward that was added, by its host port.
    Unforward(u16),
    Metrics,
    /// Of `wasmrun up`.
    Down(Down),
}
