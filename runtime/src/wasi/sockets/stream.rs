//! The two directions of a connection as streams of `wasi:io` 0.2.

use super::tcp::Connection;
use crate::wasi::readiness::{peek, poll_certain};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures::task::noop_waker_ref;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

/// Most bytes of one read, and of one write: what a guest asks for beyond is its own.
const PIECE: usize = 64 << 10;

/// What the socket and its streams share.
#[derive(Clone)]
pub(crate) struct Streams(Arc<Shared>);

struct Shared {
    connection: Arc<Connection>,
    sending: TaskTracker,
    reading: Mutex<Reading>,
    writing: Mutex<Writing>,
}

#[derive(PartialEq)]
enum Reading {
    /// A read that filled its buffer may have taken all that was there, which tokio does not know.
    Open {
        may_be_drained: bool,
    },
    Closed,
}

enum Writing {
    /// So many bytes may be written.
    Open {
        permit: usize,
    },
    /// What the socket had no room for is on its way.
    Sending(JoinHandle<io::Result<()>>),
    /// The same, and nothing more will come.
    Closing(JoinHandle<io::Result<()>>),
    Closed(Option<io::Error>),
}

pub(crate) struct Reader(Streams);
/// Dropping it ends nothing: the socket, which outlives it, has the other hand on the connection.
pub(crate) struct Writer(Streams);

impl Streams {
    /// What does not fit into the socket is sent by tasks of `sending`.
    pub(crate) fn of(connection: &Arc<Connection>, sending: &TaskTracker) -> Streams {
        Streams(Arc::new(Shared {
            connection: connection.clone(),
            sending: sending.clone(),
            // What it was registered with may be older than the connection.
            reading: Mutex::new(Reading::Open { may_be_drained: true }),
            writing: Mutex::new(Writing::Open { permit: 0 }),
        }))
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader(self.clone())
    }

    pub(crate) fn writer(&self) -> Writer {
        Writer(self.clone())
    }

    /// Ends a direction, or both. What was written before still goes out.
    pub(crate) fn shutdown(&self, how: Shutdown) {
        if how != Shutdown::Write {
            self.close_reading();
        }
        if how != Shutdown::Read {
            self.close_writing();
        }
    }

    fn close_reading(&self) {
        let mut reading = self.reading();
        if std::mem::replace(&mut *reading, Reading::Closed) != Reading::Closed {
            self.0.connection.shutdown(Shutdown::Read);
        }
    }

    fn close_writing(&self) {
        let mut writing = self.writing();
        *writing = match std::mem::replace(&mut *writing, Writing::Closed(None)) {
            Writing::Open { .. } => {
                self.0.connection.shutdown(Shutdown::Write);
                Writing::Closed(None)
            }
            Writing::Sending(rest) => {
                let connection = self.0.connection.clone();
                Writing::Closing(self.0.sending.spawn(async move {
                    let sent = joined(rest.await);
                    connection.shutdown(Shutdown::Write);
                    sent
                }))
            }
            other => other,
        };
    }

    fn reading(&self) -> MutexGuard<'_, Reading> {
        // Consistent at every step.
        self.0.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.0.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, mut bytes: Bytes) -> StreamResult<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut writing = self.writing();
        match &mut *writing {
            Writing::Open { permit } if bytes.len() <= *permit => *permit = 0,
            Writing::Closed(error) => return Err(failed(error.take())),
            _ => return Err(StreamError::trap("a write of more bytes than were permitted")),
        }
        while !bytes.is_empty() {
            match self.0.connection.socket.try_write_vectored(&[IoSlice::new(&bytes)]) {
                Ok(length) => bytes.advance(length),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let sending = send(self.0.connection.clone(), bytes);
                    *writing = Writing::Sending(self.0.sending.spawn(sending));
                    return Ok(());
                }
                Err(error) => {
                    *writing = Writing::Closed(None);
                    return Err(failed(Some(error)));
                }
            }
        }
        Ok(())
    }

    /// Ready when something may be written, or will never be.
    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut writing = self.writing();
        match &mut *writing {
            Writing::Sending(rest) => {
                *writing = match joined(ready!(Pin::new(rest).poll(context))) {
                    Ok(()) => Writing::Open { permit: 0 },
                    Err(error) => Writing::Closed(Some(error)),
                };
            }
            Writing::Closing(rest) => {
                *writing = Writing::Closed(joined(ready!(Pin::new(rest).poll(context))).err());
            }
            Writing::Open { .. } | Writing::Closed(_) => {}
        }
        Poll::Ready(())
    }
}

