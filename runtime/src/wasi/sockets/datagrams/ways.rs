//! Flows of a socket with addresses outside of the guest's network. Each is a connection of its own, which is made when something is
//! first sent there ([`crate::Egress`]).

#![expect(clippy::disallowed_methods, reason = "held by an AbortOnDropHandle")]

use crate::egress::{Datagrams, Egress};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::task::AbortOnDropHandle;

/// Flows of one socket; the one that is used least has to go for another.
const FLOWS: usize = 64;
/// Where there are several, one over which nothing went for so long is over.
const IDLE: Duration = Duration::from_secs(60);
/// Datagrams that wait to be read; more wait in the queues of the network.
const WAITING: usize = 64;

/// What comes from outside, with its sender.
type Came = io::Result<(Vec<u8>, SocketAddr)>;

/// The flows of one socket.
pub(crate) struct Ways {
    flows: Arc<Mutex<Vec<Flow>>>,
    came: Sender<Came>,
    next: tokio::sync::Mutex<Receiver<Came>>,
}

struct Flow {
    to: SocketAddr,
    end: Arc<dyn Datagrams>,
    used: Instant,
    /// Reads what comes, until the flow is dropped.
    _reads: AbortOnDropHandle<()>,
}

/// It is consistent at every step, so a panic elsewhere does not spoil it.
fn lock(flows: &Mutex<Vec<Flow>>) -> MutexGuard<'_, Vec<Flow>> {
    flows.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for Ways {
    fn default() -> Ways {
        let (came, next) = channel(WAITING);
        Ways {
            flows: Arc::default(),
            came,
            next: tokio::sync::Mutex::new(next),
        }
    }
}

impl Ways {
    /// Sends a datagram. The first one to an address waits for its flow.
    pub(crate) async fn send(&self, egress: &dyn Egress, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        match self.flow(egress, to).await?.send(bytes).await {
            // It has ended meanwhile; there may be another.
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                lock(&self.flows).retain(|flow| flow.to != to);
                self.flow(egress, to).await?.send(bytes).await
            }
            sent => sent,
        }
    }

    /// Makes a flow, without anything being sent.
    pub(super) async fn open(&self, egress: &dyn Egress, to: SocketAddr) -> io::Result<()> {
        self.flow(egress, to).await.map(drop)
    }

    /// Ends all flows.
    pub(super) fn close(&self) {
        lock(&self.flows).clear();
    }

    /// The next datagram from outside, or what the network says of one that was sent. Cancel-safe.
    pub(crate) async fn receive(&self) -> Came {
        // Whoever came first has the next.
        match self.next.lock().await.recv().await {
            Some(came) => came,
            // A sender of its own is kept.
            None => std::future::pending().await,
        }
    }

    /// The same, for who is alone with it.
    pub(crate) fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Came> {
        match ready!(self.next.get_mut().poll_recv(context)) {
            Some(came) => Poll::Ready(came),
            None => Poll::Pending,
        }
    }

    async fn flow(&self, egress: &dyn Egress, to: SocketAddr) -> io::Result<Arc<dyn Datagrams>> {
        if let Some(end) = used(&mut lock(&self.flows), to) {
            return Ok(end);
        }
        let end = egress.datagrams(to).await?;
        let mut flows = lock(&self.flows);
        // Another call may have made one meanwhile.
        if let Some(end) = used(&mut flows, to) {
            return Ok(end);
        }
        let now = Instant::now();
        flows.retain(|flow| now.duration_since(flow.used) < IDLE);
        if flows.len() >= FLOWS
            && let Some(least) = (0..flows.len()).min_by_key(|&at| flows[at].used)
        {
            flows.swap_remove(least);
        }
        let reads = tokio::spawn(read(end.clone(), to, self.came.clone(), self.flows.clone()));
        flows.push(Flow {
            to,
            end: end.clone(),
            used: now,
            _reads: AbortOnDropHandle::new(reads),
        });
        Ok(end)
    }
}

/// The flow with an address, which is used now.
fn used(flows: &mut [Flow], to: SocketAddr) -> Option<Arc<dyn Datagrams>> {
    let flow = flows.iter_mut().find(|flow| flow.to == to)?;
    flow.used = Instant::now();
    Some(flow.end.clone())
}

async fn read(end: Arc<dyn Datagrams>, from: SocketAddr, came: Sender<Came>, flows: Arc<Mutex<Vec<Flow>>>) {
    loop {
        let next = match end.receive().await {
            Ok(Some(datagram)) => Ok((datagram, from)),
            Ok(None) => return,
            Err(error) => Err(error),
        };
        used(&mut lock(&flows), from);
        if came.send(next).await.is_err() {
            return;
        }
    }
}
