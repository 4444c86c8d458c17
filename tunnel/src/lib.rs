//! Streams to the runs of another machine. Knows no namespaces, no WebAssembly and no policy.
//!
//! ```text
//!  mux      HTTP/2: CONNECT for TCP, connect-udp, ordinary requests     h2
//!  session  a pipe and its carriers, as AsyncRead + AsyncWrite           tokio
//!  pipe     a byte stream that survives its carrier: acks, replay        no I/O, no clock
//!  carrier  frames over ssh's stdio, a unix socket, a WebSocket          tokio, tokio-tungstenite
//! ```
//!
//! Beside it [`kohaku`] serves clients of another protocol, with frames of its own over a WebSocket, to the same
//! [`mux::Handler`].
//!
//! Each layer knows only those below it. Nothing here has a task of its own: what has to run is a future that the caller
//! spawns where it can end it.
//!
//! What a peer sends decides no length and no wait without a bound, and ends in an error, never in a panic.

#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub, clippy::unwrap_used)]

pub mod carrier;
pub mod kohaku;
pub mod mux;
pub mod pipe;
pub mod session;
