//! How much a guest may have this process keep for it. That is not the guest's memory, which has a limit of its own.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places that all of a guest's instances share.
#[derive(Clone)]
pub(crate) struct Room(Arc<Semaphore>);

/// Places that are taken until this is dropped.
pub(crate) struct Places(OwnedSemaphorePermit);

impl Room {
    pub(crate) fn new(places: usize) -> Room {
        Room(Arc::new(Semaphore::new(places)))
    }

    /// So many places, or none where there are too few.
    pub(crate) fn take(&self, places: usize) -> Option<Places> {
        let places = u32::try_from(places).unwrap_or(u32::MAX);
        self.0.clone().try_acquire_many_owned(places).ok().map(Places)
    }

    /// Takes more or gives some back, so that there are so many; whether that was possible.
    pub(crate) fn fit(&self, taken: &mut Places, places: usize) -> bool {
        let has = taken.0.num_permits();
        if places <= has {
            drop(taken.0.split(has - places));
            return true;
        }
        let more = self.take(places - has);
        more.is_some_and(|more| {
            taken.0.merge(more.0);
            true
        })
    }

    #[cfg(test)]
    pub(crate) fn left(&self) -> usize {
        self.0.available_permits()
    }
}
