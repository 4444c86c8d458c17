//! The hub: what clients on other machines talk to. One for each user, in the foreground or started by `wasmrun hub --stdio`.
//!
//! ```text
//!   wasmrun forward ssh://host/web 3000      this machine
//!     ssh host wasmrun hub --stdio  ------>  bytes  ------>  hub.pipe  ->  session  ->  HTTP/2  ->  handler
//!                                                                                       CONNECT  ->  the run's link socket
//!                                                                                       requests ->  its control socket
//! ```
//!
//! A stream is one more link to the run ([`netns::link`]): it waits while the guest starts or reloads, moves with a kept HTTP/1
//! connection, and counts. The hub outlives the command that has started it, so a client whose link was cut finds its streams again.

mod handler;
mod place;
mod server;
mod stdio;

pub use server::{Options, run};
pub use stdio::pass;
