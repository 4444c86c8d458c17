//! Why a stream does not open.

use super::refusal::Refusal;

/// Why a stream does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The server said why.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The name cannot stand in a request.
    #[error("`{0}` is no name of a run")]
    Name(String),
    /// The server does not forward datagrams.
    #[error("the server does not forward datagrams")]
    NoDatagrams,
    /// The stream or the whole connection failed.
    #[error("the connection to the server failed")]
    Lost(#[from] h2::Error),
}
