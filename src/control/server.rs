//! The supervisor's end of the control socket.

#![expect(clippy::disallowed_methods, reason = "held by an AbortOnDropHandle")]

use super::message::Complaint;
use super::request::{self, Meaning, Request};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use report::Failure;
use std::convert::Infallible;
use std::os::unix::net::UnixListener as StdListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// Clients at once; more wait in the queue.
const CLIENTS: usize = 64;
/// A request's head has to come within this.
const HEAD: Duration = Duration::from_secs(5);
/// Longest body of a request, in bytes.
const BODY: usize = 16 * 1024;

pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A request that the session has to answer.
pub struct Ask {
    pub request: Request,
    pub answer: oneshot::Sender<Answer>,
}

/// What comes back.
pub enum Answer {
    Json(Vec<u8>),
    Text(String),
    /// Lines, one frame at a time, until the sender is gone. The guard goes with the connection.
    Lines(mpsc::Receiver<Bytes>, Option<Box<dyn Send>>),
    Failed(StatusCode, Failure),
}

impl Answer {
    pub fn json(value: &impl serde::Serialize) -> Answer {
        match serde_json::to_vec(value) {
            Ok(json) => Answer::Json(json),
            Err(error) => Answer::Failed(StatusCode::INTERNAL_SERVER_ERROR, error.into()),
        }
    }
}

/// The way to the session.
pub type Asks = mpsc::Sender<Ask>;

/// A way to the session, and the session's end of it.
pub fn asks() -> (Asks, mpsc::Receiver<Ask>) {
    mpsc::channel(CLIENTS)
}

/// Asks the session; none when it is over.
pub async fn ask(asks: &Asks, request: Request) -> Option<Answer> {
    let (answer, answered) = oneshot::channel();
    asks.send(Ask { request, answer }).await.ok()?;
    answered.await.ok()
}

/// The server; dropping it ends it and every request.
pub struct Server {
    task: AbortOnDropHandle<()>,
    finishes: Arc<Notify>,
}

impl Server {
    /// Serves a control socket.
    pub fn start(listener: StdListener, asks: Asks) -> std::io::Result<Server> {
        listener.set_nonblocking(true)?;
        let listener = UnixListener::from_std(listener)?;
        let finishes = Arc::new(Notify::new());
        let task = tokio::spawn(serve(listener, asks, finishes.clone()));
        Ok(Server {
            task: AbortOnDropHandle::new(task),
            finishes,
        })
    }

    /// Takes no more requests, and gives those that are there `limit` to be answered.
    pub async fn finish(self, limit: Duration) {
        self.finishes.notify_one();
        let _ = tokio::time::timeout(limit, self.task).await;
    }
}

async fn serve(listener: UnixListener, asks: mpsc::Sender<Ask>, finishes: Arc<Notify>) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if clients.len() < CLIENTS => match accepted {
                // The folder is closed to others; this is for a folder that was opened by hand.
                Ok((stream, _)) if is_ours(&stream) => {
                    clients.spawn(converse(stream, asks.clone()));
                }
                Ok(_) => {}
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = clients.join_next() => {}
            () = finishes.notified() => break,
        }
    }
    while clients.join_next().await.is_some() {}
}

fn is_ours(stream: &UnixStream) -> bool {
    let ours = rustix::process::geteuid().as_raw();
    stream
        .peer_cred()
        .is_ok_and(|peer| peer.uid() == ours || peer.uid() == 0)
}

async fn converse(stream: UnixStream, asks: mpsc::Sender<Ask>) {
    let service = service_fn(|request| {
        let asks = asks.clone();
        async move { Ok::<_, Infallible>(answer(request, &asks).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(BODY)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // A client's own trouble concerns nobody else.
    let _ = connection.await;
}

async fn answer(request: http::Request<Incoming>, asks: &mpsc::Sender<Ask>) -> Response<Body> {
    let request = match understand(request).await {
        Ok(request) => request,
        Err((status, text)) => return complain(status, &Failure::usage(anyhow::anyhow!(text))),
    };
    match ask(asks, request).await {
        Some(Answer::Json(json)) => with_type("application/json", Full::from(json).boxed_unsync()),
        Some(Answer::Text(text)) => with_type("text/plain; version=0.0.4", Full::from(text).boxed_unsync()),
        Some(Answer::Lines(lines, guard)) => {
            let stream = futures::stream::unfold((lines, guard), |(mut lines, guard)| async move {
                let line = lines.recv().await?;
                Some((Ok(Frame::data(line)), (lines, guard)))
            });
            with_type("application/jsonl", StreamBody::new(stream).boxed_unsync())
        }
        Some(Answer::Failed(status, failure)) => complain(status, &failure),
        None => complain(StatusCode::GONE, &Failure::from(anyhow::anyhow!("the run is over"))),
    }
}

type Misunderstood = (StatusCode, String);

async fn understand(request: http::Request<Incoming>) -> Result<Request, Misunderstood> {
    let (head, body) = request.into_parts();
    let place = head.uri.path_and_query().map_or("", |place| place.as_str());
    let meaning = request::meaning(head.method.as_str(), place).map_err(|text| (StatusCode::NOT_FOUND, text))?;
    let parse = match meaning {
        Meaning::Whole(request) => return Ok(request),
        Meaning::WithBody(parse) => parse,
    };
    let wrong = |error: String| (StatusCode::BAD_REQUEST, format!("the request makes no sense: {error}"));
    let read = tokio::time::timeout(HEAD, Limited::new(body, BODY).collect()).await;
    let body = read.map_err(|_| wrong("it does not end".to_owned()))?;
    let body = body.map_err(|error| wrong(error.to_string()))?.to_bytes();
    parse(&body).map_err(|error| wrong(error.to_string()))
}

fn with_type(kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn complain(status: StatusCode, failure: &Failure) -> Response<Body> {
    let complaint = Complaint {
        error: failure.to_string(),
        hint: failure.hint.clone(),
    };
    let json = serde_json::to_vec(&complaint).unwrap_or_default();
    let mut response = with_type("application/json", Full::from(json).boxed_unsync());
    *response.status_mut() = status;
    response
}
