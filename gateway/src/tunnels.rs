//! Sessions of native clients: a carrier, the pipe over it, HTTP/2 over that, and each stream judged.

use super::access::Hall;
use super::audit::{Entry, Event};
use super::handler::Judged;
use super::policy::SESSIONS;
use super::principal::{Identity, Principal};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tunnel::carrier::BoxCarrier;
use tunnel::pipe::{Bye, Settings};
use tunnel::session::{Accepted, Limits, Sessions};

/// Clients whose carrier is there and who have not greeted.
const STRANGERS: usize = 64;
/// A session that is ended has so long for the words; its streams are reset at its end.
const FAREWELL: Duration = Duration::from_millis(500);

/// All sessions.
#[derive(Clone)]
pub(crate) struct Tunnels {
    hall: Hall,
    sessions: Arc<Sessions<Identity>>,
    strangers: Arc<Semaphore>,
}

impl Tunnels {
    pub(crate) fn new(hall: Hall, settings: Settings) -> Tunnels {
        let limits = Limits {
            sessions: SESSIONS,
            ..Limits::default()
        };
        Tunnels {
            hall,
            sessions: Arc::new(Sessions::new(settings, limits)),
            strangers: Arc::new(Semaphore::new(STRANGERS)),
        }
    }

    /// A place for a client that has not greeted.
    pub(crate) fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.strangers.clone().try_acquire_owned().ok()
    }

    pub(crate) fn count(&self) -> usize {
        self.sessions.count()
    }

    /// Tells all clients that the hub ends.
    pub(crate) fn end(&self) {
        self.sessions.end(|_| true, Bye::GOING, "the hub ends");
    }

    /// Serves one carrier of a client: a whole session, or the beginning of its next link.
    pub(crate) async fn serve(&self, carrier: BoxCarrier, principal: Principal, place: OwnedSemaphorePermit) {
        let identity = Identity {
            who: principal.who.clone(),
            door: principal.door,
        };
        let accepted = self.sessions.accept(carrier, identity).await;
        drop(place);
        let (stream, keeper, agent) = match accepted {
            Ok(Accepted::New { stream, keeper, agent }) => (stream, keeper, agent),
            Ok(Accepted::Resumed(_)) => return,
            Err(error) => {
                let entry = Entry::of(Event::Refusal, &principal).outcome(error);
                return self.hall.audit().say(entry);
            }
        };
        let access = self.hall.access(principal.clone());
        let say = |entry: Entry| self.hall.audit().say(entry);
        // It may have come in between of a change and the look at it, which is what the first look of `revoked` is for.
        let most = access.ruling().policy.most_sessions();
        if self.sessions.count() > most {
            stream.ender().end(Bye::POLICY, "too many sessions are open");
            say(Entry::of(Event::Refusal, &principal).outcome("too many sessions are open"));
            let _ = tokio::time::timeout(FAREWELL, keeper.run()).await;
            return;
        }
        say(Entry::of(Event::Session, &principal).outcome(format!("began: {agent}")));
        let (began, ender) = (Instant::now(), stream.ender());
        let serve = tunnel::mux::serve(stream, Arc::new(Judged(access.clone())), std::future::pending());
        // The keeper sends what is left when the streams have ended.
        let mut both = std::pin::pin!(async { tokio::join!(serve, keeper.run()) });
        let outcome = tokio::select! {
            (served, end) = &mut both => served.err().map_or_else(|| end.to_string(), |error| error.to_string()),
            denied = access.expelled() => {
                ender.end(Bye::POLICY, &denied.to_string());
                say(Entry::of(Event::Stop, &principal).outcome(&denied));
                let _ = tokio::time::timeout(FAREWELL, both).await;
                denied.to_string()
            }
        };
        let entry = Entry {
            seconds: Some(began.elapsed().as_secs_f64()),
            ..Entry::of(Event::Session, &principal)
        };
        say(entry.outcome(format!("ended: {outcome}")));
    }
}
