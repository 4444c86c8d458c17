//! The supervisor's end: judges, looks up, connects, and hands the socket over. A thread of its own, so that nothing of a guest's
//! holds the session up.

use super::dialer::Made;
use super::ledger::{OfGuest, Open, Row};
use super::message::{Answer, Ask, Count, Failed, Granted, Told};
use super::relay;
use super::shared::{Event, LOOKUPS, OnEvent, Rules, Shared, lock, of_protocol};
use crate::calls::{Channel, Down, IN_FLIGHT, Up};
use crate::forward::Target;
use crate::link;
use crate::rule::Protocol;
use futures::FutureExt;
use rustix::io::Errno;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, Weak};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

/// Makes connections for guests. Dropping it ends those that are being made.
pub struct Egress {
    shared: Arc<Shared>,
    guests: UnboundedSender<Come>,
    known: Known,
}

/// Guests that may be there.
type Known = Arc<Mutex<Vec<Weak<Guest>>>>;

/// A guest's channel, and its network where connections are relayed.
type Come = (OwnedFd, Option<Arc<Target>>);

/// One guest's process.
struct Guest {
    shared: Arc<Shared>,
    channel: Channel,
    inside: Option<Arc<Target>>,
    open: Mutex<OfGuest>,
    /// What moves its bytes, where it has no sockets of the host's.
    relays: Mutex<JoinSet<()>>,
    /// It has told of all that is open.
    counted: Notify,
}

impl Egress {
    /// Starts the thread. Other runs are found by `find`.
    ///
    /// # Errors
    ///
    /// There is no thread, or no descriptor.
    pub fn start(rules: Rules, find: link::Find, on_event: OnEvent) -> io::Result<Egress> {
        let shared = Arc::new(Shared::new(rules, find, on_event));
        let known = Known::default();
        let (guests, come) = unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(LOOKUPS)
            .build()?;
        let serve = {
            let (shared, known) = (shared.clone(), known.clone());
            move || {
                runtime.block_on(serve(shared, known, come));
                // A look-up may take as long as it likes.
                runtime.shutdown_background();
            }
        };
        std::thread::Builder::new().name("egress".to_owned()).spawn(serve)?;
        Ok(Egress { shared, guests, known })
    }

    /// Answers what comes over this channel, the other end of a [`super::Client`]'s, until that is closed. Where `inside` is the guest's
    /// network, it gets no socket of the host's: its connections are relayed.
    pub fn serve(&self, channel: OwnedFd, inside: Option<Arc<Target>>) {
        // Where the thread has ended, the guest is told by the channel's end.
        let _ = self.guests.send((channel, inside));
    }

    /// Has other rules hold from the next connection on.
    pub fn allow(&self, rules: Rules) {
        self.shared.allow(rules);
    }

    /// What has become of what was asked for.
    pub fn rows(&self) -> Vec<Row> {
        lock(&self.shared.ledger).rows()
    }

    /// Has guests tell what went over the connections that are open; none where nothing is open. A guest that is busy may take as
    /// long as it likes.
    pub fn count(&self) -> Option<impl Future<Output = ()> + Send + use<>> {
        let guests: Vec<Arc<Guest>> = lock(&self.known).iter().filter_map(Weak::upgrade).collect();
        let busy: Vec<Arc<Guest>> = guests
            .into_iter()
            .filter(|guest| !lock(&guest.open).is_empty())
            .collect();
        if busy.is_empty() {
            return None;
        }
        // One that says nothing must not keep another from being asked.
        let counts = busy.into_iter().map(|guest| async move { guest.count().await });
        Some(futures::future::join_all(counts).map(drop))
    }
}

async fn serve(shared: Arc<Shared>, known: Known, mut come: UnboundedReceiver<Come>) {
    let (mut guests, mut driver) = (JoinSet::new(), JoinSet::new());
    if let Ok(asking) = shared.own.open() {
        driver.spawn(asking);
    }
    loop {
        tokio::select! {
            channel = come.recv() => match channel {
                Some((channel, inside)) => {
                    let Ok(channel) = Channel::new(channel) else { continue };
                    let guest = Arc::new(Guest {
                        shared: shared.clone(),
                        channel,
                        inside,
                        open: Mutex::default(),
                        relays: Mutex::default(),
                        counted: Notify::new(),
                    });
                    let mut known = lock(&known);
                    known.retain(|guest| guest.strong_count() > 0);
                    known.push(Arc::downgrade(&guest));
                    drop(known);
                    guests.spawn(answer_all(guest));
                }
                None => return,
            },
            Some(_) = guests.join_next() => {}
        }
    }
}

