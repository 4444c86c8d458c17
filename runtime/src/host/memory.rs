//! The memory limit: one budget for all instances of a guest.

use crate::event::{Event, Events};
use crate::guest::Guest;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use wasmtime::{ResourceLimiter, Result};

/// Bytes that a guest may have, and has.
pub(crate) struct Budget {
    limit: u64,
    used: AtomicU64,
    told: AtomicBool,
    events: Events,
}

impl Budget {
    pub(crate) fn new(limit: Option<u64>, events: Events) -> Arc<Budget> {
        Arc::new(Budget {
            limit: limit.unwrap_or(Guest::MEMORY),
            used: AtomicU64::new(0),
            told: AtomicBool::new(false),
            events,
        })
    }

    fn take(&self, bytes: u64) -> bool {
        let taken = self
            .used
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|sum| *sum <= self.limit)
            })
            .is_ok();
        if !taken && !self.told.swap(true, Ordering::Relaxed) {
            (self.events)(Event::MemoryLimit(self.limit));
        }
        taken
    }
}

/// One store's share of the budget; what it took goes back when the store is dropped.
pub(crate) struct Share {
    budget: Arc<Budget>,
    taken: u64,
}

/// Bytes that a table element stands for: a pointer.
const TABLE_ELEMENT: usize = 8;

impl Share {
    pub(crate) fn new(budget: Arc<Budget>) -> Share {
        Share { budget, taken: 0 }
    }

    fn grow(&mut self, current: usize, desired: usize, maximum: Option<usize>, unit: usize) -> bool {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return false;
        }
        let bytes = (desired.saturating_sub(current)).saturating_mul(unit) as u64;
        let granted = self.budget.take(bytes);
        if granted {
            self.taken += bytes;
        }
        granted
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.taken, Ordering::Relaxed);
    }
}

impl ResourceLimiter for Share {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        Ok(self.grow(current, desired, maximum, 1))
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        Ok(self.grow(current, desired, maximum, TABLE_ELEMENT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_a_limit_for_everything_together() {
        let told = Arc::new(AtomicU64::new(0));
        let events = told.clone();
        let budget = Budget::new(
            None,
            Arc::new(move |event| {
                if let Event::MemoryLimit(limit) = event {
                    events.store(limit, Ordering::Relaxed);
                }
            }),
        );
        let mut shares = [Share::new(budget.clone()), Share::new(budget)];
        let elements = (Guest::MEMORY / 2) as usize / TABLE_ELEMENT;
        assert!(shares[0].memory_growing(0, (Guest::MEMORY / 2) as usize, None).unwrap());
        assert!(shares[1].table_growing(0, elements, None).unwrap());
        assert!(!shares[1].table_growing(elements, elements + 1, None).unwrap());
        assert_eq!(told.load(Ordering::Relaxed), Guest::MEMORY);
        let [first, mut second] = shares;
        drop(first);
        assert!(second.table_growing(elements, elements + 1, None).unwrap());
    }
}
