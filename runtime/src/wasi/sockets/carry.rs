//! Options that move from one socket to another.

use super::address::Family;
use rustix::net::sockopt;
use std::os::fd::AsFd;

/// Sets on one socket what a guest has set on another that it stands for. Buffers are the kernel's to size.
pub(super) fn carry(from: impl AsFd, to: impl AsFd, family: Family) -> rustix::io::Result<()> {
    if sockopt::socket_keepalive(&from)? {
        sockopt::set_socket_keepalive(&to, true)?;
        sockopt::set_tcp_keepidle(&to, sockopt::tcp_keepidle(&from)?)?;
        sockopt::set_tcp_keepintvl(&to, sockopt::tcp_keepintvl(&from)?)?;
        sockopt::set_tcp_keepcnt(&to, sockopt::tcp_keepcnt(&from)?)?;
    }
    match family {
        Family::V4 => match sockopt::ip_ttl(&from)? {
            hops if hops == sockopt::ip_ttl(&to)? => Ok(()),
            hops => sockopt::set_ip_ttl(&to, hops),
        },
        Family::V6 => match sockopt::ipv6_unicast_hops(&from)? {
            hops if hops == sockopt::ipv6_unicast_hops(&to)? => Ok(()),
            hops => sockopt::set_ipv6_unicast_hops(&to, Some(hops)),
        },
    }
}