/// Sends what is left, for as long as it takes.
async fn send(connection: Arc<Connection>, mut bytes: Bytes) -> io::Result<()> {
    while !bytes.is_empty() {
        connection.socket.socket().writable().await?;
        match connection.socket.try_write_vectored(&[IoSlice::new(&bytes)]) {
            Ok(length) => bytes.advance(length),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A task that does not panic is ended by nobody but its runtime, which ends the guest.
fn joined(result: Result<io::Result<()>, tokio::task::JoinError>) -> io::Result<()> {
    result.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// A peer that takes no more is the end of a stream; other errors can be asked for (`network-error-code`).
fn failed(error: Option<io::Error>) -> StreamError {
    match error {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => StreamError::LastOperationFailed(error.into()),
        _ => StreamError::Closed,
    }
}

#[async_trait]
impl Pollable for Reader {
    async fn ready(&mut self) {
        let streams = &self.0;
        let may_be_drained = match *streams.reading() {
            Reading::Open { may_be_drained } => may_be_drained,
            Reading::Closed => return,
        };
        let socket = streams.0.connection.socket.socket();
        if !may_be_drained {
            // An error is found by the read.
            let _ = poll_fn(|context| socket.poll_read_ready(context)).await;
            return;
        }
        // A client that keeps connections takes one on which there is something to read for one that is over.
        poll_fn(|context| poll_certain(|| socket.poll_read_ready(context), || peek(socket, &mut [0; 1]))).await;
        if let Reading::Open { may_be_drained } = &mut *streams.reading() {
            *may_be_drained = false;
        }
    }
}

impl InputStream for Reader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let mut reading = self.0.reading();
        if *reading == Reading::Closed {
            return Err(StreamError::Closed);
        }
        if size == 0 {
            return Ok(Bytes::new());
        }
        let mut bytes = BytesMut::with_capacity(size.min(PIECE));
        match self.0.0.connection.socket.try_read_into(&mut (&mut bytes).limit(size)) {
            Ok(0) => {
                *reading = Reading::Closed;
                Err(StreamError::Closed)
            }
            Ok(length) => {
                *reading = Reading::Open {
                    may_be_drained: length == size.min(PIECE),
                };
                Ok(bytes.freeze())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Bytes::new()),
            Err(error) => {
                *reading = Reading::Closed;
                Err(StreamError::LastOperationFailed(error.into()))
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        *self.0.reading() = Reading::Closed;
    }
}

#[async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {
        poll_fn(|context| self.0.poll_writable(context)).await;
    }
}

#[async_trait]
impl OutputStream for Writer {
    fn check_write(&mut self) -> StreamResult<usize> {
        if self
            .0
            .poll_writable(&mut Context::from_waker(noop_waker_ref()))
            .is_pending()
        {
            return Ok(0);
        }
        match &mut *self.0.writing() {
            Writing::Open { permit } => {
                *permit = PIECE;
                Ok(PIECE)
            }
            Writing::Closed(error) => Err(failed(error.take())),
            Writing::Sending(_) | Writing::Closing(_) => Ok(0),
        }
    }

    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        // Everything is on its way already.
        match &mut *self.0.writing() {
            Writing::Closed(error) => Err(failed(error.take())),
            _ => Ok(()),
        }
    }
}
