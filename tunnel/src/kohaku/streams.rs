//! The streams of one session, by the client's numbers, and what each frame means to them.

use super::forward::Forward;
use super::frame::{Frame, Kind, Protocol};
use super::inbox::{Backlog, Ending, Inbox};
use super::limits::Limits;
use super::outbox::{Outbox, Outgoing, message, places};
use super::udp::Scratch;
use super::{tcp, udp};
use crate::mux::{Handler, Head};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Longest payload of a PING that its PONG repeats, as in RFC 6455 (5.5).
const ECHO: usize = 125;

struct Stream {
    serial: u64,
    protocol: Protocol,
    inbox: Arc<Inbox>,
}

/// A stream of which too much waits.
enum Stalled {
    Open(u32),
    Closed(usize),
}

pub(super) struct Streams<H> {
    forward: Forward,
    handler: Arc<H>,
    limits: Arc<Limits>,
    open: HashMap<u32, Stream>,
    /// Those that have ended for the client and bring what waits to the guest.
    closed: Vec<Arc<Inbox>>,
    /// Those of `open` and of `closed`.
    tasks: JoinSet<()>,
    serial: u64,
    backlog: Arc<Backlog>,
    scratch: Arc<Scratch>,
    places: mpsc::Sender<Outgoing>,
    outgoing: mpsc::Receiver<Outgoing>,
    /// The stream whose bytes were the last that were too many.
    full: Option<u32>,
}

