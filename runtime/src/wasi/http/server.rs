//! HTTP/1.1 and HTTP/2 (prior knowledge) on each forwarded port.

use super::clock::Clock;
use super::conversation::converse;
use super::deadlines::Deadlines;
use super::failures::Failures;
use super::instances::{Beyond, Instances, LoadMore, Loaded, More, Reuse};
use super::register::Register;
use super::shared::Server;
use super::turns::Turns;
use crate::adoption::{Acceptor, Adoption};
use crate::code::engine::{LATE_PLACES, PLACES};
use crate::event::Events;
use crate::host::{Host, Stores};
use crate::kind::Kind;
use crate::stop::Stop;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, OnceCell, Semaphore};
use tokio::task::JoinSet;
use wasmtime::Result;
use wasmtime::component::InstancePre;
use wasmtime_wasi_http::handler::ProxyHandler;

/// A pause after accept(2) failed for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A new instance for each request: the 0.2 handler's contract, which some toolchains' output depends on.
const REUSE_02: Reuse = Reuse {
    requests: 1,
    at_once: 1,
};
/// 0.3 instances are meant to serve many requests, also at the same time.
const REUSE_03: Reuse = Reuse {
    requests: 1024,
    at_once: 16,
};

/// Serves every forwarded port until asked to stop, then until the requests under way are done.
pub(crate) async fn serve(
    instance: InstancePre<Host>,
    beyond: Option<LoadMore>,
    kind: Kind,
    stores: Stores,
    events: &Events,
    stop: &Stop,
    adoption: &Adoption,
) -> Result<()> {
    let loaded = Arc::new(Loaded::new(instance, kind)?);
    // A guest that cannot even begin is found out before anybody is sent to it.
    drop(loaded.instantiate(&stores).await?);
    let (gate, ports) = (stores.network.gate.clone(), stores.guest.ports.clone());
    let (clock, limits, stores) = (Clock::start(), stores.guest.http, Arc::new(stores));
    let (lines, failures) = (Register::new(), Failures::new(events.clone()));
    let turns = Turns::new(clock, limits.max_requests);
    let more = beyond.map(|load| {
        Arc::new(More {
            load,
            loaded: OnceCell::new(),
        })
    });
    let handler = |places: usize| {
        ProxyHandler::new(Instances {
            kind,
            loaded: loaded.clone(),
            beyond: more.clone().map(|more| Beyond {
                places: Arc::new(Semaphore::new(places)),
                more,
            }),
            stores: stores.clone(),
            reuse: match kind {
                Kind::Http03 => REUSE_03,
                _ => REUSE_02,
            },
            failures: failures.clone(),
            turns: turns.clone(),
        })
    };
    let server = Arc::new(Server {
        kind,
        limits,
        clock,
        deadlines: Deadlines {
            clock,
            limits,
            lines: lines.clone(),
            exchanges: turns.exchanges.clone(),
            has_line: Notify::new(),
        },
        lines,
        prompt: handler(PLACES),
        late: handler(LATE_PLACES),
        failures,
        turns: turns.clone(),
    });
    let mut accepting = JoinSet::new();
    for port in ports {
        let listener = adoption.acceptor(port)?;
        gate.listening(listener.local_addr()?);
        accepting.spawn(accept(listener, server.clone(), stop.clone()));
    }
    let accepted = async {
        while let Some(ended) = accepting.join_next().await {
            ended.map_err(|error| wasmtime::format_err!("the HTTP server failed: {error}"))?;
        }
        Ok(())
    };
    let ended = tokio::select! {
        ended = accepted => ended,
        never = server.deadlines.keep() => match never {},
    };
    server.failures.tell_counts();
    ended
}

async fn accept(mut listener: Acceptor, server: Arc<Server>, stop: Stop) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(stream) => {
                    connections.spawn(converse(server.clone(), stream, stop.clone()));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
            () = stop.asked() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}
