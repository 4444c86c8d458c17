//! A TCP socket of a guest, whatever version of WASI it speaks.

use super::Network;
use super::address::{Family, reached};
use super::carry::carry;
use super::options::{Options, Result, not_zero};
use crate::adoption::{Accepted, Acceptor};
use crate::egress::Egress;
use rustix::net::sockopt;
use std::future::poll_fn;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::net::TcpSocket;
use wasmtime_wasi::sockets::{ErrorCode, SocketAddrUse};

/// The queue of a listener that did not ask for another.
const BACKLOG: u32 = 4096;

/// One socket.
pub(crate) struct Tcp {
    network: Network,
    family: Family,
    backlog: u32,
    state: State,
}

/// To connect, to whom the guest has asked for.
type Attempt = Pin<Box<dyn Future<Output = io::Result<Accepted>> + Send>>;

enum State {
    Fresh {
        socket: TcpSocket,
        is_bound: bool,
        /// The guest has set options of it.
        is_set: AtomicBool,
    },
    Connecting(Attempt),
    Listening(Shared),
    Connected(Arc<Connection>),
    Closed(ErrorCode),
}

/// A listener. It closes with the last that holds it.
pub(crate) struct Listener {
    network: Network,
    family: Family,
    acceptor: Acceptor,
    address: SocketAddr,
    /// What a wait has taken from the queue, to be sure that it is there.
    next: Option<io::Result<Accepted>>,
}

/// Its socket has it, and, in 0.3, the stream of its connections.
pub(crate) type Shared = Arc<Mutex<Listener>>;

/// It is consistent at every step, so a panic elsewhere does not spoil it.
pub(crate) fn lock(listener: &Mutex<Listener>) -> MutexGuard<'_, Listener> {
    listener.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Listener {
    /// Ready when there is a connection, or an error, to be accepted.
    pub(crate) fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.next.is_none() {
            self.next = Some(ready!(self.acceptor.poll_accept(context)));
        }
        Poll::Ready(())
    }

    /// The next connection, as a socket of its own.
    pub(crate) fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<Result<Tcp>> {
        ready!(self.poll_ready(context));
        let accepted = match self.next.take() {
            Some(Ok(accepted)) => accepted,
            Some(Err(error)) => return Poll::Ready(Err(error.into())),
            None => return Poll::Pending,
        };
        let own = if accepted.is_adopted() {
            None
        } else {
            accepted.socket().local_addr().ok()
        };
        let connection = Connection {
            local: own.unwrap_or_else(|| reached(self.address)),
            remote: self.family.shown(accepted.peer()),
            socket: accepted,
        };
        let state = State::Connected(Arc::new(connection));
        Poll::Ready(Ok(Tcp::in_state(self.network.clone(), self.family, state)))
    }
}

/// A connection that is there. It closes with the last that holds it.
pub(crate) struct Connection {
    pub(crate) socket: Accepted,
    /// Remembered: asking the kernel fails once the peer is gone, which a guest does not expect of its own connection.
    local: SocketAddr,
    remote: SocketAddr,
}

impl Connection {
    pub(crate) fn shutdown(&self, how: Shutdown) {
        // One that is gone is shut.
        let _ = self.socket.shutdown(how);
    }
}

impl Tcp {
    /// A socket that is neither bound nor connected.
    pub(crate) fn new(network: &Network, family: Family) -> Result<Tcp> {
        let socket = match family {
            Family::V4 => TcpSocket::new_v4()?,
            Family::V6 => {
                let socket = TcpSocket::new_v6()?;
                sockopt::set_ipv6_v6only(&socket, true)?;
                socket
            }
        };
        let fresh = State::Fresh {
            socket,
            is_bound: false,
            is_set: AtomicBool::new(false),
        };
        Ok(Tcp::in_state(network.clone(), family, fresh))
    }

    fn in_state(network: Network, family: Family, state: State) -> Tcp {
        Tcp {
            network,
            family,
            backlog: BACKLOG,
            state,
        }
    }

    /// What stands for a connection that could not be accepted.
    pub(crate) fn failed(network: &Network, family: Family, error: ErrorCode) -> Tcp {
        Tcp::in_state(network.clone(), family, State::Closed(error))
    }

    fn allowed(&self, address: SocketAddr, reason: SocketAddrUse) -> Result<()> {
        let allowed = self.network.gate.allows(address, reason);
        if allowed { Ok(()) } else { Err(ErrorCode::AccessDenied) }
    }

    pub(crate) fn bind(&mut self, address: SocketAddr) -> Result<()> {
        if self.is_bound() {
            return Err(ErrorCode::InvalidState);
        }
        if !self.family.takes(address.ip()) {
            return Err(ErrorCode::InvalidArgument);
        }
        self.allowed(address, SocketAddrUse::TcpBind)?;
        self.bind_to(address)
    }

