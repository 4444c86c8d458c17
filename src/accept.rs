//! The accept loop of wasmrun's own HTTP servers: the control socket, metrics and live reload.
//!
//! Each is a [`Router`] and says how many clients it has at once. They serve one user of this machine, so none of them may
//! cost the session more than a bounded number of tasks, whoever connects and says nothing.

#![expect(clippy::disallowed_methods, reason = "held by an AbortOnDropHandle")]

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::task::AbortOnDropHandle;

/// A request's head, and a body that is read whole, have to come within this.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// A pause after accept(2) failed for want of descriptors.
const PAUSE: Duration = Duration::from_millis(50);
/// Longest head of a request, in bytes.
const HEAD: usize = 16 * 1024;

/// How many clients there are at once.
#[derive(Clone, Copy)]
pub struct Bounds {
    pub clients: usize,
    pub others: Others,
}

/// What becomes of another client.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// It waits in the listener's queue.
    Wait,
    /// It takes the place of the client that came first, which has had its answer or says nothing.
    Displace,
    /// It is closed.
    Close,
}

/// Where clients come from.
pub trait Listener: Send + 'static {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next client; none is one that may not come in. Cancel-safe.
    fn accept(&mut self) -> impl Future<Output = io::Result<Option<Self::Stream>>> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<Option<TcpStream>> {
        TcpListener::accept(self).await.map(|(stream, _)| Some(stream))
    }
}

/// A server; dropping it ends it and every request.
pub struct Server {
    task: AbortOnDropHandle<()>,
    finishes: Arc<Notify>,
}

impl Server {
    pub fn start(listener: impl Listener, router: Router, bounds: Bounds) -> Server {
        let finishes = Arc::new(Notify::new());
        let task = tokio::spawn(serve(listener, router, bounds, finishes.clone()));
        Server {
            task: AbortOnDropHandle::new(task),
            finishes,
        }
    }

    /// Takes no more clients, and gives those that are there `limit` to be answered.
    pub async fn finish(self, limit: Duration) {
        self.finishes.notify_one();
        let _ = tokio::time::timeout(limit, self.task).await;
    }
}

async fn serve(mut listener: impl Listener, router: Router, bounds: Bounds, finishes: Arc<Notify>) {
    let service = TowerToHyperService::new(router);
    let mut clients = JoinSet::new();
    let mut in_order: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let is_open = bounds.others != Others::Wait || clients.len() < bounds.clients;
        tokio::select! {
            accepted = listener.accept(), if is_open => match accepted {
                Ok(Some(stream)) => {
                    in_order.retain(|client| !client.is_finished());
                    if in_order.len() >= bounds.clients {
                        match bounds.others {
                            Others::Displace => in_order.pop_front().iter().for_each(AbortHandle::abort),
                            Others::Close => continue,
                            Others::Wait => {}
                        }
                    }
                    let mut http = hyper::server::conn::http1::Builder::new();
                    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(HEAD);
                    // A client's own trouble concerns nobody else.
                    let connection = http.keep_alive(false).serve_connection(TokioIo::new(stream), service.clone());
                    in_order.push_back(clients.spawn(async { drop(connection.await) }));
                }
                Ok(None) => {}
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
            Some(_) = clients.join_next() => {}
            () = finishes.notified() => break,
        }
    }
    while clients.join_next().await.is_some() {}
}
