//! `wasmrun:tls/session`: TLS for guests that bring a connection of their own. WASI has none that could carry Python's `ssl`.
//!
//! What is done is in the crate `tls`. `contexts.rs`: what a guest has of it. `values.rs`, `interface.rs`: how components see it.

mod contexts;
mod interface;
mod values;

pub(crate) use contexts::Contexts;
pub(crate) use interface::add_to_linker;
