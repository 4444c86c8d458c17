//! One WebSocket, from the answer to its upgrade to its end.

use super::driver::{Driver, End};
use super::error::Error;
use super::farewell;
use super::forward::Forward;
use super::limits::Limits;
use super::refusal::{close, code, line};
use super::socket;
use crate::mux::{Handler, Refusal};
use futures::SinkExt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// Serves one client on a connection whose upgrade the caller has answered (101, without sub-protocol or extensions), until
/// the client ends it, or until `stop` and then the end of the streams that are open. The caller has made sure that the run
/// exists; each CONNECT asks `handler`, with the port that it names.
///
/// Streams end with the WebSocket: by a reset, except where the client had said CLOSE. Those have [`Limits::drain`] more, so
/// that the future ends up to [`Limits::farewell`] and [`Limits::drain`] after the WebSocket. Dropping it resets every stream.
///
/// # Errors
///
/// The connection failed, or the client broke the protocol or a limit. It has been told, where that was possible.
pub async fn serve<T, H>(
    io: T,
    forward: Forward,
    handler: Arc<H>,
    limits: Limits,
    stop: impl Future<Output = ()>,
) -> Result<(), Error>
where
    T: AsyncRead + AsyncWrite + Unpin,
    H: Handler,
{
    let mut stop = pin!(stop);
    let socket = socket::open(io).await;
    let mut driver = Driver::new(socket, forward, handler, &limits);
    let ended = poll_fn(|cx| driver.poll(cx, stop.as_mut())).await;
    let frame = match &ended {
        Ok(End::Client) => None,
        Ok(End::Stopped) => Some(close(CloseCode::Away, "the server stops")),
        Err(error) => Some(close(error.code(), &error.to_string())),
    };
    let (mut socket, streams) = driver.into_parts();
    // At once for those that are reset, whatever the client does about its end.
    let streams = tokio::time::timeout(limits.drain.max(limits.farewell), streams.finish());
    let farewell = async {
        farewell::close(&mut socket, frame, limits.farewell).await;
        drop(socket);
    };
    let _ = tokio::join!(streams, farewell);
    ended.map(|_| ())
}

/// Refuses a client on a connection whose upgrade the caller has answered: it understands no status but 101. On
/// `/ws/forward` the text `Error: ...` comes first; on both, CLOSE with 1011 where the status is 500 or more, else with 1008.
/// Takes at most [`Limits::farewell`].
pub async fn refuse<T>(io: T, is_forward: bool, refusal: &Refusal, limits: &Limits)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut socket = socket::open(io).await;
    let line = line(refusal);
    let frame = close(code(refusal), &line);
    let said = async {
        if is_forward {
            let text = Message::text(format!("Error: {line}"));
            // What fails here fails below.
            let _ = socket.send(text).await;
        }
        farewell::close(&mut socket, Some(frame), limits.farewell).await;
    };
    let _ = tokio::time::timeout(limits.farewell, said).await;
}
