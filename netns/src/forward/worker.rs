//! The worker thread: an epoll loop that accepts, connects, relays and gives up.

use super::deadlines::{Deadlines, Ticket};
use super::forward::Forward;
use super::limits::Limits;
use super::mailbox::{Admitted, Command, Mailbox};
use super::notice::{Notice, OnNotice};
use super::tcp::connection::{Attempt, Connection, Ending, Phase, Turn, accept};
use super::tcp::end::End;
use super::tcp::flow::SCRATCH;
use super::tcp::pipe::Pool;
use super::udp::{Datagrams, Watched};
use crate::rule::Protocol;
use rustix::event::Timespec;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::io::Errno;
use slab::Slab;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Events taken from the kernel in one turn.
const EVENTS: usize = 256;
/// Connections accepted from one listener in one turn, so that a storm does not starve those that are open.
const ACCEPTS: usize = 16;
/// Pause in accepting after the limit is reached, or no descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// What a worker thread is given.
pub(super) struct Settings {
    pub(super) number: usize,
    pub(super) limits: Limits,
    /// Open connections of all workers.
    pub(super) open: Arc<AtomicUsize>,
    pub(super) on_notice: OnNotice,
}

/// Starts a worker.
pub(super) fn spawn(settings: Settings) -> io::Result<(Arc<Mailbox>, JoinHandle<()>)> {
    let mailbox = Arc::new(Mailbox::new()?);
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let data = EventData::new_u64(Token::Mailbox.pack());
    epoll::add(&epoll, mailbox.bell(), data, EventFlags::IN)?;
    let worker = Worker {
        epoll,
        mailbox: mailbox.clone(),
        connections: Slab::new(),
        listening: Slab::new(),
        datagrams: Datagrams::new(settings.limits.udp_idle),
        deadlines: Deadlines::default(),
        runnable: Vec::new(),
        over: Vec::new(),
        scratch: vec![0; SCRATCH],
        pool: Pool::new(),
        serial: 0,
        paused_until: None,
        limit_told: false,
        now: Instant::now(),
        settings,
    };
    let name = format!("relay-{}", worker.settings.number);
    let thread = std::thread::Builder::new().name(name).spawn(|| worker.run())?;
    Ok((mailbox, thread))
}

/// What an epoll event is about, packed into its 64 bits of data.
#[derive(Clone, Copy)]
enum Token {
    Mailbox,
    Listener(usize),
    Client(usize),
    /// With the count of guest ends that the connection has had.
    Guest(usize, u16),
    Datagrams(Watched),
}

impl Token {
    /// Slots need far fewer than the 45 bits below.
    const ROUND: u32 = 48;

    fn pack(self) -> u64 {
        match self {
            Token::Mailbox => 0,
            Token::Listener(key) => 1 | (key as u64) << 3,
            Token::Client(key) => 2 | (key as u64) << 3,
            Token::Guest(key, round) => 3 | (key as u64) << 3 | u64::from(round) << Token::ROUND,
            Token::Datagrams(Watched::Outer(key)) => 4 | (key as u64) << 3,
            Token::Datagrams(Watched::Flow(key)) => 5 | (key as u64) << 3,
        }
    }

    fn unpack(data: u64) -> Token {
        let key = ((data & !(u64::MAX << Token::ROUND)) >> 3) as usize;
        match data & 7 {
            0 => Token::Mailbox,
            1 => Token::Listener(key),
            2 => Token::Client(key),
            3 => Token::Guest(key, (data >> Token::ROUND) as u16),
            4 => Token::Datagrams(Watched::Outer(key)),
            _ => Token::Datagrams(Watched::Flow(key)),
        }
    }
}

/// One listening socket: a forward has one for each address.
struct Listening {
    forward: Arc<Forward>,
    socket: usize,
}

struct Worker {
    settings: Settings,
    epoll: OwnedFd,
    mailbox: Arc<Mailbox>,
    connections: Slab<Connection>,
    listening: Slab<Listening>,
    datagrams: Datagrams,
    deadlines: Deadlines,
    /// Connections that have more to do at once.
    runnable: Vec<Ticket>,
    /// Connections that ended in this turn. Their slots are freed after it, because events for them may follow.
    over: Vec<usize>,
    scratch: Vec<u8>,
    pool: Pool,
    serial: u64,
    paused_until: Option<Instant>,
    limit_told: bool,
    now: Instant,
}

