//! The other end of a connection, as far as the kernel tells.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::OwnedSemaphorePermit;

/// Who has connected.
#[derive(Clone)]
pub(crate) struct Peer {
    /// None over a unix socket, where a reverse proxy may be the peer of everybody.
    pub(crate) from: Option<SocketAddr>,
    /// The address that they came to.
    pub(crate) to: Option<IpAddr>,
    pub(crate) is_secure: bool,
    /// `--no-auth`: whoever comes is let in.
    pub(crate) is_open: bool,
    is_trusted: Arc<AtomicBool>,
    place: Arc<OwnedSemaphorePermit>,
}

impl Peer {
    pub(crate) fn new(
        addresses: Option<(SocketAddr, SocketAddr)>,
        is_secure: bool,
        is_open: bool,
        is_trusted: Arc<AtomicBool>,
        place: OwnedSemaphorePermit,
    ) -> Peer {
        Peer {
            from: addresses.map(|(from, _)| from),
            to: addresses.map(|(_, to)| to.ip()),
            is_secure,
            is_open,
            is_trusted,
            place: Arc::new(place),
        }
    }

    /// It has shown that it is somebody: it does not give way to strangers.
    pub(crate) fn trusted(&self) {
        self.is_trusted.store(true, Ordering::Relaxed);
    }

    /// Its place among all connections, for what outlives the HTTP part of it.
    pub(crate) fn held(&self) -> Arc<OwnedSemaphorePermit> {
        self.place.clone()
    }
}
