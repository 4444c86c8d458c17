//! Takes connections in: bounded in number, and in the time that each may take to say who it is.

use super::bind::{Bound, Socket};
use super::crew::Crew;
use super::grants::Grants;
use super::peer::Peer;
use super::principal::{Door, Principal, Who};
use super::router::Router;
use super::tunnels::Tunnels;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{AbortHandle, JoinSet};
use tunnel::carrier::{Framed, tcp};

/// Most connections of HTTP at once, those that became tunnels among them.
pub const CONNECTIONS: usize = 256;
/// Longest head of a request, in bytes.
pub const HEAD: usize = 16 * 1024;
/// A head has to come within this, also the next one of a connection that is kept.
pub const HEAD_TIME: Duration = Duration::from_secs(5);
/// The same of a TLS handshake.
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// A pause after accept(2) failed for want of descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Places of connections. A stranger gives way to whoever comes after it, the oldest first, so that silence cannot keep others
/// out; whoever has shown who it is stays.
pub(crate) struct Places {
    free: Arc<Semaphore>,
    strangers: Mutex<VecDeque<(AbortHandle, Arc<AtomicBool>)>>,
}

impl Default for Places {
    fn default() -> Places {
        Places {
            free: Arc::new(Semaphore::new(CONNECTIONS)),
            strangers: Mutex::default(),
        }
    }
}

impl Places {
    /// A place; none where everybody is known.
    async fn take(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = self.free.clone().try_acquire_owned() {
            return Some(place);
        }
        if !self.evict() {
            return None;
        }
        // The task that was ended gives its place back at its next turn.
        let place = tokio::time::timeout(PAUSE, self.free.clone().acquire_owned()).await;
        place.ok()?.ok()
    }

    fn evict(&self) -> bool {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((task, is_trusted)) = strangers.pop_front() {
            if !task.is_finished() && !is_trusted.load(Ordering::Relaxed) {
                task.abort();
                return true;
            }
        }
        false
    }

    fn remember(&self, task: AbortHandle, is_trusted: Arc<AtomicBool>) {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        if strangers.len() >= CONNECTIONS {
            strangers.retain(|(task, is_trusted)| !task.is_finished() && !is_trusted.load(Ordering::Relaxed));
        }
        strangers.push_back((task, is_trusted));
    }
}

/// Accepts from one listener, for as long as it is polled.
pub(crate) async fn accept(bound: &Bound, router: &Arc<Router>, tunnels: &Tunnels, crew: &Crew, places: &Places) {
    let mut clients = JoinSet::new();
    loop {
        while clients.try_join_next().is_some() {}
        match &bound.socket {
            Socket::Tcp(listener) => {
                let Ok((stream, from)) = listener.accept().await else {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                };
                let addresses = stream.local_addr().ok().map(|to| (from, to));
                let (Some(place), Ok(())) = (places.take().await, tcp::tune(&stream)) else {
                    continue;
                };
                let is_trusted = Arc::new(AtomicBool::new(false));
                let peer = Peer::new(addresses, bound.tls.is_some(), bound.is_open, is_trusted.clone(), place);
                let (router, acceptor) = (router.clone(), bound.tls.as_ref().map(|tls| tls.acceptor()));
                let task = clients.spawn(async move {
                    let Some(acceptor) = acceptor else {
                        return serve(stream, router, peer).await;
                    };
                    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                        serve(stream, router, peer).await;
                    }
                });
                places.remember(task, is_trusted);
            }
            Socket::Unix(listener, _) => {
                let Ok((stream, _)) = listener.accept().await else {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                };
                let Some(place) = places.take().await else {
                    continue;
                };
                let is_trusted = Arc::new(AtomicBool::new(false));
                let peer = Peer::new(None, false, bound.is_open, is_trusted.clone(), place);
                let task = clients.spawn(serve(stream, router.clone(), peer));
                places.remember(task, is_trusted);
            }
            Socket::Pipe(listener, _) => {
                let Ok((stream, _)) = listener.accept().await else {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                };
                // Who says nothing is closed before it has said who it is.
                if let (Some(place), Ok(peer)) = (tunnels.place(), stream.peer_cred()) {
                    // A session is told when the hub ends, which is after the last was accepted.
                    crew.spawn(pipe(stream, peer.uid(), None, tunnels.clone(), place));
                }
            }
        }
    }
}

/// HTTP/1.1 over one connection.
async fn serve<T>(stream: T, router: Arc<Router>, peer: Peer)
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(|request: Request<Incoming>| {
        let (router, peer) = (router.clone(), peer.clone().behind(request.headers()));
        async move { Ok::<_, Infallible>(router.answer(request, &peer).await) }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD);
    // A client's own trouble concerns nobody else.
    let _ = http
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

/// The framed pipe of a user of this machine: the hub's own, and root, who may come everywhere.
pub(crate) async fn pipe(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    uid: u32,
    narrowed: Option<Grants>,
    tunnels: Tunnels,
    place: OwnedSemaphorePermit,
) {
    let own = rustix::process::geteuid().as_raw();
    if uid != own && uid != 0 {
        return;
    }
    let narrowing = narrowed.map(Arc::new);
    let principal = Principal::new(Who::User { uid, narrowing }, Door::Pipe, None);
    tunnels.serve(Box::new(Framed::new(stream)), principal, place).await;
}