async fn answer_all(guest: Arc<Guest>) {
    let mut answers = JoinSet::new();
    loop {
        tokio::select! {
            // One that asks for more than it may waits, and what is odd ends it: descriptors that come along are closed.
            heard = guest.channel.receive::<Up<Ask, Told>>(), if answers.len() < IN_FLIGHT => match heard {
                Ok(Some((Up::Call { number, what, note }, _))) => {
                    note.into_iter().for_each(|told| guest.told(told));
                    drop(answers.spawn(guest.clone().answer(number, what)));
                }
                Ok(Some((Up::Note(told), _))) => guest.told(told),
                Ok(None) | Err(_) => return,
            },
            Some(_) = answers.join_next() => {}
        }
    }
}

impl Guest {
    async fn answer(self: Arc<Guest>, number: u64, what: Ask) {
        let mut socket = None;
        let what = match what {
            Ask::Resolve(name) => self.shared.resolve(&name).await.map(Granted::Addresses),
            Ask::Records(name, kind) => self.shared.records(&name, kind).await.map(Granted::Records),
            Ask::Connect(to) => self.connect(number, to, Protocol::Tcp, &mut socket).await,
            Ask::Datagrams(to) => self.connect(number, to, Protocol::Udp, &mut socket).await,
        };
        let fds: Vec<_> = socket.iter().map(AsFd::as_fd).collect();
        // A guest that is gone needs no answer.
        let _ = self
            .channel
            .send(&Down::<Answer, Count>::Answer { number, what }, &fds)
            .await;
    }

    async fn connect(
        &self,
        number: u64,
        to: SocketAddr,
        protocol: Protocol,
        socket: &mut Option<OwnedFd>,
    ) -> Result<Granted, Failed> {
        let mut made = self.shared.connect(to, protocol).await?;
        let mut moves = made.moves.take();
        if let (Some(inside), Protocol::Tcp) = (&self.inside, protocol) {
            let failed = |error: io::Error| Failed::Errno(error.raw_os_error().unwrap_or(Errno::IO.raw_os_error()));
            let relayed = relay::relayed(made.socket, inside.clone()).await.map_err(failed)?;
            (made.socket, moves) = (relayed.0, Some(relayed.1));
        }
        *socket = Some(self.opened(number, made, protocol)?);
        if let Some(moves) = moves {
            let mut relays = lock(&self.relays);
            while relays.try_join_next().is_some() {}
            relays.spawn(moves);
        }
        Ok(Granted::Connected)
    }

    /// Counts a connection, before the guest can say that it is closed.
    fn opened(&self, number: u64, made: Made, protocol: Protocol) -> Result<OwnedFd, Failed> {
        let Made {
            socket,
            address,
            to,
            rule,
            link,
            moves: _,
        } = made;
        // Others may have been made meanwhile.
        self.shared.has_room(&to, protocol)?;
        let to = of_protocol(&to, protocol);
        let open = Open::new(to.clone(), address, link);
        let mut ledger = lock(&self.shared.ledger);
        let former = ledger.open(&mut lock(&self.open), number, open, &rule);
        drop(ledger);
        former.into_iter().for_each(|closed| self.shared.closed(closed));
        (self.shared.on_event)(Event::Connected { to, address });
        Ok(socket)
    }

    fn told(&self, told: Told) {
        let Told::Flows(flows) = told else {
            return self.counted.notify_waiters();
        };
        for flow in flows {
            let closed = lock(&self.shared.ledger).told(&mut lock(&self.open), flow);
            closed.into_iter().for_each(|closed| self.shared.closed(closed));
        }
    }

    async fn count(&self) {
        let mut counted = std::pin::pin!(self.counted.notified());
        // An answer that comes before the wait is heard.
        counted.as_mut().enable();
        if self
            .channel
            .send(&Down::<Answer, Count>::Note(Count), &[])
            .await
            .is_ok()
        {
            counted.await;
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // What it has sent last is still on its way.
        lock(&self.relays).detach_all();
        for (_, open) in std::mem::take(&mut *lock(&self.open)) {
            let closed = lock(&self.shared.ledger).close(open);
            self.shared.closed(closed);
        }
    }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
