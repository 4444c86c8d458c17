//! One socket of a connection and what epoll has said of it.

use rustix::event::epoll::EventFlags;
use rustix::net::sockopt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// A non-blocking stream with its readiness, as edge-triggered epoll leaves it to us to remember.
pub(in crate::forward) struct End {
    stream: TcpStream,
    /// A read may find something. False only after a read has shown that nothing is there.
    pub(in crate::forward) readable: bool,
    /// A write may find room. False only after a write has shown that there is none.
    pub(in crate::forward) writable: bool,
    /// The peer has ended its side: no later edge will announce that, so a short read is not the last word.
    pub(in crate::forward) ending: bool,
    /// Urgent data has come: a read stops at its mark (tcp(7)), so a short one does not mean that nothing is left.
    pub(in crate::forward) urgent: bool,
    /// The connection is broken (reset, timed out): nothing can be sent, and what can be read is here already.
    pub(in crate::forward) broken: bool,
    /// A write has heard of the reset. The kernel tells it once: a read says end-of-file from then on, which it is not. A peer whose
    /// end-of-file had come before is told of as EPIPE, and a read is right.
    pub(in crate::forward) reset: bool,
}

impl End {
    pub(in crate::forward) fn new(socket: OwnedFd) -> End {
        End {
            stream: TcpStream::from(socket),
            readable: true,
            writable: true,
            ending: false,
            urgent: false,
            broken: false,
            reset: false,
        }
    }

    /// Takes an edge in.
    pub(in crate::forward) fn mark(&mut self, events: EventFlags) {
        let broken = EventFlags::ERR | EventFlags::HUP;
        self.readable |= events.intersects(EventFlags::IN | EventFlags::PRI | EventFlags::RDHUP | broken);
        self.writable |= events.intersects(EventFlags::OUT | broken);
        self.ending |= events.intersects(EventFlags::RDHUP | broken);
        self.urgent |= events.contains(EventFlags::PRI);
        self.broken |= events.contains(EventFlags::ERR);
    }

    /// What could be read, left where it is.
    pub(in crate::forward) fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.peek(buffer)
    }

    pub(in crate::forward) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer);
        self.readable = match &read {
            // The socket held less than asked for, so the next byte raises a new edge.
            Ok(length) => *length == buffer.len() || self.ending || self.urgent,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        };
        read
    }

    pub(in crate::forward) fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.stream.write(bytes);
        self.reset |= written
            .as_ref()
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset);
        self.writable = match &written {
            Ok(length) => *length == bytes.len(),
            // A broken socket stays "writable": no later edge would bring its error back.
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        };
        written
    }

    /// Sends end-of-file. A peer that is gone already needs none.
    pub(in crate::forward) fn finish(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Makes the coming close(2) a reset: SO_LINGER with zero time, socket(7).
    pub(in crate::forward) fn close_with_reset(&self) {
        let _ = sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO));
    }
}

impl AsFd for End {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
