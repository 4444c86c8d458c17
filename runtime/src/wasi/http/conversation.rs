//! One connection, served until its client ends it, its time is over, or we are asked to stop and its requests are done.

use super::body::{RequestBody, ResponseBody};
use super::line::Line;
use super::open::Open;
use super::register::Entry;
use super::rules::{self, Refusal};
use super::shared::Server;
use super::stream::Watched;
use super::streams::Streams;
use super::turns::{Share, Turn, Turns};
use crate::adoption::Accepted;
use crate::kind::Kind;
use crate::stop::Stop;
use http::{HeaderValue, Method, Request, Response, Version, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use wasmtime_wasi_http::Error as HttpError;
use wasmtime_wasi_http::handler::InstantiationError;

/// A body that is sent with its head is there after this, or on a network that is slower than the guest.
const SOON: Duration = Duration::from_millis(20);
/// An idle client of HTTP/2 is told that its connection ends, and has so long for what it has just sent.
const GOODBYE: Duration = Duration::from_secs(1);

struct Conversation {
    server: Arc<Server>,
    line: Entry<Line>,
    /// Where its client has connected to.
    local: SocketAddr,
    is_adopted: bool,
    many_at_once: watch::Sender<bool>,
    share: Share,
    streams: Streams,
    stop: Stop,
}

/// Serves one connection.
pub(super) async fn converse(server: Arc<Server>, stream: Accepted, stop: Stop) {
    let Ok(local) = stream.socket().local_addr() else {
        return;
    };
    let limits = server.limits;
    let conversation = Arc::new(Conversation {
        line: server.lines.enter(Line::new(server.clock, !stream.is_adopted())),
        local: SocketAddr::new(local.ip().to_canonical(), local.port()),
        is_adopted: stream.is_adopted(),
        many_at_once: watch::Sender::new(false),
        share: Turns::share(limits.max_requests),
        streams: Streams::default(),
        stop: stop.clone(),
        server,
    });
    conversation.server.deadlines.has_line.notify_one();
    let mut http = auto::Builder::new(conversation.streams.clone());
    // What hyper has of time-outs is for heads alone, and would end what is idle, too: `deadlines` sees to both.
    http.http1().header_read_timeout(None);
    // Both together are as long as a client may take none of its response: one that is gone takes none.
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.send_timeout / 2)
        .keep_alive_timeout(limits.send_timeout / 2)
        .max_concurrent_streams(limits.max_streams);
    let service = service_fn(|request| conversation.answer(request));
    let line = conversation.line.thing();
    let stream = Watched::new(stream, line.clone());
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    // A client of HTTP/2 is told to make its next requests on another connection (RFC 9113, 6.8: GOAWAY). In HTTP/1 there
    // is nothing that could not cross with a request; there the forward takes the next request to the next guest.
    let goes_away = async {
        let _ = conversation.many_at_once.subscribe().wait_for(|known| *known).await;
        stop.retired().await;
    };
    tokio::select! {
        // Its own error, a client that broke off for example, concerns nobody else.
        _ = connection.as_mut() => return,
        () = line.to_be_cut() => {
            if line.is_idle() {
                connection.as_mut().graceful_shutdown();
                let _ = tokio::time::timeout(GOODBYE, connection).await;
            }
            return;
        }
        () = goes_away => {}
        () = stop.asked() => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        _ = connection => {}
        () = line.to_be_cut() => {}
    }
}

