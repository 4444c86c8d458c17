//! Runs one carrier under a pipe, until it breaks or the session is over.

use super::clock::Sleep;
use super::shared::Shared;
use crate::carrier::{BoxCarrier, Carrier, Error};
use crate::pipe::Violation;
use futures::{Sink, SinkExt, Stream};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Frames in each direction before other tasks have their turn.
const BUDGET: usize = 32;
/// How long a carrier may take for the last frames.
const FAREWELL: Duration = Duration::from_secs(2);
/// What the other end has for an answer after this machine slept.
const AFTER_SLEEP: Duration = Duration::from_secs(2);
/// Where nothing has a deadline; any event comes before.
const FAR: Duration = Duration::from_hours(24);

/// How a carrier ended.
pub(super) enum Carried {
    /// It broke. The session waits for another one.
    Cut(Error),
    /// A newer one has taken its place.
    Superseded,
    /// The session is over, and the carrier closed.
    Over,
}

/// `on_open` is called once, when bytes can go both ways.
pub(super) async fn carry(shared: &Shared, epoch: u32, mut carrier: BoxCarrier, mut on_open: impl FnMut()) -> Carried {
    let mut run = Run {
        shared,
        epoch,
        is_flushed: true,
        is_open: false,
        heard: 0,
        sleep: Sleep::new(),
    };
    let mut timer = pin!(tokio::time::sleep(FAR));
    let carried = poll_fn(|cx| {
        loop {
            let was_open = run.is_open;
            let turn = run.turn(&mut carrier, cx);
            if run.is_open && !was_open {
                on_open();
            }
            match turn {
                Turn::Done(carried) => return Poll::Ready(carried),
                Turn::Busy => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Turn::Idle(until) => {
                    timer.as_mut().reset(until.into());
                    if timer.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                }
            }
        }
    })
    .await;
    if let Carried::Over = carried {
        let farewell = async {
            // The peer waits for an answer to its BYE.
            let echo = shared.lock().pipe.next_frame(epoch, Instant::now());
            if let Some(echo) = echo {
                carrier.send(echo).await?;
            }
            carrier.close().await
        };
        // Where it does not arrive, the peer says BYE again or lets the session expire.
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
    }
    carried
}

enum Turn {
    Done(Carried),
    /// There may be more to do at once.
    Busy,
    /// Nothing to do before an event, or this time.
    Idle(Instant),
}

struct Run<'a> {
    shared: &'a Shared,
    epoch: u32,
    is_flushed: bool,
    is_open: bool,
    heard: u64,
    sleep: Sleep,
}

impl Run<'_> {
    fn turn(&mut self, carrier: &mut BoxCarrier, cx: &mut Context<'_>) -> Turn {
        match self.work(carrier, cx) {
            Ok(turn) => turn,
            Err(error) => Turn::Done(Carried::Cut(error)),
        }
    }

    fn work(&mut self, carrier: &mut BoxCarrier, cx: &mut Context<'_>) -> Result<Turn, Error> {
        for _ in 0..BUDGET {
            let now = Instant::now();
            if !self.begin(carrier, now, cx)? {
                return Ok(Turn::Done(Carried::Superseded));
            }
            let sent = self.send(carrier, now, cx)?;
            let received = self.receive(carrier, now, cx)?;
            let mut state = self.shared.lock();
            self.is_open |= state.pipe.is_open();
            if sent + received > 0 {
                state.wake_streams();
            }
            if state.pipe.end().is_some() {
                state.wake_all();
                return Ok(Turn::Done(Carried::Over));
            }
            if sent + received == 0 {
                let until = state.pipe.deadline().unwrap_or(now + FAR);
                state.sleeps_until = Some(until);
                return Ok(Turn::Idle(until));
            }
        }
        Ok(Turn::Busy)
    }

    /// What time has brought. False: this carrier is not the newest.
    fn begin(&mut self, carrier: &BoxCarrier, now: Instant, cx: &Context<'_>) -> Result<bool, Violation> {
        let mut state = self.shared.lock();
        if state.pipe.epoch() != self.epoch {
            return Ok(false);
        }
        // Before anything is looked at, so that nothing is missed after it.
        state.wait_to_run(cx);
        let heard = carrier.bytes_received();
        if heard != self.heard {
            self.heard = heard;
            state.pipe.hear(now);
        }
        if self.sleep.has_passed() {
            state.pipe.doubt(AFTER_SLEEP, now);
        }
        state.pipe.tick(now)?;
        Ok(true)
    }

    fn send(&mut self, carrier: &mut BoxCarrier, now: Instant, cx: &mut Context<'_>) -> Result<usize, Error> {
        let mut sent = 0;
        while sent < BUDGET && Pin::new(&mut *carrier).poll_ready(cx)?.is_ready() {
            let Some(frame) = self.shared.lock().pipe.next_frame(self.epoch, now) else {
                break;
            };
            self.is_flushed = false;
            Pin::new(&mut *carrier).start_send(frame)?;
            sent += 1;
        }
        if !self.is_flushed {
            self.is_flushed = Pin::new(carrier).poll_flush(cx)?.is_ready();
        }
        Ok(sent)
    }

    fn receive(&mut self, carrier: &mut BoxCarrier, now: Instant, cx: &mut Context<'_>) -> Result<usize, Error> {
        let mut received = 0;
        while received < BUDGET {
            match Pin::new(&mut *carrier).poll_next(cx) {
                Poll::Ready(Some(frame)) => self.shared.lock().pipe.receive(self.epoch, frame?, now)?,
                Poll::Ready(None) => {
                    // BYE may have been the last.
                    let is_over = self.shared.lock().pipe.end().is_some();
                    return if is_over { Ok(received) } else { Err(Error::Closed) };
                }
                Poll::Pending => break,
            }
            received += 1;
        }
        Ok(received)
    }
}

/// Waits until the session is over, or `wanted` is there.
pub(super) async fn wait<T>(
    shared: &Shared,
    mut wanted: impl FnMut(&mut super::shared::State) -> Option<T>,
) -> Option<T> {
    let mut timer = pin!(tokio::time::sleep(FAR));
    poll_fn(|cx| {
        loop {
            let now = Instant::now();
            let mut state = shared.lock();
            state.wait_to_run(cx);
            // Without a carrier it has nothing but the session's own time to say.
            let _ = state.pipe.tick(now);
            if state.pipe.end().is_some() {
                state.wake_all();
                return Poll::Ready(None);
            }
            if let Some(wanted) = wanted(&mut state) {
                return Poll::Ready(Some(wanted));
            }
            let until = state.pipe.deadline().unwrap_or(now + FAR);
            state.sleeps_until = Some(until);
            drop(state);
            timer.as_mut().reset(until.into());
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await
}
