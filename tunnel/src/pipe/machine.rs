//! One end of a pipe, from its first carrier to the session's end.
//!
//! ```text
//!            connect            WELCOME
//!   client: down ----> greeting -------> open --cut--> down ...
//!   server:      accept, resume -------> open --cut--> down ... expired
//! ```

use super::end::{End, Resume, Violation};
use super::frame::{Bye, Frame, Hello, SessionId, Welcome};
use super::incoming::Incoming;
use super::liveness::Liveness;
use super::outgoing::Outgoing;
use super::settings::{LEAST_BUFFER, Settings};
use bytes::BufMut;
use std::time::{Duration, Instant};

/// Longest that either side waits for the other's greeting.
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long the server keeps a session of which it heard nothing but HELLO: its client may never have heard of it.
const UNCONFIRMED: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

enum Link {
    /// There is no carrier.
    Down,
    /// HELLO is under way.
    Greeting {
        until: Instant,
    },
    Open,
}

/// One end of a resumable byte stream.
///
/// Whoever holds it reads frames from a carrier into [`receive`](Pipe::receive), writes what [`next_frame`](Pipe::next_frame)
/// gives, calls [`tick`](Pipe::tick) at [`deadline`](Pipe::deadline), and [`cut`](Pipe::cut) when the carrier fails or one
/// of these returns an error.
pub struct Pipe {
    side: Side,
    settings: Settings,
    session: SessionId,
    epoch: u32,
    link: Link,
    /// HELLO or WELCOME, before anything else on a carrier.
    greeting: Option<Frame>,
    outgoing: Outgoing,
    incoming: Incoming,
    liveness: Liveness,
    /// Only the last PING is answered: many of them fill nothing.
    pong: Option<u64>,
    /// This side wants the end. [`Bye::DONE`] is said again over the next carrier, until the peer has answered it: only then
    /// is it known that everything arrived.
    closing: Option<Bye>,
    has_said_bye: bool,
    /// The answer to the peer's BYE.
    echo: Option<Bye>,
    end: Option<End>,
    /// Since when a session has no carrier.
    down_since: Option<Instant>,
    /// Something other than HELLO came from the client.
    confirmed: bool,
}

impl Pipe {
    /// The client's end of a new session. `seed` makes its PINGs differ from others'.
    pub fn client(settings: Settings, seed: u64, now: Instant) -> Pipe {
        Pipe::new(Side::Client, settings, SessionId::NEW, seed, now)
    }

    /// The server's end of a new session, for a HELLO that asks for one. `session` is fresh and cannot be guessed.
    ///
    /// # Errors
    ///
    /// No new session begins like that.
    pub fn accept(
        hello: &Hello,
        session: SessionId,
        settings: Settings,
        seed: u64,
        now: Instant,
    ) -> Result<Pipe, Violation> {
        if hello.session != SessionId::NEW || hello.received != 0 {
            return Err(Violation::Unexpected);
        }
        let buffer = peer_buffer(hello.buffer)?;
        let mut pipe = Pipe::new(Side::Server, settings, session, seed, now);
        pipe.outgoing.set_peer(buffer);
        pipe.incoming.set_peer(buffer);
        pipe.welcome(hello.epoch, now);
        Ok(pipe)
    }

    fn new(side: Side, settings: Settings, session: SessionId, seed: u64, now: Instant) -> Pipe {
        let held = settings.held() as usize;
        let ping = Duration::from_secs(settings.ping_seconds().into());
        Pipe {
            side,
            session,
            epoch: 0,
            link: Link::Down,
            greeting: None,
            outgoing: Outgoing::new(held),
            incoming: Incoming::new(held),
            liveness: Liveness::new(ping, seed, now),
            pong: None,
            closing: None,
            has_said_bye: false,
            echo: None,
            end: None,
            down_since: None,
            confirmed: false,
            settings,
        }
    }

    /// The client has a new carrier. Returns its epoch.
    pub fn connect(&mut self, now: Instant) -> u32 {
        self.cut(now);
        self.epoch = self.epoch.saturating_add(1);
        self.greeting = Some(Frame::Hello(Hello {
            session: self.session,
            epoch: self.epoch,
            received: self.incoming.tell(),
            buffer: self.settings.held(),
            agent: self.settings.agent.as_str().into(),
        }));
        self.link = Link::Greeting { until: now + HANDSHAKE };
        self.epoch
    }

    /// The server has a new carrier, which began with `hello`.
    ///
    /// # Errors
    ///
    /// It may not have this session.
    pub fn resume(&mut self, hello: &Hello, now: Instant) -> Result<(), Resume> {
        if self.end.is_some() {
            return Err(Resume::Over);
        }
        // Strictly higher: a copy of a HELLO takes nothing from whom it was copied.
        if hello.epoch <= self.epoch {
            return Err(Resume::Stale);
        }
        self.cut(now);
        if self.outgoing.resume(hello.received).is_err() {
            self.finish(End::Position);
            return Err(Resume::Position);
        }
        self.welcome(hello.epoch, now);
        Ok(())
    }

