//! One connection: a client's end, from its acceptance on a guest's end, and the two flows between them.

use super::connect::{FIRST_PAUSE, LAST_PAUSE, is_nobody, start};
use super::end::End;
use super::flow::{Flow, Moved, Progress};
use super::pipe::Pool;
use super::request;
use crate::forward::Forward;
use crate::forward::target::Target;
use crate::forward::upstream::Upstream;
use crate::rule::Protocol;
use crate::sockets::address;
use crate::sockets::factory::Family;
use rustix::io::Errno;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// How far a connection has come.
pub(in crate::forward) enum Phase {
    /// Nobody listens yet: try again at this time, or when the forward is woken.
    Waiting { again: Instant },
    /// connect(2) is under way to this guest, at the n-th of its addresses.
    Connecting {
        guest: End,
        target: Arc<Target>,
        candidate: usize,
    },
    /// Bytes flow.
    Open { guest: End, target: Arc<Target> },
}

/// What an attempt to reach the guest came to.
pub(in crate::forward) enum Attempt {
    /// Connected; bytes can flow.
    Connected,
    /// epoll will say.
    UnderWay,
    /// Nobody listens; the phase is `Waiting`.
    Later,
    /// The connection was made, and is reset already: by the guest, or by its end.
    Reset,
    /// It makes no sense to go on.
    Hopeless(Errno),
}

/// What a turn of a connection came to.
pub(in crate::forward) enum Turn {
    /// It waits for an edge.
    Waiting,
    /// There is more to do at once.
    More,
    /// The connection is over.
    Over(Ending),
    /// The client begins another request and the guest has a successor: the phase is `Waiting`, and the request still
    /// to be read.
    Moving,
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::forward) enum Ending {
    /// Both sides were closed in order.
    Closed,
    /// One side was reset, and so is the other.
    Reset,
}

/// The state of one connection.
pub(in crate::forward) struct Connection {
    pub(in crate::forward) forward: Arc<Forward>,
    pub(in crate::forward) serial: u64,
    pub(in crate::forward) phase: Phase,
    pub(in crate::forward) deadline: Instant,
    pub(in crate::forward) accepted: Instant,
    pub(in crate::forward) last_moved: Instant,
    /// When its ticket on the heap of deadlines is due; a ticket for another time is not its own any more.
    pub(in crate::forward) due: Option<Instant>,
    /// It is on the worker's list of those with more to do.
    pub(in crate::forward) queued: bool,
    /// It has ended in this turn; its slot is about to be freed.
    pub(in crate::forward) over: bool,
    /// Counts guest ends: an event of an end that is closed must not be taken for one of the next.
    pub(in crate::forward) round: u16,
    pub(in crate::forward) client: End,
    peer: SocketAddr,
    to_guest: Flow,
    to_client: Flow,
    resetting: bool,
    /// The last bytes came from the guest.
    answered: bool,
    pause: Duration,
    /// How long it waits for a guest that is there.
    patience: Duration,
    /// There was none when it last looked.
    is_early: bool,
}

/// How long a connection waits for a guest to be there: as long as its client does.
const AWAITED: Duration = Duration::from_secs(24 * 60 * 60);

impl Connection {
    pub(in crate::forward) fn new(
        forward: Arc<Forward>,
        serial: u64,
        socket: OwnedFd,
        peer: SocketAddr,
        now: Instant,
        patience: Duration,
    ) -> Connection {
        Connection {
            forward,
            serial,
            phase: Phase::Waiting { again: now },
            deadline: now + patience,
            accepted: now,
            last_moved: now,
            due: None,
            queued: false,
            over: false,
            round: 0,
            client: End::new(socket),
            peer,
            to_guest: Flow::new(),
            to_client: Flow::new(),
            resetting: false,
            answered: false,
            pause: FIRST_PAUSE,
            patience,
            is_early: false,
        }
    }

    /// One that has a guest's end already. It counts as one of the guest's.
    pub(in crate::forward) fn opened(mut self, guest: OwnedFd, target: Arc<Target>) -> Connection {
        let mut guest = End::new(guest);
        guest.writable = true;
        self.phase = Phase::Open { guest, target };
        self
    }

    /// The guest it belongs to, once it has one.
    pub(in crate::forward) fn target(&self) -> Option<&Arc<Target>> {
        match &self.phase {
            Phase::Waiting { .. } => None,
            Phase::Connecting { target, .. } | Phase::Open { target, .. } => Some(target),
        }
    }

