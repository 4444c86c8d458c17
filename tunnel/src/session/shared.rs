//! The pipe between its stream and the future that runs its carriers.

use crate::carrier::BoxCarrier;
use crate::pipe::{Bye, End, Pipe};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Instant;

/// Held for the length of a copy, never across an await.
pub(super) struct Shared(Mutex<State>);

pub(super) struct State {
    pub(super) pipe: Pipe,
    /// A newer carrier, on the server, of the pipe's epoch.
    pub(super) next: Option<BoxCarrier>,
    /// For when the runner sleeps without another event.
    pub(super) sleeps_until: Option<Instant>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    closer: Option<Waker>,
    runner: Option<Waker>,
}

impl Shared {
    pub(super) fn new(pipe: Pipe) -> Arc<Shared> {
        Arc::new(Shared(Mutex::new(State {
            pipe,
            next: None,
            sleeps_until: None,
            reader: None,
            writer: None,
            closer: None,
            runner: None,
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the session is over. Where nobody said, whoever ran it is gone.
    pub(super) fn finish(&self) -> End {
        let mut state = self.lock();
        if state.pipe.end().is_none() {
            state.pipe.cut(Instant::now());
            state.pipe.close(Bye {
                code: Bye::GOING,
                text: "the link was given up".into(),
            });
        }
        state.next = None;
        state.wake_all();
        state.pipe.end().cloned().unwrap_or(End::Expired)
    }
}

impl State {
    pub(super) fn wait_to_read(&mut self, cx: &Context<'_>) {
        set(&mut self.reader, cx);
    }

    pub(super) fn wait_to_write(&mut self, cx: &Context<'_>) {
        set(&mut self.writer, cx);
    }

    pub(super) fn wait_to_close(&mut self, cx: &Context<'_>) {
        set(&mut self.closer, cx);
    }

    pub(super) fn wait_to_run(&mut self, cx: &Context<'_>) {
        set(&mut self.runner, cx);
    }

    /// After a read or a write: the runner has something to do, or to do earlier than it thinks.
    pub(super) fn wake_runner_if_due(&mut self, now: Instant) {
        let is_earlier = match (self.pipe.deadline(), self.sleeps_until) {
            (Some(deadline), Some(until)) => deadline < until,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if is_earlier || self.pipe.is_due(now) {
            self.wake_runner();
        }
    }

    pub(super) fn wake_runner(&mut self) {
        wake(&mut self.runner);
    }

    /// After frames: whoever can go on.
    pub(super) fn wake_streams(&mut self) {
        if self.pipe.readable() > 0 {
            wake(&mut self.reader);
        }
        if self.pipe.room() > 0 {
            wake(&mut self.writer);
        }
        if self.pipe.end().is_some() {
            self.wake_all();
        }
    }

    pub(super) fn wake_all(&mut self) {
        for waker in [&mut self.reader, &mut self.writer, &mut self.closer, &mut self.runner] {
            wake(waker);
        }
    }

    /// The error of a stream whose session is over.
    pub(super) fn error(&self) -> Option<io::Error> {
        let end = self.pipe.end()?.clone();
        let kind = match &end {
            End::Bye(_) => io::ErrorKind::ConnectionAborted,
            _ => io::ErrorKind::ConnectionReset,
        };
        Some(io::Error::new(kind, end))
    }
}

fn set(slot: &mut Option<Waker>, cx: &Context<'_>) {
    if !slot.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
        *slot = Some(cx.waker().clone());
    }
}

fn wake(slot: &mut Option<Waker>) {
    if let Some(waker) = slot.take() {
        waker.wake();
    }
}