impl<H: Handler> Streams<H> {
    pub(super) fn new(forward: Forward, handler: Arc<H>, limits: Limits) -> Streams<H> {
        let (places, outgoing) = places();
        Streams {
            forward,
            handler,
            limits: Arc::new(limits),
            open: HashMap::new(),
            closed: Vec::new(),
            tasks: JoinSet::new(),
            serial: 0,
            backlog: Arc::default(),
            scratch: Arc::default(),
            places,
            outgoing,
            full: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Takes a frame in. The answer, if there is one at once, is a message.
    pub(super) fn take(&mut self, frame: Frame, is_stopping: bool) -> Option<Bytes> {
        match frame.kind {
            Kind::Connect => self.connect(&frame, is_stopping),
            Kind::Data => {
                self.data(&frame);
                None
            }
            Kind::Close => {
                self.close(frame.stream);
                None
            }
            Kind::Error => {
                self.end(frame.stream, Ending::Reset);
                None
            }
            Kind::Ping => {
                let echo = frame.payload.slice(..frame.payload.len().min(ECHO));
                Some(message(Kind::Pong, frame.protocol, frame.stream, 0, echo))
            }
            Kind::Connected | Kind::Pong | Kind::Unknown(_) => None,
        }
    }

    fn connect(&mut self, frame: &Frame, is_stopping: bool) -> Option<Bytes> {
        if self.open.contains_key(&frame.stream) {
            return None;
        }
        let most = self.limits.streams;
        let refused = |why: &str| {
            let why = Bytes::copy_from_slice(why.as_bytes());
            Some(message(Kind::Error, frame.protocol, frame.stream, 0, why))
        };
        let Some(protocol) = frame.protocol() else {
            return refused("the protocol is neither TCP nor UDP");
        };
        let Some(port) = std::num::NonZero::new(frame.port).map(u16::from).or(self.forward.port) else {
            return refused("CONNECT names no port");
        };
        if is_stopping {
            return refused("the server stops");
        }
        if self.open.len() >= most {
            return refused(&format!("{most} streams are open, and more are not allowed"));
        }
        self.serial += 1;
        let inbox = Arc::new(Inbox::new(self.backlog.clone()));
        let stream = Stream {
            serial: self.serial,
            protocol,
            inbox: inbox.clone(),
        };
        self.open.insert(frame.stream, stream);
        let head = Head {
            client: self.forward.client,
            wait: self.forward.wait,
            ..Head::new(self.forward.run.clone(), port)
        };
        let outbox = Outbox::new(frame.stream, self.serial, protocol, self.places.clone());
        let (handler, limits) = (self.handler.clone(), self.limits.clone());
        match protocol {
            Protocol::Tcp => self.tasks.spawn(async move {
                tcp::serve(&*handler, head, &inbox, &outbox, &limits).await;
            }),
            Protocol::Udp => {
                let scratch = self.scratch.clone();
                self.tasks.spawn(async move {
                    udp::serve(&*handler, head, &inbox, &outbox, &limits, &scratch).await;
                })
            }
        };
        None
    }

    fn data(&mut self, frame: &Frame) {
        // It may have ended while this was on its way.
        let Some(stream) = self.open.get(&frame.stream) else {
            return;
        };
        match stream.protocol {
            Protocol::Tcp => {
                stream.inbox.push(&frame.payload);
                if stream.inbox.bytes() > self.limits.queue || self.backlog.bytes() > self.limits.total {
                    self.full = Some(frame.stream);
                }
            }
            // UDP may lose: for datagrams nobody waits.
            Protocol::Udp if self.backlog.bytes() < self.limits.total => stream.inbox.push_datagram(&frame.payload),
            Protocol::Udp => {}
        }
    }

    fn close(&mut self, stream: u32) {
        // A client that opens and closes quickly is not refused; what it left behind has its limit all the same.
        let is_many = self.closed.len() >= self.limits.streams;
        self.end(stream, if is_many { Ending::Reset } else { Ending::Closed });
    }

    fn end(&mut self, stream: u32, ending: Ending) {
        if let Some(stream) = self.open.remove(&stream) {
            stream.inbox.end(ending);
            if ending == Ending::Closed {
                self.closed.push(stream.inbox);
            }
        }
    }

    /// More waits than may: the WebSocket is not to be read.
    pub(super) fn is_full(&mut self, cx: &mut Context<'_>) -> bool {
        if self.full.is_none() {
            return false;
        }
        // First to be told, then to look.
        self.backlog.reader.register(cx.waker());
        let is_full = self.stalled().is_some();
        if !is_full {
            self.full = None;
        }
        is_full
    }

    /// Resets streams until no more waits than may. The answers are messages.
    pub(super) fn reset_stalled(&mut self) -> Vec<Bytes> {
        let mut answers = Vec::new();
        while let Some(stalled) = self.stalled() {
            let inbox = match stalled {
                Stalled::Open(stream) => {
                    let protocol = self.open.get(&stream).map_or(Protocol::Tcp, |stream| stream.protocol);
                    let why = Bytes::from_static(b"the guest does not take what it is sent");
                    answers.push(message(Kind::Error, protocol.number(), stream, 0, why));
                    self.open.remove(&stream).map(|stream| stream.inbox)
                }
                Stalled::Closed(at) => Some(self.closed.swap_remove(at)),
            };
            if let Some(inbox) = inbox {
                inbox.end(Ending::Reset);
            }
        }
        self.full = None;
        answers
    }

    /// The stream that is to blame for what waits.
    fn stalled(&self) -> Option<Stalled> {
        let full = self.full.filter(|full| {
            let stream = self.open.get(full);
            stream.is_some_and(|stream| stream.inbox.bytes() > self.limits.queue)
        });
        if full.is_some() || self.backlog.bytes() <= self.limits.total {
            return full.map(Stalled::Open);
        }
        let open = self
            .open
            .iter()
            .map(|(id, stream)| (stream.inbox.bytes(), Stalled::Open(*id)));
        let closed = self.closed.iter().enumerate();
        let closed = closed.map(|(at, inbox)| (inbox.bytes(), Stalled::Closed(at)));
        let most = open.chain(closed).max_by_key(|(bytes, _)| *bytes)?;
        Some(most).filter(|(bytes, _)| *bytes > 0).map(|(_, stalled)| stalled)
    }

    /// The next message of a stream that the client still knows by its number.
    pub(super) fn poll_outgoing(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        // This end holds a sender: it is never over.
        while let Poll::Ready(Some(outgoing)) = self.outgoing.poll_recv(cx) {
            let known = self.open.get(&outgoing.stream);
            if known.is_none_or(|stream| stream.serial != outgoing.serial) {
                continue;
            }
            if outgoing.is_last {
                self.end(outgoing.stream, Ending::Closed);
            }
            return Poll::Ready(outgoing.message);
        }
        Poll::Pending
    }

    /// Tasks that have ended make room.
    pub(super) fn reap(&mut self, cx: &mut Context<'_>) {
        let mut has_ended = false;
        while let Poll::Ready(Some(_)) = self.tasks.poll_join_next(cx) {
            has_ended = true;
        }
        if has_ended {
            // Where its task has ended, nobody else holds it.
            self.closed.retain(|inbox| Arc::strong_count(inbox) > 1);
        }
    }

    /// The client is gone. Its streams are reset; those that it had closed have a time to end in, which the caller bounds.
    pub(super) async fn finish(mut self) {
        self.outgoing.close();
        for (_, stream) in self.open.drain() {
            stream.inbox.end(Ending::Reset);
        }
        while self.tasks.join_next().await.is_some() {}
    }
}