impl Worker {
    fn run(mut self) {
        let mut events = [MaybeUninit::<Event>::uninit(); EVENTS];
        loop {
            let timeout = self.timeout();
            let ready: &[Event] = match epoll::wait(&self.epoll, &mut events, timeout.as_ref()) {
                Ok((ready, _)) => ready,
                Err(Errno::INTR) => continue,
                Err(errno) => unreachable!("epoll_wait on our own epoll set: {errno}"),
            };
            self.now = Instant::now();
            for event in ready {
                let (flags, data) = (event.flags, event.data.u64());
                match Token::unpack(data) {
                    Token::Mailbox => {
                        for command in self.mailbox.collect() {
                            if self.obey(command) {
                                return;
                            }
                        }
                    }
                    Token::Listener(key) => self.accept(key),
                    Token::Client(key) => self.edge(key, flags, Side::Client),
                    Token::Datagrams(Watched::Outer(key)) => self.datagrams.outer_ready(key, self.now),
                    Token::Datagrams(Watched::Flow(key)) => self.datagrams.inner_ready(key, self.now),
                    Token::Guest(key, round) => {
                        if self
                            .connections
                            .get(key)
                            .is_some_and(|connection| connection.round == round)
                        {
                            self.edge(key, flags, Side::Guest);
                        }
                    }
                }
            }
            self.watch_flows();
            self.datagrams.sweep(self.now);
            for ticket in std::mem::take(&mut self.runnable) {
                if let Some(key) = self.alive(ticket) {
                    self.connections[key].queued = false;
                    self.drive(key);
                }
            }
            while let Some((at, ticket)) = self.deadlines.pop(self.now) {
                if let Some(key) = self.alive(ticket)
                    && self.connections[key].due == Some(at)
                {
                    self.connections[key].due = None;
                    self.expire(key);
                }
            }
            if self.paused_until.is_some_and(|until| until <= self.now) {
                self.resume();
            }
            for key in std::mem::take(&mut self.over) {
                drop(self.connections.remove(key));
            }
            let connections = &self.connections;
            self.deadlines.clean(connections.len(), |at, (key, serial)| {
                let connection = connections.get(key);
                connection.is_some_and(|connection| connection.serial == serial && connection.due == Some(at))
            });
        }
    }

    fn timeout(&self) -> Option<Timespec> {
        if !self.runnable.is_empty() {
            return Some(Timespec::default());
        }
        let now = Instant::now();
        let pause = self.paused_until.map(|until| until.saturating_duration_since(now));
        let sweep = self.datagrams.due().map(|due| due.saturating_duration_since(now));
        let wait = [self.deadlines.wait(now), pause, sweep].into_iter().flatten().min()?;
        // Rounded up, or the loop would spin through the last fraction of a millisecond on kernels without
        // epoll_pwait2.
        (wait + Duration::from_micros(999)).try_into().ok()
    }

    /// Looks at a connection at this time, or when an earlier ticket of its own is due.
    fn schedule(&mut self, key: usize, at: Instant) {
        let connection = &mut self.connections[key];
        if connection.due.is_none_or(|due| at < due) {
            connection.due = Some(at);
            self.deadlines.push(at, (key, connection.serial));
        }
    }

    fn alive(&self, (key, serial): Ticket) -> Option<usize> {
        let connection = self.connections.get(key)?;
        (connection.serial == serial && !connection.over).then_some(key)
    }

    /// The slots of those connections that `wanted` picks.
    fn keys(&self, wanted: impl Fn(&Connection) -> bool) -> Vec<usize> {
        let alive = self.connections.iter().filter(|(_, c)| !c.over && wanted(c));
        alive.map(|(key, _)| key).collect()
    }

    /// The slots of a forward's listening sockets.
    fn listeners_of(&self, id: u64) -> Vec<usize> {
        let ours = self.listening.iter().filter(|(_, l)| l.forward.id() == id);
        ours.map(|(key, _)| key).collect()
    }

