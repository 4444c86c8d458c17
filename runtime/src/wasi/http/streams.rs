//! The streams of one HTTP/2 connection, each a task that can be ended by itself.

#![expect(
    clippy::disallowed_methods,
    reason = "hyper's executor: each stream ends with its connection"
)]

use super::exchange::Exchange;
use std::sync::{Arc, Mutex, PoisonError};

/// Where hyper runs them.
#[derive(Clone, Default)]
pub(super) struct Streams {
    /// hyper runs a stream right after it has called the service for its request, which leaves the exchange here.
    next: Arc<Mutex<Option<Arc<Exchange>>>>,
}

impl Streams {
    pub(super) fn begins(&self, exchange: &Arc<Exchange>) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(exchange.clone());
    }
}

impl<F> hyper::rt::Executor<F> for Streams
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, stream: F) {
        let exchange = self.next.lock().unwrap_or_else(PoisonError::into_inner).take();
        tokio::spawn(async move {
            match exchange {
                // A stream that is dropped is reset (RFC 9113, 8.1: CANCEL).
                Some(exchange) => tokio::select! {
                    _ = stream => {}
                    () = exchange.to_be_cut() => {}
                },
                None => {
                    stream.await;
                }
            }
        });
    }
}
