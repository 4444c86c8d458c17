//! KohakuRiver's port forwarding, the server's end: its own command line and other clients of its frames reach runs.
//!
//! ```text
//!   endpoint, status   what a URL asks for; the answer that a client wants before it forwards      no I/O
//!   frame              8 bytes of head and a payload, one WebSocket message each                    no I/O
//! ```

mod endpoint;
mod frame;
mod status;

pub use endpoint::{Endpoint, EndpointError};
pub use frame::{Frame, FrameError, HEAD, Kind, MAX_INCOMING, MAX_PAYLOAD, Protocol};
pub use status::{detail, status};
