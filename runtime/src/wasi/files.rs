//! `wasi:filesystem` 0.2 with two things different. Who has read a file to its end goes on where the file has grown: in
//! wasmtime-wasi a stream that has met the end is closed for good, and wasi-libc keeps one for each descriptor, so that two
//! connections to a new database of SQLite's never saw each other's pages. And a file system that is full is told of, because
//! wasi-libc makes an EIO of every error of a stream.

use crate::host::{Gate, Host};
use bytes::{Bytes, BytesMut};
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::types::{ErrorCode, HostDescriptor};
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, FsResult, InputStream, OutputStream, Pollable, StreamError, StreamResult,
};

/// Most bytes of one read: what a guest asks for beyond is its own.
const PIECE: usize = 64 << 10;

type Opened = Result<Resource<DynInputStream>, ErrorCode>;

/// Puts it in the place of wasmtime-wasi's.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance("wasi:filesystem/types@0.2.12")?;
    types.func_wrap(
        "[method]descriptor.read-via-stream",
        |mut store: StoreContextMut<'_, Host>, (descriptor, position): (Resource<Descriptor>, u64)| {
            let table = store.data_mut().ctx().table;
            let file = match table.get(&descriptor)? {
                Descriptor::File(file) => file.file.clone(),
                Descriptor::Dir(_) => return Ok((Opened::Err(ErrorCode::IsDirectory),)),
            };
            let stream: DynInputStream = Box::new(Reader { file, position });
            Ok((Opened::Ok(table.push(stream)?),))
        },
    )?;
    types.func_wrap(
        "[method]descriptor.write-via-stream",
        |mut store: StoreContextMut<'_, Host>, (descriptor, position): (Resource<Descriptor>, u64)| {
            let opened = store.data_mut().filesystem().write_via_stream(descriptor, position);
            Ok((told(&mut store, opened)?,))
        },
    )?;
    types.func_wrap(
        "[method]descriptor.append-via-stream",
        |mut store: StoreContextMut<'_, Host>, (descriptor,): (Resource<Descriptor>,)| {
            let opened = store.data_mut().filesystem().append_via_stream(descriptor);
            Ok((told(&mut store, opened)?,))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

type Written = Result<Resource<DynOutputStream>, ErrorCode>;

/// The same stream, of which it is told when there is no room left.
fn told(store: &mut StoreContextMut<'_, Host>, opened: FsResult<Resource<DynOutputStream>>) -> Result<Written> {
    let stream = match opened {
        Ok(stream) => stream,
        Err(error) => return Ok(Err(error.downcast()?)),
    };
    let gate = store.data().network().gate.clone();
    let table = store.data_mut().ctx().table;
    let inner = table.delete(stream)?;
    let stream: DynOutputStream = Box::new(Writer { inner, gate });
    Ok(Ok(table.push(stream)?))
}

struct Writer {
    inner: DynOutputStream,
    gate: Arc<Gate>,
}

impl Writer {
    fn look<T>(&self, result: StreamResult<T>) -> StreamResult<T> {
        if let Err(StreamError::LastOperationFailed(error)) = &result
            && let Some(error) = error.downcast_ref::<std::io::Error>()
            && matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
        {
            self.gate.full();
        }
        result
    }
}

#[async_trait]
impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let written = self.inner.write(bytes);
        self.look(written)
    }

    fn flush(&mut self) -> StreamResult<()> {
        let flushed = self.inner.flush();
        self.look(flushed)
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        let permit = self.inner.check_write();
        self.look(permit)
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        let written = self.inner.blocking_write_and_flush(bytes).await;
        self.look(written)
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}

#[async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {
        self.inner.ready().await;
    }
}

struct Reader {
    file: Arc<File>,
    position: u64,
}

impl InputStream for Reader {
    /// In place: a guest waits for its own files (`host::wasi`).
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        let mut bytes = BytesMut::zeroed(size.min(PIECE));
        loop {
            match self.file.read_at(&mut bytes, self.position) {
                // Of now: the next read looks again.
                Ok(0) => return Err(StreamError::Closed),
                Ok(length) => {
                    self.position += length as u64;
                    bytes.truncate(length);
                    return Ok(bytes.freeze());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(StreamError::LastOperationFailed(error.into())),
            }
        }
    }
}

#[async_trait]
impl Pollable for Reader {
    /// Files are always ready (poll(2)).
    async fn ready(&mut self) {}
}
