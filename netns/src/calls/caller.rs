//! The end that calls.

use super::channel::Channel;
use super::{Down, IN_FLIGHT, Up};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

/// Calls over a channel, and waits for answers.
pub(crate) struct Caller<Q, A, N> {
    channel: Arc<Channel>,
    waiting: Arc<Mutex<Waiting<A>>>,
    in_flight: Semaphore,
    notes: UnboundedSender<N>,
    /// They take answers, and send notes, until the other end is gone.
    _tasks: JoinSet<()>,
    _asks: std::marker::PhantomData<fn(Q)>,
}

/// An answer.
pub(crate) struct Reply<A> {
    /// The call's number.
    pub(crate) number: u64,
    pub(crate) what: A,
    /// What came along; none, too, where this process has no room for it.
    pub(crate) socket: Option<OwnedFd>,
}

/// What comes besides answers.
pub(crate) enum Heard<A, M> {
    /// An answer for which nobody waits any more.
    Unwanted(Reply<A>),
    Note(M),
}

/// The other end is gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;

struct Waiting<A> {
    number: u64,
    calls: HashMap<u64, oneshot::Sender<Reply<A>>>,
    /// Nobody answers any more.
    is_over: bool,
}

/// Whatever a panic elsewhere left: it is consistent at each step.
fn lock<A>(waiting: &Mutex<Waiting<A>>) -> MutexGuard<'_, Waiting<A>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<Q, A, N> Caller<Q, A, N>
where
    Q: Serialize + Send + Sync + 'static,
    A: DeserializeOwned + Send + 'static,
    N: Serialize + Send + Sync + 'static,
{
    /// Takes an end of [`crate::fd_passing::channel`]. It takes a runtime of tokio's.
    ///
    /// # Errors
    ///
    /// The channel cannot be waited for.
    pub(crate) fn start<M>(
        channel: OwnedFd,
        on: impl Fn(Heard<A, M>, &UnboundedSender<N>) + Send + 'static,
    ) -> io::Result<Caller<Q, A, N>>
    where
        M: DeserializeOwned + Send + 'static,
    {
        let channel = Arc::new(Channel::new(channel)?);
        let waiting = Arc::new(Mutex::new(Waiting {
            number: 0,
            calls: HashMap::new(),
            is_over: false,
        }));
        let (notes, to_be_sent) = unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(read(channel.clone(), waiting.clone(), notes.clone(), on));
        tasks.spawn(send_notes::<Q, N>(channel.clone(), to_be_sent));
        Ok(Caller {
            channel,
            waiting,
            in_flight: Semaphore::new(IN_FLIGHT),
            notes,
            _tasks: tasks,
            _asks: std::marker::PhantomData,
        })
    }

    /// Calls; a note may go along. Whoever gives up waits for no answer.
    ///
    /// # Errors
    ///
    /// The other end is gone.
    pub(crate) async fn call(&self, what: Q, note: impl FnOnce() -> Option<N>) -> Result<Reply<A>, Gone> {
        let _permit = self.in_flight.acquire().await.map_err(|_| Gone)?;
        let (answer, answered) = oneshot::channel();
        let number = {
            let mut waiting = lock(&self.waiting);
            if waiting.is_over {
                return Err(Gone);
            }
            waiting.number += 1;
            let number = waiting.number;
            waiting.calls.insert(number, answer);
            number
        };
        let _forget = Forget(&self.waiting, number);
        let call = Up::Call {
            number,
            what,
            note: note(),
        };
        self.channel.send(&call, &[]).await.map_err(|_| Gone)?;
        answered.await.map_err(|_| Gone)
    }

    /// Sends notes, in order, as soon as there is room.
    pub(crate) fn notes(&self) -> UnboundedSender<N> {
        self.notes.clone()
    }

    /// Whether nobody answers any more.
    pub(crate) fn is_over(&self) -> bool {
        lock(&self.waiting).is_over
    }
}

struct Forget<'a, A>(&'a Mutex<Waiting<A>>, u64);

impl<A> Drop for Forget<'_, A> {
    fn drop(&mut self) {
        lock(self.0).calls.remove(&self.1);
    }
}

async fn read<A: DeserializeOwned, M: DeserializeOwned, N>(
    channel: Arc<Channel>,
    waiting: Arc<Mutex<Waiting<A>>>,
    notes: UnboundedSender<N>,
    on: impl Fn(Heard<A, M>, &UnboundedSender<N>),
) {
    while let Ok(Some((heard, fds))) = channel.receive::<Down<A, M>>().await {
        let (number, what) = match heard {
            Down::Note(note) => {
                on(Heard::Note(note), &notes);
                continue;
            }
            Down::Answer { number, what } => (number, what),
        };
        let reply = Reply {
            number,
            what,
            socket: fds.into_iter().next(),
        };
        let asker = lock(&waiting).calls.remove(&number);
        let unwanted = match asker {
            Some(asker) => asker.send(reply).err(),
            None => Some(reply),
        };
        if let Some(reply) = unwanted {
            on(Heard::Unwanted(reply), &notes);
        }
    }
    let mut waiting = lock(&waiting);
    waiting.is_over = true;
    waiting.calls.clear();
}

async fn send_notes<Q: Serialize, N: Serialize>(channel: Arc<Channel>, mut notes: UnboundedReceiver<N>) {
    while let Some(note) = notes.recv().await {
        let note: Up<Q, N> = Up::Note(note);
        if channel.send(&note, &[]).await.is_err() {
            return;
        }
    }
}
