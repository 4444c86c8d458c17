//! Datagrams of `wasi:sockets/types` 0.3, which are wasmtime-wasi's: one interface has both kinds of sockets, so who
//! implements the one has to hand on the other.

use super::{Sockets, View};
use crate::host::Host;
use wasmtime::Result;
use wasmtime::component::{Accessor, Resource};
use wasmtime_wasi::p3::bindings::sockets::types::{
    HostUdpSocket, HostUdpSocketWithStore, IpAddressFamily, IpSocketAddress,
};
use wasmtime_wasi::p3::sockets::SocketResult;
use wasmtime_wasi::sockets::{UdpSocket, WasiSockets, WasiSocketsCtxView, WasiSocketsView};

impl View<'_> {
    fn theirs(&mut self) -> WasiSocketsCtxView<'_> {
        WasiSocketsCtxView {
            ctx: self.datagrams,
            table: self.table,
        }
    }
}

impl HostUdpSocketWithStore<Host> for Sockets {
    async fn send(
        store: &Accessor<Host, Self>,
        this: Resource<UdpSocket>,
        data: Vec<u8>,
        to: Option<IpSocketAddress>,
    ) -> SocketResult<()> {
        let store = store.with_getter::<WasiSockets>(<Host as WasiSocketsView>::sockets);
        WasiSockets::send(&store, this, data, to).await
    }

    async fn receive(
        store: &Accessor<Host, Self>,
        this: Resource<UdpSocket>,
    ) -> SocketResult<(Vec<u8>, IpSocketAddress)> {
        let store = store.with_getter::<WasiSockets>(<Host as WasiSocketsView>::sockets);
        WasiSockets::receive(&store, this).await
    }
}

impl HostUdpSocket for View<'_> {
    async fn create(&mut self, family: IpAddressFamily) -> SocketResult<Resource<UdpSocket>> {
        HostUdpSocket::create(&mut self.theirs(), family).await
    }

    async fn bind(&mut self, this: Resource<UdpSocket>, address: IpSocketAddress) -> SocketResult<()> {
        HostUdpSocket::bind(&mut self.theirs(), this, address).await
    }

    async fn connect(&mut self, this: Resource<UdpSocket>, address: IpSocketAddress) -> SocketResult<()> {
        HostUdpSocket::connect(&mut self.theirs(), this, address).await
    }

    fn disconnect(&mut self, this: Resource<UdpSocket>) -> SocketResult<()> {
        self.theirs().disconnect(this)
    }

    fn get_local_address(&mut self, this: Resource<UdpSocket>) -> SocketResult<IpSocketAddress> {
        HostUdpSocket::get_local_address(&mut self.theirs(), this)
    }

    fn get_remote_address(&mut self, this: Resource<UdpSocket>) -> SocketResult<IpSocketAddress> {
        HostUdpSocket::get_remote_address(&mut self.theirs(), this)
    }

    fn get_address_family(&mut self, this: Resource<UdpSocket>) -> Result<IpAddressFamily> {
        HostUdpSocket::get_address_family(&mut self.theirs(), this)
    }

    fn get_unicast_hop_limit(&mut self, this: Resource<UdpSocket>) -> SocketResult<u8> {
        self.theirs().get_unicast_hop_limit(this)
    }

    fn set_unicast_hop_limit(&mut self, this: Resource<UdpSocket>, hops: u8) -> SocketResult<()> {
        self.theirs().set_unicast_hop_limit(this, hops)
    }

    fn get_receive_buffer_size(&mut self, this: Resource<UdpSocket>) -> SocketResult<u64> {
        HostUdpSocket::get_receive_buffer_size(&mut self.theirs(), this)
    }

    fn set_receive_buffer_size(&mut self, this: Resource<UdpSocket>, bytes: u64) -> SocketResult<()> {
        HostUdpSocket::set_receive_buffer_size(&mut self.theirs(), this, bytes)
    }

    fn get_send_buffer_size(&mut self, this: Resource<UdpSocket>) -> SocketResult<u64> {
        HostUdpSocket::get_send_buffer_size(&mut self.theirs(), this)
    }

    fn set_send_buffer_size(&mut self, this: Resource<UdpSocket>, bytes: u64) -> SocketResult<()> {
        HostUdpSocket::set_send_buffer_size(&mut self.theirs(), this, bytes)
    }

    fn drop(&mut self, this: Resource<UdpSocket>) -> Result<()> {
        HostUdpSocket::drop(&mut self.theirs(), this)
    }
}
