//! One mapping that listens. It outlives every guest.

use super::listener::BACKLOG;
use super::target::Target;
use super::upstream::Upstream;
use crate::rule::Protocol;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// Counters of one forward since it was added.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections accepted, or clients of a forward of datagrams.
    pub accepted: AtomicU64,
    /// Connections open now, waiting ones included.
    pub live: AtomicUsize,
    /// Connections given up because the guest did not listen, or did not accept, in time.
    pub refused: AtomicU64,
    /// Connections that ended in a reset.
    pub reset: AtomicU64,
    /// Bytes from clients to the guest.
    pub to_guest: AtomicU64,
    /// Bytes from the guest to clients.
    pub to_client: AtomicU64,
    /// Bytes of both directions that went through splice(2); the rest was copied.
    pub spliced: AtomicU64,
}

/// One mapping that listens.
#[derive(Debug)]
pub struct Forward {
    pub(super) id: u64,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) guest_port: u16,
    pub(super) protocol: Protocol,
    pub(super) sockets: Vec<OwnedFd>,
    pub(super) upstream: Mutex<Upstream>,
    /// Its listeners are lent to a guest's process, which accepts from them.
    pub(super) lent: AtomicBool,
    pub(super) counters: Counters,
    /// Where it leads has changed, or the guest listens now.
    pub(super) changed: Notify,
}

impl Forward {
    /// The host addresses it listens on.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The guest's port.
    pub fn guest_port(&self) -> u16 {
        self.guest_port
    }

    /// What goes through it.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// What it has done so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Its number, which no other forward of the same [`super::Forwarder`] has.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether somebody else accepts from its listeners ([`super::Forwarder::lend`]).
    pub fn is_lent(&self) -> bool {
        self.lent.load(Ordering::Acquire)
    }

    /// Makes a listener that was shut down listen again; of any other this is the queue's length.
    pub(super) fn listen_again(&self, socket: usize) -> rustix::io::Result<()> {
        rustix::net::listen(&self.sockets[socket], BACKLOG)
    }

    pub(super) fn sockets(&self) -> &[OwnedFd] {
        &self.sockets
    }

    pub(super) fn upstream(&self) -> Upstream {
        self.upstream.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first ports on which the guest listens, as far as it has said so.
    pub(crate) fn listens(&self, protocol: Protocol, most: usize) -> Vec<u16> {
        self.target()
            .map(|target| target.ports(protocol, most))
            .unwrap_or_default()
    }

    pub(super) fn target(&self) -> Option<Arc<Target>> {
        self.upstream().target()
    }
}
