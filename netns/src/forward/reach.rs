//! Connections to a forward's guest for who has no listener of ours: made here, or handed to a worker to be relayed.

use super::forward::Forward;
use super::target::Target;
use super::tcp::{FIRST_PAUSE, LAST_PAUSE, connect_as, is_nobody};
use super::udp;
use super::upstream::Upstream;
use crate::rule::Protocol;
use rustix::io::Errno;
use rustix::net::sockopt;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// A connection to be made.
pub(crate) struct Reach<'a> {
    pub(crate) forward: &'a Forward,
    /// By which the guest knows who connects.
    pub(crate) client: Ipv4Addr,
    pub(crate) patience: Duration,
}

/// A connection's place at a guest: one that has a successor ends when it has none.
#[derive(Debug)]
pub(crate) struct Reached(Arc<Target>);

impl Reached {
    fn at(target: Arc<Target>) -> Reached {
        target.opened();
        Reached(target)
    }

    pub(super) fn target(&self) -> &Arc<Target> {
        &self.0
    }
}

impl Drop for Reached {
    fn drop(&mut self) {
        self.0.closed();
    }
}

/// What an attempt came to.
enum Attempt {
    Made(OwnedFd, Option<Reached>),
    /// Another guest has come meanwhile.
    Again,
    /// Nobody listens: try after a pause.
    Refused,
    /// Only a word of the guest's, or another guest, changes that.
    Unheard,
}

impl Reach<'_> {
    /// Connects, as soon as the guest listens. `TIMEDOUT` where nobody has listened in time, `NETDOWN` where nobody is to come, or
    /// what the kernel says. A socket for datagrams has no place: it may outlive its guest.
    pub(crate) async fn connect(&self, protocol: Protocol) -> Result<(OwnedFd, Option<Reached>), Errno> {
        let until = Instant::now() + self.patience;
        let mut pause = FIRST_PAUSE;
        loop {
            let mut changed = std::pin::pin!(self.forward.changed.notified());
            // What changes from here on is heard.
            changed.as_mut().enable();
            let attempt = match self.forward.upstream() {
                Upstream::Nobody => return Err(Errno::NETDOWN),
                Upstream::Awaited => Attempt::Unheard,
                Upstream::Guest(target) => match protocol {
                    Protocol::Tcp => self.attempt(target).await?,
                    Protocol::Udp => self.attempt_datagrams(&target),
                },
            };
            let again = match attempt {
                Attempt::Made(socket, place) => return Ok((socket, place)),
                Attempt::Again => continue,
                Attempt::Refused => Instant::now() + pause,
                Attempt::Unheard => until,
            };
            pause = (pause * 2).min(LAST_PAUSE);
            if Instant::now() >= until {
                return Err(Errno::TIMEDOUT);
            }
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(again.min(until)) => {}
            }
        }
    }

    fn attempt_datagrams(&self, target: &Target) -> Attempt {
        let port = self.forward.guest_port();
        let mut attempt = Attempt::Unheard;
        for ip in target.datagram_candidates(port) {
            match udp::connected(target, ip, port, (self.client, 0).into()) {
                Ok(socket) => return Attempt::Made(socket, None),
                // The next one may be the right family.
                Err(_) => attempt = Attempt::Refused,
            }
        }
        attempt
    }

    async fn attempt(&self, target: Arc<Target>) -> Result<Attempt, Errno> {
        // It counts before it is made: where this guest is still the newest, the count was there before a successor was.
        let place = Reached::at(target);
        let is_newest = |newest: Arc<Target>| Arc::ptr_eq(&newest, place.target());
        if !self.forward.target().is_some_and(is_newest) {
            return Ok(Attempt::Again);
        }
        let port = self.forward.guest_port();
        let candidates = place.target().candidates(Protocol::Tcp, port);
        let mut attempt = Attempt::Unheard;
        for ip in candidates.into_iter().flatten() {
            attempt = Attempt::Refused;
            match open(place.target(), (ip, port).into(), self.client).await {
                Ok(socket) => return Ok(Attempt::Made(socket, Some(place))),
                Err(errno) if is_nobody(errno) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(attempt)
    }
}

async fn open(target: &Target, to: SocketAddr, client: Ipv4Addr) -> Result<OwnedFd, Errno> {
    let (socket, is_connected) = connect_as(target, to, (client, 0).into())?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    if is_connected {
        return Ok(socket);
    }
    // The guest's queue is full.
    let errno = |error: std::io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
    let stream = TcpStream::from_std(socket.into()).map_err(errno)?;
    stream.writable().await.map_err(errno)?;
    sockopt::socket_error(&stream)??;
    Ok(stream.into_std().map_err(errno)?.into())
}
