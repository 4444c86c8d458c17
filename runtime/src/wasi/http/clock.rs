//! Time as the server keeps it of each connection: in an atomic, and with a value for "not".

use std::time::{Duration, Instant};

/// Milliseconds since the server's start. They are never 0, which stands for "not".
#[derive(Clone, Copy)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn start() -> Clock {
        Clock(Instant::now())
    }

    pub(super) fn now(self) -> u64 {
        milliseconds(self.0.elapsed()).saturating_add(1)
    }
}

pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
