//! Things that are there for a while, and can be gone through.

use slab::Slab;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) struct Register<T>(Mutex<Slab<Arc<T>>>);

/// One of them. It leaves the register when this is dropped.
pub(super) struct Entry<T> {
    register: Arc<Register<T>>,
    key: usize,
    thing: Arc<T>,
}

impl<T> Register<T> {
    pub(super) fn new() -> Arc<Register<T>> {
        Arc::new(Register(Mutex::new(Slab::new())))
    }

    pub(super) fn enter(self: &Arc<Self>, thing: T) -> Entry<T> {
        let thing = Arc::new(thing);
        Entry {
            key: self.all().insert(thing.clone()),
            register: self.clone(),
            thing,
        }
    }

    /// Goes through all of them. Nobody enters or leaves meanwhile.
    pub(super) fn with<R>(&self, look: impl FnOnce(&mut dyn Iterator<Item = &Arc<T>>) -> R) -> R {
        let all = self.all();
        look(&mut all.iter().map(|(_, thing)| thing))
    }

    fn all(&self) -> MutexGuard<'_, Slab<Arc<T>>> {
        // Consistent at every step, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Entry<T> {
    pub(super) fn thing(&self) -> &Arc<T> {
        &self.thing
    }
}

impl<T> Deref for Entry<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.thing
    }
}

impl<T> Drop for Entry<T> {
    fn drop(&mut self) {
        self.register.all().remove(self.key);
    }
}
