//! Tasks: connections to guests, and what has become of upgrades.

use std::sync::{Mutex, PoisonError};
use tokio::task::JoinSet;

/// Owns tasks. They are aborted when it is dropped.
#[derive(Default)]
pub(crate) struct Crew(Mutex<JoinSet<()>>);

impl Crew {
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}
