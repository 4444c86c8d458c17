//! Whether there is something to read.

use rustix::net::RecvFlags;
use std::io::{self, ErrorKind};
use std::task::{Poll, ready};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Ready when there is something to read: what tokio remembers is a hint, which a look may refute. An error is for the read
/// that follows to find.
pub(super) fn poll_certain(
    mut poll_ready: impl FnMut() -> Poll<io::Result<()>>,
    look: impl Fn() -> io::Result<usize>,
) -> Poll<u64> {
    loop {
        if ready!(poll_ready()).is_err() {
            return Poll::Ready(0);
        }
        match look() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Ok(length) => return Poll::Ready(length as u64),
            Err(_) => return Poll::Ready(0),
        }
    }
}

/// Looks at what a read would give; `WouldBlock` when nothing is there.
pub(super) fn peek(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    stream.try_io(Interest::READABLE, || {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        Ok(rustix::net::recv(stream, &mut *buffer, flags)?.1)
    })
}
