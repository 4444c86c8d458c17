//! TCP of `wasi:sockets/types` 0.3.
//!
//! Handles are as in [`super::p2`].

use super::address::Family;
use super::options::Options;
use super::tcp::{Connection, Shared, Tcp, lock};
use super::{Sockets, View};
use crate::adoption::Accepted;
use crate::host::Host;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use wasmtime::component::{
    Access, Accessor, Destination, FutureReader, Linker, Resource, Source, StreamConsumer, StreamProducer,
    StreamReader, StreamResult,
};
use wasmtime::{AsContextMut, Result, StoreContextMut};
use wasmtime_wasi::p3::bindings::sockets::types::{
    self, Duration, ErrorCode, HostTcpSocket, HostTcpSocketWithStore, IpAddressFamily, IpSocketAddress,
};
use wasmtime_wasi::p3::sockets::{SocketError, SocketResult};
use wasmtime_wasi::sockets::TcpSocket;

/// Bytes that are read where the guest does not say into what.
const PIECE: usize = 64 << 10;

/// A socket, and which of its directions are a stream's already.
struct Socket {
    tcp: Tcp,
    is_sending: bool,
    is_receiving: bool,
}

impl Socket {
    /// The connection, for a direction that nobody has yet.
    fn take(&mut self, direction: impl FnOnce(&mut Socket) -> &mut bool) -> super::options::Result<Arc<Connection>> {
        let connection = self.tcp.connection()?.clone();
        match std::mem::replace(direction(self), true) {
            false => Ok(connection),
            true => Err(wasmtime_wasi::sockets::ErrorCode::InvalidState),
        }
    }
}

/// How a direction ended, for the guest that waits for it.
type Ended = oneshot::Sender<std::result::Result<(), ErrorCode>>;

pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> Result<()> {
    types::add_to_linker::<Host, Sockets>(linker, Host::sockets)
}

fn place(handle: &Resource<TcpSocket>) -> Resource<Socket> {
    Resource::new_borrow(handle.rep())
}

fn socket<'a>(view: &'a mut View<'_>, handle: &Resource<TcpSocket>) -> Result<&'a mut Socket> {
    Ok(view.table.get_mut(&place(handle))?)
}

fn tcp<'a>(view: &'a mut View<'_>, handle: &Resource<TcpSocket>) -> SocketResult<&'a mut Tcp> {
    Ok(&mut socket(view, handle).map_err(SocketError::trap)?.tcp)
}

fn add(view: &mut View<'_>, tcp: Tcp) -> Result<Resource<TcpSocket>> {
    let socket = view.table.push(Socket {
        tcp,
        is_sending: false,
        is_receiving: false,
    })?;
    Ok(Resource::new_own(socket.rep()))
}

/// What a stream answers while nothing can be done: the guest may have taken its question back.
fn not_yet(is_cancelled: bool) -> Poll<Result<StreamResult>> {
    if is_cancelled {
        Poll::Ready(Ok(StreamResult::Cancelled))
    } else {
        Poll::Pending
    }
}

/// A listener's connections.
struct Accepts {
    listener: Shared,
    family: Family,
}

