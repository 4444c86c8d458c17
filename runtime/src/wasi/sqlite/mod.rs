//! `wasmrun:sqlite/database`: SQLite at native speed, with locks and shared memory, which WebAssembly has not.
//!
//! What is done is in the crate `sqlite`. `directories.rs`: where the paths of a guest lead. `values.rs`, `interface.rs`: how
//! components see it.

mod directories;
mod interface;
mod values;

pub(crate) use directories::Directories;
pub(crate) use interface::add_to_linker;
