//! The host's side of one guest: its store, its memory, and the clock that makes it yield.

pub(crate) mod epoch;
pub(crate) mod memory;
mod store;

pub(crate) use store::*;
