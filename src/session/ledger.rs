//! What a guest says of the connections that it accepts itself. It is shown, and says when a guest with a successor may end:
//! one that lies, lies about itself.

use netns::Target;
use runtime::Counts;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The latest counts of one generation, by forward.
#[derive(Debug)]
pub struct Ledger(Mutex<State>);

#[derive(Debug)]
struct State {
    /// None when the process is gone: a target holds sockets of its namespace.
    target: Option<Arc<Target>>,
    counts: BTreeMap<u64, Counts>,
}

impl Ledger {
    pub fn new(target: Arc<Target>) -> Arc<Ledger> {
        Arc::new(Ledger(Mutex::new(State {
            target: Some(target),
            counts: BTreeMap::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A forward's listeners are lent: from here on counts of it make sense.
    pub fn open(&self, forward: u64) {
        let none = Counts {
            forward,
            ..Counts::default()
        };
        self.state().counts.entry(forward).or_insert(none);
    }

    /// Takes new counts in.
    pub fn enter(&self, new: &[Counts]) {
        let mut state = self.state();
        for new in new {
            if let Some(known) = state.counts.get_mut(&new.forward) {
                *known = *new;
            }
        }
        let lives = state.counts.values().map(|one| one.live);
        let live = lives.fold(0, usize::saturating_add);
        if let Some(target) = &state.target {
            // Bounded by what any machine can have, so that no sum of a few overflows.
            target.has_adopted(live.min(1 << 32));
        }
    }

    /// The process is gone, and its connections with it.
    pub fn close(&self) {
        let mut state = self.state();
        state.counts.values_mut().for_each(|one| one.live = 0);
        if let Some(target) = state.target.take() {
            target.has_adopted(0);
        }
    }

    /// What is known of a forward.
    pub fn of(&self, forward: u64) -> Counts {
        self.state().counts.get(&forward).copied().unwrap_or_default()
    }
}

/// Adds what one generation counted to what others did.
pub fn add(sum: Counts, other: Counts) -> Counts {
    Counts {
        forward: sum.forward,
        accepted: sum.accepted.saturating_add(other.accepted),
        live: sum.live.saturating_add(other.live),
        to_guest: sum.to_guest.saturating_add(other.to_guest),
        to_client: sum.to_client.saturating_add(other.to_client),
    }
}
