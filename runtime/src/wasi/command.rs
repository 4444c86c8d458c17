//! Components that export `wasi:cli/run`.

use super::compression;
use super::crypto;
use super::files;
use super::lifecycle;
use super::records;
use super::sqlite;
use super::tls;
use crate::host::{Host, Stores};
use crate::wasi::sockets;
use wasmtime::Result;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime_wasi::{p2, p3};

/// A linker with every WASI version: one component mixes several, whatever its world (0.2.9 beside 0.2.12 beside 0.3).
pub(crate) fn linker(component: &Component) -> Result<InstancePre<Host>> {
    let mut linker = Linker::new(component.engine());
    p2::add_to_linker_async(&mut linker)?;
    p3::add_to_linker(&mut linker)?;
    files::add_to_linker(&mut linker)?;
    sockets::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    compression::add_to_linker(&mut linker, component)?;
    crypto::add_to_linker(&mut linker, component)?;
    lifecycle::add_to_linker(&mut linker)?;
    records::add_to_linker(&mut linker)?;
    sqlite::add_to_linker(&mut linker, component)?;
    tls::add_to_linker(&mut linker, component)?;
    linker.instantiate_pre(component)
}

/// Runs `wasi:cli/run` 0.2 to its end. The inner result is the guest's own.
pub(crate) async fn run_02(instance: InstancePre<Host>, stores: &Stores) -> Result<Result<(), ()>> {
    let mut store = stores.make(instance.engine())?;
    let command = p2::bindings::CommandPre::new(instance)?;
    let command = command.instantiate_async(&mut store).await?;
    command.wasi_cli_run().call_run(&mut store).await
}

/// Runs `wasi:cli/run` 0.3 to its end.
pub(crate) async fn run_03(instance: InstancePre<Host>, stores: &Stores) -> Result<Result<(), ()>> {
    let mut store = stores.make(instance.engine())?;
    let command = p3::bindings::CommandPre::new(instance)?;
    let command = command.instantiate_async(&mut store).await?;
    store
        .run_concurrent(async |accessor| command.wasi_cli_run().call_run(accessor).await)
        .await?
}
