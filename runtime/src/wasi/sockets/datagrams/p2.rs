//! `wasi:sockets/udp` and `wasi:sockets/udp-create-socket` 0.2. Handles are as in [`crate::wasi::sockets::p2`].

use super::socket::{Path, Udp};
use crate::host::Host;
use crate::wasi::sockets::address::Family;
use crate::wasi::sockets::options::{Options, Result as SocketOutcome};
use crate::wasi::sockets::{Sockets, View};
use futures::future::{BoxFuture, FutureExt};
use futures::task::noop_waker_ref;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};
use tokio::task::JoinHandle;
use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, format_err};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Network};
use wasmtime_wasi::p2::bindings::sockets::udp::{self, IncomingDatagramStream, OutgoingDatagramStream};
use wasmtime_wasi::p2::bindings::sockets::udp_create_socket;
use wasmtime_wasi::p2::{DynPollable, Pollable, SocketError, SocketResult, UdpSocket, subscribe};
use wasmtime_wasi::sockets;

/// Datagrams in one call.
const AT_ONCE: usize = 16;
/// Bytes in one call, after which no further datagram is taken.
const BYTES: usize = 64 << 10;

/// A socket and the call of two halves that is under way.
struct Socket {
    udp: Udp,
    is_binding: bool,
}

/// A future's end, which is polled for until it is asked for.
enum Receiving {
    Not,
    Under(BoxFuture<'static, SocketOutcome<(Vec<u8>, SocketAddr)>>),
    Done(SocketOutcome<(Vec<u8>, SocketAddr)>),
}

struct Incoming {
    path: Path,
    receiving: Receiving,
}

struct Outgoing {
    path: Path,
    /// Datagrams that the guest may send.
    permitted: usize,
    /// One that found no room, or whose flow is being made.
    sending: Option<JoinHandle<SocketOutcome<()>>>,
    /// What came of it, until the guest asks.
    failed: Option<sockets::ErrorCode>,
}

pub(in crate::wasi::sockets) fn add_to_linker(linker: &mut Linker<Host>) -> Result<()> {
    udp::add_to_linker::<Host, Sockets>(linker, Host::sockets)?;
    udp_create_socket::add_to_linker::<Host, Sockets>(linker, Host::sockets)
}

fn place(handle: &Resource<UdpSocket>) -> Resource<Socket> {
    Resource::new_borrow(handle.rep())
}

fn incoming(handle: &Resource<IncomingDatagramStream>) -> Resource<Incoming> {
    Resource::new_borrow(handle.rep())
}

fn outgoing(handle: &Resource<OutgoingDatagramStream>) -> Resource<Outgoing> {
    Resource::new_borrow(handle.rep())
}

fn at_once() -> Context<'static> {
    Context::from_waker(noop_waker_ref())
}

impl Incoming {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Receiving::Not = self.receiving {
            self.receiving = Receiving::Under(self.path.clone().receive().boxed());
        }
        if let Receiving::Under(future) = &mut self.receiving {
            self.receiving = Receiving::Done(ready!(future.poll_unpin(context)));
        }
        Poll::Ready(())
    }

    /// The next datagram, where it is there.
    fn take(&mut self) -> Option<SocketOutcome<(Vec<u8>, SocketAddr)>> {
        if self.poll_ready(&mut at_once()).is_pending() {
            return None;
        }
        match std::mem::replace(&mut self.receiving, Receiving::Not) {
            Receiving::Done(came) => Some(came),
            Receiving::Not | Receiving::Under(_) => None,
        }
    }
}

impl Outgoing {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(sending) = &mut self.sending {
            let sent = ready!(sending.poll_unpin(context));
            self.sending = None;
            // A task that has ended without a word was stopped with all others.
            self.failed = sent.ok().and_then(SocketOutcome::err);
        }
        Poll::Ready(())
    }
}

#[async_trait]
impl Pollable for Socket {
    async fn ready(&mut self) {}
}

#[async_trait]
impl Pollable for Incoming {
    async fn ready(&mut self) {
        std::future::poll_fn(|context| self.poll_ready(context)).await;
    }
}

#[async_trait]
impl Pollable for Outgoing {
    async fn ready(&mut self) {
        std::future::poll_fn(|context| self.poll_ready(context)).await;
    }
}

impl View<'_> {
    fn udp(&mut self, handle: &Resource<UdpSocket>) -> SocketResult<&mut Udp> {
        Ok(&mut self.table.get_mut(&place(handle))?.udp)
    }
}

