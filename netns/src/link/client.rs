//! The consumer's end.

use super::message::{Closed, Open, Refused};
use crate::calls::{Caller, Heard, Reply};
use crate::rule::Protocol;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, ipproto, sockopt};
use std::collections::HashMap;
use std::fmt;
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::sync::mpsc::UnboundedSender;

/// Connects to the link socket of a run, by name; none where there is no such run. It does not wait.
pub type Find = Arc<dyn Fn(&str) -> Option<OwnedFd> + Send + Sync>;

/// How long a run may take to say that nobody has listened in time.
const GRACE: Duration = Duration::from_secs(1);
const TIMED_OUT: Refused = failed(Errno::TIMEDOUT);

type Peer = Caller<Open, Result<(), Refused>, Closed>;

/// Connects to guests of other runs.
pub struct Client {
    find: Find,
    peers: Mutex<HashMap<String, Arc<Peer>>>,
}

/// A connection's place at the other guest, which keeps one that has a successor alive. Dropping it says that the connection is
/// closed.
pub struct Held {
    number: u64,
    closed: UnboundedSender<Closed>,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({})", self.number)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // A run that has ended keeps nothing.
        let _ = self.closed.send(Closed(self.number));
    }
}

impl Client {
    /// Finds other runs by `find`.
    pub fn new(find: Find) -> Client {
        Client {
            find,
            peers: Mutex::default(),
        }
    }

    /// Whether there is a run of this name.
    pub(crate) fn finds(&self, run: &str) -> bool {
        (self.find)(run).is_some()
    }

    /// A connection to a port of a run's guest, which knows the consumer by the address `client`. While nobody listens it waits,
    /// for so long. It takes a runtime of tokio's.
    ///
    /// # Errors
    ///
    /// There is no such run, or no connection to its guest in time.
    pub async fn connect(
        &self,
        run: &str,
        port: u16,
        client: Ipv4Addr,
        patience: Duration,
    ) -> Result<(TcpStream, Held), Refused> {
        let protocol = Protocol::Tcp;
        let open = Open {
            port,
            client,
            patience,
            protocol,
        };
        let (socket, number, peer) = self.open(run, open).await?;
        let held = Held {
            number,
            closed: peer.notes(),
        };
        Ok((checked(socket, protocol)?.into(), held))
    }

    /// A socket of a run's network that is connected to a port for datagrams of its guest, and does not block. It holds no place: the
    /// guest may be replaced, and what is sent then finds nobody. Otherwise as [`Client::connect`].
    ///
    /// # Errors
    ///
    /// There is no such run, or its guest has not bound the port in time.
    pub async fn datagrams(
        &self,
        run: &str,
        port: u16,
        client: Ipv4Addr,
        patience: Duration,
    ) -> Result<UdpSocket, Refused> {
        let protocol = Protocol::Udp;
        let open = Open {
            port,
            client,
            patience,
            protocol,
        };
        let (socket, ..) = self.open(run, open).await?;
        Ok(checked(socket, protocol)?.into())
    }

    /// What a run hands out, with its number there.
    async fn open(&self, run: &str, open: Open) -> Result<(OwnedFd, u64, Arc<Peer>), Refused> {
        let mut last = Refused::NotRunning;
        // A run may have ended, and another one begun, since it was last asked.
        for _ in 0..2 {
            let peer = self.peer(run).await?;
            // It waits itself, and says what for; a run that is stopped (SIGSTOP) or full says nothing.
            let patience = open.patience.saturating_add(GRACE);
            let answered = tokio::time::timeout(patience, peer.call(open, || None)).await;
            let Ok(Reply { number, what, socket }) = answered.map_err(|_| TIMED_OUT)? else {
                last = Refused::Ended;
                continue;
            };
            what?;
            return match socket {
                Some(socket) => Ok((socket, number, peer)),
                // It came, and there was no room for it.
                None => {
                    let _ = peer.notes().send(Closed(number));
                    Err(failed(Errno::MFILE))
                }
            };
        }
        Err(last)
    }

    async fn peer(&self, run: &str) -> Result<Arc<Peer>, Refused> {
        let mut peers = self.peers.lock().await;
        peers.retain(|_, peer| !peer.is_over());
        if let Some(peer) = peers.get(run) {
            return Ok(peer.clone());
        }
        let channel = (self.find)(run).ok_or(Refused::NotRunning)?;
        let peer = Caller::start(channel, |heard: Heard<_, ()>, closed| {
            if let Heard::Unwanted(Reply {
                number, what: Ok(()), ..
            }) = heard
            {
                let _ = closed.send(Closed(number));
            }
        });
        let peer = peer.map_err(|error| failed(Errno::from_io_error(&error).unwrap_or(Errno::IO)));
        let peer = Arc::new(peer?);
        peers.insert(run.to_owned(), peer.clone());
        Ok(peer)
    }
}

/// What a run has handed out: a connected socket of this protocol, for which nobody waits in the kernel.
fn checked(socket: OwnedFd, protocol: Protocol) -> Result<OwnedFd, Refused> {
    let wanted = match protocol {
        Protocol::Tcp => ipproto::TCP,
        Protocol::Udp => ipproto::UDP,
    };
    let is_one = || -> rustix::io::Result<bool> {
        let family = sockopt::socket_domain(&socket)?;
        let is_wanted = sockopt::socket_protocol(&socket)? == Some(wanted);
        rustix::net::getpeername(&socket)?;
        rustix::fs::fcntl_setfl(&socket, rustix::fs::fcntl_getfl(&socket)? | OFlags::NONBLOCK)?;
        Ok(is_wanted && matches!(family, AddressFamily::INET | AddressFamily::INET6))
    };
    match is_one() {
        Ok(true) => Ok(socket),
        Ok(false) => Err(failed(Errno::PROTOTYPE)),
        Err(errno) => Err(failed(errno)),
    }
}

const fn failed(errno: Errno) -> Refused {
    Refused::Failed {
        errno: errno.raw_os_error(),
    }
}
