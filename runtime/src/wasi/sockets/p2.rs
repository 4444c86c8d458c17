//! `wasi:sockets/tcp` and `wasi:sockets/tcp-create-socket` 0.2.
//!
//! The interfaces are those that wasmtime-wasi generated; only who implements them is another. They name wasmtime-wasi's
//! socket as the type of their handles, of which none is ever made here: a handle is a number of the store's table, and
//! at that number is a [`Socket`]. The table knows the type of what it holds, so a number of something else is an error.

use super::address::Family;
use super::options::Options;
use super::stream::Streams;
use super::tcp::{Tcp, lock};
use super::{Sockets, View};
use crate::host::Host;
use futures::task::noop_waker_ref;
use std::net::{Shutdown, SocketAddr};
use std::task::{Context, Poll};
use wasmtime::Result;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::sockets::network::{self, ErrorCode, IpAddressFamily, IpSocketAddress, Network};
use wasmtime_wasi::p2::bindings::sockets::{tcp, tcp_create_socket};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, Pollable, SocketError, SocketResult, TcpSocket};

/// A socket and the call of two halves that is under way.
struct Socket {
    tcp: Tcp,
    under_way: Option<Operation>,
    streams: Option<Streams>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Bind,
    Connect,
    Listen,
}

type Both = (Resource<DynInputStream>, Resource<DynOutputStream>);

pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> Result<()> {
    tcp::add_to_linker::<Host, Sockets>(linker, Host::sockets)?;
    tcp_create_socket::add_to_linker::<Host, Sockets>(linker, Host::sockets)
}

/// What a handle stands for.
fn place(handle: &Resource<TcpSocket>) -> Resource<Socket> {
    Resource::new_borrow(handle.rep())
}

fn at_once() -> Context<'static> {
    Context::from_waker(noop_waker_ref())
}

impl Socket {
    fn new(tcp: Tcp) -> Socket {
        Socket {
            tcp,
            under_way: None,
            streams: None,
        }
    }

    /// Begins the first half of a call.
    fn begins(
        &mut self,
        operation: Operation,
        act: impl FnOnce(&mut Tcp) -> super::options::Result<()>,
    ) -> SocketResult<()> {
        if self.under_way.is_some() {
            return Err(ErrorCode::ConcurrencyConflict.into());
        }
        act(&mut self.tcp)?;
        self.under_way = Some(operation);
        Ok(())
    }

    fn is(&self, operation: Operation) -> SocketResult<()> {
        if self.under_way == Some(operation) {
            Ok(())
        } else {
            Err(ErrorCode::NotInProgress.into())
        }
    }

    fn ends(&mut self, operation: Operation) -> SocketResult<()> {
        self.is(operation)?;
        self.under_way = None;
        Ok(())
    }
}

#[async_trait]
impl Pollable for Socket {
    async fn ready(&mut self) {
        // Binding and listening are over when they have begun.
        if !matches!(self.under_way, Some(Operation::Bind | Operation::Listen)) {
            self.tcp.ready().await;
        }
    }
}

impl View<'_> {
    fn socket(&mut self, handle: &Resource<TcpSocket>) -> SocketResult<&mut Socket> {
        Ok(self.table.get_mut(&place(handle))?)
    }

    fn tcp(&mut self, handle: &Resource<TcpSocket>) -> SocketResult<&mut Tcp> {
        Ok(&mut self.socket(handle)?.tcp)
    }

    fn add(&mut self, tcp: Tcp) -> SocketResult<Resource<TcpSocket>> {
        let socket = self.table.push(Socket::new(tcp))?;
        Ok(Resource::new_own(socket.rep()))
    }

    /// The streams of a connection, which end before their socket does.
    fn streams(&mut self, handle: &Resource<TcpSocket>) -> SocketResult<Both> {
        let sending = self.network.sending.clone();
        let socket = self.socket(handle)?;
        let streams = Streams::of(socket.tcp.connection()?, &sending);
        let input: DynInputStream = Box::new(streams.reader());
        let output: DynOutputStream = Box::new(streams.writer());
        socket.streams = Some(streams);
        let input = self.table.push_child(input, &place(handle))?;
        let output = self.table.push_child(output, &place(handle))?;
        Ok((input, output))
    }
}

