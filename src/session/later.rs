//! Waiting for what may not be there.

use std::pin::Pin;

/// What is there later, and can be dropped before.
pub type Later<T> = Pin<Box<dyn Future<Output = T>>>;

/// What a future gives; never, where there is none.
pub async fn or_never<F: Future>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
