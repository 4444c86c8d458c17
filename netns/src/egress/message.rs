//! What a guest's process asks for, what it is answered, and what it tells of its connections.

use super::record::{Record, RecordKind};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// Most addresses in an answer.
pub(super) const ADDRESSES: usize = 64;
/// Most connections in a message.
pub(super) const FLOWS: usize = 64;

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Ask {
    /// A connection to this address, which has the call's number from then on.
    Connect(SocketAddr),
    /// A flow of datagrams with this address, which counts as a connection.
    Datagrams(SocketAddr),
    /// The addresses of this name.
    Resolve(String),
    /// Its records of another kind.
    Records(String, RecordKind),
}

/// What has gone over a connection so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Flow {
    pub(super) connection: u64,
    /// Bytes.
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) is_over: bool,
}

/// Said by the guest's process.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Told {
    Flows(Vec<Flow>),
    /// All that were open have been told of.
    Counted,
}

/// Tell what is open.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Count;

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Granted {
    /// The socket comes along.
    Connected,
    Addresses(Vec<IpAddr>),
    Records(Vec<Record>),
}

/// Why there is no connection, or no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Failed {
    /// No rule allows it.
    #[error("no rule allows it")]
    Denied,
    /// What the network says, as an error number of the kernel (errno(3)).
    #[error("the network refuses it: error {0}")]
    Errno(i32),
    /// Nobody knows the name.
    #[error("nobody knows the name")]
    Unknown,
    /// Whoever knows names does not answer.
    #[error("the name cannot be looked up now")]
    TryAgain,
}

pub(super) type Answer = Result<Granted, Failed>;
