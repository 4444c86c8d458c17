//! Telling pages to refresh: server-sent events on a port of its own. Nothing is put into anybody's responses.

use crate::accept::{self, Bounds, Others};
use crate::origin;
use anyhow::anyhow;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::get;
use axum::{Router, middleware};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use report::{Failure, Result};
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Pages that listen at once.
const BOUNDS: Bounds = Bounds {
    clients: 256,
    others: Others::Close,
};
/// A comment line this often finds pages that went away without a word.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A page whose connection was lost comes again after this.
const RETRY: Duration = Duration::from_millis(500);

/// The server; dropping it ends it.
pub struct Livereload {
    reloads: watch::Sender<u64>,
    address: SocketAddr,
    _server: accept::Server,
}

impl Livereload {
    /// Listens on loopback only.
    pub async fn start(port: u16) -> Result<Livereload> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| {
            Failure::from(anyhow!("livereload cannot listen on port {port}: {error}"))
                .hint("choose another port, or a free one: `livereload = 0` under `[watch]`")
        })?;
        let address = listener.local_addr()?;
        let reloads = watch::Sender::new(0);
        let router = Router::new()
            .route("/", get(events))
            .fallback(|| async { (StatusCode::NOT_FOUND, "events are at /\n") })
            .layer(middleware::from_fn(origin::only_this_machine))
            .with_state(reloads.clone());
        Ok(Livereload {
            reloads,
            address,
            _server: accept::Server::start(listener, router, BOUNDS),
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

/// One event for each reload from now on.
async fn events(State(reloads): State<watch::Sender<u64>>, request: HeaderMap) -> impl IntoResponse {
    let stream = futures::stream::unfold((reloads.subscribe(), true), |(mut reloads, first)| async move {
        let event = if first {
            // Something at once, so that the page knows that it is connected.
            Event::default().retry(RETRY)
        } else {
            reloads.changed().await.ok()?;
            Event::default()
                .event("reload")
                .data(reloads.borrow_and_update().to_string())
        };
        Some((Ok::<_, Infallible>(event), (reloads, false)))
    });
    let mut headers = HeaderMap::new();
    if let Some(origin) = request.get(header::ORIGIN) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::VARY, HeaderValue::from_static("origin"));
    }
    (
        headers,
        Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)),
    )
}
