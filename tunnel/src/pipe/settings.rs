//! What one end of a pipe is told when it begins.

use std::time::Duration;

/// Least buffer of a direction. A peer that offers less is refused: it would get nowhere.
pub const LEAST_BUFFER: usize = 64 * 1024;
/// Longest that a session outlives its carrier. The field of WELCOME ends at 18 hours; a day is not needed.
pub const MOST_LINGER: Duration = Duration::from_secs(u16::MAX as u64);

/// Settings of one end. The client follows the server's `linger` and `ping`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Most bytes held in one direction: those that were written and are not acknowledged, or have arrived and are not read.
    pub buffer: usize,
    /// How long a session outlives its carrier, in whole seconds. Zero: not at all.
    pub linger: Duration,
    /// Silence after which a PING is sent, in whole seconds, +-20 %. The carrier is dead after 2.5 times that.
    pub ping: Duration,
    /// The client's program and version, for the server's log.
    pub agent: String,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            buffer: 16 * 1024 * 1024,
            linger: Duration::from_secs(60),
            ping: Duration::from_secs(15),
            agent: String::new(),
        }
    }
}

impl Settings {
    pub(super) fn held(&self) -> u32 {
        u32::try_from(self.buffer.max(LEAST_BUFFER)).unwrap_or(u32::MAX)
    }

    pub(super) fn linger_seconds(&self) -> u16 {
        u16::try_from(self.linger.as_secs()).unwrap_or(u16::MAX)
    }

    pub(super) fn ping_seconds(&self) -> u16 {
        u16::try_from(self.ping.as_secs()).unwrap_or(u16::MAX).max(1)
    }
}
