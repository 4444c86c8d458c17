//! Names of hosts, whatever version of WASI asks: numbers, this machine, and what the way out of the network knows.
//!
//! A guest without a way out gets an address for every other name: it leads nowhere, and the connect that follows is refused with
//! the name and the port that a rule would have to have.

use super::{Network, Sockets, View};
use crate::egress::{Egress, NameError};
use crate::host::Host;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use futures::task::noop_waker_ref;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use wasmtime::Result;
use wasmtime::component::{Accessor, Linker, Resource};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup as p2;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddress, Network as NetworkHandle};
use wasmtime_wasi::p2::{DynPollable, Pollable, SocketResult, subscribe};
use wasmtime_wasi::p3::bindings::sockets::{ip_name_lookup as p3, types};

/// What this machine is called inside (`netns::jail`).
const OWN_NAME: &str = "guest";
/// Longest name (RFC 1035, 2.3.4).
const LONGEST: usize = 253;

type Addresses = std::result::Result<Vec<IpAddr>, NameError>;

impl Network {
    /// The addresses of a name.
    pub(crate) fn look_up(&self, name: &str) -> BoxFuture<'static, Addresses> {
        let number = name.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = number.parse::<IpAddr>() {
            return std::future::ready(Ok(vec![address])).boxed();
        }
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if name == OWN_NAME || name == "localhost" || name.ends_with(".localhost") {
            let own = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            return std::future::ready(Ok(own)).boxed();
        }
        // As getaddrinfo(3) has it: letters, digits, and what some names of services have besides.
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.is_empty() || name.len() > LONGEST || !name.bytes().all(fits) {
            return std::future::ready(Err(NameError::Unknown)).boxed();
        }
        match &self.egress {
            Some(egress) => egress.resolve(name),
            None => std::future::ready(Ok(vec![self.gate.stand_in(&name).into()])).boxed(),
        }
    }

    /// What makes a connection to this address, where that is outside of the guest's network; `localhost` has the ports of the
    /// guest's localhost that are.
    pub(crate) fn way_out(&self, address: SocketAddr, localhost: &[(u16, u16)]) -> Option<Arc<dyn Egress>> {
        let is_local = |(first, last): &(u16, u16)| (*first..=*last).contains(&address.port());
        let leads_out = !address.ip().to_canonical().is_loopback() || localhost.iter().any(is_local);
        self.egress.clone().filter(|_| leads_out)
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> Result<()> {
    p2::add_to_linker::<Host, Sockets>(linker, Host::sockets)?;
    p3::add_to_linker::<Host, Sockets>(linker, Host::sockets)
}

/// `resolve-address-stream` of 0.2, as [`super::p2`] has sockets.
struct Stream {
    found: Shared<BoxFuture<'static, Addresses>>,
    told: usize,
}

fn place(handle: &Resource<p2::ResolveAddressStream>) -> Resource<Stream> {
    Resource::new_borrow(handle.rep())
}

#[async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {
        // What came of it is kept.
        let _ = self.found.clone().await;
    }
}

impl p2::Host for View<'_> {
    fn resolve_addresses(
        &mut self,
        network: Resource<NetworkHandle>,
        name: String,
    ) -> SocketResult<Resource<p2::ResolveAddressStream>> {
        self.table.get(&network)?;
        let found = self.network.look_up(&name).shared();
        // What is known to be wrong is said at once.
        if let Some(Err(error)) = found.clone().now_or_never() {
            return Err(code(error).into());
        }
        let stream = self.table.push(Stream { found, told: 0 })?;
        Ok(Resource::new_own(stream.rep()))
    }
}

impl p2::HostResolveAddressStream for View<'_> {
    fn resolve_next_address(&mut self, this: Resource<p2::ResolveAddressStream>) -> SocketResult<Option<IpAddress>> {
        let stream = self.table.get_mut(&place(&this))?;
        let Poll::Ready(found) = stream.found.poll_unpin(&mut Context::from_waker(noop_waker_ref())) else {
            return Err(ErrorCode::WouldBlock.into());
        };
        // A future that has ended is not asked again.
        stream.found = std::future::ready(found.clone()).boxed().shared();
        let next = found.map_err(code)?.get(stream.told).copied();
        stream.told += usize::from(next.is_some());
        Ok(next.map(IpAddress::from))
    }

    fn subscribe(&mut self, this: Resource<p2::ResolveAddressStream>) -> Result<Resource<DynPollable>> {
        subscribe(self.table, place(&this))
    }

    fn drop(&mut self, this: Resource<p2::ResolveAddressStream>) -> Result<()> {
        self.table.delete::<Stream>(Resource::new_own(this.rep()))?;
        Ok(())
    }
}

fn code(error: NameError) -> ErrorCode {
    match error {
        NameError::Unknown => ErrorCode::NameUnresolvable,
        NameError::Temporary => ErrorCode::TemporaryResolverFailure,
    }
}

impl p3::Host for View<'_> {}

impl p3::HostWithStore<Host> for Sockets {
    async fn resolve_addresses(
        store: &Accessor<Host, Self>,
        name: String,
    ) -> Result<std::result::Result<Vec<types::IpAddress>, p3::ErrorCode>> {
        let found = store.with(|mut store| store.get().network.look_up(&name));
        Ok(match found.await {
            Ok(addresses) => Ok(addresses.into_iter().map(types::IpAddress::from).collect()),
            Err(NameError::Unknown) => Err(p3::ErrorCode::NameUnresolvable),
            Err(NameError::Temporary) => Err(p3::ErrorCode::TemporaryResolverFailure),
        })
    }
}
