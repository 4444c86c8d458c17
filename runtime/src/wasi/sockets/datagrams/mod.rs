//! Datagrams of a guest.
//!
//! * `socket.rs`: a socket, whatever version of WASI the guest speaks. `ways.rs`: its flows with addresses outside of the guest's
//!   network, and what comes over them.
//! * `p2.rs`: `wasi:sockets/udp` 0.2. `p3.rs`: datagrams of `wasi:sockets/types` 0.3.

mod p2;
mod p3;
mod socket;
mod ways;

pub(super) use p2::add_to_linker;
pub(crate) use ways::Ways;
