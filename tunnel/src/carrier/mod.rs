//! What carries the frames of a pipe, until it breaks.
//!
//! * [`Carrier`]: frames in, frames out.
//! * [`Framed`]: over anything that carries bytes: ssh's stdio, a unix socket.
//! * [`websocket`]: over a WebSocket, one frame a message.
//! * [`tcp`]: options of a TCP socket below.

mod contract;
mod counted;
mod framed;
pub mod tcp;
pub mod websocket;

pub use contract::{BoxCarrier, Carrier, Error};
pub(crate) use counted::Counted;
pub use framed::Framed;
