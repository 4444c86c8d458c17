//! The hub: what clients on other machines, and browsers, talk to. One for each user, in the foreground or started by
//! `wasmrun hub --stdio`.
//!
//! ```text
//!   wasmrun forward ssh://host/web 3000      this machine
//!     ssh host wasmrun hub --stdio  ------>  hands its channel over  -+
//!   wasmrun forward wss://host/web 3000  ----------------->  TCP, TLS  -+->  gateway: who, and what they may
//!                                                                             streams  ->  the run's link socket
//!                                                                             requests ->  its control socket
//! ```
//!
//! A stream is one more link to the run ([`netns::link`]): it waits while the guest starts or reloads, moves with a kept HTTP/1
//! connection, and counts. The hub outlives the command that has started it, so a client whose link was cut finds its streams again.

mod audit;
mod channel;
mod complaint;
mod elsewhere;
mod kohaku;
mod links;
mod place;
mod runs;
mod server;
mod stdio;

pub use links::ask as another_link;
pub use place::tokens;
pub use server::{Certificate, Listen, Options, run};
pub use stdio::pass;
