//! Failures of the guest, told so that no client can fill a log: the first few as they are, then how many more.

#![expect(clippy::disallowed_methods, reason = "it sleeps once, and says what was counted")]

use crate::event::{Event, Events};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So many are told with all that is known.
const FIRST: u32 = 3;
/// More of them are counted for so long.
const COUNTED: Duration = Duration::from_secs(10);
/// Kinds that are told apart; code has few places that trap.
const KINDS: usize = 64;

pub(super) struct Failures {
    events: Events,
    hasher: RandomState,
    kinds: Mutex<HashMap<u64, Kind>>,
}

/// Failures with the same text.
struct Kind {
    since: Instant,
    told: u32,
    more: u64,
    cause: String,
}

impl Failures {
    pub(super) fn new(events: Events) -> Arc<Failures> {
        Arc::new(Failures {
            events,
            hasher: RandomState::new(),
            kinds: Mutex::default(),
        })
    }

    /// Tells one, or counts it.
    pub(super) fn tell(self: &Arc<Self>, error: &wasmtime::Error) {
        let text = format!("{error:?}");
        let mut key = self.hasher.hash_one(&text);
        let mut kinds = self.kinds();
        if kinds.len() >= KINDS && !kinds.contains_key(&key) {
            key = 0;
        }
        let kind = kinds.entry(key).or_insert_with(|| Kind {
            since: Instant::now(),
            told: 0,
            more: 0,
            cause: one_line(&error.root_cause().to_string()),
        });
        if kind.more == 0 && kind.since.elapsed() > COUNTED {
            (kind.since, kind.told) = (Instant::now(), 0);
        }
        if kind.told < FIRST {
            kind.told += 1;
            drop(kinds);
            return (self.events)(Event::InstanceTrapped(text));
        }
        kind.more += 1;
        if kind.more == 1 {
            let failures = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(COUNTED).await;
                failures.tell_counts();
            });
        }
    }

    /// Tells what was counted so far.
    pub(super) fn tell_counts(&self) {
        let counted: Vec<(String, u64)> = {
            let mut kinds = self.kinds();
            let counted = kinds.values_mut().filter(|kind| kind.more > 0);
            counted
                .map(|kind| (kind.cause.clone(), std::mem::take(&mut kind.more)))
                .collect()
        };
        for (cause, more) in counted {
            (self.events)(Event::InstanceTrappedAgain(cause, more));
        }
    }

    fn kinds(&self) -> MutexGuard<'_, HashMap<u64, Kind>> {
        // Consistent at every step, so a panic elsewhere does not spoil it.
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_few_are_told_and_the_rest_counted() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let events = told.clone();
        let failures = Failures::new(Arc::new(move |event| events.lock().unwrap().push(event)));
        for _ in 0..100 {
            failures.tell(&wasmtime::format_err!("one"));
        }
        failures.tell(&wasmtime::format_err!("another"));
        let one = || Event::InstanceTrapped("one".to_owned());
        assert_eq!(
            *told.lock().unwrap(),
            [one(), one(), one(), Event::InstanceTrapped("another".to_owned())]
        );
        failures.tell_counts();
        failures.tell_counts();
        assert_eq!(
            told.lock().unwrap()[4..],
            [Event::InstanceTrappedAgain("one".to_owned(), 97)]
        );
    }
}
