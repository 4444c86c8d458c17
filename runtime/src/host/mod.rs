//! The host's side of one guest: its store, its memory, and the clock that makes it yield.

pub(crate) mod epoch;
mod gate;
pub(crate) mod memory;
mod room;
mod stand_ins;
mod store;

pub(crate) use gate::Gate;
pub(crate) use room::{Places, Room};
pub(crate) use store::{Host, Stores, add_directories, wasi};
