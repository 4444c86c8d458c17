//! `wasi:sockets` on real sockets, with one thing more: a listener accepts from the host's listeners, too
//! ([`crate::Adoption`]).
//!
//! * `tcp.rs`: a socket, whatever version of WASI the guest speaks. `address.rs`: what it is told of addresses.
//! * `p2.rs`: `wasi:sockets/tcp` 0.2. `stream.rs`: its two directions as streams of `wasi:io` 0.2.
//! * `p3.rs`: TCP of `wasi:sockets/types` 0.3.
//!
//! Datagrams and name lookup are wasmtime-wasi's.

mod address;
mod datagrams;
mod options;
mod p2;
mod p3;
mod stream;
mod tcp;

pub(crate) use address::{Family, reached};
pub(crate) use tcp::Tcp;
pub(crate) use wasmtime_wasi::sockets::ErrorCode;

use crate::adoption::Adoption;
use crate::host::{Gate, Host};
use crate::run::Stop;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;
use wasmtime::Result;
use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi::sockets::WasiSocketsCtx;

/// What every socket of a guest needs.
#[derive(Clone)]
pub(crate) struct Network {
    /// The one place where connect, bind and listen are decided.
    pub(crate) gate: Arc<Gate>,
    pub(crate) adoption: Adoption,
    pub(crate) stop: Stop,
    /// What guests have written and sockets had no room for.
    pub(crate) sending: TaskTracker,
}

/// How long a guest's process stays, when the guest has ended, for what is still to be sent.
const LAST_BYTES: Duration = Duration::from_secs(1);

impl Network {
    /// Returns when all that was written is on its way, or never will be.
    pub(crate) async fn sent(&self) {
        self.sending.close();
        let _ = tokio::time::timeout(LAST_BYTES, self.sending.wait()).await;
    }
}

/// The part of a store's state that is used here.
pub(crate) struct View<'a> {
    pub(crate) table: &'a mut ResourceTable,
    pub(crate) network: &'a Network,
    /// What wasmtime-wasi's sockets need.
    pub(crate) datagrams: &'a mut WasiSocketsCtx,
}

/// Names [`View`] to the linker.
struct Sockets;

impl HasData for Sockets {
    type Data<'a> = View<'a>;
}

/// Puts these in the place of wasmtime-wasi's.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> Result<()> {
    linker.allow_shadowing(true);
    p2::add_to_linker(linker)?;
    p3::add_to_linker(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}
