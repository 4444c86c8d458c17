//! Adoption: listeners of the host that are left to a guest, which accepts from them without a relay in between.
//!
//! ```text
//!   supervisor -- "127.0.0.1:8080 is for port 3000" --> Adoption --+
//!                                                                  +--> Acceptor of port 3000 --> Accepted
//!   the guest's own listener on port 3000, in its namespace -------+
//! ```
//!
//! The listeners stay in here, under one lock, so that [`Adoption::release`] is exact: once it has returned nobody in this
//! process accepts from any of them.

mod accepted;
mod shared;
mod trim;

pub(crate) use accepted::Accepted;
pub use shared::{Counts, OnCounts};

use self::accepted::Adopted;
use self::shared::{Shared, State, Tally};
use crate::event::{Event, Events};
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

const BACKLOG: u32 = 4096;
/// That the limit is reached is said again after this: it may be so for each of thousands of short connections.
const REPEAT: Duration = Duration::from_secs(30);

/// The listeners that a guest's process has been given. Clones are the same.
#[derive(Clone)]
pub struct Adoption(Arc<Shared>);

impl Adoption {
    /// For at most `connections` at once. `own` are listeners of the guest's namespace, by port; for ports without one
    /// they are made when the guest starts.
    pub fn new(connections: usize, own: HashMap<u16, OwnedFd>, events: Events, on_counts: OnCounts) -> Adoption {
        Adoption(Arc::new(Shared {
            limit: connections,
            events,
            on_counts,
            live: AtomicUsize::new(0),
            crowd: Arc::default(),
            state: Mutex::new(State {
                own,
                ..State::default()
            }),
        }))
    }

    /// Takes a listener for the guest's `port`.
    pub fn give(&self, forward: u64, port: u16, listener: OwnedFd) {
        let mut state = self.0.state();
        state.released = false;
        // The guest may have closed its listener while this one was on its way.
        if !state.accepts_on(port) {
            drop(state);
            return (self.0.events)(Event::Closed(port));
        }
        state.fresh.push((forward, port, listener));
        state.wake();
    }

    /// Closes the listeners: from here on connections to them are others' to accept. Those that are open stay, and each
    /// end of one is told ([`OnCounts`]), after `tell` has returned, so that newer counts come later.
    pub fn release(&self, tell: impl FnOnce(Vec<Counts>)) {
        let mut state = self.0.state();
        state.released = true;
        state.fresh.clear();
        state.listening.clear();
        tell(state.counts());
    }

    /// Wakes who accepts, because the guest's end is asked for: in a guest that wants to hear of it (`Adoption::hear`) each
    /// fails once.
    pub fn end(&self) {
        let mut state = self.0.state();
        state.ends = true;
        state.wake();
    }

    /// From here on [`Adoption::end`] is heard.
    pub(crate) fn hear(&self) {
        self.0.state().hears = true;
    }

    /// What came through each forward.
    pub fn counts(&self) -> Vec<Counts> {
        self.0.state().counts()
    }

    /// What accepts on one of the guest's ports.
    pub(crate) fn acceptor(&self, port: u16) -> io::Result<Acceptor> {
        let own = self.0.state().own.remove(&port);
        let own = match own {
            Some(listener) => TcpListener::from_std(listener.into())?,
            None => listen(port)?,
        };
        self.acceptor_of(own)
    }

    /// What accepts on the port of a listener that the guest has made. There may be several of a port, each for another
    /// address.
    pub(crate) fn acceptor_of(&self, own: TcpListener) -> io::Result<Acceptor> {
        let port = own.local_addr()?.port();
        let mut state = self.0.state();
        let number = state.next_acceptor;
        state.next_acceptor += 1;
        state.acceptors.insert(number, port);
        drop(state);
        Ok(Acceptor {
            own,
            port,
            number,
            adoption: self.clone(),
            own_is_next: true,
            has_heard: false,
        })
    }

