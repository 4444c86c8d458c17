//! Runs of another machine, through its hub.

mod contexts;
mod datagrams;
mod forward;
mod hub;
mod place;
mod says;
mod ssh;
mod target;
mod token;

pub use contexts::{Context, Contexts, LOCAL, keep_token};
pub use forward::bind;
pub use hub::{Hub, farewell};
pub use place::Place;
pub use target::Target;
