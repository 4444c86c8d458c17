//! The host's side of a forward: listening sockets, bound before anything else starts.

use crate::forward::holder::{Holder, holder_of};
use crate::rule::{Bind, Mapping, Protocol};
use crate::sockets::factory::DATAGRAM_BUFFER;
use nix::sys::socket::{setsockopt, sockopt as packet_info};
use rustix::io::Errno;
use rustix::net::sockopt;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

/// The kernel cuts this to `net.core.somaxconn`; connections wait in this queue while no guest is ready.
pub(crate) const BACKLOG: i32 = 4096;
/// How often a free port is asked for again when 127.0.0.1 gave one that ::1 does not have.
const FREE_PORT_TRIES: usize = 32;

/// A bound mapping: one listening socket for each host address.
#[derive(Debug)]
pub struct Listeners {
    /// The addresses listened on, with the true port where 0 was asked for.
    pub addresses: Vec<SocketAddr>,
    /// The guest port that connections, or datagrams, go to.
    pub guest_port: u16,
    /// Which of the two.
    pub protocol: Protocol,
    pub(crate) sockets: Vec<OwnedFd>,
}

impl Listeners {
    /// The sockets, for who accepts himself. They do not block.
    pub fn into_sockets(self) -> Vec<OwnedFd> {
        self.sockets
    }

    /// None: connections to the guest's port come from elsewhere ([`crate::link`]).
    pub fn none(guest_port: u16) -> Listeners {
        Listeners {
            addresses: Vec::new(),
            guest_port,
            protocol: Protocol::Tcp,
            sockets: Vec::new(),
        }
    }
}

/// A host port that could not be bound.
#[derive(Debug)]
pub struct BindError {
    /// The address that was asked for.
    pub address: SocketAddr,
    /// What the kernel answered.
    pub errno: Errno,
    /// Who has the port, when it is taken and this user may know.
    pub holder: Option<Holder>,
}

impl BindError {
    /// What the user can do about it.
    pub fn hint(&self) -> String {
        let port = self.address.port();
        match (self.errno, &self.holder) {
            (Errno::ADDRINUSE, Some(Holder::Process { pid, .. })) => {
                format!("stop it (`kill {pid}`), or forward another host port; 0 takes a free one")
            }
            (Errno::ADDRINUSE, _) => "forward another host port; 0 takes a free one".to_owned(),
            (Errno::ACCESS | Errno::PERM, _) => format!(
                "forward a host port from 1024 up, or let every user bind it: `sysctl net.ipv4.ip_unprivileged_port_start={port}`"
            ),
            (Errno::ADDRNOTAVAIL, _) => {
                "bind an address that `ip address` lists, or 0.0.0.0 for all of them".to_owned()
            }
            _ => "see the socket(7) and ip(7) man pages for this error".to_owned(),
        }
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address;
        match (self.errno, &self.holder) {
            (Errno::ADDRINUSE, Some(holder)) => write!(f, "{address} is in use by {holder}"),
            (Errno::ADDRINUSE, None) => write!(f, "{address} is in use"),
            (Errno::ACCESS | Errno::PERM, _) if address.port() < 1024 => {
                write!(f, "{address} needs root: ports below 1024 are privileged")
            }
            (Errno::ADDRNOTAVAIL, _) => {
                write!(f, "{} is not an address of this host", address.ip())
            }
            (errno, _) => write!(f, "cannot listen on {address}: {errno}"),
        }
    }
}

impl std::error::Error for BindError {}

/// Binds and listens on every address of a mapping.
///
/// # Errors
///
/// The first address that cannot be bound; sockets bound before it are closed. With [`Bind::Loopback`] a host
/// that has one of 127.0.0.1 and ::1 will do.
pub fn listen(mapping: &Mapping) -> Result<Listeners, BindError> {
    let (guest_port, protocol) = (mapping.guest, mapping.protocol);
    let (addresses, sockets) = match mapping.bind {
        Bind::Address(ip) => {
            let (address, socket) = bind_one(SocketAddr::new(ip, mapping.host), protocol)?;
            (vec![address], vec![socket])
        }
        Bind::Loopback => bind_loopback(mapping.host, protocol)?,
    };
    Ok(Listeners {
        addresses,
        guest_port,
        protocol,
        sockets,
    })
}