impl udp_create_socket::Host for View<'_> {
    async fn create_udp_socket(&mut self, family: IpAddressFamily) -> SocketResult<Resource<UdpSocket>> {
        let family = match family {
            IpAddressFamily::Ipv4 => Family::V4,
            IpAddressFamily::Ipv6 => Family::V6,
        };
        let udp = Udp::new(self.network, family)?;
        let socket = self.table.push(Socket { udp, is_binding: false })?;
        Ok(Resource::new_own(socket.rep()))
    }
}

impl udp::Host for View<'_> {}

impl udp::HostUdpSocket for View<'_> {
    async fn start_bind(
        &mut self,
        this: Resource<UdpSocket>,
        network: Resource<Network>,
        address: IpSocketAddress,
    ) -> SocketResult<()> {
        self.table.get(&network)?;
        let socket = self.table.get_mut(&place(&this))?;
        if socket.is_binding {
            return Err(ErrorCode::ConcurrencyConflict.into());
        }
        socket.udp.bind(address.into())?;
        socket.is_binding = true;
        Ok(())
    }

    fn finish_bind(&mut self, this: Resource<UdpSocket>) -> SocketResult<()> {
        let socket = self.table.get_mut(&place(&this))?;
        match std::mem::replace(&mut socket.is_binding, false) {
            true => Ok(()),
            false => Err(ErrorCode::NotInProgress.into()),
        }
    }

    async fn stream(
        &mut self,
        this: Resource<UdpSocket>,
        remote: Option<IpSocketAddress>,
    ) -> SocketResult<(Resource<IncomingDatagramStream>, Resource<OutgoingDatagramStream>)> {
        let is_stream = |child: &(dyn std::any::Any + Send)| child.is::<Incoming>() || child.is::<Outgoing>();
        if self.table.iter_children(&place(&this))?.any(is_stream) {
            return Err(SocketError::trap(format_err!(
                "streams of a socket for datagrams not dropped yet"
            )));
        }
        let udp = self.udp(&this)?;
        // What connects has to be bound; that is 0.3's to do by itself.
        if !udp.is_bound() {
            return Err(ErrorCode::InvalidState.into());
        }
        match remote {
            Some(address) => udp.connect(address.into()).await?,
            None if udp.path().is_connected() => udp.disconnect()?,
            None => {}
        }
        let path = udp.path();
        let receives = Incoming {
            path: path.clone(),
            receiving: Receiving::Not,
        };
        let sends = Outgoing {
            path,
            permitted: 0,
            sending: None,
            failed: None,
        };
        let receives = self.table.push_child(receives, &place(&this))?;
        let sends = self.table.push_child(sends, &place(&this))?;
        Ok((Resource::new_own(receives.rep()), Resource::new_own(sends.rep())))
    }

    fn local_address(&mut self, this: Resource<UdpSocket>) -> SocketResult<IpSocketAddress> {
        Ok(self.udp(&this)?.local_address()?.into())
    }

    fn remote_address(&mut self, this: Resource<UdpSocket>) -> SocketResult<IpSocketAddress> {
        Ok(self.udp(&this)?.remote_address()?.into())
    }

    fn address_family(&mut self, this: Resource<UdpSocket>) -> Result<IpAddressFamily> {
        Ok(match self.table.get(&place(&this))?.udp.family() {
            Family::V4 => IpAddressFamily::Ipv4,
            Family::V6 => IpAddressFamily::Ipv6,
        })
    }

    fn unicast_hop_limit(&mut self, this: Resource<UdpSocket>) -> SocketResult<u8> {
        Ok(self.udp(&this)?.hop_limit()?)
    }

    fn set_unicast_hop_limit(&mut self, this: Resource<UdpSocket>, hops: u8) -> SocketResult<()> {
        Ok(self.udp(&this)?.set_hop_limit(hops)?)
    }

    fn receive_buffer_size(&mut self, this: Resource<UdpSocket>) -> SocketResult<u64> {
        Ok(self.udp(&this)?.receive_buffer()?)
    }

    fn set_receive_buffer_size(&mut self, this: Resource<UdpSocket>, bytes: u64) -> SocketResult<()> {
        Ok(self.udp(&this)?.set_receive_buffer(bytes)?)
    }

    fn send_buffer_size(&mut self, this: Resource<UdpSocket>) -> SocketResult<u64> {
        Ok(self.udp(&this)?.send_buffer()?)
    }

    fn set_send_buffer_size(&mut self, this: Resource<UdpSocket>, bytes: u64) -> SocketResult<()> {
        Ok(self.udp(&this)?.set_send_buffer(bytes)?)
    }

    fn subscribe(&mut self, this: Resource<UdpSocket>) -> Result<Resource<DynPollable>> {
        subscribe(self.table, place(&this))
    }

    fn drop(&mut self, this: Resource<UdpSocket>) -> Result<()> {
        self.table.delete::<Socket>(Resource::new_own(this.rep()))?;
        Ok(())
    }
}

