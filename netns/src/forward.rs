//! Forwards: what the host listens on, where it leads, and the worker threads that relay.
//!
//! A [`Forward`] outlives every guest: its listening sockets are bound once, and [`Forwarder::retarget`] points it at
//! another guest. While it has none, connections are accepted and wait.

use crate::listener::{BACKLOG, Listeners};
use crate::relay::{self, Command, Mailbox, Settings};
use crate::rule::Protocol;
use crate::target::Target;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Bounds of all forwards together.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Worker threads.
    pub workers: usize,
    /// Open connections; more wait in the listeners' queues.
    pub connections: usize,
    /// How long a connection waits for the guest to listen.
    pub connect_timeout: Duration,
    /// How long a connection that is closed on one side may stay silent.
    pub half_closed_idle: Duration,
    /// How long a client of a forward of datagrams may be quiet before it is forgotten.
    pub udp_idle: Duration,
}

impl Limits {
    /// Bytes may stand still this long once one side of a connection is closed.
    pub const HALF_CLOSED_IDLE: Duration = Duration::from_secs(300);
    /// Waiting time for a guest that does not listen yet.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
    /// Quiet time of a flow of datagrams.
    pub const UDP_IDLE: Duration = Duration::from_secs(60);
    /// Fewest descriptors that forwards get on with (`ulimit -n`).
    pub const LEAST_FDS: u64 = 64;
    /// Most descriptors that are kept for everything but connections; where there are few, half of them and [`Limits::BASE_FDS`].
    const RESERVED_FDS: u64 = 512;
    /// What a process has that forwards nothing.
    const BASE_FDS: u64 = 16;

    /// What this machine and this process's descriptor limit allow: two descriptors a connection.
    pub fn of_this_process() -> Limits {
        let fds = descriptors();
        let reserved = Limits::RESERVED_FDS.min(Limits::BASE_FDS + fds / 2);
        let connections = fds.saturating_sub(reserved).max(2) / 2;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Limits {
            // The clients and the guest want processors too: on two cores one worker does 5 to 10 % more requests than two.
            workers: (cores / 2).clamp(1, 4),
            connections: usize::try_from(connections).unwrap_or(usize::MAX),
            connect_timeout: Limits::CONNECT_TIMEOUT,
            half_closed_idle: Limits::HALF_CLOSED_IDLE,
            udp_idle: Limits::UDP_IDLE,
        }
    }
}

/// Descriptors that this process may have (getrlimit(2), `RLIMIT_NOFILE`).
fn descriptors() -> u64 {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current.unwrap_or(1 << 20)
}

/// How many of what takes descriptors are kept in store: fewer than `most` where there are few. What is reserved has room for
/// some stores.
pub(crate) fn in_store(most: usize) -> usize {
    let share = usize::try_from(descriptors() / 32).unwrap_or(most);
    share.clamp(1, most)
}

/// Something that happened to a forward and that a person may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A connection was given up because nothing in the guest listened on the port in time.
    NotListening {
        /// The guest's port.
        guest_port: u16,
        /// How long the connection waited.
        waited: Duration,
    },
    /// The connection limit is reached; new connections wait in the queue.
    AtLimit {
        /// The limit.
        connections: usize,
    },
    /// The process that makes the guest's sockets does not answer, and connections wait for it.
    DoesNotAnswer {
        /// How long it has not: two seconds, then [`Target::SILENT`].
        waited: Duration,
    },
    /// It answers again.
    AnswersAgain,
    /// A connection could not be accepted or made.
    Failed {
        /// The guest's port.
        guest_port: u16,
        /// What the kernel said.
        reason: String,
    },
}

/// Receives notices, from any worker thread.
pub type Listener = Arc<dyn Fn(Notice) + Send + Sync>;

/// Counters of one forward since it was added.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections accepted, or clients of a forward of datagrams.
    pub accepted: AtomicU64,
    /// Connections open now, waiting ones included.
    pub live: AtomicUsize,
    /// Connections given up because the guest did not listen, or did not accept, in time.
    pub refused: AtomicU64,
    /// Connections that ended in a reset.
    pub reset: AtomicU64,
    /// Bytes from clients to the guest.
    pub to_guest: AtomicU64,
    /// Bytes from the guest to clients.
    pub to_client: AtomicU64,
    /// Bytes of both directions that went through splice(2); the rest was copied.
    pub spliced: AtomicU64,
}

/// One mapping that listens.
#[derive(Debug)]
pub struct Forward {
    id: u64,
    addresses: Vec<SocketAddr>,
    guest_port: u16,
    protocol: Protocol,
    sockets: Vec<OwnedFd>,
    target: Mutex<Option<Arc<Target>>>,
    /// Without a target: nobody is to come, either.
    hopeless: AtomicBool,
    /// Its listeners are lent to a guest's process, which accepts from them.
    lent: AtomicBool,
    counters: Counters,
}

impl Forward {
    /// The host addresses it listens on.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The guest's port.
    pub fn guest_port(&self) -> u16 {
        self.guest_port
    }

    /// What goes through it.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// What it has done so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Its number, which no other forward of the same [`Forwarder`] has.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether somebody else accepts from its listeners ([`Forwarder::lend`]).
    pub fn is_lent(&self) -> bool {
        self.lent.load(Ordering::Acquire)
    }

    /// Makes a listener that was shut down listen again; of any other this is the queue's length.
    pub(crate) fn listen_again(&self, socket: usize) -> rustix::io::Result<()> {
        rustix::net::listen(&self.sockets[socket], BACKLOG)
    }

    pub(crate) fn sockets(&self) -> &[OwnedFd] {
        &self.sockets
    }

    /// Whether connections without a target have nobody to wait for.
    pub(crate) fn is_hopeless(&self) -> bool {
        self.hopeless.load(Ordering::Acquire)
    }

    pub(crate) fn target(&self) -> Option<Arc<Target>> {
        self.target.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

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
    pub fn start(limits: Limits, listener: Listener) -> io::Result<Forwarder> {
        let open = Arc::new(AtomicUsize::new(0));
        let workers = (0..limits.workers.max(1))
            .map(|number| {
                relay::spawn(Settings {
                    number,
                    limits,
                    open: open.clone(),
                    listener: listener.clone(),
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
            target: Mutex::new(None),
            hopeless: AtomicBool::new(false),
            lent: AtomicBool::new(false),
            counters: Counters::default(),
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

    /// Sends new connections, and those that wait, to `target`. Connections already made stay where they are. Without a target
    /// they wait for one as long as it takes: [`Limits::connect_timeout`] is for a guest that is there.
    pub fn retarget(&self, forward: &Forward, target: Option<Arc<Target>>) {
        forward.hopeless.store(false, Ordering::Release);
        *forward.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
        self.wake(forward);
    }

    /// Resets new connections, and those that wait, until there is a target or hope of one ([`Forwarder::retarget`]).
    pub fn give_up(&self, forward: &Forward) {
        *forward.target.lock().unwrap_or_else(PoisonError::into_inner) = None;
        forward.hopeless.store(true, Ordering::Release);
        self.wake(forward);
    }

    /// Tries waiting connections again at once, for example because the guest listens now.
    pub fn wake(&self, forward: &Forward) {
        self.tell(|| Command::Wake(forward.id));
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