// Errors of those above are its.
impl network::Host for View<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> Result<ErrorCode> {
        error.downcast()
    }

    fn network_error_code(&mut self, error: Resource<wasmtime::Error>) -> Result<Option<ErrorCode>> {
        let error = self.table.get(&error)?;
        Ok(error.downcast_ref::<std::io::Error>().map(ErrorCode::from))
    }
}

impl network::HostNetwork for View<'_> {
    fn drop(&mut self, network: Resource<Network>) -> Result<()> {
        self.table.delete(network)?;
        Ok(())
    }
}

impl tcp_create_socket::Host for View<'_> {
    fn create_tcp_socket(&mut self, family: IpAddressFamily) -> SocketResult<Resource<TcpSocket>> {
        let family = match family {
            IpAddressFamily::Ipv4 => Family::V4,
            IpAddressFamily::Ipv6 => Family::V6,
        };
        let tcp = Tcp::new(self.network, family)?;
        self.add(tcp)
    }
}

impl tcp::Host for View<'_> {}

impl tcp::HostTcpSocket for View<'_> {
    async fn start_bind(
        &mut self,
        this: Resource<TcpSocket>,
        network: Resource<Network>,
        address: IpSocketAddress,
    ) -> SocketResult<()> {
        self.table.get(&network)?;
        let address = SocketAddr::from(address);
        self.socket(&this)?.begins(Operation::Bind, |tcp| tcp.bind(address))
    }

    fn finish_bind(&mut self, this: Resource<TcpSocket>) -> SocketResult<()> {
        self.socket(&this)?.ends(Operation::Bind)
    }

    fn start_connect(
        &mut self,
        this: Resource<TcpSocket>,
        network: Resource<Network>,
        address: IpSocketAddress,
    ) -> SocketResult<()> {
        self.table.get(&network)?;
        let address = SocketAddr::from(address);
        self.socket(&this)?
            .begins(Operation::Connect, |tcp| tcp.connect(address))
    }

    fn finish_connect(&mut self, this: Resource<TcpSocket>) -> SocketResult<Both> {
        let socket = self.socket(&this)?;
        socket.is(Operation::Connect)?;
        let Poll::Ready(connected) = socket.tcp.poll_connected(&mut at_once()) else {
            return Err(ErrorCode::WouldBlock.into());
        };
        socket.under_way = None;
        connected?;
        self.streams(&this)
    }

    async fn start_listen(&mut self, this: Resource<TcpSocket>) -> SocketResult<()> {
        let socket = self.socket(&this)?;
        // 0.3 binds such a socket to any port; 0.2 has it an error.
        if socket.under_way.is_none() && !socket.tcp.is_bound() {
            return Err(ErrorCode::InvalidState.into());
        }
        socket.begins(Operation::Listen, Tcp::listen)
    }

    fn finish_listen(&mut self, this: Resource<TcpSocket>) -> SocketResult<()> {
        self.socket(&this)?.ends(Operation::Listen)
    }

    fn accept(
        &mut self,
        this: Resource<TcpSocket>,
    ) -> SocketResult<(Resource<TcpSocket>, Resource<DynInputStream>, Resource<DynOutputStream>)> {
        let listener = self.tcp(&this)?.listener()?;
        let Poll::Ready(accepted) = lock(listener).poll_accept(&mut at_once()) else {
            return Err(ErrorCode::WouldBlock.into());
        };
        let accepted = self.add(accepted?)?;
        let (input, output) = self.streams(&accepted)?;
        Ok((accepted, input, output))
    }

    fn local_address(&mut self, this: Resource<TcpSocket>) -> SocketResult<IpSocketAddress> {
        Ok(self.tcp(&this)?.local_address()?.into())
    }

    fn remote_address(&mut self, this: Resource<TcpSocket>) -> SocketResult<IpSocketAddress> {
        Ok(self.tcp(&this)?.remote_address()?.into())
    }

    fn is_listening(&mut self, this: Resource<TcpSocket>) -> Result<bool> {
        Ok(self.table.get(&place(&this))?.tcp.is_listening())
    }

    fn address_family(&mut self, this: Resource<TcpSocket>) -> Result<IpAddressFamily> {
        Ok(match self.table.get(&place(&this))?.tcp.family() {
            Family::V4 => IpAddressFamily::Ipv4,
            Family::V6 => IpAddressFamily::Ipv6,
        })
    }

    fn set_listen_backlog_size(&mut self, this: Resource<TcpSocket>, connections: u64) -> SocketResult<()> {
        Ok(self.tcp(&this)?.set_backlog(connections)?)
    }

    fn keep_alive_enabled(&mut self, this: Resource<TcpSocket>) -> SocketResult<bool> {
        Ok(self.tcp(&this)?.keep_alive()?)
    }

    fn set_keep_alive_enabled(&mut self, this: Resource<TcpSocket>, on: bool) -> SocketResult<()> {
        Ok(self.tcp(&this)?.set_keep_alive(on)?)
    }

    fn keep_alive_idle_time(&mut self, this: Resource<TcpSocket>) -> SocketResult<u64> {
        Ok(self.tcp(&this)?.keep_alive_idle()?)
    }

    fn set_keep_alive_idle_time(&mut self, this: Resource<TcpSocket>, nanoseconds: u64) -> SocketResult<()> {
        Ok(self.tcp(&this)?.set_keep_alive_idle(nanoseconds)?)
    }

    fn keep_alive_interval(&mut self, this: Resource<TcpSocket>) -> SocketResult<u64> {
        Ok(self.tcp(&this)?.keep_alive_interval()?)
    }

    fn set_keep_alive_interval(&mut self, this: Resource<TcpSocket>, nanoseconds: u64) -> SocketResult<()> {
        Ok(self.tcp(&this)?.set_keep_alive_interval(nanoseconds)?)
    }

    fn keep_alive_count(&mut self, this: Resource<TcpSocket>) -> SocketResult<u32> {
        Ok(self.tcp(&this)?.keep_alive_count()?)
    }

    fn set_keep_alive_count(&mut self, this: Resource<TcpSocket>, count: u32) -> SocketResult<()> {
        Ok(self.tcp(&this)?.set_keep_alive_count(count)?)
    }

    fn hop_limit(&mut self, this: Resource<TcpSocket>) -> SocketResult<u8> {
        Ok(self.tcp(&this)?.hop_limit()?)
    }

    fn set_hop_limit(&mut self, this: Resource<TcpSocket>, hops: u8) -> SocketResult<()> {
        Ok(self.tcp(&this)?.set_hop_limit(hops)?)
    }

    fn receive_buffer_size(&mut self, this: Resource<TcpSocket>) -> SocketResult<u64> {
        Ok(self.tcp(&this)?.receive_buffer()?)
    }

    fn set_receive_buffer_size(&mut self, this: Resource<TcpSocket>, bytes: u64) -> SocketResult<()> {
        Ok(self.tcp(&this)?.set_receive_buffer(bytes)?)
    }

    fn send_buffer_size(&mut self, this: Resource<TcpSocket>) -> SocketResult<u64> {
        Ok(self.tcp(&this)?.send_buffer()?)
    }

    fn set_send_buffer_size(&mut self, this: Resource<TcpSocket>, bytes: u64) -> SocketResult<()> {
        Ok(self.tcp(&this)?.set_send_buffer(bytes)?)
    }

    fn subscribe(&mut self, this: Resource<TcpSocket>) -> Result<Resource<DynPollable>> {
        wasmtime_wasi::p2::subscribe(self.table, place(&this))
    }

    fn shutdown(&mut self, this: Resource<TcpSocket>, how: tcp::ShutdownType) -> SocketResult<()> {
        let streams = self.socket(&this)?.streams.as_ref().ok_or(ErrorCode::InvalidState)?;
        streams.shutdown(match how {
            tcp::ShutdownType::Receive => Shutdown::Read,
            tcp::ShutdownType::Send => Shutdown::Write,
            tcp::ShutdownType::Both => Shutdown::Both,
        });
        Ok(())
    }

    fn drop(&mut self, this: Resource<TcpSocket>) -> Result<()> {
        self.table.delete::<Socket>(Resource::new_own(this.rep()))?;
        Ok(())
    }
}