impl StreamProducer<Host> for Accepts {
    type Item = Resource<TcpSocket>;
    type Buffer = Option<Self::Item>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'a, Host>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        is_cancelled: bool,
    ) -> Poll<Result<StreamResult>> {
        let mut listener = lock(&self.listener);
        if listener.poll_ready(context).is_pending() {
            return not_yet(is_cancelled);
        }
        // Who reads nothing asks whether there is something.
        if destination.remaining(&mut store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        let Poll::Ready(accepted) = listener.poll_accept(context) else {
            return not_yet(is_cancelled);
        };
        drop(listener);
        let mut view = store.data_mut().sockets();
        // A connection that broke before it was accepted is told by its own socket.
        let tcp = accepted.unwrap_or_else(|error| Tcp::failed(view.network, self.family, error));
        destination.set_buffer(Some(add(&mut view, tcp)?));
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

/// One direction of a connection.
struct Direction {
    connection: Arc<Connection>,
    ended: Option<Ended>,
}

impl Direction {
    fn end(&mut self, how: std::result::Result<(), ErrorCode>) -> Poll<Result<StreamResult>> {
        if let Some(ended) = self.ended.take() {
            // The guest need not wait for it.
            let _ = ended.send(how);
        }
        Poll::Ready(Ok(StreamResult::Dropped))
    }

    /// Moves bytes as soon as that can be done; none moved is the end. A question is only whether it can be done.
    fn poll(
        &mut self,
        is_question: bool,
        is_cancelled: bool,
        mut poll_ready: impl FnMut(&TcpStream) -> Poll<io::Result<()>>,
        mut moves: impl FnMut(&Accepted) -> io::Result<usize>,
    ) -> Poll<Result<StreamResult>> {
        let connection = self.connection.clone();
        loop {
            if !is_question {
                match moves(&connection.socket) {
                    Ok(0) => return self.end(Ok(())),
                    Ok(_) => return Poll::Ready(Ok(StreamResult::Completed)),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return self.end(Err(error_of(error))),
                }
            }
            match poll_ready(connection.socket.socket()) {
                Poll::Pending => return not_yet(is_cancelled),
                Poll::Ready(_) if is_question => return Poll::Ready(Ok(StreamResult::Completed)),
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return self.end(Err(error_of(error))),
            }
        }
    }
}

fn error_of(error: io::Error) -> ErrorCode {
    match error.kind() {
        ErrorKind::BrokenPipe => ErrorCode::ConnectionBroken,
        _ => wasmtime_wasi::sockets::ErrorCode::from(error).into(),
    }
}

/// What comes from the peer.
struct Receives(Direction);

impl Drop for Receives {
    fn drop(&mut self) {
        let _ = self.0.end(Ok(()));
        self.0.connection.shutdown(Shutdown::Read);
    }
}

impl StreamProducer<Host> for Receives {
    type Item = u8;
    type Buffer = bytes::BytesMut;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'a, Host>,
        destination: Destination<'a, Self::Item, Self::Buffer>,
        is_cancelled: bool,
    ) -> Poll<Result<StreamResult>> {
        let is_question = destination.remaining(store.as_context_mut()) == Some(0);
        let mut destination = destination.as_direct(store, PIECE);
        self.0.poll(
            is_question,
            is_cancelled,
            |socket| socket.poll_read_ready(context),
            |socket| {
                let length = socket.try_read(destination.remaining())?;
                destination.mark_written(length);
                Ok(length)
            },
        )
    }
}

/// What goes to the peer.
struct Sends(Direction);

impl Drop for Sends {
    fn drop(&mut self) {
        self.0.connection.shutdown(Shutdown::Write);
        let _ = self.0.end(Ok(()));
    }
}

impl StreamConsumer<Host> for Sends {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        store: StoreContextMut<'_, Host>,
        source: Source<'_, Self::Item>,
        is_cancelled: bool,
    ) -> Poll<Result<StreamResult>> {
        let mut source = source.as_direct(store);
        let is_question = source.remaining().is_empty();
        self.0.poll(
            is_question,
            is_cancelled,
            |socket| socket.poll_write_ready(context),
            |socket| {
                let length = socket.try_write_vectored(&[IoSlice::new(source.remaining())])?;
                source.mark_read(length);
                Ok(length)
            },
        )
    }
}

impl HostTcpSocketWithStore<Host> for Sockets {
    async fn connect(
        store: &Accessor<Host, Self>,
        this: Resource<TcpSocket>,
        address: IpSocketAddress,
    ) -> SocketResult<()> {
        let address = SocketAddr::from(address);
        store.with(|mut store| -> SocketResult<()> { Ok(tcp(&mut store.get(), &this)?.connect(address)?) })?;
        poll_fn(|context| {
            store.with(|mut store| -> Poll<SocketResult<()>> {
                let connected = tcp(&mut store.get(), &this)?.poll_connected(context);
                connected.map_err(SocketError::from)
            })
        })
        .await
    }

    async fn listen(
        mut store: Access<'_, Host, Self>,
        this: Resource<TcpSocket>,
    ) -> SocketResult<StreamReader<Resource<TcpSocket>>> {
        let mut view = store.get();
        let tcp = tcp(&mut view, &this)?;
        tcp.listen()?;
        let accepts = Accepts {
            listener: tcp.listener()?.clone(),
            family: tcp.family(),
        };
        StreamReader::new(&mut store, accepts).map_err(SocketError::trap)
    }

    fn send(
        mut store: Access<'_, Host, Self>,
        this: Resource<TcpSocket>,
        mut data: StreamReader<u8>,
    ) -> Result<FutureReader<std::result::Result<(), ErrorCode>>> {
        let mut view = store.get();
        match socket(&mut view, &this)?.take(|socket| &mut socket.is_sending) {
            Ok(connection) => {
                let (sender, receiver) = oneshot::channel();
                let ended = Some(sender);
                data.pipe(&mut store, Sends(Direction { connection, ended }))?;
                FutureReader::new(&mut store, receiver)
            }
            Err(error) => {
                data.close(&mut store)?;
                FutureReader::new(&mut store, async move { wasmtime::error::Ok(Err(error.into())) })
            }
        }
    }

    fn receive(
        mut store: Access<'_, Host, Self>,
        this: Resource<TcpSocket>,
    ) -> Result<(StreamReader<u8>, FutureReader<std::result::Result<(), ErrorCode>>)> {
        let mut view = store.get();
        match socket(&mut view, &this)?.take(|socket| &mut socket.is_receiving) {
            Ok(connection) => {
                let (sender, receiver) = oneshot::channel();
                let ended = Some(sender);
                let stream = StreamReader::new(&mut store, Receives(Direction { connection, ended }))?;
                Ok((stream, FutureReader::new(&mut store, receiver)?))
            }
            Err(error) => {
                let stream = StreamReader::new(&mut store, std::iter::empty())?;
                let future = FutureReader::new(&mut store, async move { wasmtime::error::Ok(Err(error.into())) })?;
                Ok((stream, future))
            }
        }
    }
}

