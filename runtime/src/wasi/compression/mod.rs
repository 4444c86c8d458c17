//! `wasmrun:zlib/compression`: what Node.js and Python have by native libraries. In WebAssembly it would be several times slower.
//!
//! What is done is in the crate `compression`. `streams.rs`: what a guest has of it. `values.rs`, `interface.rs`: how components
//! see it. A call is synchronous and bounded: it takes at most 1 MiB and gives at most 1 MiB.

mod interface;
mod streams;
mod values;

pub(crate) use interface::add_to_linker;
pub(crate) use streams::Streams;