fn bind_loopback(port: u16, protocol: Protocol) -> Result<(Vec<SocketAddr>, Vec<OwnedFd>), BindError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let (v4, v4_socket) = match bind_one((Ipv4Addr::LOCALHOST, port).into(), protocol) {
            Err(error) if is_no_address(error.errno) => {
                // A machine with IPv6 alone; where that is not there either, the first error says more.
                let (v6, v6_socket) = bind_one((Ipv6Addr::LOCALHOST, port).into(), protocol).map_err(|_| error)?;
                return Ok((vec![v6], vec![v6_socket]));
            }
            bound => bound?,
        };
        match bind_one((Ipv6Addr::LOCALHOST, v4.port()).into(), protocol) {
            Ok((v6, v6_socket)) => return Ok((vec![v4, v6], vec![v4_socket, v6_socket])),
            Err(error) if is_no_address(error.errno) => {
                return Ok((vec![v4], vec![v4_socket]));
            }
            Err(error) if port == 0 && error.errno == Errno::ADDRINUSE && tries < FREE_PORT_TRIES => {}
            Err(error) => return Err(error),
        }
    }
}

/// The machine has no such address, or no address of this family.
fn is_no_address(errno: Errno) -> bool {
    matches!(errno, Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL)
}

pub(crate) fn bind_one(address: SocketAddr, protocol: Protocol) -> Result<(SocketAddr, OwnedFd), BindError> {
    let bound = || -> rustix::io::Result<(SocketAddr, OwnedFd)> {
        let family = match address.ip() {
            IpAddr::V4(_) => AddressFamily::INET,
            IpAddr::V6(_) => AddressFamily::INET6,
        };
        let kind = match protocol {
            Protocol::Tcp => SocketType::STREAM,
            Protocol::Udp => SocketType::DGRAM,
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(family, kind, flags, None)?;
        if let IpAddr::V6(ip) = address.ip() {
            sockopt::set_ipv6_v6only(&socket, !ip.is_unspecified())?;
        }
        match protocol {
            Protocol::Tcp => {
                // A restart must not wait for connections of the last run to leave TIME_WAIT.
                sockopt::set_socket_reuseaddr(&socket, true)?;
                // Accepted sockets inherit these, which saves calls for each connection. Keep-alive finds clients that
                // vanished without a word; urgent data stays in the stream.
                sockopt::set_tcp_nodelay(&socket, true)?;
                sockopt::set_socket_keepalive(&socket, true)?;
                sockopt::set_socket_oobinline(&socket, true)?;
            }
            // For datagrams SO_REUSEADDR would let another process take them.
            Protocol::Udp => {
                sockopt::set_socket_recv_buffer_size(&socket, DATAGRAM_BUFFER)?;
                tell_local_address(&socket, address.ip())?;
            }
        }
        rustix::net::bind(&socket, &address)?;
        if protocol == Protocol::Tcp {
            rustix::net::listen(&socket, BACKLOG)?;
        }
        let address = crate::sockets::address::local(&socket)?;
        Ok((address, socket))
    };
    bound().map_err(|errno| BindError {
        address,
        errno,
        holder: (errno == Errno::ADDRINUSE)
            .then(|| holder_of(address, protocol))
            .flatten(),
    })
}

/// Has the socket tell the address that each datagram was sent to, where it is bound to all of them.
fn tell_local_address(socket: &OwnedFd, bound: IpAddr) -> rustix::io::Result<()> {
    let set = match bound {
        IpAddr::V4(ip) if ip.is_unspecified() => setsockopt(socket, packet_info::Ipv4PacketInfo, &true),
        IpAddr::V6(ip) if ip.is_unspecified() => setsockopt(socket, packet_info::Ipv6RecvPacketInfo, &true),
        _ => Ok(()),
    };
    set.map_err(|errno| Errno::from_raw_os_error(errno as i32))
}
