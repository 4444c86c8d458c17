//! How far a session has come.

use std::time::Instant;

/// How far a session has come.
pub(super) enum Phase {
    Runs,
    Stops(Stopping),
    Over,
}

/// A session that ends.
pub(super) struct Stopping {
    pub(super) code: u8,
    /// Connections that were ended.
    pub(super) cut: usize,
    /// When it is said that there still are some, and when they are ended.
    pub(super) said: Option<Instant>,
    pub(super) end: Option<Instant>,
    /// Nothing is waited for any more.
    pub(super) at_once: bool,
}