    fn bind_to(&mut self, address: SocketAddr) -> Result<()> {
        let State::Fresh { socket, is_bound, .. } = &mut self.state else {
            return Err(ErrorCode::InvalidState);
        };
        // A port whose last connections linger can be had at once (wasi:sockets).
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        *is_bound = true;
        Ok(())
    }

    pub(crate) fn is_bound(&self) -> bool {
        !matches!(self.state, State::Fresh { is_bound: false, .. })
    }

    /// Begins to connect; [`Tcp::poll_connected`] has the end of it.
    pub(crate) fn connect(&mut self, address: SocketAddr) -> Result<()> {
        if !matches!(self.state, State::Fresh { .. }) {
            return Err(ErrorCode::InvalidState);
        }
        let ip = address.ip().to_canonical();
        if !self.family.takes(address.ip()) || ip.is_unspecified() || address.port() == 0 {
            return Err(ErrorCode::InvalidArgument);
        }
        if let Some(egress) = self.network.way_out(address, &self.network.localhost.tcp) {
            return self.connect_out(address, egress);
        }
        let allowed = self.allowed(address, SocketAddrUse::TcpConnect);
        let (socket, gate) = (self.take_fresh()?, self.network.gate.clone());
        self.state = State::Connecting(Box::pin(async move {
            // It is said at the end, as of any other attempt.
            allowed.map_err(|_| io::ErrorKind::PermissionDenied)?;
            socket.set_nodelay(true)?;
            let stream = socket.connect(address).await.inspect_err(|error| {
                if error.kind() == io::ErrorKind::ConnectionRefused {
                    gate.nobody_listens(address.port());
                }
            })?;
            let remote = stream.peer_addr()?;
            Ok(Accepted::own(stream, remote))
        }));
        Ok(())
    }

    /// The same to an address outside of the guest's network: the connection is made elsewhere.
    fn connect_out(&mut self, address: SocketAddr, egress: Arc<dyn Egress>) -> Result<()> {
        let own = self.is_bound().then(|| self.local_address()).transpose()?;
        // No address of the guest's leads there.
        if own.is_some_and(|own| !own.ip().is_unspecified()) {
            return Err(ErrorCode::InvalidState);
        }
        let is_set = matches!(&self.state, State::Fresh { is_set, .. } if is_set.load(Relaxed));
        let (socket, family) = (self.take_fresh()?, self.family);
        self.state = State::Connecting(Box::pin(async move {
            // Who asked for a name's stand-in finds it again.
            let connection = Accepted::outgoing(egress.connect(address).await?, address)?;
            if is_set {
                carry(&socket, connection.socket(), family)?;
            }
            Ok(connection)
        }));
        Ok(())
    }

    pub(crate) fn is_connecting(&self) -> bool {
        matches!(self.state, State::Connecting(_))
    }

    /// Ready when the attempt is over, and what came of it.
    pub(crate) fn poll_connected(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        let attempt = match &mut self.state {
            State::Connecting(attempt) => attempt,
            State::Connected(_) => return Poll::Ready(Ok(())),
            State::Closed(error) => return Poll::Ready(Err(*error)),
            _ => return Poll::Ready(Err(ErrorCode::InvalidState)),
        };
        let family = self.family;
        let connection = ready!(attempt.as_mut().poll(context)).and_then(|socket| {
            Ok(Connection {
                // The way out may be by the other family. wasi-libc aborts where it is told an address of another than the socket's.
                local: family.shown(socket.socket().local_addr()?),
                remote: socket.peer(),
                socket,
            })
        });
        let result = match connection {
            Ok(connection) => {
                self.state = State::Connected(Arc::new(connection));
                Ok(())
            }
            Err(error) => {
                let error = ErrorCode::from(error);
                self.state = State::Closed(error);
                Err(error)
            }
        };
        Poll::Ready(result)
    }

    /// Listens; a socket that is not bound gets a port.
    pub(crate) fn listen(&mut self) -> Result<()> {
        if !self.is_bound() {
            self.allowed(self.family.any(), SocketAddrUse::TcpBind)?;
            self.bind_to(self.family.any())?;
        }
        let socket = self.take_fresh()?;
        // What is accepted inherits it: the head of an answer must not wait for the client's word before its body goes.
        let listener = socket.set_nodelay(true).and_then(|()| socket.listen(self.backlog));
        let listening = listener.and_then(|listener| {
            let address = listener.local_addr()?;
            Ok((self.network.adoption.acceptor_of(listener)?, address))
        });
        match listening {
            Ok((acceptor, address)) => {
                // Told after it is so: who connects from here on is not refused.
                let _ = self.network.gate.allows(address, SocketAddrUse::TcpListen);
                self.state = State::Listening(Arc::new(Mutex::new(Listener {
                    network: self.network.clone(),
                    family: self.family,
                    acceptor,
                    address,
                    next: None,
                })));
                Ok(())
            }
            Err(error) => {
                let error = ErrorCode::from(error);
                self.state = State::Closed(error);
                Err(error)
            }
        }
    }

