//! The consumer's end.

use super::message::{Closed, Open, Refused};
use crate::calls::{Caller, Heard, Reply};
use rustix::io::Errno;
use std::collections::HashMap;
use std::fmt;
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::sync::mpsc::UnboundedSender;

/// Connects to the link socket of a run, by name; none where there is no such run. It does not wait.
pub type Find = Arc<dyn Fn(&str) -> Option<OwnedFd> + Send + Sync>;

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
    pub(crate) fn new(find: Find) -> Client {
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
    /// for so long.
    pub(crate) async fn connect(
        &self,
        run: &str,
        port: u16,
        client: Ipv4Addr,
        patience: Duration,
    ) -> Result<(TcpStream, Held), Refused> {
        let mut last = Refused::NotRunning;
        // A run may have ended, and another one begun, since it was last asked.
        for _ in 0..2 {
            let peer = self.peer(run).await?;
            let open = Open { port, client, patience };
            let Ok(Reply { number, what, socket }) = peer.call(open).await else {
                last = Refused::Ended;
                continue;
            };
            what?;
            let held = Held {
                number,
                closed: peer.notes(),
            };
            return match socket {
                Some(socket) => Ok((socket.into(), held)),
                // It came, and there was no room for it.
                None => Err(Refused::Failed {
                    errno: Errno::MFILE.raw_os_error(),
                }),
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
        let peer = Arc::new(peer.map_err(|error| Refused::Failed {
            errno: error.raw_os_error().unwrap_or(Errno::IO.raw_os_error()),
        })?);
        peers.insert(run.to_owned(), peer.clone());
        Ok(peer)
    }
}
