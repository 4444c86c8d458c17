//! Why a session did not end as it should, and the code of RFC 6455 (7.4.1) that says so.

use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// Why a session did not end as it should.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection failed, or was not spoken as RFC 6455 has it.
    #[error("the WebSocket failed")]
    WebSocket(#[source] Box<tungstenite::Error>),
    /// A message is longer than any frame.
    #[error("the client sent a message of {0} bytes")]
    Long(usize),
    /// No sign of life for [`Limits::silence`](super::Limits::silence).
    #[error("the client is silent")]
    Silent,
    /// The client asks and does not read the answers.
    #[error("the client does not read its answers")]
    Flooded,
}

impl From<tungstenite::Error> for Error {
    fn from(error: tungstenite::Error) -> Error {
        match error {
            tungstenite::Error::Capacity(CapacityError::MessageTooLong { size, .. }) => Error::Long(size),
            error => Error::WebSocket(Box::new(error)),
        }
    }
}

impl Error {
    pub(super) fn code(&self) -> CloseCode {
        match self {
            Error::Long(_) => CloseCode::Size,
            Error::WebSocket(error) => match **error {
                tungstenite::Error::Utf8(_) => CloseCode::Invalid,
                _ => CloseCode::Protocol,
            },
            Error::Silent => CloseCode::Away,
            Error::Flooded => CloseCode::Policy,
        }
    }
}
