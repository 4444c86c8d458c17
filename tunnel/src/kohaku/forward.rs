//! What the streams of a WebSocket lead to.

use std::net::SocketAddr;
use std::time::Duration;

/// What the streams of a WebSocket lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The run.
    pub run: String,
    /// `/ws/forward`: the URL's port, for streams whose CONNECT names none, and text comes first. None is `/api/tunnel`.
    pub port: Option<u16>,
    /// Who connects, for the guest and the audit.
    pub client: Option<SocketAddr>,
    /// How long a CONNECT may wait until the guest listens.
    pub wait: Option<Duration>,
}
