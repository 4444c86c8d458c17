//! The guest's end: asks, waits for answers, and tells what goes over its connections.

pub use super::message::Failed;
use super::message::{Answer, Ask, Count, FLOWS, Flow, Granted, Told};
use crate::calls::{Caller, Heard, Reply};
use rustix::io::Errno;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::OnceCell;
use tokio::sync::mpsc::UnboundedSender;

/// Asks a supervisor's [`super::Egress`].
pub struct Client {
    /// Until it is first used: to wait for it takes a runtime of tokio's.
    end: Mutex<Option<OwnedFd>>,
    caller: OnceCell<Caller<Ask, Answer, Told>>,
    open: Table,
}

/// Connections that are open, by number.
type Table = Arc<Mutex<HashMap<u64, Arc<Bytes>>>>;

#[derive(Debug, Default)]
struct Bytes {
    sent: AtomicU64,
    received: AtomicU64,
}

/// It is consistent at every step, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What counts the bytes of a connection. Dropping it says that the connection is closed, so the socket has to be dropped first.
#[derive(Debug)]
pub struct Account {
    number: u64,
    bytes: Arc<Bytes>,
    open: Table,
    told: UnboundedSender<Told>,
}

impl Account {
    /// So many bytes more were sent.
    pub fn sent(&self, bytes: usize) {
        self.bytes.sent.fetch_add(bytes as u64, Relaxed);
    }

    /// So many bytes more were received.
    pub fn received(&self, bytes: usize) {
        self.bytes.received.fetch_add(bytes as u64, Relaxed);
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        lock(&self.open).remove(&self.number);
        let last = flow(self.number, &self.bytes, true);
        // A supervisor that is gone takes this process with it.
        let _ = self.told.send(Told::Flows(vec![last]));
    }
}

fn flow(connection: u64, bytes: &Bytes, is_over: bool) -> Flow {
    Flow {
        connection,
        sent: bytes.sent.load(Relaxed),
        received: bytes.received.load(Relaxed),
        is_over,
    }
}

impl Client {
    /// Asks over this channel ([`crate::fd_passing::channel`]).
    pub fn new(channel: OwnedFd) -> Client {
        Client {
            end: Mutex::new(Some(channel)),
            caller: OnceCell::new(),
            open: Table::default(),
        }
    }

    /// A connection of the host's to this address, with what is to count its bytes.
    ///
    /// # Errors
    ///
    /// No rule allows it, or what the network says.
    pub async fn connect(&self, to: SocketAddr) -> Result<(TcpStream, Account), Failed> {
        let Reply { number, what, socket } = self.ask(Ask::Connect(to)).await?;
        let Granted::Connected = what? else {
            return Err(Failed::Errno(Errno::PROTO.raw_os_error()));
        };
        let account = Account {
            number,
            bytes: Arc::default(),
            open: self.open.clone(),
            told: self.caller().await?.notes(),
        };
        lock(&self.open).insert(number, account.bytes.clone());
        match socket {
            Some(socket) => Ok((socket.into(), account)),
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
            Granted::Connected => Err(Failed::TryAgain),
        }
    }

    async fn ask(&self, what: Ask) -> Result<Reply<Answer>, Failed> {
        self.caller().await?.call(what).await.map_err(|_| GONE)
    }

    async fn caller(&self) -> Result<&Caller<Ask, Answer, Told>, Failed> {
        self.caller
            .get_or_try_init(async || self.start())
            .await
            .map_err(|_| GONE)
    }

    fn start(&self) -> io::Result<Caller<Ask, Answer, Told>> {
        let end = lock(&self.end).take().ok_or(io::ErrorKind::NotConnected)?;
        let open = self.open.clone();
        Caller::start(end, move |heard, told| match heard {
            // One that has given up closes the socket by letting it go.
            Heard::Unwanted(Reply { number, what, .. }) => {
                if matches!(what, Ok(Granted::Connected)) {
                    let _ = told.send(Told::Flows(vec![flow(number, &Bytes::default(), true)]));
                }
            }
            Heard::Note(Count) => {
                let flows: Vec<Flow> = lock(&open)
                    .iter()
                    .map(|(number, bytes)| flow(*number, bytes, false))
                    .collect();
                let flows = flows.chunks(FLOWS).map(|flows| Told::Flows(flows.to_vec()));
                flows.chain([Told::Counted]).for_each(|part| drop(told.send(part)));
            }
        })
    }
}

/// A supervisor that is gone takes this process with it.
const GONE: Failed = Failed::Errno(Errno::NETDOWN.raw_os_error());
