//! `wasi:filesystem` 0.2 with one thing different: who has read a file to its end goes on where the file has grown. In
//! wasmtime-wasi a stream that has met the end is closed for good, and wasi-libc keeps one for each descriptor, so that two
//! connections to a new database of SQLite's never saw each other's pages.

use crate::host::Host;
use bytes::{Bytes, BytesMut};
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p2::{DynInputStream, InputStream, Pollable, StreamError, StreamResult};

/// Most bytes of one read: what a guest asks for beyond is its own.
const PIECE: usize = 64 << 10;

type Opened = Result<Resource<DynInputStream>, ErrorCode>;

/// Puts it in the place of wasmtime-wasi's.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> Result<()> {
    linker.allow_shadowing(true);
    linker.instance("wasi:filesystem/types@0.2.12")?.func_wrap(
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
    linker.allow_shadowing(false);
    Ok(())
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
