//! `wasmrun:crypto`: cryptography for guests, which takes an interpreter a hundred times as long.
//!
//! What is done is in the crate `crypto`. `holdings.rs`: what a guest may keep of it here. `values.rs`: what components see of it. Each
//! interface has a file.

mod ciphers;
mod derivation;
mod hashing;
mod holdings;
mod interfaces;
mod keys;
mod values;

pub(crate) use holdings::Holdings;
pub(crate) use interfaces::add_to_linker;
