//! The byte stream of a session.

use super::shared::Shared;
use crate::pipe::{Bye, End, SessionId};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes both ways, over whichever carrier there is. Reads and writes wait while there is none.
///
/// It ends (reads nothing) only after the peer's [`Bye::DONE`]; any other end is an error. Shutting it down sends what was
/// written and then BYE: there is no half-close here, for the streams above have their own. Flushing waits for nothing:
/// what was written leaves as soon as the carrier takes it.
pub struct Stream {
    shared: Arc<Shared>,
}

impl Stream {
    pub(super) fn new(shared: Arc<Shared>) -> Stream {
        Stream { shared }
    }

    /// The session.
    pub fn session(&self) -> SessionId {
        self.shared.lock().pipe.session()
    }

    /// A handle that ends the session, whoever has the stream.
    pub fn ender(&self) -> Ender {
        Ender {
            shared: self.shared.clone(),
        }
    }
}

/// Ends a session from outside of its stream.
#[derive(Clone)]
pub struct Ender {
    shared: Arc<Shared>,
}

impl Ender {
    /// Ends it now, with a code of [`Bye`] and a reason that the peer is told.
    pub fn end(&self, code: u16, text: &str) {
        let mut state = self.shared.lock();
        let text = text.into();
        state.pipe.close(Bye { code, text });
        state.wake_all();
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let now = Instant::now();
        let mut state = self.shared.lock();
        if state.pipe.read(buf, now) > 0 {
            state.wake_runner_if_due(now);
            return Poll::Ready(Ok(()));
        }
        match state.pipe.end() {
            _ if buf.remaining() == 0 => Poll::Ready(Ok(())),
            Some(End::Bye(bye)) if bye.code == Bye::DONE => Poll::Ready(Ok(())),
            Some(_) => Poll::Ready(state.error().map_or(Ok(()), Err)),
            None => {
                state.wait_to_read(cx);
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.shared.lock();
        if let Some(error) = state.error() {
            return Poll::Ready(Err(error));
        }
        if state.pipe.is_closing() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let mut written = 0;
        for part in parts {
            let taken = state.pipe.write(part);
            written += taken;
            if taken < part.len() {
                break;
            }
        }
        if written == 0 && parts.iter().any(|part| !part.is_empty()) {
            state.wait_to_write(cx);
            return Poll::Pending;
        }
        state.wake_runner_if_due(Instant::now());
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.shared.lock();
        if !state.pipe.is_closing() {
            state.pipe.close(Bye {
                code: Bye::DONE,
                text: "".into(),
            });
            state.wake_runner();
        }
        match state.pipe.end() {
            Some(End::Bye(_)) => Poll::Ready(Ok(())),
            Some(_) => Poll::Ready(state.error().map_or(Ok(()), Err)),
            None => {
                state.wait_to_close(cx);
                Poll::Pending
            }
        }
    }
}

/// Nobody reads or writes any more: the peer hears of it where there is a carrier.
impl Drop for Stream {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        // A BYE that waits for bytes that were written goes on waiting for them.
        if !state.pipe.is_closing() {
            state.pipe.close(Bye {
                code: Bye::GOING,
                text: "the other end was closed".into(),
            });
        }
        state.wake_all();
    }
}
