//! What a session wants of a carrier.

use crate::pipe::{Frame, Malformed, Violation};
use futures::{Sink, Stream};
use std::io;

/// Frames both ways, in order and whole. After an error or the end of the stream it is not used any more.
///
/// `poll_ready` is Pending while the carrier below takes nothing, so what waits in here is a few frames.
pub trait Carrier: Stream<Item = Result<Frame, Error>> + Sink<Frame, Error = Error> + Send + Unpin {
    /// How many bytes have come, also of a frame that is not whole.
    fn bytes_received(&self) -> u64;
}

/// A carrier of any kind.
pub type BoxCarrier = Box<dyn Carrier>;

impl<C: Carrier + ?Sized> Carrier for Box<C> {
    fn bytes_received(&self) -> u64 {
        (**self).bytes_received()
    }
}

/// Why a carrier is not used any more. The session may go on over another one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What is below it failed.
    #[error("the link failed")]
    Io(#[from] io::Error),
    /// The bytes are no frame.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The peer broke a rule of the pipe.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// It ended, between two frames.
    #[error("the link was closed")]
    Closed,
    /// It ended inside a frame.
    #[error("the link was closed inside a frame")]
    Truncated,
    /// What is below speaks no WebSocket, or another one.
    #[error("the WebSocket failed")]
    WebSocket(#[source] Box<tokio_tungstenite::tungstenite::Error>),
    /// A text where only binary messages have a meaning.
    #[error("the peer sent a text message")]
    Text,
}
