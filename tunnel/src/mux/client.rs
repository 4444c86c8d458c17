//! The client's end: opens streams and makes requests.

use super::body::{Incoming, send_body};
use super::error::OpenError;
use super::head::{GENERATION, Head};
use super::refusal::{MOST, Refusal};
use super::relay::{Channel, Passed, Relayed, TcpEnd, both, close, inwards, outwards};
use super::udp::Datagrams;
use super::window::{CHUNK, CONNECTION, FRAMES, INITIAL, MOST_STREAMS, SEND_BUFFER, Streams};
use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request, Response, StatusCode};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// How long a refusal may take to say why.
const REASON: Duration = Duration::from_secs(5);

/// Opens streams. Clones share the connection, which ends when the last one and every stream is gone.
#[derive(Clone)]
pub struct Client {
    requests: SendRequest<Bytes>,
    streams: Arc<Streams>,
}

/// Moves the bytes of all streams. It has to be polled ([`Driver::run`]), in a task of the caller's.
pub struct Driver<T: AsyncRead + AsyncWrite + Unpin> {
    connection: Connection<T, Bytes>,
    streams: Arc<Streams>,
    window: u32,
}

/// Begins a connection. The server's first bytes are not waited for.
///
/// # Errors
///
/// The stream has failed.
pub async fn connect<T: AsyncRead + AsyncWrite + Unpin>(io: T) -> Result<(Client, Driver<T>), h2::Error> {
    let mut builder = h2::client::Builder::new();
    builder
        .enable_push(false)
        .initial_connection_window_size(CONNECTION)
        .initial_window_size(INITIAL)
        .max_frame_size(CHUNK)
        .max_header_list_size(16 * 1024)
        // Connections that are aborted amid their answers are no fault of the peer's. h2 counts what still comes for them, once
        // it has forgotten them, and would end a connection of days at 1,024 of them.
        .max_concurrent_reset_streams(MOST_STREAMS as usize)
        .max_local_error_reset_streams(None)
        .data_frame_budget(FRAMES)
        .max_send_buffer_size(SEND_BUFFER);
    let (requests, connection) = builder.handshake(io).await?;
    let streams = Arc::new(Streams::default());
    let driver = Driver {
        connection,
        streams: streams.clone(),
        window: INITIAL,
    };
    Ok((Client { requests, streams }, driver))
}

impl<T: AsyncRead + AsyncWrite + Unpin> Driver<T> {
    /// Runs until the connection ends.
    ///
    /// # Errors
    ///
    /// It failed; so have all of its streams.
    pub async fn run(mut self) -> Result<(), h2::Error> {
        poll_fn(|cx| {
            let connection = &mut self.connection;
            let set = |window| connection.set_initial_window_size(window);
            self.streams.adjust(&mut self.window, cx, set);
            Pin::new(&mut self.connection).poll(cx)
        })
        .await
    }
}

impl Client {
    /// Opens a TCP stream to a port of a run.
    ///
    /// # Errors
    ///
    /// The server opens none, or is not there.
    pub async fn open(&self, head: &Head) -> Result<Channel, OpenError> {
        let request = head.request().ok_or_else(|| OpenError::Name(head.run.clone()))?;
        let requests = self.requests.clone().ready().await?;
        let counted = self.streams.count();
        let (headers, send, receive) = opened(requests, request).await?;
        Ok(Channel {
            send,
            receive,
            generation: generation(&headers),
            counted,
        })
    }

    /// Opens a TCP stream and relays a connection into it, as [`Client::open`] and [`Channel::relay`] do, but what the connection
    /// says first is sent with the request: no round trip passes before it is on its way.
    ///
    /// # Errors
    ///
    /// The server opens none, or is not there. The connection was reset.
    pub async fn carry(&self, head: &Head, tcp: TcpStream, half_closed: Duration) -> Result<Relayed, OpenError> {
        let mut end = TcpEnd::new(tcp);
        let request = head.request().ok_or_else(|| OpenError::Name(head.run.clone()))?;
        let mut requests = self.requests.clone().ready().await?;
        let _counted = self.streams.count();
        let (response, mut send) = requests.send_request(request, false)?;
        let (passed, began) = (Passed::default(), Instant::now());
        let (generation, result) = {
            let (read, write) = end.split();
            let mut sending = std::pin::pin!(outwards(read, &mut send, &passed));
            let (mut response, mut sent) = (std::pin::pin!(response), None);
            // What stops it may be the refusal, which says why.
            let answer = loop {
                tokio::select! {
                    answer = &mut response => break answer?,
                    result = &mut sending, if sent.is_none() => sent = Some(result),
                }
            };
            let (answer, mut receive) = answer.into_parts();
            if answer.status != StatusCode::OK {
                return Err(reason(answer.status, receive).await.into());
            }
            let sending = async {
                match sent {
                    Some(result) => result,
                    None => sending.await,
                }
            };
            let result = both(sending, inwards(&mut receive, write, &passed), half_closed, &passed).await;
            (generation(&answer.headers), result)
        };
        close(&mut end, &mut send, &result);
        Ok(passed.relayed(generation, began, result.err()))
    }

