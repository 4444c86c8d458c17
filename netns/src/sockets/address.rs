//! Socket addresses as the standard library has them, out of rustix's.

use rustix::net::SocketAddrAny;
use std::net::SocketAddr;
use std::os::fd::AsFd;

/// The address that a socket is bound to.
pub(crate) fn local(socket: impl AsFd) -> rustix::io::Result<SocketAddr> {
    internet(rustix::net::getsockname(socket)?)
}

/// An IPv4 or IPv6 address, IPv4-mapped ones as IPv4.
pub(crate) fn internet(address: SocketAddrAny) -> rustix::io::Result<SocketAddr> {
    let address: SocketAddr = address.try_into()?;
    Ok(SocketAddr::new(address.ip().to_canonical(), address.port()))
}
