//! Network namespaces that belong to one process each, and TCP forwards into them. Knows nothing of WebAssembly.
//!
//! * [`rule`]: forward rules as typed; [`listen`] binds them on the host.
//! * [`factory`]: sockets of a namespace, made inside and used outside.
//! * [`cgroup`]: what processes may take of the machine, together.
//! * [`forward`]: accepts on the host, connects inside, relays with splice(2).
//!
//! Invariants: no thread that awaits ever changes its namespace; descriptors are owned or borrowed, never numbers; each
//! kernel power has one file (`cgroup`, `namespace`, `link`, `passing`, `relay::pipe`).

#![warn(missing_docs, unreachable_pub)]

mod address;
pub mod cgroup;
pub mod factory;
pub mod forward;
mod holder;
pub mod jail;
mod link;
mod listener;
mod namespace;
pub mod passing;
mod relay;
pub mod rule;
mod target;

pub use factory::SocketFactory;
pub use forward::{Forward, Forwarder, Limits, Notice};
pub use holder::Holder;
pub use listener::{BindError, Listeners, listen};
pub use namespace::enter_network_of;
pub use rule::{Bind, Mapping, Protocol, Rule, RuleError};
pub use target::Target;

/// An error with its causes, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
