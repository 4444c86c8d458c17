//! Frames over a byte stream: before each its length as u32, big-endian.

use super::contract::{Carrier, Error};
use crate::pipe::{Frame, MAX_FRAME, Malformed};
use bytes::buf::Chain;
use bytes::{Buf, Bytes, BytesMut};
use futures::{Sink, Stream};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

/// Bytes of a length.
const LENGTH: usize = 4;

/// A carrier over one byte stream, or over two: [`tokio::io::join`] makes one of a child's output and input.
pub struct Framed<T> {
    io: T,
    arrived: BytesMut,
    /// The frame that is being written.
    leaving: Option<Chain<Bytes, Bytes>>,
    received: u64,
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Framed<T> {
    /// Nothing is read or written before it is polled.
    pub fn new(io: T) -> Framed<T> {
        Framed {
            io,
            arrived: BytesMut::new(),
            leaving: None,
            received: 0,
        }
    }

    /// A whole frame of what has arrived.
    fn take(&mut self) -> Result<Option<Frame>, Malformed> {
        let Some(length) = self.arrived.first_chunk::<LENGTH>() else {
            return Ok(None);
        };
        // Refused before it is allocated.
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length > MAX_FRAME {
            return Err(Malformed::Oversized(length));
        }
        if self.arrived.len() < LENGTH + length {
            return Ok(None);
        }
        self.arrived.advance(LENGTH);
        Frame::decode(self.arrived.split_to(length).freeze()).map(Some)
    }

    fn poll_leave(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(leaving) = &mut self.leaving {
            let mut parts = [io::IoSlice::new(&[]), io::IoSlice::new(&[])];
            let count = leaving.chunks_vectored(&mut parts);
            let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, &parts[..count]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            leaving.advance(written);
            if !leaving.has_remaining() {
                self.leaving = None;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for Framed<T> {
    type Item = Result<Frame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(frame) = this.take()? {
                return Poll::Ready(Some(Ok(frame)));
            }
            // Frames that are read give their room back, so this is one allocation.
            this.arrived.reserve(LENGTH + MAX_FRAME);
            let read = ready!(pin!(this.io.read_buf(&mut this.arrived)).poll(cx))?;
            this.received += read as u64;
            if read == 0 {
                return Poll::Ready((!this.arrived.is_empty()).then_some(Err(Error::Truncated)));
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Sink<Frame> for Framed<T> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(ready!(self.poll_leave(cx))?))
    }

    fn start_send(mut self: Pin<&mut Self>, frame: Frame) -> Result<(), Error> {
        let frame = frame.encode();
        let length = u32::try_from(frame.len()).map_err(|_| Malformed::Oversized(frame.len()))?;
        self.leaving = Some(Bytes::copy_from_slice(&length.to_be_bytes()).chain(frame));
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_leave(cx))?;
        Poll::Ready(Ok(ready!(Pin::new(&mut self.io).poll_flush(cx))?))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_leave(cx))?;
        Poll::Ready(Ok(ready!(Pin::new(&mut self.io).poll_shutdown(cx))?))
    }
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Carrier for Framed<T> {
    fn bytes_received(&self) -> u64 {
        self.received
    }
}
