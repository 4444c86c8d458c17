//! The target's end: connects to its own guest for others. A thread of its own, so that nothing of theirs holds the session up.

use super::message::{Closed, Open, PORTS, Refused};
use crate::calls::{Channel, Down, IN_FLIGHT, Up};
use crate::forward::{Forward, Forwarder, Reach, Reached};
use crate::rule::Protocol;
use futures::future::BoxFuture;
use rustix::io::Errno;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Most consumers at once.
const CONSUMERS: usize = 64;
/// Longest that a connection waits for the guest, whatever a consumer asks for: a time that far away cannot be said.
const LONGEST: Duration = Duration::from_hours(24);

/// The way to a port of the guest.
pub struct Route {
    /// Where its connections go.
    pub forward: Arc<Forward>,
    /// Connections are relayed by this one: without it the consumer has the guest's own socket.
    pub relay: Option<Arc<Forwarder>>,
}

/// Asks for the way to a port of the guest; none when the run is about to end.
pub type OnRoute = Arc<dyn Fn(u16, Protocol) -> BoxFuture<'static, Option<Route>> + Send + Sync>;

/// Takes in the supervisors of consumers. Dropping it lets none in any more, and none of their connections counts.
pub struct Server {
    _stop: oneshot::Sender<()>,
}

impl Server {
    /// Starts the thread. `listener` is of the kind `SOCK_SEQPACKET`, does not block, and in a folder of this user's.
    ///
    /// # Errors
    ///
    /// There is no thread, or no descriptor.
    pub fn start(listener: OwnedFd, on_route: OnRoute) -> io::Result<Server> {
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let serve = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, on_route) => {}
                    _ = stopped => {}
                }
            });
        };
        std::thread::Builder::new().name("links".to_owned()).spawn(serve)?;
        Ok(Server { _stop: stop })
    }
}

async fn serve(listener: OwnedFd, on_route: OnRoute) {
    // tokio's type for streams of unix(7) waits for any listener of that family.
    let Ok(listener) = UnixListener::from_std(listener.into()) else {
        return;
    };
    let user = rustix::process::geteuid();
    let mut consumers = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if consumers.len() < CONSUMERS => {
                let Ok((stream, _)) = accepted else {
                    // No descriptor is left: others end.
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    continue;
                };
                let peer = stream.peer_cred().map(|peer| peer.uid());
                let is_ours = peer.is_ok_and(|uid| uid == user.as_raw() || uid == 0);
                if let Some(stream) = is_ours.then(|| stream.into_std().ok()).flatten() {
                    consumers.spawn(consumer(stream.into(), on_route.clone()));
                }
            }
            Some(_) = consumers.join_next() => {}
        }
    }
}

/// Places at the guest, by the numbers of connections.
type Places = Arc<Mutex<HashMap<u64, Reached>>>;

/// Answers one consumer's supervisor. Its end closes all places.
async fn consumer(channel: OwnedFd, on_route: OnRoute) {
    let Ok(channel) = Channel::new(channel).map(Arc::new) else {
        return;
    };
    let places = Places::default();
    let mut answers = JoinSet::new();
    loop {
        tokio::select! {
            // One that asks for more than it may waits.
            heard = channel.receive::<Up<Open, Closed>>(), if answers.len() < IN_FLIGHT => match heard {
                Ok(Some((Up::Call { number, what, .. }, _))) => {
                    answers.spawn(answer(channel.clone(), places.clone(), on_route.clone(), number, what));
                }
                Ok(Some((Up::Note(Closed(number)), _))) => {
                    let place = places.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
                    drop(place);
                }
                Ok(None) | Err(_) => return,
            },
            Some(_) = answers.join_next() => {}
        }
    }
}

async fn answer(channel: Arc<Channel>, places: Places, on_route: OnRoute, number: u64, open: Open) {
    let (what, socket) = match connect(&on_route, &open).await {
        Ok((socket, place)) => {
            // Before the consumer can say that it is closed.
            let mut places = places.lock().unwrap_or_else(PoisonError::into_inner);
            place.map(|place| places.insert(number, place));
            (Ok(()), Some(socket))
        }
        Err(refused) => (Err(refused), None),
    };
    let fds: Vec<_> = socket.iter().map(AsFd::as_fd).collect();
    let answer: Down<_, ()> = Down::Answer { number, what };
    // A consumer that is gone needs no answer.
    let _ = channel.send(&answer, &fds).await;
}

/// The consumer's socket, and its place at the guest, which a relay keeps itself.
async fn connect(on_route: &OnRoute, open: &Open) -> Result<(OwnedFd, Option<Reached>), Refused> {
    // On the guest's loopback it is bound, where no other may be.
    if !crate::egress::is_of_link(open.client) {
        return Err(Refused::Failed {
            errno: Errno::INVAL.raw_os_error(),
        });
    }
    let Route { forward, relay } = on_route(open.port, open.protocol).await.ok_or(Refused::Ended)?;
    let reach = Reach {
        forward: &forward,
        client: open.client,
        patience: open.patience.min(LONGEST),
    };
    let refused = |errno| match errno {
        Errno::TIMEDOUT => Refused::NotListening {
            waited: open.patience,
            listens: forward.listens(open.protocol, PORTS),
            port: open.port,
        },
        Errno::NETDOWN => Refused::Ended,
        errno => Refused::Failed {
            errno: errno.raw_os_error(),
        },
    };
    let (socket, place) = reach.connect(open.protocol).await.map_err(refused)?;
    match (relay, place) {
        (Some(relay), Some(place)) => {
            let failed = |errno: Errno| Refused::Failed {
                errno: errno.raw_os_error(),
            };
            Ok((relay.admit(&forward, socket, place).map_err(failed)?, None))
        }
        (_, place) => Ok((socket, place)),
    }
}