    /// Opens a stream of datagrams to a port of a run: one for each local peer. The server has to have said that it forwards
    /// them, which it does before it answers the first request.
    ///
    /// # Errors
    ///
    /// The server opens none, or is not there.
    pub async fn associate(&self, head: &Head) -> Result<Datagrams, OpenError> {
        let request = head
            .datagram_request()
            .ok_or_else(|| OpenError::Name(head.run.clone()))?;
        let requests = self.requests.clone().ready().await?;
        if !requests.is_extended_connect_protocol_enabled() {
            return Err(OpenError::NoDatagrams);
        }
        let counted = self.streams.count();
        let (_, send, receive) = opened(requests, request).await?;
        Ok(Datagrams::new(send, receive, counted))
    }

    /// Makes a request, and gives the answer when its head is there. The body of the request is sent meanwhile; what
    /// follows of it is sent by the second value, a future that the caller polls beside the answer's body.
    ///
    /// # Errors
    ///
    /// The connection or the request failed.
    pub async fn request<B>(
        &self,
        request: Request<B>,
    ) -> Result<
        (
            Response<Incoming>,
            impl Future<Output = std::io::Result<()>> + Send + use<B>,
        ),
        OpenError,
    >
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let is_empty = body.is_end_stream();
        let mut requests = self.requests.clone().ready().await?;
        let counted = self.streams.count();
        let (response, send) = requests.send_request(Request::from_parts(head, ()), is_empty)?;
        let mut sending: Pin<Box<dyn Future<Output = std::io::Result<()>> + Send>> = match is_empty {
            true => Box::pin(std::future::ready(Ok(()))),
            false => Box::pin(send_body(send, body)),
        };
        let mut response = std::pin::pin!(response);
        let mut is_sent = false;
        let answer = loop {
            tokio::select! {
                answer = &mut response => break answer?,
                // A body that is refused does not hide the answer that says why.
                _ = &mut sending, if !is_sent => is_sent = true,
            }
        };
        let rest = async move { if is_sent { Ok(()) } else { sending.await } };
        Ok((answer.map(|receive| Incoming::new(receive, Some(counted))), rest))
    }
}

/// The guest's, where the server says it.
fn generation(headers: &HeaderMap) -> Option<u64> {
    headers.get(GENERATION)?.to_str().ok()?.parse().ok()
}

/// A stream that the server has opened, with the head of its answer.
async fn opened(
    mut requests: SendRequest<Bytes>,
    request: Request<()>,
) -> Result<(HeaderMap, SendStream<Bytes>, RecvStream), OpenError> {
    let (response, mut send) = requests.send_request(request, false)?;
    let (answer, receive) = response.await?.into_parts();
    if answer.status != StatusCode::OK {
        let refusal = reason(answer.status, receive).await;
        // Nothing was sent, and after this nothing is read.
        send.send_reset(Reason::NO_ERROR);
        return Err(refusal.into());
    }
    Ok((answer.headers, send, receive))
}

/// The beginning of a refusal's body, where it comes in time.
async fn reason(status: StatusCode, mut receive: RecvStream) -> Refusal {
    let mut body = Vec::new();
    let read = async {
        while let Some(Ok(data)) = receive.data().await {
            body.extend_from_slice(&data[..data.len().min(MOST - body.len())]);
            if receive.flow_control().release_capacity(data.len()).is_err() || body.len() == MOST {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(REASON, read).await;
    Refusal::read(status, &body)
}
