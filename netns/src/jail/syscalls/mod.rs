//! What of the kernel a jailed process can call, and what init does in its place.

pub(super) mod broker;
pub(super) mod filter;
mod notify;

pub use broker::{Broker, can_be_brokered};
pub use filter::{Files, FilterError, Powers, Sockets};
