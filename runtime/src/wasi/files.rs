//! `wasi:filesystem` 0.2 with two things different. Who has read a file to its end goes on where the file has grown: in
//! wasmtime-wasi a stream that has met the end is closed for good, and wasi-libc keeps one for each descriptor, so that two
//! connections to a new database of SQLite's never saw each other's pages. And a file system that is full is told of, to the
//! user and by `wasmrun:host/storage`, because wasi-libc makes an EIO of every error of a stream.

use crate::host::{Gate, Host};
use bytes::{Bytes, BytesMut};
use rustix::io::ReadWriteFlags;
use std::fs::File;
use std::io::{ErrorKind, IoSlice};
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
/// Most bytes of one write, as in wasmtime-wasi.
const LONGEST: usize = 1 << 20;

type Opened = Result<Resource<DynInputStream>, ErrorCode>;

/// Puts it in the place of wasmtime-wasi's.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance("wasi:filesystem/types@0.2.12")?;
    types.func_wrap(
        "[method]descriptor.read-via-stream",
        |mut store: StoreContextMut<'_, Host>, (descriptor, position): (Resource<Descriptor>, u64)| {
            let Some(file) = file_of(&mut store, &descriptor)? else {
                return Ok((Opened::Err(ErrorCode::IsDirectory),));
            };
            let stream: DynInputStream = Box::new(Reader { file, position });
            Ok((Opened::Ok(store.data_mut().ctx().table.push(stream)?),))
        },
    )?;
    types.func_wrap(
        "[method]descriptor.write-via-stream",
        |mut store: StoreContextMut<'_, Host>, (descriptor, position): (Resource<Descriptor>, u64)| {
            let file = file_of(&mut store, &descriptor)?;
            let opened = store.data_mut().filesystem().write_via_stream(descriptor, position);
            Ok((ours(&mut store, opened, file, Some(position))?,))
        },
    )?;
    types.func_wrap(
        "[method]descriptor.append-via-stream",
        |mut store: StoreContextMut<'_, Host>, (descriptor,): (Resource<Descriptor>,)| {
            let file = file_of(&mut store, &descriptor)?;
            let opened = store.data_mut().filesystem().append_via_stream(descriptor);
            Ok((ours(&mut store, opened, file, None)?,))
        },
    )?;
    linker.allow_shadowing(false);
    linker
        .instance("wasmrun:host/storage@0.1.0")?
        .func_wrap("is-full", |store: StoreContextMut<'_, Host>, ()| {
            Ok((store.data().network().gate.was_full(),))
        })
}

type Written = Result<Resource<DynOutputStream>, ErrorCode>;

/// The file behind a descriptor; none of a directory's.
fn file_of(store: &mut StoreContextMut<'_, Host>, descriptor: &Resource<Descriptor>) -> Result<Option<Arc<File>>> {
    match store.data_mut().ctx().table.get(descriptor)? {
        Descriptor::File(file) => Ok(Some(file.file.clone())),
        Descriptor::Dir(_) => Ok(None),
    }
}

/// A stream of ours in the place of one that wasmtime-wasi has opened, which decides whether it may be.
fn ours(
    store: &mut StoreContextMut<'_, Host>,
    opened: FsResult<Resource<DynOutputStream>>,
    file: Option<Arc<File>>,
    position: Option<u64>,
) -> Result<Written> {
    let stream = match opened {
        Ok(stream) => stream,
        Err(error) => return Ok(Err(error.downcast()?)),
    };
    let gate = store.data().network().gate.clone();
    let table = store.data_mut().ctx().table;
    let Some(file) = file else { return Ok(Ok(stream)) };
    drop(table.delete(stream)?);
    let stream: DynOutputStream = Box::new(Writer { file, position, gate });
    Ok(Ok(table.push(stream)?))
}

struct Writer {
    file: Arc<File>,
    /// None at the file's end, wherever that is by then.
    position: Option<u64>,
    gate: Arc<Gate>,
}

impl Writer {
    fn put(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let Some(position) = &mut self.position else {
            let whole = [IoSlice::new(bytes)];
            return Ok(rustix::io::pwritev2(&self.file, &whole, 0, ReadWriteFlags::APPEND)?);
        };
        let written = self.file.write_at(bytes, *position)?;
        *position += written as u64;
        Ok(written)
    }
}

/// In place, as reading is. An error does not end the stream, which wasi-libc keeps: what is written when there is room again
/// arrives.
#[async_trait]
impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            match self.put(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
                        self.gate.full();
                    }
                    return Err(StreamError::LastOperationFailed(error.into()));
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(LONGEST)
    }
}

#[async_trait]
impl Pollable for Writer {
    /// Files are always ready (poll(2)).
    async fn ready(&mut self) {}
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
