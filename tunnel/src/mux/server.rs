//! The server's end: takes streams and requests in, and lets a handler decide.

use super::body::{Body, Incoming, send_body};
use super::head::{CAPSULES, CONNECT_UDP, GENERATION, Head};
use super::refusal::Refusal;
use super::relay::{Channel, HALF_CLOSED, Passed, Relayed};
use super::udp::{Datagrams, IDLE, Socket};
use super::window::{CHUNK, CONNECTION, FRAMES, INITIAL, MOST_STREAMS, SEND_BUFFER, Streams};
use bytes::Bytes;
use h2::RecvStream;
use h2::server::{Connection, SendResponse};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What the layer above decides. Its futures are dropped when the client no longer waits.
pub trait Handler: Send + Sync + 'static {
    /// Makes the TCP connection of a stream. It is reset, not closed, where the stream is.
    fn connect(&self, head: Head) -> impl Future<Output = Result<Connected, Refusal>> + Send;

    /// Makes the socket of a stream of datagrams: connected, so that only the guest's port is heard.
    fn associate(&self, head: Head) -> impl Future<Output = Result<Box<dyn Socket>, Refusal>> + Send {
        let _ = head;
        std::future::ready(Err(Refusal::new(
            StatusCode::NOT_IMPLEMENTED,
            "this server forwards TCP alone",
        )))
    }

    /// Answers an ordinary request.
    fn request(&self, request: Request<Incoming>) -> impl Future<Output = Response<Body>> + Send;

    /// Ends when a stream that is open may be so no longer, which resets it at both ends.
    fn revoked(&self, head: &Head) -> impl Future<Output = ()> + Send {
        let _ = head;
        std::future::pending()
    }

    /// A TCP stream has ended, in whatever way: for counts and the audit.
    fn ended(&self, head: &Head, relayed: &Relayed) {
        let _ = (head, relayed);
    }
}

/// The other end of a stream.
pub struct Connected {
    /// TCP and nothing else: a unix socket cannot carry a reset.
    pub tcp: TcpStream,
    /// The guest's generation, for the client.
    pub generation: Option<u64>,
    /// Kept until the stream has ended: a place that it takes.
    pub held: Box<dyn Send>,
}

/// Serves one client until its connection ends, or until `stop` and then the end of the streams that are open. The caller
/// bounds that time; dropping the future resets every stream.
///
/// # Errors
///
/// The connection failed.
pub async fn serve<T, H>(io: T, handler: Arc<H>, stop: impl Future<Output = ()>) -> Result<(), h2::Error>
where
    T: AsyncRead + AsyncWrite + Unpin,
    H: Handler,
{
    let mut builder = h2::server::Builder::new();
    builder
        .initial_connection_window_size(CONNECTION)
        .initial_window_size(INITIAL)
        .max_frame_size(CHUNK)
        .max_header_list_size(16 * 1024)
        .max_concurrent_streams(MOST_STREAMS)
        // Connections that are aborted amid their answers are no fault of the peer's. h2 counts what still comes for them, once
        // it has forgotten them, and would end a connection of days at 1,024 of them.
        .max_concurrent_reset_streams(MOST_STREAMS as usize)
        .max_local_error_reset_streams(None)
        .data_frame_budget(FRAMES)
        .max_send_buffer_size(SEND_BUFFER)
        .enable_connect_protocol();
    let mut connection: Connection<T, Bytes> = builder.handshake(io).await?;
    let streams = Arc::new(Streams::default());
    let mut window = INITIAL;
    let mut stop = pin!(stop);
    let mut is_stopping = false;
    let mut tasks = JoinSet::new();
    loop {
        let accepted = poll_fn(|cx| {
            if !is_stopping && stop.as_mut().poll(cx).is_ready() {
                is_stopping = true;
                connection.graceful_shutdown();
            }
            while let Poll::Ready(Some(_)) = tasks.poll_join_next(cx) {}
            streams.adjust(&mut window, cx, |window| connection.set_initial_window_size(window));
            connection.poll_accept(cx)
        });
        let Some(accepted) = accepted.await else {
            break;
        };
        let (request, respond) = accepted?;
        tasks.spawn(answer(handler.clone(), streams.clone(), request, respond));
    }
    // What was sent has left; handlers that still work have nobody to answer.
    Ok(())
}