    fn poll_accept(&self, port: u16, number: u64, context: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        let mut state = self.0.state();
        state.waits(number, context);
        state.watch_fresh(&self.0);
        if self.0.live.load(Relaxed) >= self.0.limit {
            if !state.listening.is_empty() && state.limit_told.is_none_or(|told| told.elapsed() >= REPEAT) {
                state.limit_told = Some(Instant::now());
                (self.0.events)(Event::AtLimit(self.0.limit));
            }
            return Poll::Pending;
        }
        let mut at = 0;
        while let Some(listening) = state.listening.get(at) {
            if listening.port != port {
                at += 1;
                continue;
            }
            match listening
                .listener
                .poll_accept(&mut Context::from_waker(&listening.waker))
            {
                Poll::Pending => at += 1,
                Poll::Ready(Ok((stream, peer))) => {
                    let forward = listening.forward;
                    // The next of several listeners is asked first.
                    let turn = state.listening.remove(at);
                    state.listening.push(turn);
                    let tally = state.tallies.entry(forward).or_default().clone();
                    return Poll::Ready(Ok(self.accepted((stream, peer), forward, tally)));
                }
                // Shut down by its owner: the forward is no more.
                Poll::Ready(Err(error)) if error.kind() == ErrorKind::InvalidInput => {
                    state.listening.remove(at);
                }
                Poll::Ready(Err(error)) if is_of_one_connection(&error) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Pending
    }

    fn accepted(&self, (stream, peer): (TcpStream, SocketAddr), forward: u64, tally: Arc<Tally>) -> Accepted {
        self.0.live.fetch_add(1, Relaxed);
        tally.live.fetch_add(1, Relaxed);
        tally.accepted.fetch_add(1, Relaxed);
        let adopted = Adopted {
            forward,
            tally,
            shared: self.0.clone(),
        };
        Accepted::adopted(stream, peer, adopted, self.0.crowd.enter())
    }
}

/// The client gave up between the handshake and accept(2): its loss alone.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::Interrupted | ErrorKind::NotConnected | ErrorKind::PermissionDenied
    )
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    // Accepted sockets inherit it. A response's head and body must not wait for each other.
    socket.set_nodelay(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(BACKLOG)
}

/// Accepts on one port of the guest: from its own listener and from every listener of the host that leads there, in turn.
pub(crate) struct Acceptor {
    own: TcpListener,
    port: u16,
    number: u64,
    adoption: Adoption,
    own_is_next: bool,
    /// It has failed, as it does once in a guest that is to end.
    has_heard: bool,
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        let mut state = self.adoption.0.state();
        state.acceptors.remove(&self.number);
        state.waiting.remove(&self.number);
        if state.accepts_on(self.port) {
            // A connection that this one would have been woken for is another's now.
            state.wake();
            return;
        }
        let before = state.fresh.len() + state.listening.len();
        state.fresh.retain(|(_, port, _)| *port != self.port);
        state.listening.retain(|listening| listening.port != self.port);
        if state.fresh.len() + state.listening.len() < before {
            (self.adoption.0.events)(Event::Closed(self.port));
        }
    }
}

impl Acceptor {
    /// The guest's own listener's.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.own.local_addr()
    }

    pub(crate) async fn accept(&mut self) -> io::Result<Accepted> {
        std::future::poll_fn(|context| self.poll_accept(context)).await
    }

    pub(crate) fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        for _ in 0..2 {
            self.own_is_next = !self.own_is_next;
            let accepted = if self.own_is_next {
                self.adoption.poll_accept(self.port, self.number, context)
            } else {
                let accepted = self.own.poll_accept(context);
                accepted.map_ok(|(stream, peer)| Accepted {
                    _member: Some(self.adoption.0.crowd.enter()),
                    ..Accepted::own(stream, peer)
                })
            };
            if accepted.is_ready() {
                return accepted;
            }
        }
        if !self.has_heard && self.adoption.0.state().is_heard() {
            self.has_heard = true;
            return Poll::Ready(Err(ErrorKind::ConnectionAborted.into()));
        }
        Poll::Pending
    }
}

impl AsFd for Acceptor {
    /// The guest's own listener.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.own.as_fd()
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test ends with its runtime")]
mod tests {
    use super::*;
    use futures::task::{ArcWake, waker};

    struct Woken(AtomicUsize);

    impl ArcWake for Woken {
        fn wake_by_ref(woken: &Arc<Woken>) {
            woken.0.fetch_add(1, Relaxed);
        }
    }

