//! What one WebSocket may hold, and for how long.

use std::time::Duration;

/// What one WebSocket may hold, and for how long it may wait. The defaults are those that unmodified clients work with.
///
/// Beside [`Limits::total`] a session holds at most one frame that is being read (1 MiB), 1.2 MiB of frames that the client
/// does not read, 16 frames of 64 KiB between guests and the client, 4,096 answers of a line each, and 8 KiB for each answer
/// that is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most streams at once. A CONNECT above it is answered with ERROR.
    pub streams: usize,
    /// Most bytes that wait for one guest's connection; one frame more is taken.
    pub queue: usize,
    /// Most bytes that wait for all guests' connections together; one frame more is taken.
    pub total: usize,
    /// How long the WebSocket is not read in one go. Then the stream whose queue is full is reset.
    pub stall: Duration,
    /// How old a ping of the client may become unread, as far as can be known. KohakuRiver's client gives up after 20 s.
    pub ping_age: Duration,
    /// How long a guest's answer is read and dropped after the client's CLOSE.
    pub drain: Duration,
    /// How long datagrams may be silent both ways before their stream ends with CLOSE.
    pub idle: Duration,
    /// Silence after which the client is sent a WebSocket ping.
    pub keep_alive: Duration,
    /// How long no byte may come, nor the client's end make room for one, before the client is taken for dead. A pong that
    /// is late is no silence.
    pub silence: Duration,
    /// How long the end of the WebSocket may take.
    pub farewell: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            streams: 1024,
            queue: 4 << 20,
            total: 32 << 20,
            stall: Duration::from_secs(10),
            ping_age: Duration::from_secs(15),
            drain: Duration::from_secs(5),
            idle: Duration::from_secs(60),
            keep_alive: Duration::from_secs(15),
            silence: Duration::from_secs(60),
            farewell: Duration::from_secs(5),
        }
    }
}
