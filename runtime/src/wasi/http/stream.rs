//! A connection's stream, which marks what its client does, and ends so that the relay knows.

use super::line::Line;
use crate::adoption::Accepted;
use rustix::net::sockopt;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::runtime::Handle;

/// For so long a client may take the last that it was told, and close (nginx: lingering_timeout).
const LINGER: Duration = Duration::from_secs(5);

pub(super) struct Watched {
    /// None when it is gone.
    stream: Option<Accepted>,
    line: Arc<Line>,
}

impl Watched {
    pub(super) fn new(stream: Accepted, line: Arc<Line>) -> Watched {
        Watched {
            stream: Some(stream),
            line,
        }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut Accepted>> {
        let stream = self.stream.as_mut().map(Pin::new);
        stream.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = self.stream()?.poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.line.heard();
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.stream()?.poll_write(context, bytes);
        self.line.wrote(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream()?.poll_write_vectored(context, slices);
        self.line.wrote(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(Accepted::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(context)
    }
}

/// A client that does not close its side would keep the relay's connection: for all that the relay can see we might still
/// read. Only a reset says that we do not.
impl Drop for Watched {
    fn drop(&mut self) {
        let Some(stream) = self.stream.take().filter(|stream| !stream.is_adopted()) else {
            return;
        };
        if self.line.is_cut() {
            return reset(stream);
        }
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(linger(stream));
        }
    }
}

async fn linger(mut stream: Accepted) {
    let _ = stream.shutdown(Shutdown::Write);
    let ends = async {
        let mut nobody_reads_it = [0; 4096];
        while stream.read(&mut nobody_reads_it).await.is_ok_and(|length| length > 0) {}
    };
    if tokio::time::timeout(LINGER, ends).await.is_err() {
        reset(stream);
    }
}

fn reset(stream: Accepted) {
    // Without it the connection ends a little later, and as well.
    let _ = sockopt::set_socket_linger(stream.socket(), Some(Duration::ZERO));
}
