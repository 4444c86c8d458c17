//! The resumable byte stream, version 1: a state machine without I/O and without a clock.
//!
//! ```text
//!   write --> outgoing --(DATA)--> carrier --> incoming --> read
//!             keeps until ACK                  counts what was read
//! ```
//!
//! * [`Frame`]: what goes over a carrier.
//! * [`Pipe`]: one end. It is fed with bytes, frames and the time, and yields frames, bytes and deadlines.
//!
//! A carrier may be cut at any byte. The next one begins with HELLO and WELCOME, in which each end says how much it has
//! read, and each end sends from there. So every byte arrives once and in order, or the session is over for both.
//!
//! Memory: each direction holds at most the smaller of both ends' buffers, whatever the peer does.

mod end;
mod frame;
mod incoming;
mod liveness;
mod machine;
mod outgoing;
mod settings;
mod text;

pub use end::{End, Resume, Violation};
pub use frame::{
    Bye, Data, Frame, Hello, MAGIC, MAX_DATA, MAX_FRAME, Malformed, RefusalCode, Refused, SessionId, Welcome,
};
pub use machine::{HANDSHAKE, Pipe};
pub use settings::{LEAST_BUFFER, MOST_LINGER, Settings};
pub use text::{MAX_TEXT, Text};