    pub(crate) fn is_listening(&self) -> bool {
        matches!(self.state, State::Listening(_))
    }

    /// Returns when what is under way may go on.
    pub(crate) async fn ready(&mut self) {
        match &self.state {
            State::Connecting(_) => {
                // What came of it is kept.
                let _ = poll_fn(|context| self.poll_connected(context)).await;
            }
            State::Listening(listener) => poll_fn(|context| lock(listener).poll_ready(context)).await,
            _ => {}
        }
    }

    /// How long the queue may become.
    pub(crate) fn set_backlog(&mut self, connections: u64) -> Result<()> {
        let backlog =
            u32::try_from(not_zero(connections)?).map_or(i32::MAX, |backlog| backlog.min(i32::MAX as u32) as i32);
        match &self.state {
            State::Fresh { .. } => {}
            // Again is how it is changed (listen(2)).
            State::Listening(listener) => rustix::net::listen(&lock(listener).acceptor, backlog)?,
            State::Closed(error) => return Err(*error),
            _ => return Err(ErrorCode::InvalidState),
        }
        self.backlog = backlog as u32;
        Ok(())
    }

    pub(crate) fn connection(&self) -> Result<&Arc<Connection>> {
        match &self.state {
            State::Connected(connection) => Ok(connection),
            State::Closed(error) => Err(*error),
            _ => Err(ErrorCode::InvalidState),
        }
    }

    /// What accepts, out of a socket that listens and that nobody shares; the socket is of no use any more.
    pub(crate) fn take_acceptor(&mut self) -> Option<Acceptor> {
        match self.take() {
            State::Listening(listener) => Some(Arc::into_inner(listener)?.into_inner().ok()?.acceptor),
            _ => None,
        }
    }

    /// What is connected, out of a socket whose connection nobody shares; the socket is of no use any more then.
    pub(crate) fn take_connection(&mut self) -> Option<Accepted> {
        self.connection().ok()?;
        match self.take() {
            State::Connected(connection) => Some(Arc::into_inner(connection)?.socket),
            _ => None,
        }
    }

    /// Why it is closed.
    pub(crate) fn error(&self) -> Option<ErrorCode> {
        match &self.state {
            State::Closed(error) => Some(*error),
            _ => None,
        }
    }

    pub(crate) fn local_address(&self) -> Result<SocketAddr> {
        match &self.state {
            State::Fresh {
                socket, is_bound: true, ..
            } => Ok(socket.local_addr()?),
            State::Listening(listener) => Ok(lock(listener).address),
            _ => Ok(self.connection()?.local),
        }
    }

    pub(crate) fn remote_address(&self) -> Result<SocketAddr> {
        Ok(self.connection()?.remote)
    }

    /// The kernel's socket, out of one that neither listens nor connects yet; any other stays as it is.
    fn take_fresh(&mut self) -> Result<TcpSocket> {
        match self.take() {
            State::Fresh { socket, .. } => Ok(socket),
            other => {
                self.state = other;
                Err(ErrorCode::InvalidState)
            }
        }
    }

    fn take(&mut self) -> State {
        std::mem::replace(&mut self.state, State::Closed(ErrorCode::InvalidState))
    }

    /// The listener of a socket that listens.
    pub(crate) fn listener(&self) -> Result<&Shared> {
        match &self.state {
            State::Listening(listener) => Ok(listener),
            _ => Err(ErrorCode::InvalidState),
        }
    }
}

impl Options for Tcp {
    fn family(&self) -> Family {
        self.family
    }

    fn with<T>(&self, act: impl FnOnce(BorrowedFd<'_>) -> rustix::io::Result<T>) -> Result<T> {
        Ok(match &self.state {
            State::Fresh { socket, .. } => act(socket.as_fd()),
            State::Listening(listener) => act(lock(listener).acceptor.as_fd()),
            _ => act(self.connection()?.socket.socket().as_fd()),
        }?)
    }

    fn set(&self, act: impl FnOnce(BorrowedFd<'_>) -> rustix::io::Result<()>) -> Result<()> {
        if let State::Fresh { is_set, .. } = &self.state {
            is_set.store(true, Relaxed);
        }
        self.with(act)
    }
}
