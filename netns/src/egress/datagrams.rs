//! Datagrams of a guest with one address outside, handed on by the supervisor.
//!
//! A connected socket for datagrams is no border: who has it may send to any other address (sendto(2), sendmsg(2)), so the guest's
//! process never gets one. What it gets is one end of a pair of unix sockets that keep the boundaries of messages. The other end, and
//! the host's socket, which is connected to that one address, stay in the supervisor.
//!
//! A message is a byte that says what it is, and a datagram, or the number of an error. So an empty datagram is not the end.

use super::account::Account;
use crate::fd_passing;
use futures::FutureExt;
use futures::future::BoxFuture;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use tokio::io::Interest;
use tokio::net::{UdpSocket, UnixDatagram};

/// Longest datagram: what the length of UDP can say (RFC 768).
const LONGEST: usize = u16::MAX as usize;
const DATAGRAM: u8 = 0;
const ERROR: u8 = 1;
/// What is handed on before others have their turn.
const TURN: usize = 64;

thread_local! {
    /// For one message, while nothing is waited for.
    static MESSAGE: RefCell<Vec<u8>> = RefCell::new(vec![0; 1 + LONGEST]);
}

fn with_message<T>(act: impl FnOnce(&mut [u8]) -> T) -> T {
    MESSAGE.with_borrow_mut(|message| act(message))
}

/// What one message says.
enum Said<'a> {
    Datagram(&'a [u8]),
    Error(Errno),
}

/// One end of the pair. tokio's type for datagrams of unix(7) waits for any socket of that family; its own calls are not used.
#[derive(Debug)]
struct End(UnixDatagram);

impl End {
    fn new(end: OwnedFd) -> io::Result<End> {
        // std's way is an ioctl(2) that a jail does not have.
        rustix::fs::fcntl_setfl(&end, OFlags::NONBLOCK)?;
        Ok(End(UnixDatagram::from_std(end.into())?))
    }

    /// Sends a message, where there is room for it.
    fn send(&self, kind: u8, what: &[u8]) -> io::Result<()> {
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        with_message(|message| {
            let message = message.get_mut(..=what.len()).ok_or(Errno::MSGSIZE)?;
            message[0] = kind;
            message[1..].copy_from_slice(what);
            rustix::io::retry_on_intr(|| rustix::net::send(&self.0, message, flags))?;
            Ok(())
        })
    }

    /// Takes the next message, where there is one; none where the other end is gone.
    fn receive<T>(&self, heard: impl FnOnce(Said<'_>) -> T) -> io::Result<Option<T>> {
        with_message(|message| {
            // Descriptors that come along have nowhere to go.
            let (length, whole) = rustix::io::retry_on_intr(|| {
                rustix::net::recv(&self.0, &mut message[..], RecvFlags::DONTWAIT | RecvFlags::TRUNC)
            })?;
            match message.get(..whole.max(length)).ok_or(Errno::MSGSIZE)? {
                [] => Ok(None),
                [DATAGRAM, datagram @ ..] => Ok(Some(heard(Said::Datagram(datagram)))),
                [ERROR, number @ ..] => {
                    let number = number.try_into().map_err(|_| Errno::PROTO)?;
                    let error = Errno::from_raw_os_error(i32::from_ne_bytes(number));
                    Ok(Some(heard(Said::Error(error))))
                }
                _ => Err(Errno::PROTO.into()),
            }
        })
    }
}

/// The guest's end of a flow. Dropping it ends the flow.
#[derive(Debug)]
pub struct Datagrams {
    // Before the account, whose end says that it is closed.
    end: End,
    account: Account,
}

impl Datagrams {
    pub(super) fn new(end: OwnedFd, account: Account) -> io::Result<Datagrams> {
        let end = End::new(end)?;
        Ok(Datagrams { end, account })
    }

    /// Sends a datagram, where there is room.
    ///
    /// # Errors
    ///
    /// `WouldBlock` where there is none, `BrokenPipe` or `ConnectionReset` where the flow has ended.
    pub fn try_send(&self, datagram: &[u8]) -> io::Result<()> {
        self.end.send(DATAGRAM, datagram)?;
        self.account.sent(datagram.len());
        Ok(())
    }

    /// Sends a datagram as soon as there is room.
    ///
    /// # Errors
    ///
    /// As [`Datagrams::try_send`], but for `WouldBlock`.
    pub async fn send(&self, datagram: &[u8]) -> io::Result<()> {
        match self.try_send(datagram) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            done => return done,
        }
        self.end
            .0
            .async_io(Interest::WRITABLE, || self.try_send(datagram))
            .await
    }

