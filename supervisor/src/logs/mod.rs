//! What guests have written, kept for `wasmrun logs`.

mod follower;
mod record;
mod ring;

pub use record::{Record, StreamName};
pub use ring::Ring;
