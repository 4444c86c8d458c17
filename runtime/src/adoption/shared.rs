//! What acceptors, connections and the supervisor's orders share: the listeners under one lock, and counters.

use super::trim::Crowd;
use crate::event::{Event, Events};
use std::collections::{BTreeMap, HashMap};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Wake, Waker};
use std::time::Instant;
use tokio::net::TcpListener;

/// What came through one forward so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// The forward's number.
    pub forward: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections open now.
    pub live: usize,
    /// Bytes from clients.
    pub to_guest: u64,
    /// Bytes to clients.
    pub to_client: u64,
}

/// Receives what came through a forward when a connection has ended after [`super::Adoption::release`].
pub type OnCounts = Arc<dyn Fn(Counts) + Send + Sync>;

pub(super) struct Shared {
    /// Most connections at once.
    pub(super) limit: usize,
    pub(super) events: Events,
    pub(super) on_counts: OnCounts,
    /// Adopted connections open now.
    pub(super) live: AtomicUsize,
    /// All of them.
    pub(super) crowd: Arc<Crowd>,
    pub(super) state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// The guest's own listeners, which were made before it had a say.
    pub(super) own: HashMap<u16, OwnedFd>,
    /// Given, and not yet known to the reactor: only a thread of the guest's runtime can do that.
    pub(super) fresh: Vec<(u64, u16, OwnedFd)>,
    pub(super) listening: Vec<Listening>,
    pub(super) tallies: BTreeMap<u64, Arc<Tally>>,
    /// Acceptors that are there, by their numbers, with their ports.
    pub(super) acceptors: BTreeMap<u64, u16>,
    /// Who waits for a listener of a port, or for a connection's end: of each acceptor the last that asked.
    pub(super) waiting: HashMap<u64, Waker>,
    pub(super) next_acceptor: u64,
    pub(super) released: bool,
    /// The guest wants to hear of its end.
    pub(super) hears: bool,
    /// Its end is asked for.
    pub(super) ends: bool,
    /// When it was said that the limit is reached.
    pub(super) limit_told: Option<Instant>,
}

pub(super) struct Listening {
    pub(super) forward: u64,
    pub(super) port: u16,
    pub(super) listener: TcpListener,
    pub(super) waker: Waker,
}

/// Wakes every acceptor of a port when one of the host's listeners has a connection. tokio remembers one waker of each
/// listener: were it the last acceptor's that asked, another would wait for ever once that one asks no more.
pub(super) struct Bell {
    pub(super) shared: Weak<Shared>,
    pub(super) port: u16,
}

impl Wake for Bell {
    fn wake(self: Arc<Bell>) {
        let Some(shared) = self.shared.upgrade() else { return };
        let mut state = shared.state();
        let State { acceptors, waiting, .. } = &mut *state;
        let of_this_port = acceptors.iter().filter(|(_, port)| **port == self.port);
        of_this_port
            .filter_map(|(number, _)| waiting.remove(number))
            .for_each(Waker::wake);
    }
}

/// Counters of one forward.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) accepted: AtomicU64,
    pub(super) live: AtomicUsize,
    pub(super) to_guest: AtomicU64,
    pub(super) to_client: AtomicU64,
}

impl Tally {
    pub(super) fn counts(&self, forward: u64) -> Counts {
        Counts {
            forward,
            accepted: self.accepted.load(Relaxed),
            live: self.live.load(Relaxed),
            to_guest: self.to_guest.load(Relaxed),
            to_client: self.to_client.load(Relaxed),
        }
    }
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Consistent at every step, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub(super) fn waits(&mut self, number: u64, context: &Context<'_>) {
        let waker = self.waiting.entry(number).or_insert_with(|| context.waker().clone());
        waker.clone_from(context.waker());
    }

    pub(super) fn is_heard(&self) -> bool {
        self.hears && self.ends
    }

    pub(super) fn accepts_on(&self, port: u16) -> bool {
        self.acceptors.values().any(|other| *other == port) || self.own.contains_key(&port)
    }

    pub(super) fn wake(&mut self) {
        self.waiting.drain().for_each(|(_, waker)| waker.wake());
    }

    pub(super) fn watch_fresh(&mut self, shared: &Arc<Shared>) {
        for (forward, port, listener) in self.fresh.drain(..) {
            match TcpListener::from_std(listener.into()) {
                Ok(listener) => self.listening.push(Listening {
                    forward,
                    port,
                    listener,
                    waker: Arc::new(Bell {
                        shared: Arc::downgrade(shared),
                        port,
                    })
                    .into(),
                }),
                // No watch is left in the kernel: others have to accept there.
                Err(_) => (shared.events)(Event::Closed(port)),
            }
        }
    }

    pub(super) fn counts(&self) -> Vec<Counts> {
        let tallies = self.tallies.iter();
        tallies.map(|(forward, tally)| tally.counts(*forward)).collect()
    }
}
