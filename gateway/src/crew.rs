//! Tasks that outlive the listener that they came from: sessions, and what has been upgraded.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// Holds them, and ends them with it.
#[derive(Default)]
pub(crate) struct Crew(Mutex<JoinSet<()>>);

impl Crew {
    fn lock(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.lock();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Gives those that are there so long to end, and ends the others.
    pub(crate) async fn finish(&self, limit: Duration) {
        let mut tasks = std::mem::take(&mut *self.lock());
        let ended = async { while tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(limit, ended).await;
        tasks.shutdown().await;
    }
}
