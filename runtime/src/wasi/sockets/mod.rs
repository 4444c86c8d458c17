//! `wasi:sockets` on real sockets, with one thing more: a listener accepts from the host's listeners, too
//! ([`crate::Adoption`]).
//!
//! * `tcp.rs`: a socket, whatever version of WASI the guest speaks. `address.rs`: what it is told of addresses.
//! * `p2.rs`: `wasi:sockets/tcp` 0.2. `stream.rs`: its two directions as streams of `wasi:io` 0.2.
//! * `p3.rs`: TCP of `wasi:sockets/types` 0.3.
//! * `datagrams/`: the same for UDP.
//! * `names.rs`: look-ups of names, of both versions.

mod address;
mod carry;
mod datagrams;
mod keep_alive;
mod names;
mod network;
mod options;
mod p2;
mod p3;
mod stream;
mod tcp;

pub(crate) use address::{Family, reached};
pub(crate) use datagrams::Ways;
pub(crate) use network::{Network, View};
pub(crate) use options::Options;
pub(crate) use tcp::Tcp;
pub(crate) use wasmtime_wasi::sockets::ErrorCode;

use crate::host::Host;
use network::Sockets;
use wasmtime::Result;
use wasmtime::component::Linker;

/// Puts these in the place of wasmtime-wasi's.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> Result<()> {
    linker.allow_shadowing(true);
    p2::add_to_linker(linker)?;
    p3::add_to_linker(linker)?;
    datagrams::add_to_linker(linker)?;
    names::add_to_linker(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}
