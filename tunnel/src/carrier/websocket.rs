//! Frames over a WebSocket (RFC 6455): one frame is one binary message, under the sub-protocol [`PROTOCOL`].

use super::contract::{Carrier, Error};
use super::counted::Counted;
use crate::pipe::{Frame, MAX_FRAME};
use futures::{Sink, Stream};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};

/// The sub-protocol of the pipe, version 1.
pub const PROTOCOL: &str = "wasmrun.pipe.v1";

/// A carrier over one WebSocket.
pub struct WebSocket<T> {
    socket: WebSocketStream<Counted<T>>,
}

/// Why there is no WebSocket.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The server answered as HTTP does. Its body may say why.
    #[error("the server answered {status}")]
    Status {
        /// The status.
        status: StatusCode,
        /// The beginning of the body.
        body: Vec<u8>,
    },
    /// The ends know no sub-protocol of each other.
    #[error("the server does not speak `{PROTOCOL}`")]
    Protocol,
    /// The bytes are no handshake, or the link failed.
    #[error("the WebSocket handshake failed")]
    Failed(#[source] Box<tungstenite::Error>),
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> WebSocket<T> {
    /// Shakes hands as the client of `url` (its host and path count), with further headers. The caller bounds the time.
    ///
    /// # Errors
    ///
    /// The server wants none.
    pub async fn connect(io: T, url: &str, headers: HeaderMap) -> Result<WebSocket<T>, HandshakeError> {
        let failed = |error| HandshakeError::Failed(Box::new(error));
        let mut request = url.into_client_request().map_err(failed)?;
        request.headers_mut().extend(headers);
        request
            .headers_mut()
            .insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
        let shaken = tokio_tungstenite::client_async_with_config(request, Counted::new(io), Some(config())).await;
        match shaken {
            Ok((socket, _)) => Ok(WebSocket { socket }),
            Err(tungstenite::Error::Http(response)) => {
                let (head, body) = response.into_parts();
                Err(HandshakeError::Status {
                    status: head.status,
                    body: body.unwrap_or_default(),
                })
            }
            Err(tungstenite::Error::Protocol(tungstenite::error::ProtocolError::SecWebSocketSubProtocolError(_))) => {
                Err(HandshakeError::Protocol)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Shakes hands as the server, for any path. The caller bounds the time.
    ///
    /// # Errors
    ///
    /// The client does not offer [`PROTOCOL`], which it is told as 400.
    pub async fn accept(io: T) -> Result<WebSocket<T>, HandshakeError> {
        let config = Some(config());
        let shaken = tokio_tungstenite::accept_hdr_async_with_config(Counted::new(io), answer, config).await;
        match shaken {
            Ok(socket) => Ok(WebSocket { socket }),
            Err(tungstenite::Error::Http(_)) => Err(HandshakeError::Protocol),
            Err(error) => Err(HandshakeError::Failed(Box::new(error))),
        }
    }

    /// The server's end of a connection whose HTTP upgrade somebody else has answered, with [`PROTOCOL`].
    pub async fn upgraded(io: T) -> WebSocket<T> {
        let socket = WebSocketStream::from_raw_socket(Counted::new(io), Role::Server, Some(config())).await;
        WebSocket { socket }
    }
}

/// The answer to a client's `Sec-WebSocket-Key` (RFC 6455, 4.2.2), for whoever answers the upgrade itself.
pub fn accept_key(key: &HeaderValue) -> Option<HeaderValue> {
    HeaderValue::from_str(&tungstenite::handshake::derive_accept_key(key.as_bytes())).ok()
}

/// The sub-protocol that is chosen of those that a client offers, in one field or several.
pub fn choose(headers: &HeaderMap) -> Option<&'static str> {
    let offers = headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|field| field.to_str().ok());
    let mut offers = offers.flat_map(|field| field.split(','));
    offers.any(|offer| offer.trim() == PROTOCOL).then_some(PROTOCOL)
}

#[expect(clippy::result_large_err, reason = "tungstenite's own type of a refusal")]
fn answer(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let Some(protocol) = choose(request.headers()) else {
        let mut refusal = ErrorResponse::new(Some(format!("this server speaks `{PROTOCOL}`")));
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        return Err(refusal);
    };
    response
        .headers_mut()
        .insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    Ok(response)
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME))
}

impl From<tungstenite::Error> for Error {
    fn from(error: tungstenite::Error) -> Error {
        match error {
            tungstenite::Error::Io(error) => Error::Io(error),
            tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => Error::Closed,
            error => Error::WebSocket(Box::new(error)),
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for WebSocket<T> {
    type Item = Result<Frame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let frame = match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                Some(Ok(Message::Binary(frame))) => Frame::decode(frame).map_err(Error::from),
                Some(Ok(Message::Text(_))) => Err(Error::Text),
                Some(Ok(Message::Close(_))) | None => return Poll::Ready(None),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Err(error)) => Err(error.into()),
            };
            return Poll::Ready(Some(frame));
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Sink<Frame> for WebSocket<T> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.socket).poll_ready(cx).map_err(Error::from)
    }

    fn start_send(mut self: Pin<&mut Self>, frame: Frame) -> Result<(), Error> {
        Ok(Pin::new(&mut self.socket).start_send(Message::Binary(frame.encode()))?)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.socket).poll_flush(cx).map_err(Error::from)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.socket).poll_close(cx).map_err(Error::from)
    }
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Carrier for WebSocket<T> {
    fn bytes_received(&self) -> u64 {
        self.socket.get_ref().received()
    }
}
