//! Reads and writes the WebSocket. It never waits for a stream, and streams wait for it.

use super::error::Error;
use super::forward::Forward;
use super::frame::Frame;
use super::heartbeat::Heartbeat;
use super::limits::Limits;
use super::patience::Patience;
use super::socket::Socket;
use super::streams::Streams;
use crate::mux::Handler;
use futures::{Sink, Stream};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::coop::has_budget_remaining;
use tokio::time::{Sleep, sleep_until};
use tokio_tungstenite::tungstenite::Message;

/// Bytes that are written before they are flushed.
const BATCH: usize = 128 * 1024;
/// Messages that are read in one turn of the task.
const TURN: usize = 64;
/// Most answers of the session itself that wait for a client that reads nothing.
const ANSWERS: usize = 4096;
/// Most pings within one [`Limits::stall`] that ask how much has been read.
const PROBES: u32 = 10;

/// How a session ends as it should.
pub(super) enum End {
    /// The client has said CLOSE.
    Client,
    /// It was stopped, and no stream is open.
    Stopped,
}

pub(super) struct Driver<T, H> {
    socket: Socket<T>,
    streams: Streams<H>,
    answers: VecDeque<Message>,
    patience: Patience,
    heartbeat: Heartbeat,
    probe: std::time::Duration,
    timer: Pin<Box<Sleep>>,
    /// Bytes that the WebSocket has buffered since it was last flushed.
    batch: usize,
    is_flushing: bool,
    /// Bytes that the connection had taken when it took no more.
    blocked: Option<u64>,
    is_stopping: bool,
    /// The client has said CLOSE.
    is_closed: bool,
}

impl<T, H> Driver<T, H>
where
    T: AsyncRead + AsyncWrite + Unpin,
    H: Handler,
{
    pub(super) fn new(socket: Socket<T>, forward: Forward, handler: Arc<H>, limits: &Limits) -> Driver<T, H> {
        let now = Instant::now();
        let greeting = forward.port.map(|_| Message::text("CONNECTED"));
        Driver {
            socket,
            streams: Streams::new(forward, handler, limits.clone()),
            answers: VecDeque::from_iter(greeting),
            patience: Patience::new(limits.stall, limits.ping_age, now),
            heartbeat: Heartbeat::new(limits.keep_alive, limits.silence, now),
            probe: limits.stall / PROBES,
            timer: Box::pin(sleep_until(now.into())),
            batch: 0,
            is_flushing: false,
            blocked: None,
            is_stopping: false,
            is_closed: false,
        }
    }

    pub(super) fn into_parts(self) -> (Socket<T>, Streams<H>) {
        (self.socket, self.streams)
    }

    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Poll<Result<End, Error>> {
        if !self.is_stopping && stop.poll(cx).is_ready() {
            self.is_stopping = true;
        }
        self.streams.reap(cx);
        for _ in 0..TURN {
            let now = Instant::now();
            self.heartbeat.observe(self.socket.get_ref().received(), now);
            if self.heartbeat.is_dead(now) {
                return Poll::Ready(Err(Error::Silent));
            }
            let is_reading = self.may_read(cx, now)?;
            let has_written = self.write(cx, now)?;
            let has_read = is_reading && self.read(cx, now)?;
            if self.is_closed {
                return Poll::Ready(Ok(End::Client));
            }
            if self.is_stopping && self.streams.is_empty() {
                return Poll::Ready(Ok(End::Stopped));
            }
            let is_late = !has_written && !has_read && self.is_late(cx);
            if !has_written && !has_read && !is_late {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether the WebSocket is read. Ends a stop that has lasted too long.
    fn may_read(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, Error> {
        if self.streams.is_full(cx) {
            let is_new = self.patience.stop(now);
            if !self.patience.is_over(now) {
                if is_new && self.heartbeat.age(now) >= self.probe {
                    self.ping(now)?;
                }
                return Ok(false);
            }
            for answer in self.streams.reset_stalled() {
                self.answer(Message::Binary(answer))?;
            }
        }
        self.patience.resume();
        if self.heartbeat.is_due(now) {
            self.ping(now)?;
        }
        Ok(true)
    }

    fn ping(&mut self, now: Instant) -> Result<(), Error> {
        if self.answers.iter().any(Message::is_ping) {
            self.heartbeat.skip(now);
            return Ok(());
        }
        let ping = self.heartbeat.ping(now);
        self.answer(Message::Ping(ping.to_vec().into()))
    }

    fn answer(&mut self, answer: Message) -> Result<(), Error> {
        if self.answers.len() >= ANSWERS {
            return Err(Error::Flooded);
        }
        self.answers.push_back(answer);
        Ok(())
    }

    /// Reads one message. Says whether there was one.
    fn read(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, Error> {
        let message = match Pin::new(&mut self.socket).poll_next(cx) {
            Poll::Ready(Some(message)) => message?,
            Poll::Ready(None) => {
                self.is_closed = true;
                return Ok(true);
            }
            Poll::Pending => {
                // Where tokio makes the task wait, there may be more to read.
                if has_budget_remaining() {
                    self.patience.prove(now);
                }
                return Ok(false);
            }
        };
        match message {
            // What is shorter than a head is no frame; what is longer than any did not come through.
            Message::Binary(message) => {
                if let Ok(frame) = Frame::decode(message)
                    && let Some(answer) = self.streams.take(frame, self.is_stopping)
                {
                    self.answer(Message::Binary(answer))?;
                }
            }
            // The pong waits in the WebSocket.
            Message::Ping(_) => self.is_flushing = true,
            Message::Pong(payload) => {
                if let Some(sent) = self.heartbeat.pong(&payload) {
                    self.patience.prove(sent);
                }
            }
            Message::Close(_) => self.is_closed = true,
            Message::Text(_) | Message::Frame(_) => {}
        }
        Ok(true)
    }

    /// Writes what there is, as far as the client takes it. Says whether something was written.
    fn write(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, Error> {
        let mut has_written = false;
        loop {
            if self.is_flushing {
                let flushed = Pin::new(&mut self.socket).poll_flush(cx)?;
                let sent = self.socket.get_ref().sent();
                if self.blocked.is_some_and(|before| before != sent) {
                    self.heartbeat.made_room(now);
                }
                self.blocked = flushed.is_pending().then_some(sent);
                if flushed.is_pending() {
                    return Ok(has_written);
                }
                self.is_flushing = false;
                self.batch = 0;
                // Reading has its turn: what is read may be a ping.
                if has_written {
                    return Ok(true);
                }
            }
            let message = match self.answers.pop_front() {
                Some(answer) => answer,
                None => match self.streams.poll_outgoing(cx) {
                    Poll::Ready(message) => Message::Binary(message),
                    Poll::Pending if self.batch > 0 => {
                        self.is_flushing = true;
                        continue;
                    }
                    Poll::Pending => return Ok(has_written),
                },
            };
            self.batch += message.len();
            // Its buffer was flushed before this batch and nothing was read since: there is room.
            Pin::new(&mut self.socket).start_send(message)?;
            has_written = true;
            self.is_flushing = self.batch >= BATCH;
        }
    }

    /// Whether something is to be done because of the time.
    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let heartbeat = self.heartbeat.deadline();
        let deadline = self
            .patience
            .deadline()
            .map_or(heartbeat, |patience| patience.min(heartbeat));
        let deadline = tokio::time::Instant::from_std(deadline);
        if self.timer.deadline() != deadline {
            self.timer.as_mut().reset(deadline);
        }
        self.timer.as_mut().poll(cx).is_ready()
    }
}