    fn host() -> (OwnedFd, SocketAddr) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        (listener.into(), address)
    }

    #[tokio::test]
    async fn who_asks_again_is_woken_once_and_accepts_from_each_listener() {
        let adoption = Adoption::new(10, HashMap::new(), Arc::new(|_| ()), Arc::new(|_| ()));
        let mut acceptor = adoption.acceptor(0).unwrap();
        let woken = Arc::new(Woken(AtomicUsize::new(0)));
        // A guest that polls has another waker each time.
        for _ in 0..100 {
            let waker = waker(Arc::new(Woken(AtomicUsize::new(0))));
            assert!(acceptor.poll_accept(&mut Context::from_waker(&waker)).is_pending());
        }
        let waker = waker(woken.clone());
        assert!(acceptor.poll_accept(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(adoption.0.state().waiting.len(), 1);
        let own = acceptor.local_addr().unwrap();
        let (listeners, addresses): (Vec<_>, Vec<_>) = (0..3).map(|_| host()).unzip();
        for (listener, forward) in listeners.into_iter().zip(1..) {
            adoption.give(forward, own.port(), listener);
        }
        assert_eq!(woken.0.load(Relaxed), 1);
        let clients: Vec<_> = addresses
            .iter()
            .chain([&own])
            .map(std::net::TcpStream::connect)
            .collect();
        let mut accepted = Vec::new();
        for _ in &clients {
            accepted.push(acceptor.accept().await.unwrap());
        }
        assert_eq!(accepted.iter().filter(|one| one.is_adopted()).count(), 3);
        let each = |counts: &Counts| (counts.forward, counts.accepted, counts.live);
        assert_eq!(
            adoption.counts().iter().map(each).collect::<Vec<_>>(),
            [(1, 1, 1), (2, 1, 1), (3, 1, 1)]
        );
        drop(accepted);
        adoption.release(|counts| assert!(counts.iter().all(|counts| counts.live == 0)));
        // Nobody accepts there any more.
        for address in addresses {
            assert!(std::net::TcpStream::connect(address).is_err());
        }
    }
    #[tokio::test]
    async fn a_listener_that_comes_too_late_is_given_back() {
        let closed = Arc::new(Mutex::new(Vec::new()));
        let seen = closed.clone();
        let adoption = Adoption::new(
            10,
            HashMap::new(),
            Arc::new(move |event| seen.lock().unwrap().push(event)),
            Arc::new(|_| ()),
        );
        let acceptor = adoption.acceptor(0).unwrap();
        let port = acceptor.local_addr().unwrap().port();
        drop(acceptor);
        assert_eq!(*closed.lock().unwrap(), []);
        let (listener, address) = host();
        adoption.give(1, port, listener);
        assert_eq!(*closed.lock().unwrap(), [Event::Closed(port)]);
        assert!(std::net::TcpStream::connect(address).is_err());
    }

    /// tokio remembers one waker of a listener.
    #[tokio::test]
    async fn each_of_two_listeners_on_a_port_is_woken() {
        let adoption = Adoption::new(10, HashMap::new(), Arc::new(|_| ()), Arc::new(|_| ()));
        let mut one = adoption.acceptor(0).unwrap();
        let port = one.local_addr().unwrap().port();
        let other = std::net::TcpListener::bind(("::1", port)).unwrap();
        other.set_nonblocking(true).unwrap();
        let mut other = adoption.acceptor_of(TcpListener::from_std(other).unwrap()).unwrap();
        let (listener, address) = host();
        adoption.give(1, port, listener);
        let first = tokio::spawn(async move { one.accept().await.map(|_| ()) });
        tokio::task::yield_now().await;
        // The last that asks, and asks no more.
        let idle = waker(Arc::new(Woken(AtomicUsize::new(0))));
        assert!(other.poll_accept(&mut Context::from_waker(&idle)).is_pending());
        let _client = std::net::TcpStream::connect(address).unwrap();
        let accepted = tokio::time::timeout(Duration::from_secs(10), first).await;
        accepted.expect("it is woken").unwrap().unwrap();
    }
}
