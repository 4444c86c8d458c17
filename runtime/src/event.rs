//! What a guest's host sees while it runs.

use crate::egress::RecordKind;
use crate::kind::Kind;
use std::net::SocketAddr;
use std::sync::Arc;

/// Something that the guest did and that others act on.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Event {
    /// The code is loaded and linked.
    Loaded(Kind),
    /// The guest is about to listen on this TCP address.
    Listening(SocketAddr),
    /// The guest is about to bind a socket for datagrams to this address.
    Bound(SocketAddr),
    /// The guest tried to reach out and was refused.
    Denied(Attempt),
    /// The guest tried to connect to this port of its own localhost, where nothing listens.
    NobodyListens(u16),
    /// The guest asked for more memory than it may have, in bytes.
    MemoryLimit(u64),
    /// What the guest wrote into a file found no room.
    NoSpace,
    /// The guest has a handler for its end, which takes time.
    HandlesEnd,
    /// The guest accepts no more on this port, from any listener.
    Closed(u16),
    /// So many connections are open that came by listeners of the host, which is the limit; more wait in the queue.
    AtLimit(usize),
    /// An HTTP instance trapped; the text has the backtrace. The next request has a new one.
    InstanceTrapped(String),
    /// A trap that was told before has come so many times again; the text is its cause.
    InstanceTrappedAgain(String, u64),
}

/// An outbound attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Attempt {
    /// A TCP connection to this address.
    Tcp(SocketAddr),
    /// A TCP connection to this port of a host with this name, or an HTTP request there.
    Name(String, u16),
    /// A datagram to this address.
    Udp(SocketAddr),
    /// A datagram to this port of a host with this name.
    UdpName(String, u16),
    /// The records of this name.
    Records(RecordKind, String),
}

/// Receives events, on any thread of the guest's process.
pub type Events = Arc<dyn Fn(Event) + Send + Sync>;
