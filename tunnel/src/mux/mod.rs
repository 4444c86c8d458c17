//! HTTP/2 (RFC 9113) over one byte stream: many streams, each with its own credit, end and reset.
//!
//! ```text
//!   CONNECT web:3000        -> a TCP connection to port 3000 of the run `web`      [`Client::open`], [`Handler::connect`]
//!   CONNECT, connect-udp    -> datagrams of that port (RFC 9298)                   [`Client::associate`]
//!   GET /v1/runs            -> anything that is a request                          [`Client::request`], [`Handler::request`]
//! ```
//!
//! * FIN is END_STREAM and nothing else is. Every other end is a reset, of the stream and of the TCP connection.
//! * One stream that stalls holds its own window, not the connection's (`window`).

mod body;
mod client;
mod datagram;
mod error;
mod head;
mod queue;
mod refusal;
mod relay;
mod server;
mod udp;
mod window;

pub use body::{Body, Incoming};
pub use client::{Client, Driver, connect};
pub use datagram::MAX_DATAGRAM;
pub use error::OpenError;
pub use head::{CLIENT, GENERATION, Head, WAIT};
pub use refusal::Refusal;
pub(crate) use relay::TcpEnd;
pub use relay::{Channel, HALF_CLOSED, Relayed};
pub use server::{Connected, Handler, serve};
pub use udp::{Datagrams, IDLE, Passed, Socket};
pub use window::MOST_STREAMS;