    /// Starts a connection to whoever the forward leads to, beginning with the guest's first address.
    pub(in crate::forward) fn attempt(&mut self, now: Instant) -> Attempt {
        match self.forward.upstream() {
            Upstream::Guest(target) => {
                if std::mem::take(&mut self.is_early) {
                    self.accepted = now;
                    self.deadline = now + self.patience;
                }
                self.attempt_from(target, 0, now)
            }
            Upstream::Nobody => {
                self.forward.counters().refused.fetch_add(1, Relaxed);
                Attempt::Reset
            }
            Upstream::Awaited => {
                self.is_early = true;
                self.deadline = now + AWAITED;
                self.wait_for_wake()
            }
        }
    }

    /// The connection counts before it is made: a guest that has a successor ends when it has none, and between the look at
    /// the forward's target and the end of connect(2) it could get one.
    fn attempt_from(&mut self, target: Arc<Target>, first: usize, now: Instant) -> Attempt {
        target.opened();
        // Where this is still so, the count was there before the successor was.
        if self
            .forward
            .target()
            .is_some_and(|newest| Arc::ptr_eq(&newest, &target))
        {
            let attempt = self.attempt_at(&target, first, now);
            if !matches!(attempt, Attempt::Connected | Attempt::UnderWay) {
                target.closed();
            }
            return attempt;
        }
        target.closed();
        self.attempt(now)
    }

    fn attempt_at(&mut self, target: &Arc<Target>, first: usize, now: Instant) -> Attempt {
        let port = self.forward.guest_port();
        let mut tried = first > 0;
        for (candidate, ip) in target
            .candidates(Protocol::Tcp, port)
            .into_iter()
            .enumerate()
            .skip(first)
        {
            let Some(ip) = ip else { continue };
            tried = true;
            match connect_as(target, SocketAddr::new(ip, port), self.peer) {
                Ok((socket, connected)) => {
                    self.round = self.round.wrapping_add(1);
                    let mut guest = End::new(socket);
                    guest.writable = connected;
                    let target = target.clone();
                    if connected {
                        self.phase = Phase::Open { guest, target };
                        return Attempt::Connected;
                    }
                    self.phase = Phase::Connecting {
                        guest,
                        target,
                        candidate,
                    };
                    return Attempt::UnderWay;
                }
                Err(errno) if is_nobody(errno) => {}
                Err(Errno::CONNABORTED) => return Attempt::Reset,
                Err(errno) => return Attempt::Hopeless(errno),
            }
        }
        if tried { self.pause(now) } else { self.wait_for_wake() }
    }

    /// Nothing that time alone could change: only a wake or the deadline matters.
    fn wait_for_wake(&mut self) -> Attempt {
        self.phase = Phase::Waiting { again: self.deadline };
        Attempt::Later
    }

    fn pause(&mut self, now: Instant) -> Attempt {
        self.phase = Phase::Waiting {
            again: (now + self.pause).min(self.deadline),
        };
        self.pause = (self.pause * 2).min(LAST_PAUSE);
        Attempt::Later
    }

    /// Asks how a connect that was under way has ended.
    pub(in crate::forward) fn connected(&mut self, now: Instant) -> Attempt {
        let waiting = Phase::Waiting { again: now };
        match std::mem::replace(&mut self.phase, waiting) {
            Phase::Connecting {
                guest,
                target,
                candidate,
            } => match rustix::net::sockopt::socket_error(&guest) {
                Ok(Ok(())) => {
                    self.phase = Phase::Open { guest, target };
                    Attempt::Connected
                }
                ended => {
                    target.closed();
                    // An attempt that is refused says so; a reset comes after the handshake.
                    if matches!(ended, Ok(Err(Errno::CONNRESET))) {
                        return Attempt::Reset;
                    }
                    self.attempt_from(target, candidate + 1, now)
                }
            },
            other => {
                self.phase = other;
                Attempt::UnderWay
            }
        }
    }

