//! A socket for datagrams, whatever version of WASI its guest speaks.

use super::ways::Ways;
use crate::egress::Egress;
use crate::wasi::sockets::address::Family;
use crate::wasi::sockets::network::Network;
use crate::wasi::sockets::options::{Options, Result};
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use std::cell::RefCell;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use wasmtime_wasi::sockets::{ErrorCode, SocketAddrUse};

/// Longest datagram: what the length of UDP can say (RFC 768).
const LONGEST: usize = u16::MAX as usize;

thread_local! {
    /// For one datagram, while nothing is waited for.
    static DATAGRAM: RefCell<Vec<u8>> = RefCell::new(vec![0; LONGEST]);
}

/// One socket.
pub(super) struct Udp {
    path: Path,
    is_bound: bool,
}

/// What sends and receives for it, as it is connected at the time.
#[derive(Clone)]
pub(super) struct Path {
    network: Network,
    family: Family,
    /// The socket of the guest's own network.
    socket: Arc<UdpSocket>,
    ways: Arc<Ways>,
    peer: Option<Peer>,
}

/// Whom a socket is connected to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Peer {
    /// In the guest's own network.
    Own(SocketAddr),
    Outside(SocketAddr),
}

impl Peer {
    fn address(self) -> SocketAddr {
        match self {
            Peer::Own(address) | Peer::Outside(address) => address,
        }
    }
}

impl Network {
    /// What makes a flow with this address, where that is outside of the guest's network and nobody who has written to the guest.
    pub(crate) fn way_for_datagrams(&self, address: SocketAddr) -> Option<Arc<dyn Egress>> {
        let egress = self.way_out(address, &self.localhost.udp)?;
        (!self.gate.has_written(address)).then_some(egress)
    }
}

impl Udp {
    /// A socket that is neither bound nor connected.
    pub(super) fn new(network: &Network, family: Family) -> Result<Udp> {
        let kind = match family {
            Family::V4 => AddressFamily::INET,
            Family::V6 => AddressFamily::INET6,
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(kind, SocketType::DGRAM, flags, None)?;
        if family == Family::V6 {
            sockopt::set_ipv6_v6only(&socket, true)?;
        }
        Ok(Udp {
            path: Path {
                network: network.clone(),
                family,
                socket: Arc::new(UdpSocket::from_std(socket.into())?),
                ways: Arc::default(),
                peer: None,
            },
            is_bound: false,
        })
    }

    pub(super) fn is_bound(&self) -> bool {
        self.is_bound
    }

    /// What sends and receives for it from now on.
    pub(super) fn path(&self) -> Path {
        self.path.clone()
    }

    pub(super) fn bind(&mut self, address: SocketAddr) -> Result<()> {
        if self.is_bound {
            return Err(ErrorCode::InvalidState);
        }
        if !self.path.family.is_of(address.ip()) {
            return Err(ErrorCode::InvalidArgument);
        }
        self.path.allowed(address, SocketAddrUse::UdpBind)?;
        rustix::net::bind(&self.path.socket, &address)?;
        self.is_bound = true;
        Ok(())
    }

    /// A socket that is used without being bound gets a port, as the kernel does it.
    pub(super) fn is_used(&mut self) -> Result<()> {
        match self.is_bound {
            true => Ok(()),
            false => self.bind(self.path.family.any()),
        }
    }

    /// Sends to and hears of this address alone from now on.
    pub(super) async fn connect(&mut self, address: SocketAddr) -> Result<()> {
        if !self.path.family.is_of(address.ip()) || !is_somebody(address) {
            return Err(ErrorCode::InvalidArgument);
        }
        if let Some(egress) = self.path.network.way_for_datagrams(address) {
            self.is_used()?;
            self.leave_own()?;
            self.path.ways.close();
            self.path.ways.open(&*egress, address).await?;
            self.path.peer = Some(Peer::Outside(address));
            return Ok(());
        }
        self.path.allowed(address, SocketAddrUse::UdpSend)?;
        self.path.allowed(address, SocketAddrUse::UdpReceive)?;
        match rustix::net::connect(&self.path.socket, &address) {
            // Of another interface than the last peer's: Linux does not change the socket's own address then (ip(7)).
            Err(rustix::io::Errno::INVAL) => {
                self.leave_own()?;
                rustix::net::connect(&self.path.socket, &address)?;
            }
            connected => connected?,
        }
        self.path.ways.close();
        (self.path.peer, self.is_bound) = (Some(Peer::Own(address)), true);
        Ok(())
    }

    pub(super) fn disconnect(&mut self) -> Result<()> {
        if self.path.peer.is_none() {
            return Err(ErrorCode::InvalidState);
        }
        self.leave_own()?;
        self.path.ways.close();
        self.path.peer = None;
        Ok(())
    }

    /// Ends what the kernel knows of a peer.
    fn leave_own(&mut self) -> Result<()> {
        if let Some(Peer::Own(_)) = self.path.peer {
            rustix::net::connect_unspec(&self.path.socket)?;
            self.path.peer = None;
        }
        Ok(())
    }

    pub(super) fn local_address(&self) -> Result<SocketAddr> {
        match self.is_bound {
            true => Ok(self.path.socket.local_addr()?),
            false => Err(ErrorCode::InvalidState),
        }
    }

    pub(super) fn remote_address(&self) -> Result<SocketAddr> {
        let peer = self.path.peer.ok_or(ErrorCode::InvalidState)?;
        Ok(peer.address())
    }
}

impl Options for Udp {
    fn family(&self) -> Family {
        self.path.family
    }

