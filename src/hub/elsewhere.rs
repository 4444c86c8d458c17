//! The runs of other machines on this user's page: those of their contexts, each reached while somebody looks.

use super::complaint::complaint;
use crate::remote::{Contexts, Hub, Place};
use anyhow::anyhow;
use bytes::Bytes;
use gateway::runs::Run;
use gateway::scope::ELSEWHERE;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tunnel::mux::{Body, Connected, HALF_CLOSED, Head, OpenError, Refusal};

/// Between two looks at the runs of a machine.
const LOOK: Duration = Duration::from_secs(2);
/// Between two attempts at one that cannot be reached.
const PAUSE: Duration = Duration::from_secs(30);
/// A machine is left in peace when nobody has looked at the page for so long.
const UNSEEN: Duration = Duration::from_secs(20);

/// All contexts.
#[derive(Default)]
pub(super) struct Elsewhere {
    machines: Mutex<BTreeMap<String, Machine>>,
}

/// One context's hub.
struct Machine {
    place: Place,
    known: watch::Receiver<Known>,
    /// When somebody looked last.
    looked: watch::Sender<Instant>,
    _keeper: JoinSet<()>,
}

#[derive(Clone, Default)]
struct Known {
    /// None before it was reached.
    hub: Option<Arc<Hub>>,
    runs: Vec<Run>,
}

impl Elsewhere {
    /// What is known by now of the runs of all contexts; names begin with their context's.
    pub(super) fn runs(&self) -> Vec<Run> {
        let contexts = match Contexts::read() {
            Ok(contexts) => contexts,
            Err(failure) => {
                tracing::debug!("contexts: {:#}", failure.error);
                return Vec::new();
            }
        };
        let places = contexts
            .all()
            .filter_map(|(name, _)| Some((name.to_owned(), contexts.place(name).ok()?)));
        let places: BTreeMap<String, Place> = places.collect();
        let mut machines = self.machines.lock().unwrap_or_else(PoisonError::into_inner);
        machines.retain(|name, machine| places.get(name) == Some(&machine.place));
        let mut all = Vec::new();
        for (name, place) in places {
            let machine = machines.entry(name.clone()).or_insert_with(|| Machine::new(place));
            machine.looked.send_replace(Instant::now());
            let named = |run: &Run| Run {
                name: format!("{name}{ELSEWHERE}{}", run.name),
                // Its forwards are of that machine.
                forwards: Vec::new(),
                ..run.clone()
            };
            all.extend(machine.known.borrow().runs.iter().map(named));
        }
        all
    }

    /// The hub of a run's machine, and the name that the run has there.
    fn hub<'a>(&self, run: &'a str) -> Option<(Arc<Hub>, &'a str)> {
        let (context, run) = run.split_once(ELSEWHERE)?;
        let machines = self.machines.lock().unwrap_or_else(PoisonError::into_inner);
        let hub = machines.get(context)?.known.borrow().hub.clone()?;
        Some((hub, run))
    }

    /// A TCP connection to a port of a run.
    pub(super) async fn connect(&self, head: Head) -> Result<Connected, Refusal> {
        let (hub, run) = self.hub(&head.run).ok_or_else(|| unknown(&head.run))?;
        let there = Head {
            run: run.to_owned(),
            ..head
        };
        let channel = hub.open(&there).await.map_err(refusal)?;
        let generation = channel.generation();
        let (ours, theirs) = pair()
            .await
            .map_err(|error| Refusal::new(StatusCode::BAD_GATEWAY, error.to_string()))?;
        let mut relayed = JoinSet::new();
        relayed.spawn(async move {
            channel.relay(theirs, HALF_CLOSED).await;
        });
        Ok(Connected {
            tcp: ours,
            generation,
            held: Box::new((relayed, hub)),
        })
    }

    /// A request of a run.
    pub(super) async fn request(&self, run: &str, method: Method, what: &str, body: Bytes) -> Response<Body> {
        let Some((hub, run)) = self.hub(run) else {
            return complaint(StatusCode::NOT_FOUND, &anyhow!("`{run}` is not running").into());
        };
        let asked = async {
            let request = Request::builder().method(method);
            let request = request.uri(format!("http://hub/v1/runs/{run}/{what}"));
            let answer = hub.request(request.body(Full::new(body))?).await?;
            Ok(answer.map(|body| body.map_err(Into::into).boxed_unsync()))
        };
        let answer: report::Result<_> = asked.await;
        answer.unwrap_or_else(|failure| complaint(StatusCode::BAD_GATEWAY, &failure))
    }
}

impl Machine {
    fn new(place: Place) -> Machine {
        let (says, known) = watch::channel(Known::default());
        let (looked, looks) = watch::channel(Instant::now());
        let mut keeper = JoinSet::new();
        keeper.spawn(keep(place.clone(), says, looks));
        Machine {
            place,
            known,
            looked,
            _keeper: keeper,
        }
    }
}

/// Reaches a machine while somebody looks, and asks for its runs.
async fn keep(place: Place, says: watch::Sender<Known>, mut looks: watch::Receiver<Instant>) {
    loop {
        let hub = match Hub::reach_unasked(&place).await {
            Ok(hub) => Arc::new(hub),
            Err(failure) => {
                tracing::warn!("{:#}: its runs are not on the page", failure.error);
                tokio::time::sleep(PAUSE).await;
                // Nobody may look any more.
                if looks.wait_for(|looked| looked.elapsed() < UNSEEN).await.is_err() {
                    return;
                }
                continue;
            }
        };
        loop {
            let runs = hub.known().await.unwrap_or_default();
            let hub = Some(hub.clone());
            says.send_replace(Known { hub, runs });
            tokio::time::sleep(LOOK).await;
            if looks.wait_for(|looked| looked.elapsed() < UNSEEN).await.is_err() {
                return;
            }
        }
    }
}

/// Both ends of a connection of this machine: what the gateway takes can carry a reset.
async fn pair() -> std::io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let ours = TcpStream::connect(listener.local_addr()?).await?;
    loop {
        let (theirs, peer) = listener.accept().await?;
        // Another process may have been quicker.
        if peer == ours.local_addr()? {
            return Ok((ours, theirs));
        }
    }
}

fn unknown(run: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, format!("`{run}` is not running"))
}

fn refusal(error: OpenError) -> Refusal {
    match error {
        OpenError::Refused(refusal) => refusal,
        other => Refusal::new(StatusCode::BAD_GATEWAY, other.to_string()),
    }
}