    fn welcome(&mut self, epoch: u32, now: Instant) {
        self.epoch = epoch;
        self.greeting = Some(Frame::Welcome(Welcome {
            session: self.session,
            received: self.incoming.tell(),
            buffer: self.settings.held(),
            linger: self.settings.linger_seconds(),
            ping: self.settings.ping_seconds(),
        }));
        self.open(now);
    }

    fn open(&mut self, now: Instant) {
        self.liveness.hear(now);
        self.down_since = None;
        self.link = Link::Open;
    }

    /// Takes bytes of the stream: how many. 0 means that the writer waits until [`room`](Pipe::room).
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        if self.is_closing() {
            0
        } else {
            self.outgoing.write(bytes)
        }
    }

    /// How many bytes can be written.
    pub fn room(&self) -> usize {
        if self.is_closing() { 0 } else { self.outgoing.room() }
    }

    /// Gives bytes of the stream: how many. After an end, what arrived before it can still be read.
    pub fn read(&mut self, into: &mut impl BufMut, now: Instant) -> usize {
        self.incoming.read(into, now)
    }

    /// How many bytes can be read.
    pub fn readable(&self) -> usize {
        self.incoming.held()
    }

    /// Bytes that are held, both ways.
    pub fn held(&self) -> usize {
        self.incoming.held() + self.outgoing.held()
    }

    /// A frame came over the carrier of this epoch. Those of an older one count for nothing.
    ///
    /// # Errors
    ///
    /// The peer broke a rule: [`cut`](Pipe::cut) the carrier.
    pub fn receive(&mut self, epoch: u32, frame: Frame, now: Instant) -> Result<(), Violation> {
        if epoch != self.epoch || self.end.is_some() {
            return Ok(());
        }
        self.liveness.hear(now);
        match (&self.link, frame) {
            (Link::Down, _) | (_, Frame::Extension(_)) => return Ok(()),
            (Link::Greeting { .. }, Frame::Welcome(welcome)) => self.welcomed(&welcome, now)?,
            (Link::Greeting { .. }, Frame::Refused(refused)) => self.finish(End::Refused(refused)),
            (Link::Open, Frame::Data(data)) => self.incoming.arrive(data.into_payload())?,
            (Link::Open, Frame::Ack(received)) => self.outgoing.acknowledge(received)?,
            (Link::Open, Frame::Ping(nonce)) => self.pong = Some(nonce),
            (Link::Open, Frame::Pong(_)) => {}
            (Link::Open, Frame::Bye(bye)) => {
                self.echo = Some(bye.clone());
                self.finish(End::Bye(bye));
            }
            _ => return Err(Violation::Unexpected),
        }
        self.confirmed = true;
        Ok(())
    }

    fn welcomed(&mut self, welcome: &Welcome, now: Instant) -> Result<(), Violation> {
        let is_new = self.session == SessionId::NEW;
        if welcome.session == SessionId::NEW || !is_new && welcome.session != self.session {
            return Err(Violation::Unexpected);
        }
        if is_new {
            let buffer = peer_buffer(welcome.buffer)?;
            self.outgoing.set_peer(buffer);
            self.incoming.set_peer(buffer);
            self.session = welcome.session;
        }
        if self.outgoing.resume(welcome.received).is_err() {
            self.finish(End::Position);
            return Ok(());
        }
        self.settings.linger = Duration::from_secs(welcome.linger.into());
        self.liveness
            .set_interval(Duration::from_secs(welcome.ping.max(1).into()));
        self.open(now);
        Ok(())
    }

    /// Bytes of a frame came that is not whole yet: somebody is there.
    pub fn hear(&mut self, now: Instant) {
        self.liveness.hear(now);
    }

    /// The carrier may be dead, as after a sleep: asks, and gives it `patience`.
    pub fn doubt(&mut self, patience: Duration, now: Instant) {
        self.liveness.doubt(patience, now);
    }

    /// The next frame for the carrier of this epoch, if there is one. After the end that may be the answer to a BYE.
    pub fn next_frame(&mut self, epoch: u32, now: Instant) -> Option<Frame> {
        if epoch != self.epoch {
            return None;
        }
        if self.end.is_some() {
            return self.echo.take().map(Frame::Bye);
        }
        if let Some(greeting) = self.greeting.take() {
            return Some(greeting);
        }
        if !matches!(self.link, Link::Open) {
            return None;
        }
        if let Some(nonce) = self.pong.take() {
            return Some(Frame::Pong(nonce));
        }
        if self.incoming.due().is_some_and(|due| due <= now) {
            return Some(Frame::Ack(self.incoming.tell()));
        }
        if let Some(nonce) = self.liveness.ping(now) {
            // Nothing has come for seconds: a time to tidy up.
            self.outgoing.rest();
            return Some(Frame::Ping(nonce));
        }
        if !self.says_bye() {
            return self.outgoing.frame().map(Frame::Data);
        }
        let bye = self.closing.clone()?;
        self.has_said_bye = true;
        if bye.code != Bye::DONE {
            self.finish(End::Bye(bye.clone()));
        }
        Some(Frame::Bye(bye))
    }

    /// Whether BYE is next: [`Bye::DONE`] comes after everything that was written.
    fn says_bye(&self) -> bool {
        !self.has_said_bye
            && self
                .closing
                .as_ref()
                .is_some_and(|bye| bye.code != Bye::DONE || self.outgoing.unsent() == 0)
    }

    /// Whether [`next_frame`](Pipe::next_frame) has something, or [`tick`](Pipe::tick) is due.
    pub fn is_due(&self, now: Instant) -> bool {
        let has_frame = match self.link {
            Link::Open => self.greeting.is_some() || self.pong.is_some() || self.outgoing.is_ready() || self.says_bye(),
            Link::Greeting { .. } => self.greeting.is_some(),
            Link::Down => false,
        };
        has_frame || self.deadline().is_some_and(|deadline| deadline <= now)
    }

    /// When [`next_frame`](Pipe::next_frame) and [`tick`](Pipe::tick) are next to be called, if nothing else happens.
    pub fn deadline(&self) -> Option<Instant> {
        if self.end.is_some() {
            return None;
        }
        match self.link {
            Link::Down => self.expiry(),
            Link::Greeting { until } => Some(until),
            Link::Open => Some(
                self.incoming
                    .due()
                    .map_or(self.liveness.deadline(), |due| due.min(self.liveness.deadline())),
            ),
        }
    }

    /// Time has passed.
    ///
    /// # Errors
    ///
    /// Nobody is at the other end: [`cut`](Pipe::cut) the carrier.
    pub fn tick(&mut self, now: Instant) -> Result<(), Violation> {
        match self.link {
            _ if self.end.is_some() => {}
            Link::Greeting { until } if now >= until => return Err(Violation::Silent),
            Link::Greeting { .. } => {}
            Link::Open => self.liveness.check(now)?,
            Link::Down if self.expiry().is_some_and(|expiry| now >= expiry) => self.finish(End::Expired),
            Link::Down => {}
        }
        Ok(())
    }

    /// When a session without a carrier is over. The server may have seen the cut as late as a dead carrier is noticed, so
    /// the client waits that much longer.
    fn expiry(&self) -> Option<Instant> {
        let linger = self.settings.linger;
        let wait = match self.side {
            Side::Client if linger.is_zero() => linger,
            Side::Client => linger + self.liveness.patience(),
            Side::Server if self.confirmed => linger,
            Side::Server => linger.min(UNCONFIRMED),
        };
        Some(self.down_since? + wait)
    }

    /// The carrier is gone.
    pub fn cut(&mut self, now: Instant) {
        if self.end.is_some() {
            return;
        }
        self.link = Link::Down;
        self.greeting = None;
        self.pong = None;
        self.has_said_bye = false;
        self.incoming.forget();
        if self.session != SessionId::NEW {
            self.down_since = self.down_since.or(Some(now));
        }
        if self
            .closing
            .as_ref()
            .is_some_and(|bye| bye.code != Bye::DONE || self.session == SessionId::NEW)
        {
            // There is nobody to say it to.
            let bye = self.closing.take();
            bye.into_iter().for_each(|bye| self.finish(End::Bye(bye)));
        }
    }

    /// Ends the session, after which nothing more is written. With [`Bye::DONE`] everything that was written arrives before;
    /// other codes end it at once, whether the peer hears of it or not.
    pub fn close(&mut self, bye: Bye) {
        if self.end.is_some() {
            return;
        }
        let is_hurried = bye.code != Bye::DONE;
        if matches!(self.link, Link::Down) && (is_hurried || self.session == SessionId::NEW) {
            self.finish(End::Bye(bye));
        } else if is_hurried || self.closing.is_none() {
            self.closing = Some(bye);
        }
    }

    fn finish(&mut self, end: End) {
        if !matches!(end, End::Bye(_)) {
            self.incoming.forget();
        }
        self.end.get_or_insert(end);
    }

    /// Why the session is over, once it is.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Whether bytes go both ways at present.
    pub fn is_open(&self) -> bool {
        matches!(self.link, Link::Open) && self.end.is_none()
    }

    /// Whether writes have been ended from this side.
    pub fn is_closing(&self) -> bool {
        self.closing.is_some() || self.end.is_some()
    }

    /// The session; [`SessionId::NEW`] until the server has named it.
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// The newest carrier.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }
}

fn peer_buffer(buffer: u32) -> Result<usize, Violation> {
    let held = usize::try_from(buffer).unwrap_or(usize::MAX);
    if held < LEAST_BUFFER {
        Err(Violation::Buffer(buffer))
    } else {
        Ok(held)
    }
}
