//! The other end of a connection, as far as the kernel tells.

use http::HeaderMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::OwnedSemaphorePermit;

/// Who has connected.
#[derive(Clone)]
pub(crate) struct Peer {
    /// None where it is not known.
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

    /// Over a unix socket a reverse proxy is the peer of everybody. What it says of them is taken for the audit, the throttle and
    /// the cookies, and for nothing that lets in: whoever reaches the socket may say so, too.
    pub(crate) fn behind(mut self, headers: &HeaderMap) -> Peer {
        if self.to.is_some() {
            return self;
        }
        let last = |name: &str| {
            let field = headers.get_all(name).iter().next_back()?.to_str().ok()?;
            field.rsplit(',').next().map(str::trim)
        };
        // The last one is the proxy's own word; those before it are its client's.
        let from: Option<IpAddr> = last("x-forwarded-for").and_then(|from| from.parse().ok());
        self.from = from.map(|from| SocketAddr::new(from, 0));
        self.is_secure = last("x-forwarded-proto") == Some("https");
        self
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
