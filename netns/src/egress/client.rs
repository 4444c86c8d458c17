//! The guest's end: asks, waits for answers, and tells what goes over its connections.

pub use super::message::Failed;

use super::account::{Account, Connections, unwanted};
use super::datagrams::Datagrams;
use super::message::{Answer, Ask, Count, Granted, Told};
use super::record::{Record, RecordKind};
use crate::calls::{Caller, Heard, Reply};
use rustix::io::Errno;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

/// Asks a supervisor's [`super::Egress`].
pub struct Client {
    /// Until it is first used: to wait for it takes a runtime of tokio's.
    end: Mutex<Option<OwnedFd>>,
    asking: OnceCell<Asking>,
    connections: Arc<Connections>,
}

struct Asking {
    caller: Caller<Ask, Answer, Told>,
    /// They tell of connections that are over.
    _tells: JoinSet<()>,
}

impl Client {
    /// Asks over this channel ([`crate::fd_passing::channel`]).
    pub fn new(channel: OwnedFd) -> Client {
        Client {
            end: Mutex::new(Some(channel)),
            asking: OnceCell::new(),
            connections: Arc::default(),
        }
    }

    /// A connection of the host's to this address, with what is to count its bytes.
    ///
    /// # Errors
    ///
    /// No rule allows it, or what the network says.
    pub async fn connect(&self, to: SocketAddr) -> Result<(TcpStream, Account), Failed> {
        let (socket, account) = self.opened(Ask::Connect(to)).await?;
        Ok((socket.into(), account))
    }

    /// A flow of datagrams with this address, which lasts until it is dropped.
    ///
    /// # Errors
    ///
    /// No rule allows it, or what the network says.
    pub async fn datagrams(&self, to: SocketAddr) -> Result<Datagrams, Failed> {
        let (end, account) = self.opened(Ask::Datagrams(to)).await?;
        Datagrams::new(end, account).map_err(|_| Failed::Errno(Errno::IO.raw_os_error()))
    }

    async fn opened(&self, what: Ask) -> Result<(OwnedFd, Account), Failed> {
        let Reply { number, what, socket } = self.ask(what).await?;
        let Granted::Connected = what? else {
            return Err(Failed::Errno(Errno::PROTO.raw_os_error()));
        };
        let account = self.connections.open(number);
        match socket {
            Some(socket) => Ok((socket, account)),
            // It came, and there was no room for it.
            None => Err(Failed::Errno(Errno::MFILE.raw_os_error())),
        }
    }

    /// The addresses of a name.
    ///
    /// # Errors
    ///
    /// It has none, or nobody can say.
    pub async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, Failed> {
        match self.ask(Ask::Resolve(name.to_owned())).await?.what? {
            Granted::Addresses(addresses) => Ok(addresses),
            Granted::Connected | Granted::Records(_) => Err(Failed::TryAgain),
        }
    }

    /// The records of a name, of one kind; those that do not fit into a message are left out.
    ///
    /// # Errors
    ///
    /// No rule is about the name, there is no such name, or nobody can say.
    pub async fn records(&self, name: &str, kind: RecordKind) -> Result<Vec<Record>, Failed> {
        match self.ask(Ask::Records(name.to_owned(), kind)).await?.what? {
            Granted::Records(records) => Ok(records),
            Granted::Connected | Granted::Addresses(_) => Err(Failed::TryAgain),
        }
    }

    async fn ask(&self, what: Ask) -> Result<Reply<Answer>, Failed> {
        let over = || self.connections.over();
        self.caller().await?.call(what, over).await.map_err(|_| GONE)
    }

    async fn caller(&self) -> Result<&Caller<Ask, Answer, Told>, Failed> {
        let asking = self.asking.get_or_try_init(async || self.start()).await;
        asking.map(|asking| &asking.caller).map_err(|_| GONE)
    }

    fn start(&self) -> io::Result<Asking> {
        let end = self
            .end
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
            .ok_or(io::ErrorKind::NotConnected)?;
        let connections = self.connections.clone();
        let caller = Caller::start(end, move |heard, told: &UnboundedSender<Told>| match heard {
            // One that has given up closes the socket by letting it go.
            Heard::Unwanted(Reply { number, what, .. }) => {
                if matches!(what, Ok(Granted::Connected)) {
                    let _ = told.send(unwanted(number));
                }
            }
            Heard::Note(Count) => connections.all().into_iter().for_each(|part| drop(told.send(part))),
        })?;
        let mut tells = JoinSet::new();
        tells.spawn(self.connections.clone().tell(caller.notes()));
        Ok(Asking { caller, _tells: tells })
    }
}

/// A supervisor that is gone takes this process with it.
const GONE: Failed = Failed::Errno(Errno::NETDOWN.raw_os_error());
