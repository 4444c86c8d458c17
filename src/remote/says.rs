//! What is said of connections that fail, so that it is said once.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use tunnel::mux::OpenError;

/// Says why connections fail, each reason once.
#[derive(Clone, Default)]
pub(super) struct Says(Arc<Mutex<HashSet<String>>>);

impl Says {
    /// That a connection works again is worth the next message.
    pub(super) fn works_again(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(super) fn failed(&self, port: u16, error: &OpenError) {
        let text = error.to_string();
        if self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(text.clone())
        {
            tracing::warn!("port {port}: {text}");
        }
    }
}