    /// True when the worker is to end.
    fn obey(&mut self, command: Command) -> bool {
        match command {
            Command::Add(forward) if forward.protocol() == Protocol::Udp => self.add_datagrams(&forward),
            Command::Add(forward) => {
                for socket in 0..forward.sockets().len() {
                    let key = self.listening.insert(Listening {
                        forward: forward.clone(),
                        socket,
                    });
                    self.listen(key);
                }
            }
            Command::Remove(id, _done) => {
                for (forward, socket) in self.datagrams.remove(id) {
                    let _ = epoll::delete(&self.epoll, &forward.sockets()[socket]);
                }
                for key in self.listeners_of(id) {
                    self.ignore(key);
                    self.listening.remove(key);
                }
            }
            Command::Accept(id, ours, _done) => {
                for key in self.listeners_of(id) {
                    if ours {
                        self.listen(key);
                    } else {
                        self.ignore(key);
                    }
                }
            }
            Command::Wake(id) => {
                self.datagrams.wake(id);
                self.watch_flows();
                let waiting = self.keys(|c| c.forward.id() == id && matches!(c.phase, Phase::Waiting { .. }));
                waiting.into_iter().for_each(|key| self.attempt(key));
            }
            Command::Admit(admitted) => self.admit(*admitted),
            Command::Limit(limits) => {
                // Which worker accepts for whom follows from their number.
                let workers = self.settings.limits.workers;
                self.settings.limits = Limits { workers, ..limits };
                self.datagrams.idle = limits.udp_idle;
                self.limit_told = false;
            }
            Command::Abort(target, _done) => {
                self.datagrams.abort(&target);
                let ours = self.keys(|c| c.target().is_some_and(|t| Arc::ptr_eq(t, &target)));
                ours.into_iter().for_each(|key| self.close(key, Ending::Reset));
            }
            Command::Stop => {
                self.datagrams.end_all();
                let all = self.keys(|_| true);
                all.into_iter().for_each(|key| self.close(key, Ending::Reset));
                return true;
            }
        }
        false
    }

    /// Watches the sockets of a forward for datagrams: one worker does, because flows are its own.
    fn add_datagrams(&mut self, forward: &Arc<Forward>) {
        if forward.id() % self.settings.limits.workers.max(1) as u64 != self.settings.number as u64 {
            return;
        }
        for socket in 0..forward.sockets().len() {
            let key = self.datagrams.add(forward, socket);
            let data = EventData::new_u64(Token::Datagrams(Watched::Outer(key)).pack());
            if let Err(errno) = epoll::add(&self.epoll, &forward.sockets()[socket], data, EventFlags::IN) {
                self.tell(Notice::Failed {
                    guest_port: forward.guest_port(),
                    reason: format!("its socket cannot be watched: {errno}"),
                });
            }
        }
    }

    /// Watches the inner sockets of new flows; closing one ends that.
    fn watch_flows(&mut self) {
        for key in std::mem::take(&mut self.datagrams.fresh) {
            if let Some(inner) = self.datagrams.inner(key) {
                let data = EventData::new_u64(Token::Datagrams(Watched::Flow(key)).pack());
                // Without a watch there is no answer; the client asks again, by another flow.
                let _ = epoll::add(&self.epoll, inner, data, EventFlags::IN);
            }
        }
    }

    /// Asks for events of a listener. Exclusive: one waiting worker is woken for a connection, not all.
    fn listen(&mut self, key: usize) {
        let listening = &self.listening[key];
        let socket = &listening.forward.sockets()[listening.socket];
        let data = EventData::new_u64(Token::Listener(key).pack());
        let flags = EventFlags::IN | EventFlags::EXCLUSIVE;
        if self.paused_until.is_none()
            && !listening.forward.is_lent()
            && let Err(errno) = epoll::add(&self.epoll, socket, data, flags)
            && errno != Errno::EXIST
        {
            self.tell(Notice::Failed {
                guest_port: listening.forward.guest_port(),
                reason: format!("its listener cannot be watched: {errno}"),
            });
        }
    }

    fn ignore(&self, key: usize) {
        let listening = &self.listening[key];
        // While accepting is paused no listener is watched.
        let _ = epoll::delete(&self.epoll, &listening.forward.sockets()[listening.socket]);
    }

    fn pause(&mut self) {
        if self.paused_until.is_none() {
            let keys: Vec<usize> = self.listening.iter().map(|(key, _)| key).collect();
            keys.into_iter().for_each(|key| self.ignore(key));
        }
        self.paused_until = Some(self.now + ACCEPT_PAUSE);
    }

    fn resume(&mut self) {
        self.paused_until = None;
        let keys: Vec<usize> = self.listening.iter().map(|(key, _)| key).collect();
        keys.into_iter().for_each(|key| self.listen(key));
    }

