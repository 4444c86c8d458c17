//! What a guest says of the connections that it accepts itself. It is shown, and says when a guest with a successor may end:
//! one that lies, lies about itself.

use netns::Target;
use runtime::Counts;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The latest counts of one generation, by forward.
#[derive(Debug)]
pub struct Ledger {
    /// None when the process is gone: a target holds sockets of its namespace.
    target: Mutex<Option<Arc<Target>>>,
    counts: Mutex<BTreeMap<u64, Counts>>,
}

impl Ledger {
    pub fn new(target: Arc<Target>) -> Arc<Ledger> {
        Arc::new(Ledger {
            target: Mutex::new(Some(target)),
            counts: Mutex::default(),
        })
    }

    /// A forward's listeners are lent: from here on counts of it make sense.
    pub fn open(&self, forward: u64) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let none = Counts {
            forward,
            ..Counts::default()
        };
        counts.entry(forward).or_insert(none);
    }

    /// Takes new counts in.
    pub fn enter(&self, new: &[Counts]) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for new in new {
            if let Some(known) = counts.get_mut(&new.forward) {
                *known = *new;
            }
        }
        let live = counts.values().fold(0, |sum: usize, one| sum.saturating_add(one.live));
        // Bounded by what any machine can have, so that no sum of a few overflows.
        if let Some(target) = &*self.target.lock().unwrap_or_else(PoisonError::into_inner) {
            target.has_adopted(live.min(1 << 32));
        }
    }

    /// The process is gone, and its connections with it.
    pub fn close(&self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.values_mut().for_each(|one| one.live = 0);
        if let Some(target) = self.target.lock().unwrap_or_else(PoisonError::into_inner).take() {
            target.has_adopted(0);
        }
    }

    /// What is known of a forward.
    pub fn of(&self, forward: u64) -> Counts {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(&forward).copied().unwrap_or_default()
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
