//! Datagrams of `wasi:sockets/types` 0.3. Handles are as in [`crate::wasi::sockets::p2`].

use super::socket::Udp;
use crate::host::Host;
use crate::wasi::sockets::address::Family;
use crate::wasi::sockets::options::Options;
use crate::wasi::sockets::{Sockets, View};
use wasmtime::Result;
use wasmtime::component::{Accessor, Resource};
use wasmtime_wasi::p3::bindings::sockets::types::{
    HostUdpSocket, HostUdpSocketWithStore, IpAddressFamily, IpSocketAddress,
};
use wasmtime_wasi::p3::sockets::{SocketError, SocketResult};
use wasmtime_wasi::sockets::UdpSocket;

fn place(handle: &Resource<UdpSocket>) -> Resource<Udp> {
    Resource::new_borrow(handle.rep())
}

fn udp<'a>(view: &'a mut View<'_>, handle: &Resource<UdpSocket>) -> SocketResult<&'a mut Udp> {
    view.table.get_mut(&place(handle)).map_err(SocketError::trap)
}

impl HostUdpSocketWithStore<Host> for Sockets {
    async fn send(
        store: &Accessor<Host, Self>,
        this: Resource<UdpSocket>,
        data: Vec<u8>,
        to: Option<IpSocketAddress>,
    ) -> SocketResult<()> {
        let to = to.map(std::net::SocketAddr::from);
        let path = store.with(|mut store| {
            let mut view = store.get();
            let udp = udp(&mut view, &this)?;
            if to.is_some() || udp.path().is_connected() {
                udp.is_used()?;
            }
            Ok::<_, SocketError>(udp.path())
        })?;
        Ok(path.send(data, to).await?)
    }

    async fn receive(
        store: &Accessor<Host, Self>,
        this: Resource<UdpSocket>,
    ) -> SocketResult<(Vec<u8>, IpSocketAddress)> {
        let path = store.with(|mut store| {
            let mut view = store.get();
            let udp = udp(&mut view, &this)?;
            match udp.is_bound() {
                true => Ok(udp.path()),
                false => Err(SocketError::from(wasmtime_wasi::sockets::ErrorCode::InvalidState)),
            }
        })?;
        let (datagram, from) = path.receive().await?;
        Ok((datagram, from.into()))
    }
}

impl HostUdpSocket for View<'_> {
    async fn create(&mut self, family: IpAddressFamily) -> SocketResult<Resource<UdpSocket>> {
        let family = match family {
            IpAddressFamily::Ipv4 => Family::V4,
            IpAddressFamily::Ipv6 => Family::V6,
        };
        let socket = self.table.push(Udp::new(self.network, family)?);
        let socket = socket.map_err(SocketError::trap)?;
        Ok(Resource::new_own(socket.rep()))
    }

    async fn bind(&mut self, this: Resource<UdpSocket>, address: IpSocketAddress) -> SocketResult<()> {
        Ok(udp(self, &this)?.bind(address.into())?)
    }

    async fn connect(&mut self, this: Resource<UdpSocket>, address: IpSocketAddress) -> SocketResult<()> {
        Ok(udp(self, &this)?.connect(address.into()).await?)
    }

    fn disconnect(&mut self, this: Resource<UdpSocket>) -> SocketResult<()> {
        Ok(udp(self, &this)?.disconnect()?)
    }

    fn get_local_address(&mut self, this: Resource<UdpSocket>) -> SocketResult<IpSocketAddress> {
        Ok(udp(self, &this)?.local_address()?.into())
    }

    fn get_remote_address(&mut self, this: Resource<UdpSocket>) -> SocketResult<IpSocketAddress> {
        Ok(udp(self, &this)?.remote_address()?.into())
    }

    fn get_address_family(&mut self, this: Resource<UdpSocket>) -> Result<IpAddressFamily> {
        Ok(match self.table.get(&place(&this))?.family() {
            Family::V4 => IpAddressFamily::Ipv4,
            Family::V6 => IpAddressFamily::Ipv6,
        })
    }

    fn get_unicast_hop_limit(&mut self, this: Resource<UdpSocket>) -> SocketResult<u8> {
        Ok(udp(self, &this)?.hop_limit()?)
    }

    fn set_unicast_hop_limit(&mut self, this: Resource<UdpSocket>, hops: u8) -> SocketResult<()> {
        Ok(udp(self, &this)?.set_hop_limit(hops)?)
    }

    fn get_receive_buffer_size(&mut self, this: Resource<UdpSocket>) -> SocketResult<u64> {
        Ok(udp(self, &this)?.receive_buffer()?)
    }

    fn set_receive_buffer_size(&mut self, this: Resource<UdpSocket>, bytes: u64) -> SocketResult<()> {
        Ok(udp(self, &this)?.set_receive_buffer(bytes)?)
    }

    fn get_send_buffer_size(&mut self, this: Resource<UdpSocket>) -> SocketResult<u64> {
        Ok(udp(self, &this)?.send_buffer()?)
    }

    fn set_send_buffer_size(&mut self, this: Resource<UdpSocket>, bytes: u64) -> SocketResult<()> {
        Ok(udp(self, &this)?.set_send_buffer(bytes)?)
    }

    fn drop(&mut self, this: Resource<UdpSocket>) -> Result<()> {
        self.table.delete::<Udp>(Resource::new_own(this.rep()))?;
        Ok(())
    }
}