impl Conversation {
    /// Answers one request. What is done before the first wait is done in the order of the requests.
    fn answer(
        self: &Arc<Self>,
        mut request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<ResponseBody>, Infallible>> + use<> {
        let is_http_2 = request.version() == Version::HTTP_2;
        if is_http_2 {
            self.many_at_once
                .send_if_modified(|known| !std::mem::replace(known, true));
        }
        let checked = rules::check(&mut request, self.local).map(|()| {
            let open = Open::new(
                &self.server.turns.exchanges,
                self.server.clock,
                self.line.thing(),
                is_http_2,
            );
            if is_http_2 {
                self.streams.begins(open.exchange());
            }
            open
        });
        let conversation = self.clone();
        async move {
            let answered: Result<_, Refusal> = match checked {
                Ok(open) => conversation.ask(request, open).await,
                Err(refusal) => Err(refusal),
            };
            // What follows a request that was refused may be its body. And nobody is between us and this client who could take
            // its next request to the next guest.
            let is_refused = answered.as_ref().is_err_and(|refusal| *refusal != Refusal::FAILED);
            let is_last = is_refused || conversation.is_adopted && conversation.stop.is_retired();
            let mut response = answered.unwrap_or_else(Refusal::response);
            if !is_http_2 && is_last {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            Ok(response)
        }
    }

    /// Has the guest answer, when the request is there and it is its turn.
    async fn ask(&self, request: Request<Incoming>, mut open: Open) -> Result<Response<ResponseBody>, Refusal> {
        let server = &self.server;
        let exchange = open.exchange().clone();
        let is_head = request.method() == Method::HEAD;
        let is_http_2 = request.version() == Version::HTTP_2;
        let expects = request.version() != Version::HTTP_10 && request.headers().contains_key(header::EXPECT);
        let (parts, body) = request.into_parts();
        let mut body = RequestBody::new(body, &exchange, server.limits.body_timeout);
        if !body.is_whole() {
            self.arrives(&mut body, expects).await.map_err(|error| match error {
                HttpError::ConnectionReadTimeout => Refusal::LATE,
                _ => Refusal::BROKEN,
            })?;
        }
        if is_http_2 {
            open.share = self.share.all.clone().acquire_owned().await.ok();
        }
        let turn: Arc<Turn> = server.turns.turn(&exchange).await;
        // An instance of 0.3 goes on to work when it has returned, until its body is delivered.
        if server.kind == Kind::Http03 {
            open.turn = Some(turn.clone());
        }
        let is_whole = body.is_whole();
        let handler = if is_whole { &server.prompt } else { &server.late };
        let gives_up = async {
            if is_whole {
                std::future::pending().await
            } else {
                exchange.body_is_given_up().await;
            }
        };
        let request = Request::from_parts(parts, body.into_wasi());
        let asks = async {
            let mut handled = pin!(handler.handle(turn, request));
            // Declared after it and so dropped before: that the client has left is known before the guest can see it.
            let open = open;
            (handled.as_mut().await, open)
        };
        let (handled, mut open) = tokio::select! {
            biased;
            () = gives_up => return Err(Refusal::LATE),
            asked = asks => asked,
        };
        match handled {
            Ok(response) => {
                let length = response.headers().get(header::CONTENT_LENGTH);
                let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
                let left = if is_head { Some(0) } else { length };
                Ok(response.map(|body| ResponseBody::new(body, open, left)))
            }
            // It may fail for want of the body before we have looked.
            Err(_) if !is_whole && exchange.is_broken() => Err(Refusal::LATE),
            Err(error) => {
                if let Some(failed) = error.downcast_ref::<InstantiationError<Arc<Turn>>>() {
                    server.failures.tell(&failed.error);
                }
                open.is_whole();
                Err(Refusal::FAILED)
            }
        }
    }

    /// Waits until the body is there, or until there is a place for one that is on its way.
    async fn arrives(&self, body: &mut RequestBody, expects: bool) -> Result<(), HttpError> {
        let turns = &self.server.turns;
        // To read is to say that it may come, and that is the guest's to say (RFC 9110, 10.1.1).
        if expects && let Some(late) = turns.late_now(&self.share) {
            body.goes_on(late);
            return Ok(());
        }
        if let Ok(came) = tokio::time::timeout(SOON, body.comes()).await {
            came?;
        } else {
            let late = tokio::select! {
                came = body.comes() => {
                    came?;
                    None
                }
                late = turns.late(&self.share, false) => Some(late),
            };
            if let Some(late) = late {
                body.goes_on(late);
                return Ok(());
            }
        }
        if body.is_whole() {
            return Ok(());
        }
        // There is more of it than is taken in ahead.
        let late = turns.late(&self.share, true).await;
        body.goes_on(late);
        Ok(())
    }
}
