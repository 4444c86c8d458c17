//! The worker threads, and what they are told.
//!
//! A [`Forward`] outlives every guest: its listening sockets are bound once, and [`Forwarder::retarget`] points it at
//! another guest. While it is awaited, connections are accepted and wait ([`Upstream`]).

use super::forward::{Counters, Forward};
use super::limits::Limits;
use super::listener::Listeners;
use super::mailbox::{Admitted, Command, Mailbox};
use super::notice::OnNotice;
use super::reach::Reached;
use super::target::Target;
use super::tcp::pair;
use super::upstream::Upstream;
use super::worker::{self, Settings};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::Notify;

/// The worker threads and every forward they serve. Dropping it resets what is open and closes every listener.
pub struct Forwarder {
    workers: Vec<(Arc<Mailbox>, JoinHandle<()>)>,
    next_id: AtomicU64,
}

impl Forwarder {
    /// Starts the worker threads.
    ///
    /// # Errors
    ///
    /// No thread or descriptor is left.
    pub fn start(limits: Limits, on_notice: OnNotice) -> io::Result<Forwarder> {
        let open = Arc::new(AtomicUsize::new(0));
        let workers = (0..limits.workers.max(1))
            .map(|number| {
                worker::spawn(Settings {
                    number,
                    limits,
                    open: open.clone(),
                    on_notice: on_notice.clone(),
                })
            })
            .collect::<io::Result<_>>()?;
        Ok(Forwarder {
            workers,
            next_id: AtomicU64::new(1),
        })
    }

    /// Begins to accept on `listeners`. Connections wait until the forward has a target.
    pub fn add(&self, listeners: Listeners) -> Arc<Forward> {
        let forward = Arc::new(Forward {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            addresses: listeners.addresses,
            guest_port: listeners.guest_port,
            protocol: listeners.protocol,
            sockets: listeners.sockets,
            upstream: Mutex::default(),
            lent: AtomicBool::new(false),
            counters: Counters::default(),
            changed: Notify::new(),
        });
        self.tell(|| Command::Add(forward.clone()));
        forward
    }

    /// Stops accepting for `forward`: clients are refused from here on, open connections go on.
    pub fn remove(&self, forward: &Forward) {
        self.ask(|done| Command::Remove(forward.id, done));
        // Nothing is there to be reclaimed.
        forward.lent.store(false, Ordering::Release);
        for socket in &forward.sockets {
            // A listener that is shut down refuses at once, whoever still has it open (`inet_shutdown` in the kernel's
            // net/ipv4/af_inet.c).
            let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Read);
        }
    }

    /// Stops accepting for a forward of connections and returns its listeners, for another process to accept from. What
    /// was accepted before goes on here. The process must be unable to connect or bind them ([`crate::jail::Sockets`]).
    pub fn lend<'a>(&self, forward: &'a Forward) -> &'a [OwnedFd] {
        forward.lent.store(true, Ordering::Release);
        self.ask(|done| Command::Accept(forward.id, false, done));
        &forward.sockets
    }

    /// Accepts for a forward whose listeners were lent. Who has them must have stopped, or ended.
    pub fn reclaim(&self, forward: &Forward) {
        if !forward.is_lent() {
            return;
        }
        for socket in 0..forward.sockets.len() {
            // A socket's state is shared with who has it; what else is, the filter keeps as it was.
            let _ = forward.listen_again(socket);
        }
        forward.lent.store(false, Ordering::Release);
        self.ask(|done| Command::Accept(forward.id, true, done));
    }

    /// Sets other bounds from here on; who waits already does so as long as was said then. The number of workers stays.
    pub fn limit(&self, limits: Limits) {
        self.tell(|| Command::Limit(limits));
    }

    /// Sends new connections, and those that wait, elsewhere. Connections already made stay where they are.
    pub fn retarget(&self, forward: &Forward, upstream: impl Into<Upstream>) {
        *forward.upstream.lock().unwrap_or_else(PoisonError::into_inner) = upstream.into();
        self.wake(forward);
    }

    /// Tries waiting connections again at once, for example because the guest listens now.
    pub fn wake(&self, forward: &Forward) {
        forward.changed.notify_waiters();
        self.tell(|| Command::Wake(forward.id));
    }

    /// Relays a connection that the guest has already, as one of a client of the forward's; returns the client's end, which is
    /// in the guest's network.
    pub(crate) fn admit(&self, forward: &Arc<Forward>, guest: OwnedFd, place: Reached) -> rustix::io::Result<OwnedFd> {
        let peer = crate::sockets::address::local(&guest)?;
        let (theirs, client) = pair::new(place.target().factory())?;
        // The worker counts it from here on.
        place.target().opened();
        let target = place.target().clone();
        let forward = forward.clone();
        let (mailbox, _) = &self.workers[guest.as_raw_fd() as usize % self.workers.len()];
        mailbox.post(Command::Admit(Box::new(Admitted {
            forward,
            client,
            peer,
            guest,
            target,
        })));
        Ok(theirs)
    }

    /// Resets every connection to `target`.
    pub fn abort(&self, target: &Arc<Target>) {
        self.ask(|done| Command::Abort(target.clone(), done));
    }

    fn tell(&self, command: impl Fn() -> Command) {
        for (mailbox, _) in &self.workers {
            mailbox.post(command());
        }
    }

    /// Tells every worker and waits until each has done it.
    fn ask(&self, command: impl Fn(Sender<()>) -> Command) {
        let (done, all_done) = channel();
        self.tell(|| command(done.clone()));
        drop(done);
        // The channel closes when the last worker has dropped its sender.
        while all_done.recv().is_ok() {}
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.tell(|| Command::Stop);
        for (_, thread) in self.workers.drain(..) {
            let _ = thread.join();
        }
    }
}
