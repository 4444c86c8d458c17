//! What can be asked over a control socket.

use super::message::{Down, NewForward, Stop};
use netns::Protocol;

/// What can be asked.
#[derive(Debug)]
pub enum Request {
    State,
    Logs {
        /// Milliseconds since 1970.
        since: Option<u64>,
        follow: bool,
        /// Of outbound connections, not of the guest.
        network: bool,
    },
    Stop(Stop),
    Restart,
    Forward(NewForward),
    /// Ends a forward that was added, by its host port.
    Unforward(u16),
    Metrics,
    /// The way to a port of the guest, for another run.
    Link((Protocol, u16)),
    /// Of `wasmrun up`.
    Down(Down),
}
