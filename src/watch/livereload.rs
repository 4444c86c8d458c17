//! Telling pages to refresh: server-sent events on a port of its own. Nothing is put into anybody's responses.

#![expect(clippy::disallowed_methods, reason = "held by an AbortOnDropHandle")]

use crate::origin::{is_local_host, is_local_origin};
use anyhow::anyhow;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use report::{Failure, Result};
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// Pages that listen at once.
const PAGES: usize = 256;
/// A comment line this often finds pages that went away without a word.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The server; dropping it ends it.
pub struct Livereload {
    reloads: watch::Sender<u64>,
    address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

impl Livereload {
    /// Listens on loopback only.
    pub async fn start(port: u16) -> Result<Livereload> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| {
            Failure::from(anyhow!("livereload cannot listen on port {port}: {error}"))
                .hint("name another port, or 0 for a free one: `livereload = 0` under `[watch]`")
        })?;
        let address = listener.local_addr()?;
        let reloads = watch::Sender::new(0);
        let task = tokio::spawn(serve(listener, reloads.clone()));
        Ok(Livereload {
            reloads,
            address,
            _task: AbortOnDropHandle::new(task),
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Tells every page that listens.
    pub fn tell(&self, generation: u64) {
        self.reloads.send_replace(generation);
    }
}

async fn serve(listener: TcpListener, reloads: watch::Sender<u64>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < PAGES => {
                    let reloads = reloads.clone();
                    let service = service_fn(move |request| {
                        let response = answer(&request, &reloads);
                        async move { Ok::<_, Infallible>(response) }
                    });
                    let mut http = hyper::server::conn::http1::Builder::new();
                    http.timer(TokioTimer::new());
                    connections.spawn(http.serve_connection(TokioIo::new(stream), service));
                }
                Ok(_) => {}
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

fn answer(request: &Request<Incoming>, reloads: &watch::Sender<u64>) -> Response<Body> {
    let host = request.headers().get(header::HOST);
    // A page of another site may not learn that this runs: the name it came by and the page's own must be local.
    if !host.is_some_and(is_local_host) {
        return plain(StatusCode::FORBIDDEN, "this server is for pages of this machine\n");
    }
    let origin = request.headers().get(header::ORIGIN);
    if origin.is_some_and(|origin| !is_local_origin(origin)) {
        return plain(StatusCode::FORBIDDEN, "this server is for pages of this machine\n");
    }
    if request.method() != Method::GET || request.uri().path() != "/" {
        return plain(StatusCode::NOT_FOUND, "events are at /\n");
    }
    let mut response = Response::new(events(reloads.subscribe()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::VARY, HeaderValue::from_static("origin"));
    }
    response
}

/// One event for each reload from now on.
fn events(reloads: watch::Receiver<u64>) -> Body {
    let stream = futures::stream::unfold((reloads, true), |(mut reloads, first)| async move {
        let text = if first {
            // Something at once, so that the page knows that it is connected.
            "retry: 500\n\n".to_owned()
        } else {
            match tokio::time::timeout(KEEP_ALIVE, reloads.changed()).await {
                Ok(Ok(())) => format!("event: reload\ndata: {}\n\n", *reloads.borrow_and_update()),
                Ok(Err(_)) => return None,
                Err(_) => ":\n\n".to_owned(),
            }
        };
        Some((Ok(Frame::data(Bytes::from(text))), (reloads, false)))
    });
    StreamBody::new(stream).boxed_unsync()
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Full::from(text).boxed_unsync());
    *response.status_mut() = status;
    response
}
