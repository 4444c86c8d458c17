//! The end of a WebSocket, so that the client hears why (RFC 6455, 7.1).

use super::socket::Socket;
use futures::SinkExt;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// Says CLOSE, where that has not been said, and waits for the client's end, for at most `most` in all. What still comes is
/// dropped: bytes that nobody has read when the connection is closed make the kernel reset it, and the client may then lose
/// the reason (RFC 1122, 4.2.2.13).
pub(super) async fn close<T: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut Socket<T>,
    frame: Option<CloseFrame>,
    most: Duration,
) {
    let closing = async {
        // An error is the end as well. Without a frame the answer to the client's CLOSE waits to be written.
        let _ = match frame {
            Some(frame) => socket.close(Some(frame)).await,
            None => SinkExt::close(socket).await,
        };
        let io = socket.get_mut();
        if io.shutdown().await.is_ok() {
            let mut buffer = vec![0; 16 * 1024];
            while io.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
        }
    };
    let _ = tokio::time::timeout(most, closing).await;
}
