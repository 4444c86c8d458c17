//! Both ends of a connection, in one namespace.

use super::connect::start;
use crate::rule::Protocol;
use crate::sockets::address;
use crate::sockets::factory::{Family, SocketFactory};
use rustix::io::Errno;
use rustix::net::sockopt;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;

/// Strangers of the namespace that may come in between.
const STRANGERS: usize = 16;

/// A pair as of socketpair(2), of TCP.
///
/// # Errors
///
/// The namespace is gone, or so many others connect there that it makes no sense.
pub(in crate::forward) fn new(factory: &SocketFactory) -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    let listener = factory.socket(Family::V4, Protocol::Tcp)?;
    rustix::net::bind(&listener, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    rustix::net::listen(&listener, STRANGERS as i32)?;
    let one = factory.socket(Family::V4, Protocol::Tcp)?;
    if !start(&one, address::local(&listener)?)? {
        return Err(Errno::AGAIN);
    }
    let own = address::local(&one)?;
    for _ in 0..=STRANGERS {
        let (other, peer) = super::connection::accept(&listener)?;
        // Whoever else of the namespace has found the port is not let in.
        if peer == own {
            sockopt::set_tcp_nodelay(&one, true)?;
            sockopt::set_tcp_nodelay(&other, true)?;
            return Ok((one, other));
        }
    }
    Err(Errno::AGAIN)
}
