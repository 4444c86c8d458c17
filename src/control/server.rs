//! The supervisor's end of the control socket.

use super::message::{Complaint, Down, NewForward, Stop};
use super::request::Request;
use crate::accept::{self, Bounds, Listener, Others, PATIENCE};
use anyhow::anyhow;
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, Path, Query, Request as HttpRequest, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use bytes::Bytes;
use http::{Method, StatusCode, Uri, header};
use netns::link::Route;
use report::Failure;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::convert::Infallible;
use std::io;
use std::os::unix::net::UnixListener as StdListener;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

const BOUNDS: Bounds = Bounds {
    clients: 64,
    others: Others::Wait,
};
/// Longest body of a request, in bytes.
const BODY: usize = 16 * 1024;

/// A request that the session has to answer.
pub struct Ask {
    pub request: Request,
    pub answer: oneshot::Sender<Answer>,
}

/// What comes back.
pub enum Answer {
    Json(Vec<u8>),
    /// As OpenMetrics text.
    Metrics(String),
    /// Lines, one frame at a time, until the sender is gone. The guard goes with the connection.
    Lines(mpsc::Receiver<Bytes>, Option<Box<dyn Send>>),
    Failed(StatusCode, Failure),
    /// To another run, which is not asked over HTTP.
    Route(Route),
}

impl Answer {
    pub fn json(value: &impl serde::Serialize) -> Answer {
        match serde_json::to_vec(value) {
            Ok(json) => Answer::Json(json),
            Err(error) => Answer::Failed(StatusCode::INTERNAL_SERVER_ERROR, error.into()),
        }
    }

    fn usage(status: StatusCode, text: String) -> Answer {
        Answer::Failed(status, Failure::usage(anyhow!(text)))
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self {
            Answer::Json(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
            Answer::Metrics(text) => {
                let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                ([(header::CONTENT_TYPE, kind)], text).into_response()
            }
            Answer::Lines(lines, guard) => {
                let stream = futures::stream::unfold((lines, guard), |(mut lines, guard)| async move {
                    let line = lines.recv().await?;
                    Some((Ok::<_, Infallible>(line), (lines, guard)))
                });
                let kind = [(header::CONTENT_TYPE, "application/jsonl")];
                (kind, Body::from_stream(stream)).into_response()
            }
            Answer::Route(_) => StatusCode::NOT_FOUND.into_response(),
            Answer::Failed(status, failure) => {
                let complaint = Complaint {
                    error: failure.to_string(),
                    hint: failure.hint,
                };
                (status, Answer::json(&complaint)).into_response()
            }
        }
    }
}

/// The way to the session.
pub type Asks = mpsc::Sender<Ask>;

/// A way to the session, and the session's end of it.
pub fn asks() -> (Asks, mpsc::Receiver<Ask>) {
    mpsc::channel(BOUNDS.clients)
}

/// Asks the session.
pub async fn ask(asks: &Asks, request: Request) -> Answer {
    let over = || Answer::Failed(StatusCode::GONE, anyhow!("the run has ended").into());
    let (answer, answered) = oneshot::channel();
    match asks.send(Ask { request, answer }).await {
        Ok(()) => answered.await.unwrap_or_else(|_| over()),
        Err(_) => over(),
    }
}

/// Serves a control socket.
pub fn start(listener: StdListener, asks: Asks) -> io::Result<accept::Server> {
    listener.set_nonblocking(true)?;
    let listener = Ours(UnixListener::from_std(listener)?);
    Ok(accept::Server::start(listener, router(asks), BOUNDS))
}

/// A socket for this user and root. The folder is closed to others; this is for a folder that was opened by hand.
struct Ours(UnixListener);

impl Listener for Ours {
    type Stream = UnixStream;

    async fn accept(&mut self) -> io::Result<Option<UnixStream>> {
        let (stream, _) = self.0.accept().await?;
        let user = rustix::process::geteuid().as_raw();
        let is_ours = stream
            .peer_cred()
            .is_ok_and(|peer| peer.uid() == user || peer.uid() == 0);
        Ok(is_ours.then_some(stream))
    }
}

#[derive(Deserialize)]
struct Logs {
    since: Option<u64>,
    #[serde(default)]
    follow: bool,
    #[serde(default)]
    network: bool,
}

fn router(asks: Asks) -> Router {
    Router::new()
        .route("/v1/state", get(|State(asks)| whole(asks, Request::State)))
        .route("/v1/metrics", get(|State(asks)| whole(asks, Request::Metrics)))
        .route("/v1/logs", get(logs))
        .route("/v1/restart", post(|State(asks)| whole(asks, Request::Restart)))
        .route("/v1/stop", post(stop))
        .route("/v1/down", post(down))
        .route("/v1/forwards", post(forward))
        .route("/v1/forwards/{port}", delete(unforward))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(asks)
}

async fn whole(asks: Asks, request: Request) -> Answer {
    ask(&asks, request).await
}

async fn logs(State(asks): State<Asks>, query: Result<Query<Logs>, QueryRejection>) -> Answer {
    match query {
        Ok(Query(Logs { since, follow, network })) => {
            let request = Request::Logs { since, follow, network };
            ask(&asks, request).await
        }
        Err(error) => invalid(error),
    }
}

async fn stop(State(asks): State<Asks>, Whole(stop): Whole<Stop>) -> Answer {
    ask(&asks, Request::Stop(stop)).await
}

async fn down(State(asks): State<Asks>, Whole(down): Whole<Down>) -> Answer {
    ask(&asks, Request::Down(down)).await
}

async fn forward(State(asks): State<Asks>, Whole(new): Whole<NewForward>) -> Answer {
    ask(&asks, Request::Forward(new)).await
}

async fn unforward(State(asks): State<Asks>, port: Result<Path<u16>, PathRejection>) -> Answer {
    match port {
        Ok(Path(port)) => ask(&asks, Request::Unforward(port)).await,
        Err(error) => invalid(error),
    }
}

async fn unknown(method: Method, uri: Uri) -> Answer {
    let text = match uri.path().starts_with("/v1/") {
        true => format!("no such endpoint: {method} {}", uri.path()),
        false => format!("no such endpoint: wasmrun {} serves /v1", env!("CARGO_PKG_VERSION")),
    };
    Answer::usage(StatusCode::NOT_FOUND, text)
}

fn invalid(error: impl std::fmt::Display) -> Answer {
    Answer::usage(StatusCode::BAD_REQUEST, format!("invalid request: {error}"))
}

/// A JSON body, bounded in length and time, whatever type it is said to have.
struct Whole<T>(T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Whole<T> {
    type Rejection = Answer;

    async fn from_request(request: HttpRequest, _: &S) -> Result<Whole<T>, Answer> {
        let read = axum::body::to_bytes(request.into_body(), BODY);
        let body = tokio::time::timeout(PATIENCE, read)
            .await
            .map_err(|_| invalid("its body timed out"))?;
        let body = body.map_err(invalid)?;
        serde_json::from_slice(&body).map(Whole).map_err(invalid)
    }
}
