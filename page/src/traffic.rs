//! What passes, as it is counted.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Counters of an app: its connections to the guest, kept ones included, and bytes on the wire in each direction.
#[derive(Default)]
pub(crate) struct Traffic {
    connections: AtomicUsize,
    to_guest: AtomicU64,
    to_client: AtomicU64,
}

impl Traffic {
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn to_guest(&self) -> u64 {
        self.to_guest.load(Ordering::Relaxed)
    }

    pub(crate) fn to_client(&self) -> u64 {
        self.to_client.load(Ordering::Relaxed)
    }

    /// One connection more, unless there are `most`.
    pub(crate) fn open(&self, most: usize) -> bool {
        let more = |open: usize| (open < most).then_some(open + 1);
        self.connections
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .is_ok()
    }

    pub(crate) fn close(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.to_guest.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.to_client.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// Whether something is open, and if not, since when.
pub(crate) struct Activity {
    open: AtomicUsize,
    last: Mutex<Instant>,
}

/// Something that is open: a request, or what has become of it.
pub(crate) struct Use(Arc<Activity>);

impl Default for Activity {
    fn default() -> Activity {
        Activity {
            open: AtomicUsize::new(0),
            last: Mutex::new(Instant::now()),
        }
    }
}

impl Activity {
    pub(crate) fn begin(self: &Arc<Activity>) -> Use {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.touch();
        Use(self.clone())
    }

    pub(crate) fn touch(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// For how long nothing was open.
    pub(crate) fn idle(&self) -> Duration {
        match self.open.load(Ordering::Relaxed) {
            0 => self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed(),
            _ => Duration::ZERO,
        }
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        // The time first: nobody may see it unused since long ago.
        self.0.touch();
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
