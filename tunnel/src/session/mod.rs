//! A pipe with its carriers: a byte stream for whoever speaks over it.
//!
//! ```text
//!   Stream (AsyncRead, AsyncWrite) -- Shared (the pipe, wakers) -- Link or Sessions' Keeper (a future) -- Carrier
//! ```
//!
//! * [`connect`]: the client's end. Its [`Link`] makes carriers with a closure, for as long as it is polled.
//! * [`Sessions`]: the server's ends, found by session and identity. A [`Keeper`] runs each.
//! * [`Stream`]: fails with `ConnectionReset` when the session is over, and ends only after the peer's orderly BYE.
//!
//! Dropping a [`Stream`] ends its session; dropping a [`Link`] or a [`Keeper`] does, too.

mod backoff;
mod carry;
mod client;
mod clock;
mod server;
mod shared;
mod stream;

pub use client::{Attempt, ConnectError, Event, Link, connect};
pub use server::{AcceptError, Accepted, Keeper, Limits, Sessions};
pub use stream::{Ender, Stream};
