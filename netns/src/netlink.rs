//! What is asked of rtnetlink(7): one short method for each request.
//!
//! [`Links`] and [`Routes`] speak for the network namespace of the thread that made them, for as long as they live.

use futures::TryStreamExt;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags};
use rtnetlink::packet_route::link::LinkMessage;
use rtnetlink::packet_route::route::{RouteAttribute, RouteMessage, RouteMetric, RouteScope, RouteType};
use rtnetlink::{Handle, LinkUnspec, RouteMessageBuilder};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tokio::runtime::Runtime;

/// The loopback interface is the first of every namespace (`LOOPBACK_IFINDEX` in include/net/net_namespace.h).
const LOOPBACK: u32 = 1;
/// The table that holds local addresses (`RT_TABLE_LOCAL`).
const TABLE_LOCAL: u8 = 255;

/// An rtnetlink request that failed.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The netlink socket could not be opened.
    #[error("cannot open a netlink socket")]
    Open(#[source] io::Error),
    /// The kernel refused a request.
    #[error("rtnetlink refused to {request}")]
    Request {
        /// What was asked, in words.
        request: String,
        /// The kernel's answer.
        #[source]
        source: rtnetlink::Error,
    },
}

/// An open rtnetlink socket with the single-threaded runtime that drives it.
pub(crate) struct Links {
    runtime: Runtime,
    handle: Handle,
}

impl Links {
    /// Opens a socket in the calling thread's network namespace.
    pub(crate) fn open() -> Result<Links, LinkError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(LinkError::Open)?;
        let entered = runtime.enter();
        let (connection, handle, _) = rtnetlink::new_connection().map_err(LinkError::Open)?;
        drop(entered);
        // The task ends with the runtime that this value owns.
        runtime.spawn(connection);
        Ok(Links { runtime, handle })
    }

    /// `ip link set lo up`
    pub(crate) fn loopback_up(&self) -> Result<(), LinkError> {
        let message: LinkMessage = LinkUnspec::new_with_index(LOOPBACK).up().build();
        self.run("bring lo up", self.handle.link().set(message).execute())
    }

    /// `ip route replace table local local 127.0.0.0/8 dev lo src 127.0.0.1 quickack 1`, and the same for 127.0.0.1
    /// and ::1.
    ///
    /// wasmtime-wasi never sets TCP_NODELAY and WASI has no option for it, so a guest that writes head and body
    /// apart waits for the client's delayed ACK, 40 ms for each request. The far end of every connection is on
    /// this interface: acknowledging at once (`RTAX_QUICKACK`, rtnetlink(7)) ends the wait at no cost.
    pub(crate) fn loopback_acks_at_once(&self) -> Result<(), LinkError> {
        for prefix in [8, 32] {
            let network = if prefix == 8 {
                Ipv4Addr::new(127, 0, 0, 0)
            } else {
                Ipv4Addr::LOCALHOST
            };
            let message = RouteMessageBuilder::<Ipv4Addr>::new()
                .destination_prefix(network, prefix)
                .pref_source(Ipv4Addr::LOCALHOST)
                .build();
            self.replace_local_route(message)?;
        }
        let message = RouteMessageBuilder::<Ipv6Addr>::new()
            .destination_prefix(Ipv6Addr::LOCALHOST, 128)
            .build();
        // A kernel without IPv6 has no such route, and a guest no such address.
        let _ = self.replace_local_route(message);
        Ok(())
    }

    fn replace_local_route(&self, mut message: RouteMessage) -> Result<(), LinkError> {
        message.header.table = TABLE_LOCAL;
        message.header.kind = RouteType::Local;
        message.header.scope = RouteScope::Host;
        message.attributes.push(RouteAttribute::Oif(LOOPBACK));
        message
            .attributes
            .push(RouteAttribute::Metrics(vec![RouteMetric::QuickAck(1)]));
        let request = self.handle.route().add(message).replace();
        self.run("set quickack on lo", request.execute())
    }

    /// `ip address add ADDRESS/32 dev lo nodad` (/128 for IPv6); an address that is there already is fine.
    ///
    /// Without `nodad` a new IPv6 address is tentative for a moment, on `lo` too (`addrconf_dad_begin` in the kernel's
    /// net/ipv6/addrconf.c runs on a work queue), and cannot be bound.
    pub(crate) fn add_local_address(&self, address: IpAddr) -> Result<(), LinkError> {
        let prefix = if address.is_ipv4() { 32 } else { 128 };
        let mut request = self.handle.address().add(LOOPBACK, address, prefix).replace();
        let attributes = &mut request.message_mut().attributes;
        attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
        self.run(&format!("add {address} to lo"), request.execute())
    }

    fn run(&self, request: &str, reply: impl Future<Output = Result<(), rtnetlink::Error>>) -> Result<(), LinkError> {
        self.runtime.block_on(reply).map_err(|source| LinkError::Request {
            request: request.to_owned(),
            source,
        })
    }
}

/// An open rtnetlink socket of a runtime that somebody else has.
pub(crate) struct Routes(Handle);

impl Routes {
    /// Opens a socket in the calling thread's network namespace; what comes along drives it. It takes a runtime of tokio's.
    pub(crate) fn open() -> io::Result<(Routes, impl Future<Output = ()> + Send + 'static)> {
        let (connection, handle, _) = rtnetlink::new_connection()?;
        Ok((Routes(handle), connection))
    }

    /// Whether packets to an address stay on this machine (`ip route get ADDRESS`): it may have the address without being
    /// known by it. Where nothing leads there they do not.
    pub(crate) async fn is_local(&self, address: IpAddr) -> bool {
        let prefix = if address.is_ipv4() { 32 } else { 128 };
        let Ok(request) = RouteMessageBuilder::<IpAddr>::new().destination_prefix(address, prefix) else {
            return false;
        };
        let mut routes = std::pin::pin!(self.0.route().get(request.build()).execute());
        let route = routes.try_next().await.ok().flatten();
        route.is_some_and(|route| matches!(route.header.kind, RouteType::Local | RouteType::Anycast))
    }
}
