//! What a worker is told, and how it wakes.

use super::forward::Forward;
use super::limits::Limits;
use super::target::Target;
use rustix::event::{EventfdFlags, eventfd};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

/// What a worker can be told. A `Sender` is dropped when the command is done.
pub(super) enum Command {
    Add(Arc<Forward>),
    Remove(u64, Sender<()>),
    /// Accept, or leave that to who has been lent the listeners.
    Accept(u64, bool, Sender<()>),
    Wake(u64),
    Admit(Box<Admitted>),
    Limit(Limits),
    Abort(Arc<Target>, Sender<()>),
    Stop,
}

/// A connection that has both its ends.
pub(super) struct Admitted {
    pub(super) forward: Arc<Forward>,
    pub(super) client: OwnedFd,
    pub(super) peer: SocketAddr,
    pub(super) guest: OwnedFd,
    /// It counts there.
    pub(super) target: Arc<Target>,
}

/// Where commands wait; posting wakes the worker.
pub(super) struct Mailbox {
    commands: Mutex<Vec<Command>>,
    bell: OwnedFd,
}

impl Mailbox {
    pub(super) fn new() -> rustix::io::Result<Mailbox> {
        Ok(Mailbox {
            commands: Mutex::new(Vec::new()),
            bell: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        })
    }

    /// Readable when something is in it.
    pub(super) fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    pub(super) fn post(&self, command: Command) {
        let mut commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        // A guest may listen and listen again: to be woken once is enough.
        let waits = |other: &Command| matches!((other, &command), (Command::Wake(a), Command::Wake(b)) if a == b);
        if commands.iter().any(waits) {
            return;
        }
        commands.push(command);
        drop(commands);
        // A counter that is full has rung already.
        let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
    }

    pub(super) fn collect(&self) -> Vec<Command> {
        let _ = rustix::io::read(&self.bell, &mut [0; 8]);
        std::mem::take(&mut *self.commands.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
