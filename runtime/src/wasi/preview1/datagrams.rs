//! Datagrams of a guest.

use super::errno::failed;
use super::readiness::poll_certain;
use crate::wasi::sockets::{Family, Network};
use rustix::net::RecvFlags;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::task::Poll;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use wasmtime_wasi::p1::types::{Errno, Error};
use wasmtime_wasi::sockets::SocketAddrUse;

/// Datagrams of one socket, which is there from its first use on.
pub(super) struct Datagrams {
    pub(super) network: Network,
    pub(super) family: Family,
    pub(super) socket: Option<UdpSocket>,
}

impl Datagrams {
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
    pub(super) fn poll_readable(&self, context: &mut std::task::Context<'_>) -> Poll<u64> {
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

    pub(super) async fn send(&mut self, bytes: &[u8], to: SocketAddr, wait: bool) -> Result<usize, Error> {
        if !self.network.gate.allows(to, SocketAddrUse::UdpSend) {
            return Err(Errno::Acces.into());
        }
        if self.socket.is_none() {
            self.bind(self.family.any()).await?;
        }
        let socket = self.socket.as_ref().ok_or(Errno::Inval)?;
        match socket.try_send_to(bytes, to) {
            Err(error) if error.kind() == ErrorKind::WouldBlock && wait => {
                socket.send_to(bytes, to).await.map_err(failed)
            }
            done => done.map_err(failed),
        }
    }

    pub(super) async fn receive(&self, bytes: &mut [u8], wait: bool) -> Result<(usize, SocketAddr), Error> {
        let socket = self.socket.as_ref().ok_or(Errno::Inval)?;
        let (length, from) = match socket.try_recv_from(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock && wait => {
                socket.recv_from(bytes).await.map_err(failed)?
            }
            done => done.map_err(failed)?,
        };
        // Who has written may be answered.
        let _ = self.network.gate.allows(from, SocketAddrUse::UdpReceive);
        Ok((length, from))
    }
}
