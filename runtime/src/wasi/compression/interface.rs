//! The functions of `wasmrun:zlib/compression`.

use super::streams::Stream;
use super::values::{Failure, Format, Frame, Progress};
use crate::host::Host;
use crate::wasi::imports::imports;
use wasmtime::component::{Component, Linker, Resource, ResourceType};
use wasmtime::{Result, StoreContextMut};

const INTERFACE: &str = "wasmrun:zlib/compression@0.1.0";

type Store<'a> = StoreContextMut<'a, Host>;
type Made<T> = Result<Resource<T>, Failure>;

pub(crate) fn add_to_linker(linker: &mut Linker<Host>, component: &Component) -> Result<()> {
    if !imports(component, INTERFACE) {
        return Ok(());
    }
    let mut interface = linker.instance(INTERFACE)?;
    interface.resource("coder", ResourceType::host::<Stream>(), |mut store, coder| {
        let (table, _) = store.data_mut().streams();
        table.delete(Resource::<Stream>::new_own(coder))?;
        Ok(())
    })?;
    interface.func_wrap("[static]coder.open", |mut store: Store<'_>, (format,): (Format,)| {
        let (table, streams) = store.data_mut().streams();
        Ok((match streams.open(format.into()) {
            Ok(stream) => Made::Ok(table.push(stream)?),
            Err(failure) => Err(failure.into()),
        },))
    })?;
    interface.func_wrap(
        "[method]coder.push",
        |mut store: Store<'_>, (coder, input, operation, most): (Resource<Stream>, Vec<u8>, u8, u32)| {
            let (table, streams) = store.data_mut().streams();
            let pushed = table.get_mut(&coder)?.push(streams, &input, operation, most);
            Ok((pushed.map(Progress::from).map_err(Failure::from),))
        },
    )?;
    interface.func_wrap(
        "[method]coder.restart",
        |mut store: Store<'_>, (coder,): (Resource<Stream>,)| {
            let (table, _) = store.data_mut().streams();
            let restarted = table.get_mut(&coder)?.stream().restart();
            Ok((restarted.map_err(Failure::from),))
        },
    )?;
    interface.func_wrap(
        "[method]coder.tune",
        |mut store: Store<'_>, (coder, level, strategy): (Resource<Stream>, i32, u8)| {
            let (table, _) = store.data_mut().streams();
            let tuned = table.get_mut(&coder)?.stream().tune(level, strategy);
            Ok((tuned.map_err(Failure::from),))
        },
    )?;
    interface.func_wrap(
        "[method]coder.pledge",
        |mut store: Store<'_>, (coder, size): (Resource<Stream>, Option<u64>)| {
            let (table, _) = store.data_mut().streams();
            let pledged = table.get_mut(&coder)?.stream().pledge(size);
            Ok((pledged.map_err(Failure::from),))
        },
    )?;
    interface.func_wrap("crc32", |_: Store<'_>, (before, bytes): (u32, Vec<u8>)| {
        Ok((compression::crc32(before, &bytes),))
    })?;
    interface.func_wrap("adler32", |_: Store<'_>, (before, bytes): (u32, Vec<u8>)| {
        Ok((compression::adler32(before, &bytes),))
    })?;
    interface.func_wrap("frame", |_: Store<'_>, (bytes,): (Vec<u8>,)| {
        Ok((compression::frame(&bytes).map(Frame::from).map_err(Failure::from),))
    })?;
    interface.func_wrap(
        "train",
        |_: Store<'_>, (samples, lengths, size): (Vec<u8>, Vec<u32>, u32)| {
            Ok((compression::train(&samples, &lengths, size).map_err(Failure::from),))
        },
    )
}