impl udp::HostIncomingDatagramStream for View<'_> {
    fn receive(
        &mut self,
        this: Resource<IncomingDatagramStream>,
        most: u64,
    ) -> SocketResult<Vec<udp::IncomingDatagram>> {
        let stream = self.table.get_mut(&incoming(&this))?;
        let most = usize::try_from(most).unwrap_or(AT_ONCE).min(AT_ONCE);
        let (mut datagrams, mut bytes) = (Vec::new(), 0);
        while datagrams.len() < most && bytes < BYTES {
            match stream.take() {
                None => break,
                Some(Ok((data, from))) => {
                    bytes += data.len();
                    datagrams.push(udp::IncomingDatagram {
                        data,
                        remote_address: from.into(),
                    });
                }
                // What was received is not lost for an error; that is told next.
                Some(Err(error)) if !datagrams.is_empty() => {
                    stream.receiving = Receiving::Done(Err(error));
                    break;
                }
                Some(Err(error)) => return Err(error.into()),
            }
        }
        Ok(datagrams)
    }

    fn subscribe(&mut self, this: Resource<IncomingDatagramStream>) -> Result<Resource<DynPollable>> {
        subscribe(self.table, incoming(&this))
    }

    fn drop(&mut self, this: Resource<IncomingDatagramStream>) -> Result<()> {
        self.table.delete::<Incoming>(Resource::new_own(this.rep()))?;
        Ok(())
    }
}

impl udp::HostOutgoingDatagramStream for View<'_> {
    fn check_send(&mut self, this: Resource<OutgoingDatagramStream>) -> SocketResult<u64> {
        let stream = self.table.get_mut(&outgoing(&this))?;
        stream.permitted = match stream.poll_ready(&mut at_once()) {
            Poll::Ready(()) => AT_ONCE,
            Poll::Pending => 0,
        };
        Ok(stream.permitted as u64)
    }

    fn send(
        &mut self,
        this: Resource<OutgoingDatagramStream>,
        datagrams: Vec<udp::OutgoingDatagram>,
    ) -> SocketResult<u64> {
        let tasks = self.network.sending.clone();
        let stream = self.table.get_mut(&outgoing(&this))?;
        if datagrams.is_empty() {
            return Ok(0);
        }
        // Each call takes a permission of its own.
        if datagrams.len() > std::mem::take(&mut stream.permitted) {
            return Err(SocketError::trap(format_err!(
                "more datagrams than `check-send` permits"
            )));
        }
        let mut count = 0;
        for datagram in datagrams {
            if stream.poll_ready(&mut at_once()).is_pending() {
                break;
            }
            let failed = stream.failed.take().map_or(Ok(()), Err);
            let sent = failed.and_then(|()| {
                let to = datagram.remote_address.map(SocketAddr::from);
                let mut sending = stream.path.clone().send(datagram.data, to).boxed();
                match sending.poll_unpin(&mut at_once()) {
                    Poll::Ready(sent) => sent,
                    // The last of a guest that ends are sent, too.
                    Poll::Pending => {
                        stream.sending = Some(tasks.spawn(sending));
                        Ok(())
                    }
                }
            });
            match sent {
                Ok(()) => count += 1,
                // Who has sent some is told of no error (wasi:sockets).
                Err(error) if count > 0 => {
                    stream.failed = Some(error);
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(count)
    }

    fn subscribe(&mut self, this: Resource<OutgoingDatagramStream>) -> Result<Resource<DynPollable>> {
        subscribe(self.table, outgoing(&this))
    }

    async fn drop(&mut self, this: Resource<OutgoingDatagramStream>) -> Result<()> {
        self.table.delete::<Outgoing>(Resource::new_own(this.rep()))?;
        Ok(())
    }
}