    fn accept(&mut self, key: usize) {
        // Removed, paused or lent earlier in this turn.
        let here = |listening: &&Listening| self.paused_until.is_none() && !listening.forward.is_lent();
        let Some(listening) = self.listening.get(key).filter(here) else {
            return;
        };
        let forward = listening.forward.clone();
        let socket = listening.socket;
        for _ in 0..ACCEPTS {
            let limit = self.settings.limits.connections;
            if self.settings.open.load(Ordering::Relaxed) >= limit {
                if !self.limit_told {
                    self.limit_told = true;
                    self.tell(Notice::AtLimit { connections: limit });
                }
                return self.pause();
            }
            match accept(&forward.sockets()[socket]) {
                Ok((client, peer)) => self.open(forward.clone(), client, peer),
                Err(Errno::AGAIN) => return,
                // The client gave up between the handshake and accept(2): its loss alone.
                Err(Errno::CONNABORTED | Errno::INTR | Errno::NOTCONN | Errno::PROTO | Errno::PERM) => {}
                // Shut down by a guest that it was lent to: it is ours, and listens again.
                Err(Errno::INVAL) if forward.listen_again(socket).is_ok() => return,
                Err(errno) => {
                    self.tell(Notice::Failed {
                        guest_port: forward.guest_port(),
                        reason: format!("accept: {errno}"),
                    });
                    return self.pause();
                }
            }
        }
    }

    fn open(&mut self, forward: Arc<Forward>, client: OwnedFd, peer: SocketAddr) {
        let connection = self.connection(forward, client, peer);
        let key = self.connections.insert(connection);
        self.attempt(key);
    }

    fn connection(&mut self, forward: Arc<Forward>, client: OwnedFd, peer: SocketAddr) -> Connection {
        self.settings.open.fetch_add(1, Ordering::Relaxed);
        forward.counters().accepted.fetch_add(1, Ordering::Relaxed);
        forward.counters().live.fetch_add(1, Ordering::Relaxed);
        self.serial += 1;
        let patience = self.settings.limits.connect_timeout;
        Connection::new(forward, self.serial, client, peer, self.now, patience)
    }

    fn admit(&mut self, admitted: Admitted) {
        let Admitted {
            forward,
            client,
            peer,
            guest,
            target,
        } = admitted;
        let connection = self.connection(forward, client, peer).opened(guest, target);
        let key = self.connections.insert(connection);
        self.start(key);
    }

    fn attempt(&mut self, key: usize) {
        let attempt = self.connections[key].attempt(self.now);
        self.proceed(key, attempt);
    }

    fn proceed(&mut self, key: usize, attempt: Attempt) {
        let connection = &self.connections[key];
        let news = match (&attempt, connection.target()) {
            (Attempt::Later, _) => connection.forward.target().and_then(|target| target.news(false)),
            (_, Some(target)) => target.news(true),
            (_, None) => None,
        };
        news.into_iter().for_each(|notice| self.tell(notice));
        match attempt {
            Attempt::Connected => self.start(key),
            Attempt::UnderWay => {
                // A handshake that the guest's full queue keeps waiting has no end of its own.
                self.schedule(key, self.connections[key].deadline);
                let connection = &self.connections[key];
                if let Phase::Connecting { guest, .. } = &connection.phase
                    && self.watch(guest, Token::Guest(key, connection.round)).is_err()
                {
                    self.close(key, Ending::Reset);
                }
            }
            Attempt::Later => self.wait(key),
            Attempt::Reset => self.close(key, Ending::Reset),
            Attempt::Hopeless(errno) => {
                self.tell(Notice::Failed {
                    guest_port: self.connections[key].forward.guest_port(),
                    reason: errno.to_string(),
                });
                self.close(key, Ending::Reset);
            }
        }
    }

    /// The guest's end is connected: move what is there, then wait for more.
    fn start(&mut self, key: usize) {
        self.drive(key);
        let connection = &self.connections[key];
        if connection.over {
            return;
        }
        let Phase::Open { guest, .. } = &connection.phase else {
            return;
        };
        // EPOLL_CTL_ADD reports what is ready already, so nothing is lost between the first turn and here. Either end
        // may be watched since it waited or connected.
        let watched = self
            .watch(guest, Token::Guest(key, connection.round))
            .and_then(|()| self.watch(&connection.client, Token::Client(key)));
        if watched.is_err() {
            self.close(key, Ending::Reset);
        }
    }

