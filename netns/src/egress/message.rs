//! What a guest's process asks for, and what it is answered. Both ends are the same binary.

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// Longest message, in bytes: a name has 253, an answer 64 addresses.
pub(super) const LONGEST: usize = 8 << 10;
/// Most asks of one guest that are not answered.
pub(super) const IN_FLIGHT: usize = 256;
/// Most addresses in an answer.
pub(super) const ADDRESSES: usize = 64;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ask {
    /// The answer has it again.
    pub(super) number: u64,
    pub(super) what: What,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum What {
    /// A connection to this address.
    Connect(SocketAddr),
    /// The addresses of this name.
    Resolve(String),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) number: u64,
    pub(super) result: Result<Granted, Failed>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Granted {
    /// The socket comes along.
    Connected,
    Addresses(Vec<IpAddr>),
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
