//! The WebSocket of a connection whose HTTP upgrade somebody else has answered.

use super::frame::{HEAD, MAX_INCOMING};
use crate::carrier::Counted;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

/// Most bytes that wait in the WebSocket for a client that reads nothing: pongs to its pings.
const WRITE_BUFFER: usize = 1 << 20;

pub(super) type Socket<T> = WebSocketStream<Counted<T>>;

pub(super) async fn open<T: AsyncRead + AsyncWrite + Unpin>(io: T) -> Socket<T> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(HEAD + MAX_INCOMING))
        .max_frame_size(Some(HEAD + MAX_INCOMING))
        .max_write_buffer_size(WRITE_BUFFER);
    WebSocketStream::from_raw_socket(Counted::new(io), Role::Server, Some(config)).await
}