impl types::Host for View<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> Result<ErrorCode> {
        error.downcast()
    }
}

impl HostTcpSocket for View<'_> {
    fn create(&mut self, family: IpAddressFamily) -> SocketResult<Resource<TcpSocket>> {
        let family = match family {
            IpAddressFamily::Ipv4 => Family::V4,
            IpAddressFamily::Ipv6 => Family::V6,
        };
        let tcp = Tcp::new(self.network, family)?;
        add(self, tcp).map_err(SocketError::trap)
    }

    async fn bind(&mut self, this: Resource<TcpSocket>, address: IpSocketAddress) -> SocketResult<()> {
        Ok(tcp(self, &this)?.bind(address.into())?)
    }

    fn get_local_address(&mut self, this: Resource<TcpSocket>) -> SocketResult<IpSocketAddress> {
        Ok(tcp(self, &this)?.local_address()?.into())
    }

    fn get_remote_address(&mut self, this: Resource<TcpSocket>) -> SocketResult<IpSocketAddress> {
        Ok(tcp(self, &this)?.remote_address()?.into())
    }

    fn get_is_listening(&mut self, this: Resource<TcpSocket>) -> Result<bool> {
        Ok(socket(self, &this)?.tcp.is_listening())
    }

    fn get_address_family(&mut self, this: Resource<TcpSocket>) -> Result<IpAddressFamily> {
        Ok(match socket(self, &this)?.tcp.family() {
            Family::V4 => IpAddressFamily::Ipv4,
            Family::V6 => IpAddressFamily::Ipv6,
        })
    }

    fn set_listen_backlog_size(&mut self, this: Resource<TcpSocket>, connections: u64) -> SocketResult<()> {
        Ok(tcp(self, &this)?.set_backlog(connections)?)
    }

    fn get_keep_alive_enabled(&mut self, this: Resource<TcpSocket>) -> SocketResult<bool> {
        Ok(tcp(self, &this)?.keep_alive()?)
    }

    fn set_keep_alive_enabled(&mut self, this: Resource<TcpSocket>, on: bool) -> SocketResult<()> {
        Ok(tcp(self, &this)?.set_keep_alive(on)?)
    }

    fn get_keep_alive_idle_time(&mut self, this: Resource<TcpSocket>) -> SocketResult<Duration> {
        Ok(tcp(self, &this)?.keep_alive_idle()?)
    }

    fn set_keep_alive_idle_time(&mut self, this: Resource<TcpSocket>, nanoseconds: Duration) -> SocketResult<()> {
        Ok(tcp(self, &this)?.set_keep_alive_idle(nanoseconds)?)
    }

    fn get_keep_alive_interval(&mut self, this: Resource<TcpSocket>) -> SocketResult<Duration> {
        Ok(tcp(self, &this)?.keep_alive_interval()?)
    }

    fn set_keep_alive_interval(&mut self, this: Resource<TcpSocket>, nanoseconds: Duration) -> SocketResult<()> {
        Ok(tcp(self, &this)?.set_keep_alive_interval(nanoseconds)?)
    }

    fn get_keep_alive_count(&mut self, this: Resource<TcpSocket>) -> SocketResult<u32> {
        Ok(tcp(self, &this)?.keep_alive_count()?)
    }

    fn set_keep_alive_count(&mut self, this: Resource<TcpSocket>, count: u32) -> SocketResult<()> {
        Ok(tcp(self, &this)?.set_keep_alive_count(count)?)
    }

    fn get_hop_limit(&mut self, this: Resource<TcpSocket>) -> SocketResult<u8> {
        Ok(tcp(self, &this)?.hop_limit()?)
    }

    fn set_hop_limit(&mut self, this: Resource<TcpSocket>, hops: u8) -> SocketResult<()> {
        Ok(tcp(self, &this)?.set_hop_limit(hops)?)
    }

    fn get_receive_buffer_size(&mut self, this: Resource<TcpSocket>) -> SocketResult<u64> {
        Ok(tcp(self, &this)?.receive_buffer()?)
    }

    fn set_receive_buffer_size(&mut self, this: Resource<TcpSocket>, bytes: u64) -> SocketResult<()> {
        Ok(tcp(self, &this)?.set_receive_buffer(bytes)?)
    }

    fn get_send_buffer_size(&mut self, this: Resource<TcpSocket>) -> SocketResult<u64> {
        Ok(tcp(self, &this)?.send_buffer()?)
    }

    fn set_send_buffer_size(&mut self, this: Resource<TcpSocket>, bytes: u64) -> SocketResult<()> {
        Ok(tcp(self, &this)?.set_send_buffer(bytes)?)
    }

    fn drop(&mut self, this: Resource<TcpSocket>) -> Result<()> {
        self.table.delete::<Socket>(Resource::new_own(this.rep()))?;
        Ok(())
    }
}
