//! The state behind a component's store, and what the guest may do with WASI.

use super::gate::Gate;
use crate::guest::{Directory, Guest};
use crate::host::memory::{Budget, Share};
use crate::wasi::compression::Streams;
use crate::wasi::crypto::Holdings;
use crate::wasi::http::Outgoing;
use crate::wasi::sockets::{Network, View};
use crate::wasi::tls::Contexts;
use sqlite::Folders;
use std::sync::Arc;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Result, Store};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    Error as HttpError, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

/// Most bytes that a guest may write to a response at once.
const CHUNK: usize = 64 * 1024;

/// A WASI context builder with everything that `guest` is given. `placeholders` come before or after the directories
/// and only hold descriptor numbers (wasip1).
pub(crate) fn wasi(guest: &Guest, gate: &Arc<Gate>) -> Result<WasiCtxBuilder> {
    let mut builder = WasiCtxBuilder::new();
    builder
        .args(&guest.arguments)
        .envs(&guest.environment)
        // This process has one guest: waiting for a file in place is cheaper than handing it to another thread.
        .allow_blocking_current_thread(true)
        .allow_tcp(true)
        .allow_udp(true)
        // There is no resolver to reach; what is left is turning a numeric address into an address, which Python asks for.
        .allow_ip_name_lookup(true)
        .inherit_stdout()
        .inherit_stderr();
    if guest.stdin {
        builder.inherit_stdin();
    }
    let gate = gate.clone();
    builder.socket_addr_check(move |address, reason| {
        let allowed = gate.allows(address, reason);
        Box::pin(std::future::ready(allowed))
    });
    Ok(builder)
}

/// Opens the guest's directories.
pub(crate) fn add_directories(builder: &mut WasiCtxBuilder, directories: &[Directory]) -> Result<()> {
    for directory in directories {
        let permissions = if directory.read_only {
            FsPerms::ReadOnly
        } else {
            FsPerms::ReadWrite
        };
        builder.preopened_dir(&directory.host, &directory.guest, permissions)?;
    }
    Ok(())
}

/// What a component's store holds.
pub(crate) struct Host {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    network: Network,
    contexts: Contexts,
    streams: Streams,
    crypto: Holdings,
    folders: Arc<dyn Folders>,
    share: Share,
}

/// Makes stores for one guest.
pub(crate) struct Stores {
    pub(crate) guest: Guest,
    pub(crate) network: Network,
    pub(crate) budget: Arc<Budget>,
    pub(crate) outgoing: Arc<Outgoing>,
    pub(crate) contexts: Contexts,
    pub(crate) streams: Streams,
    pub(crate) crypto: Holdings,
    /// For databases.
    pub(crate) folders: Arc<dyn Folders>,
}

impl Stores {
    /// A store with a fresh context.
    pub(crate) fn make(&self, engine: &Engine) -> Result<Store<Host>> {
        let mut builder = wasi(&self.guest, &self.network.gate)?;
        add_directories(&mut builder, &self.guest.directories)?;
        let host = Host {
            table: ResourceTable::new(),
            wasi: builder.build(),
            http: WasiHttpCtx::new(),
            hooks: Hooks {
                network: self.network.clone(),
                outgoing: self.outgoing.clone(),
            },
            network: self.network.clone(),
            contexts: self.contexts.clone(),
            streams: self.streams.clone(),
            crypto: self.crypto.clone(),
            folders: self.folders.clone(),
            share: Share::new(self.budget.clone()),
        };
        let mut store = Store::new(engine, host);
        store.limiter(|host| &mut host.share);
        store.epoch_deadline_async_yield_and_update(1);
        Ok(store)
    }
}

impl Host {
    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    /// What TLS needs of it.
    pub(crate) fn contexts(&mut self) -> (&mut ResourceTable, &Contexts) {
        (&mut self.table, &self.contexts)
    }

    /// What compression needs of it.
    pub(crate) fn streams(&mut self) -> (&mut ResourceTable, &Streams) {
        (&mut self.table, &self.streams)
    }

    /// What cryptography needs of it.
    pub(crate) fn crypto(&mut self) -> (&mut ResourceTable, &Holdings) {
        (&mut self.table, &self.crypto)
    }

    /// What databases need of it.
    pub(crate) fn databases(&mut self) -> (&mut ResourceTable, &Arc<dyn Folders>) {
        (&mut self.table, &self.folders)
    }

    /// What sockets need of it.
    pub(crate) fn sockets(&mut self) -> View<'_> {
        View {
            table: &mut self.table,
            network: &self.network,
        }
    }
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Host {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.hooks,
        }
    }
}

/// Sends the requests of a guest.
struct Hooks {
    network: Network,
    outgoing: Arc<Outgoing>,
}

type Transfer = Box<dyn Future<Output = Result<(), HttpError>> + Send>;

impl WasiHttpHooks for Hooks {
    /// So much of a response waits, twice, for a client that takes nothing, when the guest has long gone on.
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }

    fn send_request(
        &mut self,
        request: ::http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _transfer: Transfer,
    ) -> Box<dyn Future<Output = Result<(::http::Response<WasiBody>, Transfer), HttpError>> + Send> {
        let answer = self.outgoing.send(&self.network, request, options);
        Box::new(async move {
            // The pool drives connections.
            let over: Transfer = Box::new(std::future::ready(Ok(())));
            Ok((answer.await?, over))
        })
    }
}
