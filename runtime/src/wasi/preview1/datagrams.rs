//! Datagrams of a guest.

use super::errno::failed;
use crate::wasi::readiness::poll_certain;
use crate::wasi::sockets::{Family, Network, Ways};
use rustix::net::RecvFlags;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use wasmtime_wasi::p1::types::{Errno, Error};
use wasmtime_wasi::sockets::SocketAddrUse;

/// Datagrams of one socket, which is there from its first use on.
pub(super) struct Datagrams {
    pub(super) network: Network,
    pub(super) family: Family,
    pub(super) socket: Option<UdpSocket>,
    /// Flows with addresses outside of the guest's network.
    ways: Ways,
    /// What a poll has taken from those, to be sure that it is there.
    came: Option<(Vec<u8>, SocketAddr)>,
}

impl Datagrams {
    pub(super) fn new(network: &Network, family: Family) -> Datagrams {
        Datagrams {
            network: network.clone(),
            family,
            socket: None,
            ways: Ways::default(),
            came: None,
        }
    }

    pub(super) async fn bind(&mut self, address: SocketAddr) -> Result<(), Error> {
        if self.socket.is_some() || !self.family.takes(address.ip()) {
            return Err(Errno::Inval.into());
        }
        if !self.network.gate.allows(address, SocketAddrUse::UdpBind) {
            return Err(Errno::Acces.into());
        }
        self.socket = Some(UdpSocket::bind(address).await.map_err(failed)?);
        Ok(())
    }

    pub(super) fn socket(&self) -> Option<&UdpSocket> {
        self.socket.as_ref()
    }

    /// Ready when a datagram is there, and how long it is.
    pub(super) fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<u64> {
        if let Poll::Ready(length) = self.poll_outside(context) {
            return Poll::Ready(length);
        }
        let Some(socket) = &self.socket else {
            return Poll::Pending;
        };
        let peek = || {
            socket.try_io(Interest::READABLE, || {
                let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT | RecvFlags::TRUNC;
                Ok(rustix::net::recv(socket, &mut [0u8; 1][..], flags)?.1)
            })
        };
        poll_certain(|| socket.poll_recv_ready(context), peek)
    }

    /// The same of what comes from outside.
    fn poll_outside(&mut self, context: &mut Context<'_>) -> Poll<u64> {
        loop {
            if let Some((datagram, _)) = &self.came {
                return Poll::Ready(datagram.len() as u64);
            }
            match self.ways.poll_receive(context) {
                Poll::Ready(came) => self.came = came.ok(),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    pub(super) async fn send(&mut self, bytes: &[u8], to: SocketAddr, wait: bool) -> Result<usize, Error> {
        let way = self.network.way_for_datagrams(to);
        if way.is_none() && !self.network.gate.allows(to, SocketAddrUse::UdpSend) {
            return Err(Errno::Acces.into());
        }
        if self.socket.is_none() {
            self.bind(self.family.any()).await?;
        }
        if let Some(egress) = way {
            self.ways.send(&*egress, to, bytes).await.map_err(failed)?;
            return Ok(bytes.len());
        }
        let socket = self.socket.as_ref().ok_or(Errno::Inval)?;
        match socket.try_send_to(bytes, to) {
            Err(error) if error.kind() == ErrorKind::WouldBlock && wait => {
                socket.send_to(bytes, to).await.map_err(failed)
            }
            done => done.map_err(failed),
        }
    }

    pub(super) async fn receive(&mut self, bytes: &mut [u8], wait: bool) -> Result<(usize, SocketAddr), Error> {
        if self.socket.is_none() {
            return Err(Errno::Inval.into());
        }
        if wait && self.came.is_none() {
            std::future::poll_fn(|context| self.poll_readable(context)).await;
        }
        let at_once = &mut Context::from_waker(std::task::Waker::noop());
        if self.poll_outside(at_once).is_ready()
            && let Some((datagram, from)) = self.came.take()
        {
            let length = datagram.len().min(bytes.len());
            bytes[..length].copy_from_slice(&datagram[..length]);
            return Ok((length, from));
        }
        let socket = self.socket.as_ref().ok_or(Errno::Inval)?;
        let (length, from) = socket.try_recv_from(bytes).map_err(failed)?;
        // Who has written may be answered.
        let _ = self.network.gate.allows(from, SocketAddrUse::UdpReceive);
        Ok((length, from))
    }
}
