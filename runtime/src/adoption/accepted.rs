//! One connection of a guest.

use super::shared::{Shared, Tally};
use super::trim::Member;
use crate::egress::{Account, Outgoing};
use bytes::BufMut;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// A connection, wherever it came from or goes to.
pub(crate) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) adopted: Option<Adopted>,
    /// Of one that leaves the guest's network.
    pub(super) account: Option<Box<dyn Account>>,
    pub(super) _member: Option<Member>,
}

/// The part of a connection that came by a listener of the host. Its end is counted.
pub(super) struct Adopted {
    pub(super) forward: u64,
    pub(super) tally: Arc<Tally>,
    pub(super) shared: Arc<Shared>,
}

impl Drop for Adopted {
    fn drop(&mut self) {
        self.tally.live.fetch_sub(1, Relaxed);
        let was_full = self.shared.live.fetch_sub(1, Relaxed) >= self.shared.limit;
        let mut state = self.shared.state();
        if was_full {
            state.wake();
        }
        if state.released {
            (self.shared.on_counts)(self.tally.counts(self.forward));
        }
    }
}

impl Accepted {
    /// A connection of the guest's namespace.
    pub(crate) fn own(stream: TcpStream, peer: SocketAddr) -> Accepted {
        Accepted {
            stream,
            peer,
            adopted: None,
            account: None,
            _member: None,
        }
    }

    /// One that comes by a listener of the host.
    pub(super) fn adopted(stream: TcpStream, peer: SocketAddr, adopted: Adopted, member: Member) -> Accepted {
        Accepted {
            adopted: Some(adopted),
            _member: Some(member),
            ..Accepted::own(stream, peer)
        }
    }

    /// One that leaves the guest's network, for what the guest knows as `peer`.
    ///
    /// # Errors
    ///
    /// It cannot be waited for.
    pub(crate) fn outgoing(outgoing: Outgoing, peer: SocketAddr) -> io::Result<Accepted> {
        Ok(Accepted {
            account: Some(outgoing.account),
            ..Accepted::own(TcpStream::from_std(outgoing.stream)?, peer)
        })
    }

    /// Who is on the other end.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Whether it came by a listener of the host: there is no relay that could move it to another guest.
    pub(crate) fn is_adopted(&self) -> bool {
        self.adopted.is_some()
    }

    /// The socket, for what moves no bytes.
    pub(crate) fn socket(&self) -> &TcpStream {
        &self.stream
    }

    /// shutdown(2). A peer that is gone already counts as told.
    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        let how = match how {
            Shutdown::Read => rustix::net::Shutdown::Read,
            Shutdown::Write => rustix::net::Shutdown::Write,
            Shutdown::Both => rustix::net::Shutdown::Both,
        };
        match rustix::net::shutdown(&self.stream, how) {
            Ok(()) | Err(rustix::io::Errno::NOTCONN) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    pub(crate) fn try_read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        let length = self.stream.try_read(bytes)?;
        self.has_read(length);
        self.is_drained(length, bytes.len());
        Ok(length)
    }

    pub(crate) fn try_read_into(&self, bytes: &mut impl BufMut) -> io::Result<usize> {
        let room = bytes.chunk_mut().len();
        let length = self.stream.try_read_buf(bytes)?;
        self.has_read(length);
        self.is_drained(length, room);
        Ok(length)
    }

    pub(crate) fn try_write_vectored(&self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let length = self.stream.try_write_vectored(slices)?;
        self.has_written(length);
        Ok(length)
    }

    /// A read that did not fill its buffer has taken all that was there: what comes then is told by epoll(7) (under "Questions and
    /// answers"), and until then no read has to ask the kernel. At the end of the stream there is always something to read.
    fn is_drained(&self, length: usize, room: usize) {
        if 0 < length && length < room {
            let _ = self
                .stream
                .try_io(Interest::READABLE, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
        }
    }

    fn has_read(&self, bytes: usize) {
        if let Some(adopted) = &self.adopted {
            adopted.tally.to_guest.fetch_add(bytes as u64, Relaxed);
        }
        if let Some(account) = &self.account {
            account.received(bytes);
        }
    }

    fn has_written(&self, bytes: usize) {
        if let Some(adopted) = &self.adopted {
            adopted.tally.to_client.fetch_add(bytes as u64, Relaxed);
        }
        if let Some(account) = &self.account {
            account.sent(bytes);
        }
    }
}

impl AsyncRead for Accepted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.has_read(buffer.filled().len() - before);
        read
    }
}

impl AsyncWrite for Accepted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        written.map_ok(|length| {
            self.has_written(length);
            length
        })
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        written.map_ok(|length| {
            self.has_written(length);
            length
        })
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