    /// The next datagram; none where the flow has ended. Cancel-safe.
    ///
    /// # Errors
    ///
    /// What the network says of what was sent (`ConnectionRefused`: nobody has the port); the flow goes on.
    pub async fn receive(&self) -> io::Result<Option<Vec<u8>>> {
        let receive = || {
            self.end.receive(|said| match said {
                Said::Datagram(datagram) => Ok(datagram.to_vec()),
                Said::Error(error) => Err(error),
            })
        };
        match self.end.0.async_io(Interest::READABLE, receive).await? {
            Some(Ok(datagram)) => {
                self.account.received(datagram.len());
                Ok(Some(datagram))
            }
            Some(Err(error)) => Err(error.into()),
            None => Ok(None),
        }
    }
}

/// The guest's end of a flow with this address, and what hands on what comes, until that end is closed. It takes a runtime of tokio's.
pub(super) fn relayed(to: SocketAddr) -> io::Result<(OwnedFd, BoxFuture<'static, ()>)> {
    let any: SocketAddr = match to {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = std::net::UdpSocket::bind(any)?;
    socket.connect(to)?;
    // As of TCP: where nobody has the port, it may be this one.
    if socket.local_addr()? == to {
        return Err(Errno::CONNREFUSED.into());
    }
    socket.set_nonblocking(true)?;
    relayed_by(socket, Refusals::Told)
}

/// What becomes of the word that nobody has the port (ICMP).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusals {
    /// It is the guest's.
    Told,
    /// It ends the flow: another guest may have the port by now, which the next flow finds.
    End,
}

/// The same of a socket that is connected, and does not block.
pub(super) fn relayed_by(
    socket: std::net::UdpSocket,
    refusals: Refusals,
) -> io::Result<(OwnedFd, BoxFuture<'static, ()>)> {
    let socket = UdpSocket::from_std(socket)?;
    let (ours, theirs) = fd_passing::channel()?;
    let relay = Relay {
        guest: End::new(ours)?,
        host: socket,
        refusals,
    };
    Ok((theirs, async move { relay.run().await }.boxed()))
}

/// Hands datagrams on, both ways.
struct Relay {
    guest: End,
    host: UdpSocket,
    refusals: Refusals,
}

impl Relay {
    async fn run(&self) {
        loop {
            let is_over = tokio::select! {
                ready = self.guest.0.readable() => ready.is_err() || self.sends(),
                ready = self.host.ready(Interest::READABLE | Interest::ERROR) => ready.is_err() || self.receives(),
            };
            if is_over {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Hands on what the guest sends; whether the flow is over. What finds no room is lost, as in any queue of the network.
    fn sends(&self) -> bool {
        for _ in 0..TURN {
            let send = || {
                self.guest.receive(|said| match said {
                    Said::Datagram(datagram) => rustix::net::send(&self.host, datagram, SendFlags::DONTWAIT).map(drop),
                    Said::Error(error) => Err(error),
                })
            };
            match self.guest.0.try_io(Interest::READABLE, send) {
                Ok(Some(Ok(()) | Err(Errno::AGAIN))) => {}
                Ok(Some(Err(error))) if self.ends(error) => return true,
                Ok(Some(Err(_))) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                // It is gone, or says what no guest of ours says.
                Ok(None) | Err(_) => return true,
            }
        }
        false
    }

    /// Hands on what comes from outside; whether the flow is over.
    fn receives(&self) -> bool {
        let error = || self.host.take_error()?.ok_or(ErrorKind::WouldBlock.into());
        if let Ok(error) = self.host.try_io(Interest::ERROR, error)
            && self.ends(Errno::from_io_error(&error).unwrap_or(Errno::IO))
        {
            return true;
        }
        for _ in 0..TURN {
            let received = self.host.try_io(Interest::READABLE, || {
                with_message(|message| {
                    let length = rustix::net::recv(&self.host, &mut message[1..], RecvFlags::DONTWAIT)?.0;
                    message[0] = DATAGRAM;
                    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
                    Ok(rustix::net::send(&self.guest.0, &message[..=length], flags))
                })
            });
            match received {
                Ok(Ok(_) | Err(Errno::AGAIN)) => {}
                Ok(Err(_)) => return true,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                // One that came just now.
                Err(error) if self.ends(Errno::from_io_error(&error).unwrap_or(Errno::IO)) => return true,
                Err(_) => {}
            }
        }
        false
    }

    /// Tells the guest what the network says, where that does not end the flow.
    fn ends(&self, error: Errno) -> bool {
        let is_over = error == Errno::CONNREFUSED && self.refusals == Refusals::End;
        if !is_over {
            // Who does not read does not hear of it.
            let _ = self.guest.send(ERROR, &error.raw_os_error().to_ne_bytes());
        }
        is_over
    }
}
