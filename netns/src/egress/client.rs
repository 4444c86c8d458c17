//! The guest's end: asks, and waits for answers.

use super::channel::Channel;
pub use super::message::Failed;
use super::message::{Answer, Ask, Granted, IN_FLIGHT, What};
use rustix::io::Errno;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OnceCell, Semaphore, oneshot};
use tokio::task::JoinSet;

/// Asks a supervisor's [`super::Egress`].
pub struct Client {
    /// Until it is first used: to wait for it takes a runtime of tokio's.
    end: Mutex<Option<OwnedFd>>,
    open: OnceCell<Open>,
}

struct Open {
    channel: Arc<Channel>,
    waiting: Arc<Mutex<Waiting>>,
    in_flight: Semaphore,
    /// Takes answers until the supervisor is gone.
    _reader: JoinSet<()>,
}

/// What was asked for, with the socket that came along.
type Answered = Result<(Granted, Option<OwnedFd>), Failed>;

#[derive(Default)]
struct Waiting {
    number: u64,
    asks: HashMap<u64, oneshot::Sender<Answered>>,
    /// Nobody answers any more.
    is_over: bool,
}

/// Whatever a panic elsewhere left: it is consistent at each step.
fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Client {
    /// Asks over this channel ([`crate::fd_passing::channel`]).
    pub fn new(channel: OwnedFd) -> Client {
        Client {
            end: Mutex::new(Some(channel)),
            open: OnceCell::new(),
        }
    }

    /// A connection of the host's to this address.
    ///
    /// # Errors
    ///
    /// No rule allows it, or what the network says.
    pub async fn connect(&self, to: SocketAddr) -> Result<TcpStream, Failed> {
        match self.ask(What::Connect(to)).await? {
            (Granted::Connected, Some(socket)) => Ok(socket.into()),
            // It came, and there was no room for it.
            (Granted::Connected, None) => Err(Failed::Errno(Errno::MFILE.raw_os_error())),
            _ => Err(Failed::Errno(Errno::PROTO.raw_os_error())),
        }
    }

    /// The addresses of a name.
    ///
    /// # Errors
    ///
    /// It has none, or nobody can say.
    pub async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, Failed> {
        match self.ask(What::Resolve(name.to_owned())).await? {
            (Granted::Addresses(addresses), _) => Ok(addresses),
            (Granted::Connected, _) => Err(Failed::TryAgain),
        }
    }

    async fn ask(&self, what: What) -> Answered {
        // A supervisor that is gone takes this process with it.
        let gone = Failed::Errno(Errno::NETDOWN.raw_os_error());
        let open = self
            .open
            .get_or_try_init(async || self.open())
            .await
            .map_err(|_| gone)?;
        let _permit = open.in_flight.acquire().await.map_err(|_| gone)?;
        let (answer, answered) = oneshot::channel();
        let number = {
            let mut waiting = lock(&open.waiting);
            if waiting.is_over {
                return Err(gone);
            }
            waiting.number += 1;
            let number = waiting.number;
            waiting.asks.insert(number, answer);
            number
        };
        // Whoever gives up waits for no answer.
        let _forget = Forget(&open.waiting, number);
        open.channel.send(&Ask { number, what }, &[]).await.map_err(|_| gone)?;
        answered.await.map_err(|_| gone)?
    }

    fn open(&self) -> io::Result<Open> {
        let end = self.end.lock().unwrap_or_else(PoisonError::into_inner).take();
        let channel = Arc::new(Channel::new(end.ok_or(io::ErrorKind::NotConnected)?)?);
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let mut reader = JoinSet::new();
        reader.spawn(read(channel.clone(), waiting.clone()));
        Ok(Open {
            channel,
            waiting,
            in_flight: Semaphore::new(IN_FLIGHT),
            _reader: reader,
        })
    }
}

struct Forget<'a>(&'a Mutex<Waiting>, u64);

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        lock(self.0).asks.remove(&self.1);
    }
}

async fn read(channel: Arc<Channel>, waiting: Arc<Mutex<Waiting>>) {
    while let Ok(Some((Answer { number, result }, fds))) = channel.receive().await {
        if let Some(asker) = lock(&waiting).asks.remove(&number) {
            // One that has given up closes the socket by letting it go.
            let _ = asker.send(result.map(|granted| (granted, fds.into_iter().next())));
        }
    }
    let mut waiting = lock(&waiting);
    waiting.is_over = true;
    waiting.asks.clear();
}
