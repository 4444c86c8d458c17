//! Links: a port of one run's guest, in the network of another, without a port of the host.
//!
//! ```text
//!   consumer's guest --Ask--> its supervisor --Call, over a socket of unix(7)--> target's supervisor --connect--> target's guest
//!                    <--------- the socket, connected in the target's network ----------/
//! ```
//!
//! A run is found by name when it is connected to, so nobody keeps what may become stale. Whoever connects while the target starts
//! or reloads waits for it, as clients of its forwards do. Where connections of the target are relayed ([`Route::relay`]), the
//! socket is one side of a pair in the target's network, and its relay has the other.

mod client;
mod message;
mod place;
mod server;

pub use client::{Client, Find, Held};
pub use message::Refused;
pub use place::{Link, LinkError};
pub use server::{OnRoute, Route, Server};

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
