//! The sockets of a wasip1 guest, by descriptor number.

use super::datagrams::Datagrams;
use crate::adoption::{Accepted, Acceptor, Adoption};
use crate::guest::Listeners;
use crate::host::Gate;
use crate::wasi::readiness::{peek, poll_certain};
use crate::wasi::sockets::Tcp;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// The first descriptor that can be pre-opened.
pub(super) const FIRST_DESCRIPTOR: u32 = 3;
/// The first number for accepted connections: far above what the guest's files reach, and small enough that 512 of
/// them fit the 1,024 that CPython's select takes.
pub(super) const FIRST_ACCEPTED: u32 = 512;

/// A socket and its `FDFLAGS_NONBLOCK`.
pub(super) struct Socket {
    pub(super) kind: Kind,
    pub(super) nonblocking: bool,
    /// The address of the listener that a connection was accepted from.
    pub(super) came_by: Option<SocketAddr>,
}

impl Socket {
    pub(super) fn new(kind: Kind, nonblocking: bool) -> Socket {
        Socket {
            kind,
            nonblocking,
            came_by: None,
        }
    }
}

pub(super) enum Kind {
    Listener {
        listener: Acceptor,
        address: SocketAddr,
        /// Connections that a poll took from the queue to be sure that they are there.
        taken: VecDeque<Accepted>,
        /// Tells that the guest listens, when it first asks for a connection: the socket is older than the guest, which may
        /// still have much to do, or trap, before it serves.
        tell: Option<Box<dyn FnOnce() + Send>>,
    },
    Stream(Accepted),
    /// Opened by the guest ([`super::wasmedge`]), and neither of the above yet.
    Fresh(Box<Tcp>),
    Datagrams(Datagrams),
}

/// All of them.
pub(super) struct Sockets {
    open: BTreeMap<u32, Socket>,
    /// How Go and wasi-libc differ in looking for directories among the pre-opened descriptors.
    pub(super) order: Listeners,
}

impl Sockets {
    /// Listens on loopback for each port; the descriptors are consecutive from `first`.
    pub(super) fn listen(
        ports: &[u16],
        first: u32,
        order: Listeners,
        gate: &Arc<Gate>,
        adoption: &Adoption,
    ) -> io::Result<Sockets> {
        let mut open = BTreeMap::new();
        for (port, descriptor) in ports.iter().zip(first..) {
            let listener = adoption.acceptor(*port)?;
            let (gate, address) = (gate.clone(), listener.local_addr()?);
            let kind = Kind::listener(listener, Some(Box::new(move || gate.listening(address))))?;
            // Go looks at this once: a descriptor that blocks would stop all its goroutines (os/file_unix.go, newFile).
            let nonblocking = order == Listeners::BeforeDirectories;
            open.insert(descriptor, Socket::new(kind, nonblocking));
        }
        Ok(Sockets { open, order })
    }

    pub(super) fn get(&mut self, descriptor: u32) -> Option<&mut Socket> {
        self.open.get_mut(&descriptor)
    }

    pub(super) fn has(&self, descriptor: u32) -> bool {
        self.open.contains_key(&descriptor)
    }

    pub(super) fn close(&mut self, descriptor: u32) -> Option<Socket> {
        self.open.remove(&descriptor)
    }

    pub(super) fn put(&mut self, descriptor: u32, socket: Socket) {
        self.open.insert(descriptor, socket);
    }

    /// The lowest free number for an accepted connection.
    pub(super) fn free(&self) -> u32 {
        let mut next = FIRST_ACCEPTED;
        for descriptor in self.open.range(FIRST_ACCEPTED..).map(|(descriptor, _)| *descriptor) {
            if descriptor != next {
                break;
            }
            next += 1;
        }
        next
    }
}

impl Kind {
    pub(super) fn listener(listener: Acceptor, tell: Option<Box<dyn FnOnce() + Send>>) -> io::Result<Kind> {
        Ok(Kind::Listener {
            address: listener.local_addr()?,
            listener,
            taken: VecDeque::new(),
            tell,
        })
    }

    /// A socket whose connection has come about is a stream from here on.
    pub(super) fn settle(&mut self) {
        if let Kind::Fresh(tcp) = self
            && let Some(stream) = tcp.take_connection()
        {
            *self = Kind::Stream(stream);
        }
    }

    /// What the kernel knows it by, where it knows it.
    pub(super) fn kernel(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Kind::Listener { listener, .. } => Some(listener.as_fd()),
            Kind::Stream(stream) => Some(stream.socket().as_fd()),
            Kind::Datagrams(datagrams) => datagrams.socket().map(AsFd::as_fd),
            Kind::Fresh(_) => None,
        }
    }

    /// Takes a connection, waiting for one unless `nonblocking`.
    pub(super) async fn accept(&mut self, nonblocking: bool) -> io::Result<Accepted> {
        let Kind::Listener {
            listener, taken, tell, ..
        } = self
        else {
            return Err(ErrorKind::InvalidInput.into());
        };
        if let Some(tell) = tell.take() {
            tell();
        }
        if let Some(stream) = taken.pop_front() {
            return Ok(stream);
        }
        if nonblocking {
            let mut context = Context::from_waker(std::task::Waker::noop());
            return match listener.poll_accept(&mut context) {
                Poll::Ready(accepted) => accepted,
                Poll::Pending => Err(ErrorKind::WouldBlock.into()),
            };
        }
        listener.accept().await
    }

    pub(super) fn stream(&self) -> io::Result<&Accepted> {
        match self {
            Kind::Stream(stream) => Ok(stream),
            Kind::Listener { .. } | Kind::Fresh(_) | Kind::Datagrams(_) => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// Ready when a read or accept would not wait. Certain, not a hint: a guest that polls a blocking descriptor relies
    /// on it. The number is of bytes that are known to be there.
    pub(super) fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<u64> {
        match self {
            Kind::Listener {
                listener, taken, tell, ..
            } => {
                if let Some(tell) = tell.take() {
                    tell();
                }
                if taken.is_empty()
                    && let Ok(stream) = ready!(listener.poll_accept(context))
                {
                    taken.push_back(stream);
                }
                // An error is for the accept that follows to find.
                Poll::Ready(taken.len() as u64)
            }
            Kind::Stream(stream) => {
                let socket = stream.socket();
                poll_certain(|| socket.poll_read_ready(context), || peek(socket, &mut [0; 1]))
            }
            Kind::Fresh(tcp) => {
                if ready!(tcp.poll_connected(context)).is_err() {
                    return Poll::Ready(0);
                }
                self.settle();
                self.poll_readable(context)
            }
            Kind::Datagrams(datagrams) => datagrams.poll_readable(context),
        }
    }

    /// Ready when a write would take something.
    pub(super) fn poll_writable(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self {
            Kind::Listener { .. } => Poll::Pending,
            Kind::Stream(stream) => stream.socket().poll_write_ready(context).map(drop),
            // Connected, or failed: either can be asked for.
            Kind::Fresh(tcp) => tcp.poll_connected(context).map(drop),
            Kind::Datagrams(datagrams) => match datagrams.socket() {
                Some(socket) => socket.poll_send_ready(context).map(drop),
                None => Poll::Ready(()),
            },
        }
    }
}