    /// Moves bytes both ways.
    pub(in crate::forward) fn turn(&mut self, scratch: &mut [u8], pool: &mut Pool, now: Instant) -> Turn {
        if self.moves_on(scratch) {
            return Turn::Moving;
        }
        let Phase::Open { guest, .. } = &mut self.phase else {
            return Turn::Waiting;
        };
        let (mut up, mut down) = (Moved::default(), Moved::default());
        let sent = self.to_guest.turn(&mut self.client, guest, scratch, pool, &mut up);
        let got = self.to_client.turn(guest, &mut self.client, scratch, pool, &mut down);
        if up.total() + down.total() > 0 {
            let counters = self.forward.counters();
            counters.to_guest.fetch_add(up.total(), Relaxed);
            counters.to_client.fetch_add(down.total(), Relaxed);
            counters.spliced.fetch_add(up.spliced + down.spliced, Relaxed);
            self.last_moved = now;
            self.answered = down.total() > 0;
        }
        let more = sent == Progress::More || got == Progress::More;
        self.resetting |= self.client.broken || guest.broken;
        self.resetting |= [sent, got].contains(&Progress::SinkReset);
        if [sent, got].contains(&Progress::SourceReset) {
            return Turn::Over(Ending::Reset);
        }
        // What a broken side sent before it broke has arrived here and is still delivered, as far as the other side takes
        // it at once. To wait for room would be to wait for ever where that side waits for us.
        if self.resetting && !more {
            return Turn::Over(Ending::Reset);
        }
        match (self.to_guest.is_over(), self.to_client.is_over()) {
            (true, true) => Turn::Over(Ending::Closed),
            _ if more => Turn::More,
            _ => Turn::Waiting,
        }
    }

    /// Leaves a guest that has a successor when the client begins another request. A client that does not send requests
    /// ahead has read the whole answer by then.
    fn moves_on(&mut self, scratch: &mut [u8]) -> bool {
        let Phase::Open { target, .. } = &self.phase else {
            return false;
        };
        if !(target.is_retired() && self.answered && self.client.readable && !self.client.ending) {
            return false;
        }
        if !(self.to_guest.rests_between_requests() && self.to_client.is_at_rest()) {
            return false;
        }
        let has_successor = self.forward.target().is_some_and(|new| !Arc::ptr_eq(&new, target));
        let peeked = self.client.peek(scratch);
        if !(has_successor && peeked.is_ok_and(|length| request::is_head(&scratch[..length]))) {
            return false;
        }
        target.closed();
        // The guest sees an ordinary end: clients that keep connections alive close them when they like.
        self.phase = Phase::Waiting { again: self.deadline };
        self.to_guest = Flow::new();
        self.to_client = Flow::new();
        self.pause = FIRST_PAUSE;
        true
    }

    /// One side is closed, or broken with bytes still under way: it must not stay silent for ever.
    pub(in crate::forward) fn is_half_closed(&self) -> bool {
        self.to_guest.is_over() || self.to_client.is_over() || self.client.ending
    }

    /// Gives back pipes and the place at the guest, and makes the close a reset where it should be one.
    pub(in crate::forward) fn release(&mut self, how: Ending, pool: &mut Pool) {
        self.to_guest.end(pool);
        self.to_client.end(pool);
        let counters = self.forward.counters();
        counters.live.fetch_sub(1, Relaxed);
        if how == Ending::Reset {
            counters.reset.fetch_add(1, Relaxed);
            self.client.close_with_reset();
        }
        if let Phase::Connecting { guest, target, .. } | Phase::Open { guest, target } = &self.phase {
            if how == Ending::Reset {
                guest.close_with_reset();
            }
            target.closed();
        }
    }
}

/// A socket of the guest's namespace, bound to the client's address where possible, and connected or about to be.
pub(in crate::forward) fn connect_as(
    target: &Target,
    to: SocketAddr,
    peer: SocketAddr,
) -> rustix::io::Result<(OwnedFd, bool)> {
    let factory = target.factory();
    let family = Family::of(to.ip());
    if let Some(ip) = factory.source(peer.ip(), family)? {
        // The port may be taken inside, or this very pair of addresses may not be over yet: then another port.
        for port in [peer.port(), 0] {
            let socket = factory.socket(family, Protocol::Tcp)?;
            if rustix::net::bind(&socket, &SocketAddr::new(ip, port)).is_err() {
                continue;
            }
            match start(&socket, to) {
                Err(Errno::ADDRNOTAVAIL | Errno::ADDRINUSE | Errno::ACCESS) => {}
                done => return done.map(|connected| (socket, connected)),
            }
        }
        return Err(Errno::ADDRNOTAVAIL);
    }
    let socket = factory.socket(family, Protocol::Tcp)?;
    let connected = start(&socket, to)?;
    Ok((socket, connected))
}

/// Accepts one connection, already non-blocking, with the client's address.
pub(in crate::forward) fn accept(listener: &OwnedFd) -> rustix::io::Result<(OwnedFd, SocketAddr)> {
    use rustix::net::SocketFlags;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (socket, peer) = rustix::net::acceptfrom_with(listener, flags)?;
    let peer = peer.ok_or(Errno::NOTCONN).and_then(address::internet)?;
    Ok((socket, peer))
}
