//! What computes.

use rustls::crypto::{CryptoProvider, ring};
use std::sync::{Arc, LazyLock};

/// The algorithms of ring.
pub(crate) fn provider() -> &'static Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(ring::default_provider()));
    &PROVIDER
}
