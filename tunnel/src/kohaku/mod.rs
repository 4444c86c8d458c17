//! KohakuRiver's port forwarding, the server's end: its own command line and other clients of its frames reach runs.
//!
//! ```text
//!   endpoint, status   what a URL asks for; the answer that a client wants before it forwards      no I/O
//!   frame              8 bytes of head and a payload, one WebSocket message each                    no I/O
//!   session            one WebSocket: reads it, writes it, gives each stream its frames
//!   tcp, udp           one stream: a connection or datagrams of the guest, through [`crate::mux::Handler`]
//! ```
//!
//! * One task reads and writes the WebSocket; each stream has one of its own, in a set that the session holds.
//! * The protocol has no credit. Each stream queues at most [`Limits::queue`] bytes, all together [`Limits::total`]. Above it
//!   the WebSocket is not read, for a bounded time, since a ping may wait behind what is not read; then the stream that
//!   stalls is reset (`patience`).
//! * It has no half-close either. CLOSE is FIN to the guest, and the guest's FIN is CLOSE after its last byte. Whatever else
//!   ends a stream is a reset of the guest's connection, and ERROR to the client.
//! * What is no frame of the protocol is ignored: types that nobody knows, short messages, text, data of a stream that is
//!   not there (it may have ended while the data was on its way). Only what breaks RFC 6455 ends the WebSocket.
//!
//! HTTP, TLS and who may do what are the caller's. It answers the upgrade without extensions, which declines
//! permessage-deflate. The role of KohakuRiver's program inside a container (`/ws/tunnel/ID`) is not offered.

mod driver;
mod endpoint;
mod error;
mod farewell;
mod forward;
mod frame;
mod heartbeat;
mod inbox;
mod limits;
mod outbox;
mod patience;
mod refusal;
mod session;
mod socket;
mod status;
mod streams;
mod tcp;
mod udp;

pub use endpoint::{Endpoint, EndpointError};
pub use error::Error;
pub use forward::Forward;
pub use frame::{Frame, FrameError, HEAD, Kind, MAX_INCOMING, MAX_PAYLOAD, Protocol};
pub use limits::Limits;
pub use session::{refuse, serve};
pub use status::{detail, status};
