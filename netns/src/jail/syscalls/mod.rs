//! What of the kernel a jailed process can call, and what init does in its place.

pub(super) mod broker;
mod error;
pub(super) mod filter;
mod notify;

pub use broker::{Broker, can_be_brokered};
pub use error::FilterError;
pub use filter::{Files, Powers, Sockets};
