//! Forwards: what the host listens on, where it leads, and the threads that move bytes between the host's connections and
//! the guest's.
//!
//! ```text
//!   worker thread: one epoll(7) set, edge triggered, no locks while bytes move
//!     listener --accept--> connection { client end, guest end }
//!                            flow client -> guest:  recv/send, or splice(2) through a pooled pipe
//!                            flow guest -> client:  the same, on its own
//! ```
//!
//! Both directions of a connection live on one thread, because a wake-up of another thread costs more than anything
//! else here. A flow starts with a small shared buffer, where a short message costs one recv and one send, and turns
//! to splice while the stream keeps filling it. A connection ends when both flows have ended; end-of-file becomes
//! shutdown(2), a reset becomes a reset.
//!
//! A connection whose target has a successor stays where it is until it ends, with one exception, `tcp::request`: a client
//! that begins another HTTP request moves with it.

mod deadlines;
#[allow(clippy::module_inception, reason = "the noun of the folder is the noun of the file")]
mod forward;
mod forwarder;
mod holder;
mod limits;
pub(crate) mod listener;
mod mailbox;
mod notice;
mod reach;
mod target;
mod tcp;
mod udp;
mod upstream;
mod worker;

pub use forward::{Counters, Forward};
pub use forwarder::Forwarder;
pub use holder::Holder;
pub use limits::Limits;
pub use listener::{BindError, Listeners, listen};
pub use notice::{Notice, OnNotice};
pub use target::Target;
pub use upstream::Upstream;

pub(crate) use limits::in_store;
pub(crate) use reach::{Reach, Reached};

/// A pair as of socketpair(2), of TCP, in a guest's network.
pub(crate) fn pair(target: &Target) -> rustix::io::Result<(std::os::fd::OwnedFd, std::os::fd::OwnedFd)> {
    tcp::pair::new(target.factory())
}
