//! Where a forward's connections go: one guest, in one namespace.

use crate::forward::Notice;
use crate::rule::Protocol;
use crate::sockets::factory::{Family, SocketFactory};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Addresses of one port that are remembered; two are tried.
const MAX_ADDRESSES: usize = 4;
/// A namespace that does not answer for so long is worth a word, and another one later.
const SILENCES: [Duration; 2] = [Duration::from_secs(2), Target::SILENT];

/// A guest that connections can be made to. Its last connection's end wakes whoever waits in [`Target::drained`].
#[derive(Debug)]
pub struct Target {
    factory: SocketFactory,
    announced: bool,
    retired: AtomicBool,
    listening: Mutex<HashMap<(Protocol, u16), Vec<IpAddr>>>,
    live: AtomicUsize,
    /// Connections that the guest has accepted from lent listeners.
    adopted: AtomicUsize,
    /// How many of `SILENCES` were said.
    silences: AtomicU8,
    ended: tokio::sync::Notify,
}

impl Target {
    /// A namespace that has not answered for so long, while connections waited, is told of as one that will not.
    pub const SILENT: Duration = Duration::from_secs(30);

    /// A guest behind `factory` of which nothing is known: both its loopback addresses are tried, again and again until
    /// one answers.
    pub fn new(factory: SocketFactory) -> Arc<Target> {
        Target::make(factory, false)
    }

    /// A guest whose every listen is told with [`Target::listens`], followed by [`crate::Forwarder::wake`]: until then
    /// connections wait and nothing is tried.
    pub fn announced(factory: SocketFactory) -> Arc<Target> {
        Target::make(factory, true)
    }

    fn make(factory: SocketFactory, announced: bool) -> Arc<Target> {
        Arc::new(Target {
            factory,
            announced,
            retired: AtomicBool::new(false),
            listening: Mutex::new(HashMap::new()),
            live: AtomicUsize::new(0),
            adopted: AtomicUsize::new(0),
            silences: AtomicU8::new(0),
            ended: tokio::sync::Notify::new(),
        })
    }

    /// Notes that the guest listens on, or for datagrams is bound to, this address. For connections a wildcard stands for
    /// loopback.
    pub fn listens(&self, protocol: Protocol, address: std::net::SocketAddr) {
        let ip = match address.ip() {
            ip if protocol == Protocol::Udp => ip,
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        let known = listening.entry((protocol, address.port())).or_default();
        if known.len() < MAX_ADDRESSES && !known.contains(&ip) {
            known.push(ip);
        }
    }

    /// Its successor is there: connections stay until they end, but one on which a client begins another HTTP/1 request,
    /// after the answer to its last, moves to the forward's new target with that request. So nobody who keeps a connection
    /// alive is answered by the past, and none is cut between two requests.
    pub fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// A connection to one of the guest's ports, from its own loopback.
    ///
    /// # Errors
    ///
    /// Nothing listens there, the guest does not accept at once, or the namespace is gone.
    pub fn connect(&self, port: u16) -> std::io::Result<std::net::TcpStream> {
        let mut last = rustix::io::Errno::CONNREFUSED;
        for ip in self.candidates(Protocol::Tcp, port).into_iter().flatten() {
            let socket = self.factory.socket(Family::of(ip), Protocol::Tcp)?;
            match super::tcp::connect(&socket, (ip, port).into()) {
                Ok(true) => return Ok(socket.into()),
                Ok(false) => last = rustix::io::Errno::AGAIN,
                Err(errno) => last = errno,
            }
        }
        Err(last.into())
    }

    /// The first ports on which the guest listens, in order, as far as it has said so.
    pub(crate) fn ports(&self, protocol: Protocol, most: usize) -> Vec<u16> {
        let listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        let of = listening.keys().filter(|(other, _)| *other == protocol);
        let mut ports: Vec<u16> = of.map(|(_, port)| *port).collect();
        ports.sort_unstable();
        ports.truncate(most);
        ports
    }

    /// Connections that are open now, as far as is known of those that the guest has accepted itself.
    pub fn live(&self) -> usize {
        self.live.load(Ordering::Acquire) + self.adopted.load(Ordering::Acquire)
    }

    /// Notes how many connections are open that the guest has accepted from lent listeners ([`crate::Forwarder::lend`]).
    pub fn has_adopted(&self, connections: usize) {
        self.adopted.store(connections, Ordering::Release);
        if self.live() == 0 {
            self.ended.notify_waiters();
        }
    }

    /// Returns when no connection is open.
    pub async fn drained(&self) {
        loop {
            let ended = self.ended.notified();
            if self.live() == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Whether the namespace has not answered for [`Target::SILENT`], and connections to the guest wait for it.
    pub fn is_silent(&self) -> bool {
        self.factory.silence().is_some_and(|silence| silence >= Target::SILENT)
    }

    /// What there is to be told after a connection could not be made, or was: that the namespace does not answer, or that it
    /// does again.
    pub(crate) fn news(&self, made: bool) -> Option<Notice> {
        let said = self.silences.load(Ordering::Relaxed);
        if made && said == 0 {
            return None;
        }
        let (next, notice) = match (self.factory.silence(), SILENCES.get(usize::from(said))) {
            (None, _) if said > 0 => (0, Notice::AnswersAgain),
            (Some(waited), Some(most)) if waited >= *most => (said + 1, Notice::DoesNotAnswer { waited: *most }),
            _ => return None,
        };
        // Another worker may say it.
        let exchanged = self
            .silences
            .compare_exchange(said, next, Ordering::Relaxed, Ordering::Relaxed);
        exchanged.is_ok().then_some(notice)
    }

    pub(crate) fn factory(&self) -> &SocketFactory {
        &self.factory
    }

    /// The addresses to try for a port: those it is known to listen on, else both loopbacks, or none where it would have
    /// been told.
    pub(crate) fn candidates(&self, protocol: Protocol, port: u16) -> [Option<IpAddr>; 2] {
        let listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        match listening.get(&(protocol, port)).map(Vec::as_slice) {
            Some([first]) => [Some(*first), None],
            Some([first, second, ..]) => [Some(*first), Some(*second)],
            _ if self.announced => [None, None],
            _ => [Some(Ipv4Addr::LOCALHOST.into()), Some(Ipv6Addr::LOCALHOST.into())],
        }
    }

    /// The addresses to try for datagrams, one after the other when they are refused; wildcards are told apart, because
    /// a guest that is bound to one answers from the address that its client has (see `udp`).
    pub(crate) fn datagram_candidates(&self, port: u16) -> Vec<IpAddr> {
        let listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        match listening.get(&(Protocol::Udp, port)) {
            Some(known) => known.clone(),
            None if self.announced => Vec::new(),
            None => vec![
                Ipv4Addr::UNSPECIFIED.into(),
                Ipv4Addr::LOCALHOST.into(),
                Ipv6Addr::UNSPECIFIED.into(),
                Ipv6Addr::LOCALHOST.into(),
            ],
        }
    }

    pub(crate) fn opened(&self) {
        self.live.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn closed(&self) {
        if self.live.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.ended.notify_waiters();
        }
    }
}
