//! wasip1 with sockets.
//!
//! wasmtime-wasi implements wasip1 but no sockets: its `sock_*` answer ENOTSOCK. A [`Context`] implements the same
//! trait, answers for descriptors that are sockets, and hands everything else on:
//!
//! ```text
//!   guest -- fd_read(5, …) --> Context -- 5 is a socket ------> sockets: tokio listeners and streams
//!                                      -- anything else ------> WasiP1Ctx
//! ```
//!
//! Numbers never clash: a pre-opened listener stands on a placeholder directory of the inner context, and accepted
//! connections are numbered from [`sockets::FIRST_ACCEPTED`] up, where the inner context does not come.
//!
//! The environment says what is there, as sd_listen_fds(3) has it: `LISTEN_FDS` is the number of listeners,
//! `LISTEN_FDNAMES` their names joined by colons, here the ports. The first is descriptor 3 unless directories come
//! first ([`crate::Listeners`]); `LISTEN_FDS_START` says which.
//!
//! A module that opens sockets itself, as WasmEdge has it, finds those calls, too ([`wasmedge`]), and gets no listeners.

mod calls;
mod context;
mod datagrams;
mod errno;
mod poll;
mod sockets;
mod wasmedge;

use crate::guest::{Guest, Listeners};
use crate::host;
use crate::host::memory::{Budget, Share};
use crate::wasi::sockets::Network;
use context::Context;
use sockets::{FIRST_DESCRIPTOR, Sockets};
use std::sync::Arc;
use wasmtime::{Linker, Module, Result, Store};
use wasmtime_wasi::FsPerms;

struct State {
    context: Context,
    share: Share,
}

/// Runs a core module's `_start` to its end.
pub(crate) async fn run(module: &Module, guest: &Guest, network: Network, budget: Arc<Budget>) -> Result<()> {
    // Who opens sockets itself would find its ports taken.
    let opens = wasmedge::is_used_by(module);
    let ports = if opens { &[] } else { guest.ports.as_slice() };
    let state = State {
        context: context(guest, ports, &network)?,
        share: Share::new(budget),
    };
    let mut store = Store::new(module.engine(), state);
    store.limiter(|state| &mut state.share);
    store.epoch_deadline_async_yield_and_update(1);
    let mut linker = Linker::new(module.engine());
    calls::add_to_linker(&mut linker, |state: &mut State| &mut state.context)?;
    if opens {
        wasmedge::add_to_linker(&mut linker, module, &network, |state: &mut State| &mut state.context)?;
    }
    let instance = linker.instantiate_pre(module)?.instantiate_async(&mut store).await?;
    let start = instance
        .get_typed_func::<(), ()>(&mut store, "_start")
        .map_err(|_| wasmtime::format_err!("the module exports no `_start` function, so there is nothing to run"))?;
    start.call_async(&mut store, ()).await
}

fn context(guest: &Guest, ports: &[u16], network: &Network) -> Result<Context> {
    let count = u32::try_from(ports.len())?;
    let mut builder = host::wasi(guest, &network.gate)?;
    let placeholders = |builder: &mut wasmtime_wasi::WasiCtxBuilder| -> Result<()> {
        for _ in 0..count {
            builder.preopened_dir("/", "listener", FsPerms::ReadOnly)?;
        }
        Ok(())
    };
    let first = match guest.listeners {
        Listeners::BeforeDirectories => {
            placeholders(&mut builder)?;
            host::add_directories(&mut builder, &guest.directories)?;
            FIRST_DESCRIPTOR
        }
        Listeners::AfterDirectories => {
            host::add_directories(&mut builder, &guest.directories)?;
            placeholders(&mut builder)?;
            FIRST_DESCRIPTOR + u32::try_from(guest.directories.len())?
        }
    };
    if count > 0 {
        let names: Vec<String> = ports.iter().map(u16::to_string).collect();
        builder
            .env("LISTEN_FDS", count.to_string())
            .env("LISTEN_FDNAMES", names.join(":"))
            .env("LISTEN_FDS_START", first.to_string());
    }
    let sockets = Sockets::listen(ports, first, guest.listeners, &network.gate, &network.adoption)?;
    Ok(Context::new(builder.build_p1(), sockets))
}
