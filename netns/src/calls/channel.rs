//! A channel of messages as tokio waits for it.

use super::LONGEST;
use crate::fd_passing;
use rustix::fs::OFlags;
use rustix::net::RecvFlags;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use tokio::io::Interest;
use tokio::net::UnixDatagram;

/// One end. tokio's type for datagrams of unix(7) waits for any socket of that family; its own calls are not used.
pub(crate) struct Channel(UnixDatagram);

impl Channel {
    /// Takes an end of [`fd_passing::channel`]. It takes a runtime of tokio's.
    pub(crate) fn new(end: OwnedFd) -> io::Result<Channel> {
        // std's way is an ioctl(2) that a jail does not have.
        rustix::fs::fcntl_setfl(&end, OFlags::NONBLOCK)?;
        Ok(Channel(UnixDatagram::from_std(end.into())?))
    }

    /// The next message, with what came along; none when the other end is gone. Cancel-safe.
    pub(crate) async fn receive<T: DeserializeOwned>(&self) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
        let mut buffer = [0; LONGEST];
        // One socket too many must not be the end of all others.
        let receive = || {
            Ok(fd_passing::receive_what_fits(
                &self.0,
                &mut buffer,
                RecvFlags::DONTWAIT,
            )?)
        };
        let (length, fds, _) = self.0.async_io(Interest::READABLE, receive).await?;
        match length {
            0 => Ok(None),
            _ => Ok(Some((serde_json::from_slice(&buffer[..length])?, fds))),
        }
    }

    /// Sends a message, as soon as there is room. Cancel-safe.
    pub(crate) async fn send<T: Serialize>(&self, value: &T, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let message = serde_json::to_vec(value)?;
        let send = || Ok(fd_passing::send(&self.0, &message, fds)?);
        self.0.async_io(Interest::WRITABLE, send).await
    }
}