async fn answer<H: Handler>(
    handler: Arc<H>,
    streams: Arc<Streams>,
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
) {
    let counted = streams.count();
    if request.method() == Method::CONNECT {
        let (head, receive) = request.into_parts();
        if let Some(protocol) = head.extensions.get::<h2::ext::Protocol>() {
            let read = match protocol.as_str() {
                CONNECT_UDP => Head::read_datagrams(head.uri.path(), &head.headers),
                _ => Err(Refusal::new(
                    StatusCode::NOT_IMPLEMENTED,
                    "this server knows no such protocol",
                )),
            };
            return match read {
                Ok(head) => datagrams(&*handler, head, receive, respond, counted).await,
                Err(refusal) => refuse(respond, receive, &refusal).await,
            };
        }
        let head = Head::read(head.uri.authority(), &head.headers);
        match head {
            Ok(head) => tunnel(&*handler, head, receive, respond, counted).await,
            Err(refusal) => refuse(respond, receive, &refusal).await,
        }
    } else {
        let request = request.map(|receive| Incoming::new(receive, None));
        respond_to(&*handler, request, respond).await;
        drop(counted);
    }
}

async fn tunnel<H: Handler>(
    handler: &H,
    head: Head,
    receive: RecvStream,
    mut respond: SendResponse<Bytes>,
    counted: super::window::Counted,
) {
    let connected = tokio::select! {
        connected = handler.connect(head.clone()) => connected,
        _ = poll_fn(|cx| respond.poll_reset(cx)) => return,
    };
    let connected = match connected {
        Ok(connected) => connected,
        Err(refusal) => return refuse(respond, receive, &refusal).await,
    };
    let mut answer = Response::new(());
    if let Some(generation) = connected.generation {
        answer.headers_mut().insert(GENERATION, HeaderValue::from(generation));
    }
    let Ok(send) = respond.send_response(answer, false) else {
        // The client is gone; so is what it may have sent.
        let _ = connected.tcp.set_zero_linger();
        return;
    };
    let generation = connected.generation;
    let channel = Channel {
        send,
        receive,
        generation,
        counted,
    };
    let _held = connected.held;
    let mut open = Open {
        handler,
        head: &head,
        passed: Passed::default(),
        generation,
        began: Instant::now(),
        error: Some(io::ErrorKind::ConnectionAborted.into()),
    };
    let revoked = handler.revoked(&head);
    let passed = channel.pass(connected.tcp, HALF_CLOSED, revoked, &open.passed).await;
    open.error = passed.err();
}

/// A stream that is open. Its end is said also where the whole connection ends, which drops what relays it.
struct Open<'a, H: Handler> {
    handler: &'a H,
    head: &'a Head,
    passed: Passed,
    generation: Option<u64>,
    began: Instant,
    error: Option<io::Error>,
}

impl<H: Handler> Drop for Open<'_, H> {
    fn drop(&mut self) {
        let relayed = self.passed.relayed(self.generation, self.began, self.error.take());
        self.handler.ended(self.head, &relayed);
    }
}

async fn datagrams<H: Handler>(
    handler: &H,
    head: Head,
    receive: RecvStream,
    mut respond: SendResponse<Bytes>,
    counted: super::window::Counted,
) {
    let socket = tokio::select! {
        socket = handler.associate(head.clone()) => socket,
        _ = poll_fn(|cx| respond.poll_reset(cx)) => return,
    };
    let socket = match socket {
        Ok(socket) => socket,
        Err(refusal) => return refuse(respond, receive, &refusal).await,
    };
    let mut answer = Response::new(());
    answer.headers_mut().insert(CAPSULES, HeaderValue::from_static("?1"));
    if let Ok(send) = respond.send_response(answer, false) {
        let datagrams = Datagrams::new(send, receive, counted);
        tokio::select! {
            _ = datagrams.relay(&*socket, IDLE) => {}
            () = handler.revoked(&head) => {}
        }
    }
}

async fn respond_to<H: Handler>(handler: &H, request: Request<Incoming>, mut respond: SendResponse<Bytes>) {
    let answer = tokio::select! {
        answer = handler.request(request) => answer,
        _ = poll_fn(|cx| respond.poll_reset(cx)) => return,
    };
    let (head, body) = answer.into_parts();
    let is_empty = http_body::Body::is_end_stream(&body);
    if let Ok(send) = respond.send_response(Response::from_parts(head, ()), is_empty)
        && !is_empty
    {
        // The client has heard of a failure by a reset.
        let _ = send_body(send, body).await;
    }
}

/// Says why. What the client may send is not wanted: h2 says NO_ERROR once the answer has left and nobody holds the stream
/// (RFC 9113, 8.1). A reset here would take the answer back.
async fn refuse(mut respond: SendResponse<Bytes>, receive: RecvStream, refusal: &Refusal) {
    let (head, body) = refusal.answer();
    if let Ok(send) = respond.send_response(head, false) {
        let _ = send_body(send, http_body_util::Full::new(Bytes::from(body))).await;
    }
    drop(receive);
}
