//! Network namespaces that belong to one process each, and forwards of TCP and UDP into them. Knows nothing of WebAssembly.
//!
//! * [`rule`]: forward rules as typed; [`listen`] binds them on the host.
//! * [`factory`]: sockets of a namespace, made inside and used outside.
//! * [`cgroup`]: what processes may take of the machine, together.
//! * [`egress`]: connections that a guest asks for, by rules, made in the host's network.
//! * [`forward`]: accepts on the host, connects inside, relays with splice(2).
//!
//! Invariants: no thread that awaits ever changes its namespace; descriptors are owned or borrowed, never numbers; each
//! kernel power has one file (`cgroup`, `namespace`, `netlink`, `fd_passing`, `forward::tcp::pipe`, …).

#![warn(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod calls;
pub mod cgroup;
pub mod egress;
pub mod fd_passing;
pub mod forward;
pub mod jail;
pub mod link;
mod namespace;
mod netlink;
pub mod rule;
mod sockets;

pub use forward::{
    BindError, Forward, Forwarder, Holder, Limits, Listeners, Notice, OnNotice, Target, Upstream, listen,
};
pub use namespace::enter_network_of;
pub use rule::{Bind, Mapping, Protocol, Rule, RuleError};
pub use sockets::factory::{self, SocketFactory};

/// An error with its causes, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(not(target_os = "linux"))]
compile_error!("wasmrun runs on Linux: on macOS use a Linux virtual machine, on Windows WSL2 (docs/platforms.md)");
