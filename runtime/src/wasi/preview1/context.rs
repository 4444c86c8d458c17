//! The wasip1 context: sockets here, everything else in wasmtime-wasi's.

use super::errno::fault;
use super::sockets::{FIRST_ACCEPTED, Kind, Socket, Sockets};
use crate::adoption::Accepted;
use crate::wasi::readiness::peek;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::time::Duration;
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p1::types::*;
use wasmtime_wasi::p1::wasi_snapshot_preview1::WasiSnapshotPreview1;
use wiggle::GuestMemory;

/// Longest stretch that one read or write moves, in bytes: what a socket buffer holds by default.
const CHUNK: usize = 256 * 1024;

/// A guest's view of the world.
pub(super) struct Context {
    pub(super) inner: WasiP1Ctx,
    pub(super) sockets: Sockets,
}

impl Context {
    pub(super) fn new(inner: WasiP1Ctx, sockets: Sockets) -> Context {
        Context { inner, sockets }
    }

    /// Whether the inner context has this descriptor.
    pub(super) fn is_open(&mut self, fd: Fd) -> bool {
        // Any answer but EBADF means that it exists.
        match self.inner.fd_tell(&mut GuestMemory::Unshared(&mut []), fd) {
            Ok(_) => true,
            Err(error) => !matches!(error.downcast(), Ok(Errno::Badf)),
        }
    }

    pub(super) fn monotonic_now(&mut self) -> Result<Duration, Error> {
        let memory = &mut GuestMemory::Unshared(&mut []);
        let now = self.inner.clock_time_get(memory, Clockid::Monotonic, 0)?;
        Ok(Duration::from_nanos(now))
    }

    pub(super) fn socket(&mut self, fd: Fd) -> Option<&mut Socket> {
        self.sockets.get(fd.into())
    }

    pub(super) fn socket_or_fault(&mut self, fd: Fd) -> Result<&mut Socket, Error> {
        if self.socket(fd).is_none() && !self.is_open(fd) {
            return Err(Errno::Badf.into());
        }
        Ok(self.socket(fd).ok_or(Errno::Notsock)?)
    }

    pub(super) async fn accept(&mut self, fd: Fd, flags: Fdflags) -> Result<Fd, Error> {
        let socket = self.socket_or_fault(fd)?;
        let stream = socket.kind.accept(socket.nonblocking).await.map_err(fault)?;
        let came_by = match &socket.kind {
            Kind::Listener { address, .. } => Some(*address),
            _ => None,
        };
        let descriptor = self.sockets.free();
        let nonblocking = flags.contains(Fdflags::NONBLOCK);
        self.sockets.put(
            descriptor,
            Socket {
                came_by,
                ..Socket::new(Kind::Stream(stream), nonblocking)
            },
        );
        Ok(descriptor.into())
    }

    pub(super) async fn receive(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        buffers: IovecArray,
        flags: Riflags,
    ) -> Result<Size, Error> {
        let socket = self.socket_or_fault(fd)?;
        socket.kind.settle();
        let stream = socket.kind.stream().map_err(fault)?;
        let mut received = 0;
        for buffer in buffers.iter() {
            let buffer = memory.read(buffer?)?;
            let bytes = memory
                .as_slice_mut(buffer.buf.as_array(buffer.buf_len))?
                .ok_or(Errno::Notsup)?;
            let mut at = 0;
            while at < bytes.len() {
                // Only the first byte is waited for, unless all were asked for.
                let wait = !socket.nonblocking && (received == 0 || flags.contains(Riflags::RECV_WAITALL));
                let until = bytes.len().min(at + CHUNK);
                let length = match read(stream, &mut bytes[at..until], flags, wait).await {
                    Ok(length) => length,
                    Err(error) if received == 0 => return Err(fault(error)),
                    Err(_) => return Ok(received),
                };
                at += length;
                received += Size::try_from(length)?;
                // A short read has emptied the socket. To ask again could swallow a reset, which is the next call's.
                let short = at < until && !flags.contains(Riflags::RECV_WAITALL);
                if length == 0 || short || flags.contains(Riflags::RECV_PEEK) {
                    return Ok(received);
                }
            }
        }
        Ok(received)
    }

    pub(super) async fn send(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        buffers: CiovecArray,
    ) -> Result<Size, Error> {
        let socket = self.socket_or_fault(fd)?;
        socket.kind.settle();
        let stream = socket.kind.stream().map_err(fault)?;
        let mut slices = Vec::with_capacity(buffers.len() as usize);
        for buffer in buffers.iter() {
            let buffer = memory.read(buffer?)?;
            let bytes = memory
                .as_slice(buffer.buf.as_array(buffer.buf_len))?
                .ok_or(Errno::Notsup)?;
            if !bytes.is_empty() {
                slices.push(io::IoSlice::new(bytes));
            }
        }
        if slices.is_empty() {
            return Ok(0);
        }
        loop {
            match stream.try_write_vectored(&slices) {
                Ok(length) => return Ok(Size::try_from(length)?),
                Err(error) if error.kind() == ErrorKind::WouldBlock && !socket.nonblocking => {
                    stream.socket().writable().await.map_err(fault)?;
                }
                Err(error) => return Err(fault(error)),
            }
        }
    }

    pub(super) fn shut(&mut self, fd: Fd, how: Sdflags) -> Result<(), Error> {
        let socket = self.socket_or_fault(fd)?;
        let how = match (how.contains(Sdflags::RD), how.contains(Sdflags::WR)) {
            (true, true) => Shutdown::Both,
            (true, false) => Shutdown::Read,
            (false, true) => Shutdown::Write,
            (false, false) => return Err(Errno::Inval.into()),
        };
        socket.kind.settle();
        socket.kind.stream().map_err(fault)?.shutdown(how).map_err(fault)
    }

    /// Closes the directory that held the number of a pre-opened listener which has gone: the number must lead nowhere.
    pub(super) async fn close_placeholder(&mut self, memory: &mut GuestMemory<'_>, fd: Fd) -> Result<(), Error> {
        if u32::from(fd) < FIRST_ACCEPTED {
            self.inner.fd_close(memory, fd).await?;
        }
        Ok(())
    }

    /// The answer of calls that make no sense on a socket.
    pub(super) fn no_socket(&self, fd: Fd, errno: Errno) -> Result<(), Error> {
        if self.sockets.has(fd.into()) {
            Err(errno.into())
        } else {
            Ok(())
        }
    }
}

async fn read(stream: &Accepted, bytes: &mut [u8], flags: Riflags, wait: bool) -> io::Result<usize> {
    loop {
        let read = if flags.contains(Riflags::RECV_PEEK) {
            peek(stream.socket(), bytes)
        } else {
            stream.try_read(bytes)
        };
        match read {
            Err(error) if error.kind() == ErrorKind::WouldBlock && wait => stream.socket().readable().await?,
            done => return done,
        }
    }
}