    fn with<T>(&self, act: impl FnOnce(BorrowedFd<'_>) -> rustix::io::Result<T>) -> Result<T> {
        Ok(act(self.path.socket.as_fd())?)
    }
}

impl Path {
    /// Whom it is connected to.
    pub(super) fn is_connected(&self) -> bool {
        self.peer.is_some()
    }

    fn allowed(&self, address: SocketAddr, reason: SocketAddrUse) -> Result<()> {
        match self.network.gate.allows(address, reason) {
            true => Ok(()),
            false => Err(ErrorCode::AccessDenied),
        }
    }

    /// Sends a datagram, to whom the socket is connected where there is no address.
    pub(super) async fn send(self, datagram: Vec<u8>, to: Option<SocketAddr>) -> Result<()> {
        if datagram.len() > LONGEST {
            return Err(ErrorCode::DatagramTooLarge);
        }
        let peer = self.peer.map(Peer::address);
        let to = to.or(peer).ok_or(ErrorCode::InvalidArgument)?;
        let is_peer = peer.is_none_or(|peer| peer == to);
        if !is_peer || !self.family.is_of(to.ip()) || !is_somebody(to) {
            return Err(ErrorCode::InvalidArgument);
        }
        if let Some(egress) = self.way(to) {
            return Ok(self.ways.send(&*egress, to, &datagram).await?);
        }
        self.allowed(to, SocketAddrUse::UdpSend)?;
        match peer {
            Some(_) => self.socket.send(&datagram).await?,
            None => self.socket.send_to(&datagram, to).await?,
        };
        Ok(())
    }

    fn way(&self, to: SocketAddr) -> Option<Arc<dyn Egress>> {
        match self.peer {
            Some(Peer::Own(_)) => None,
            Some(Peer::Outside(_)) => self.network.egress.clone(),
            None => self.network.way_for_datagrams(to),
        }
    }

    /// The next datagram, with its sender. Cancel-safe.
    pub(super) async fn receive(self) -> Result<(Vec<u8>, SocketAddr)> {
        loop {
            let came = match self.peer {
                Some(Peer::Outside(_)) => self.ways.receive().await,
                Some(Peer::Own(_)) => self.receive_own().await,
                None => tokio::select! {
                    came = self.receive_own() => came,
                    came = self.ways.receive() => match came {
                        // Who is not connected does not hear of errors (udp(7)).
                        Err(_) => continue,
                        came => came,
                    },
                },
            };
            let (datagram, from) = came?;
            // What came before it was connected is not from its peer.
            if self.peer.is_none_or(|peer| peer.address() == from) {
                return Ok((datagram, from));
            }
        }
    }

    async fn receive_own(&self) -> std::io::Result<(Vec<u8>, SocketAddr)> {
        loop {
            self.socket.ready(Interest::READABLE | Interest::ERROR).await?;
            // That nobody has its peer's port, for one: no datagram comes with it.
            let error = || self.socket.take_error()?.ok_or(ErrorKind::WouldBlock.into());
            if let Ok(error) = self.socket.try_io(Interest::ERROR, error) {
                return Err(error);
            }
            let came = DATAGRAM.with_borrow_mut(|buffer| {
                let (length, from) = self.socket.try_recv_from(buffer)?;
                Ok((buffer[..length].to_vec(), from))
            });
            match came {
                Err(error) if ErrorKind::WouldBlock == std::io::Error::kind(&error) => {}
                Err(error) => return Err(error),
                Ok((datagram, from)) => {
                    // Who has written may be answered.
                    let _ = self.network.gate.allows(from, SocketAddrUse::UdpReceive);
                    return Ok((datagram, from));
                }
            }
        }
    }
}

/// Whether a datagram can be for it.
fn is_somebody(address: SocketAddr) -> bool {
    !address.ip().to_canonical().is_unspecified() && address.port() != 0
}