    fn watch(&self, end: &End, token: Token) -> rustix::io::Result<()> {
        let flags = EventFlags::IN | EventFlags::PRI | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        match epoll::add(&self.epoll, end, EventData::new_u64(token.pack()), flags) {
            Err(Errno::EXIST) => Ok(()),
            done => done,
        }
    }

    fn wait(&mut self, key: usize) {
        let connection = &self.connections[key];
        let Phase::Waiting { again } = connection.phase else {
            return;
        };
        // A client that gives up while it waits frees its place at once.
        if self.watch(&connection.client, Token::Client(key)).is_err() {
            return self.close(key, Ending::Reset);
        }
        self.schedule(key, again);
    }

    fn edge(&mut self, key: usize, flags: EventFlags, side: Side) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(key).filter(|c| !c.over) else {
            return;
        };
        match (side, &mut connection.phase) {
            (Side::Client, _) => connection.client.mark(flags),
            (Side::Guest, Phase::Open { guest, .. }) => guest.mark(flags),
            (Side::Guest, Phase::Connecting { guest, .. }) => {
                if !flags.intersects(EventFlags::OUT | EventFlags::ERR | EventFlags::HUP) {
                    return;
                }
                guest.mark(flags);
                let attempt = connection.connected(now);
                return self.proceed(key, attempt);
            }
            (Side::Guest, Phase::Waiting { .. }) => {}
        }
        match connection.phase {
            Phase::Open { .. } => self.drive(key),
            // Reset, or closed both ways: nobody is left who would read an answer.
            Phase::Waiting { .. } | Phase::Connecting { .. } if flags.intersects(EventFlags::ERR | EventFlags::HUP) => {
                self.close(key, Ending::Closed);
            }
            Phase::Waiting { .. } | Phase::Connecting { .. } => {}
        }
    }

    fn drive(&mut self, key: usize) {
        let connection = &mut self.connections[key];
        match connection.turn(&mut self.scratch, &mut self.pool, self.now) {
            Turn::Over(ending) => return self.close(key, ending),
            Turn::Moving => {
                connection.accepted = self.now;
                connection.deadline = self.now + self.settings.limits.connect_timeout;
                return self.attempt(key);
            }
            Turn::More if !connection.queued => {
                connection.queued = true;
                self.runnable.push((key, connection.serial));
            }
            Turn::More | Turn::Waiting => {}
        }
        if self.connections[key].is_half_closed() {
            self.schedule(key, self.now + self.settings.limits.half_closed_idle);
        }
    }

    /// A deadline of this connection has come.
    fn expire(&mut self, key: usize) {
        let connection = &self.connections[key];
        match connection.phase {
            Phase::Waiting { again } if connection.deadline > self.now => {
                if again <= self.now {
                    self.attempt(key);
                } else {
                    self.schedule(key, again);
                }
            }
            Phase::Waiting { .. } => {
                let guest_port = connection.forward.guest_port();
                let waited = self.now - connection.accepted;
                connection.forward.counters().refused.fetch_add(1, Ordering::Relaxed);
                self.tell(Notice::NotListening { guest_port, waited });
                self.close(key, Ending::Reset);
            }
            Phase::Connecting { .. } => {
                if connection.deadline <= self.now {
                    let guest_port = connection.forward.guest_port();
                    connection.forward.counters().refused.fetch_add(1, Ordering::Relaxed);
                    self.tell(Notice::Failed {
                        guest_port,
                        reason: "the guest listens, but does not accept".to_owned(),
                    });
                    self.close(key, Ending::Reset);
                } else {
                    self.schedule(key, connection.deadline);
                }
            }
            Phase::Open { .. } if connection.is_half_closed() => {
                let at = connection.last_moved + self.settings.limits.half_closed_idle;
                if at <= self.now {
                    self.close(key, Ending::Reset);
                } else {
                    self.schedule(key, at);
                }
            }
            Phase::Open { .. } => {}
        }
    }

    fn close(&mut self, key: usize, ending: Ending) {
        let connection = &mut self.connections[key];
        connection.over = true;
        connection.release(ending, &mut self.pool);
        self.settings.open.fetch_sub(1, Ordering::Relaxed);
        self.limit_told = false;
        self.over.push(key);
    }

    fn tell(&self, notice: Notice) {
        (self.settings.on_notice)(notice);
    }
}

#[derive(Clone, Copy)]
enum Side {
    Client,
    Guest,
}
