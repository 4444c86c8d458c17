//! A TCP connection to a guest that counts what passes, and says at its end what has passed.

use crate::traffic::Traffic;
use gateway::access::Access;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tunnel::mux::{Connected, Head, Relayed};

/// What has passed on one connection.
#[derive(Default)]
pub(super) struct Tally {
    sent: AtomicU64,
    received: AtomicU64,
    is_cut: AtomicBool,
}

impl Tally {
    /// Bytes that the guest has sent.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Whether we have ended it in the middle.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Acquire)
    }

    pub(super) fn cut(&self) {
        self.is_cut.store(true, Ordering::Release);
    }
}

/// A connection; dropping it is its end.
pub(super) struct Link {
    tcp: TcpStream,
    _held: Box<dyn Send>,
    tally: Arc<Tally>,
    traffic: Arc<Traffic>,
    access: Access,
    head: Head,
    generation: Option<u64>,
    began: Instant,
    error: Option<io::ErrorKind>,
}

impl Link {
    /// Its place among the app's connections was taken already.
    pub(super) fn new(connected: Connected, head: Head, access: Access, traffic: Arc<Traffic>) -> Link {
        let Connected { tcp, generation, held } = connected;
        Link {
            tcp,
            _held: held,
            tally: Arc::default(),
            traffic,
            access,
            head,
            generation,
            began: Instant::now(),
            error: None,
        }
    }

    pub(super) fn tally(&self) -> Arc<Tally> {
        self.tally.clone()
    }

    /// Makes its end a reset: half of something must not look like all of it.
    pub(super) fn reset(&mut self) {
        self.error = Some(io::ErrorKind::ConnectionAborted);
        // Where the option cannot be set the end is a FIN, and no worse than without the call.
        let _ = self.tcp.set_zero_linger();
    }

    fn noted<T>(&mut self, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &polled {
            self.error = Some(error.kind());
        }
        polled
    }

    fn sent(&mut self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &polled {
            self.tally.sent.fetch_add(*bytes as u64, Ordering::Relaxed);
            self.traffic.sent(*bytes);
        }
        self.noted(polled)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.traffic.close();
        let error = self
            .error
            .or(self.tally.is_cut().then_some(io::ErrorKind::ConnectionAborted));
        let relayed = Relayed {
            sent: self.tally.received(),
            received: self.tally.sent.load(Ordering::Relaxed),
            generation: self.generation,
            lasted: self.began.elapsed(),
            error: error.map(io::Error::from),
        };
        self.access.ended(&self.head, &relayed);
    }
}

impl AsyncRead for Link {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.tcp).poll_read(cx, buf);
        let read = buf.filled().len() - before;
        self.tally.received.fetch_add(read as u64, Ordering::Relaxed);
        self.traffic.received(read);
        self.noted(polled)
    }
}

impl AsyncWrite for Link {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.tcp).poll_write(cx, buf);
        self.sent(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs);
        self.sent(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.tcp).poll_flush(cx);
        self.noted(polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.tcp).poll_shutdown(cx);
        self.noted(polled)
    }
}
