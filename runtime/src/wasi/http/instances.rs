//! When instances are made, used again and dropped: the policy behind wasmtime-wasi-http's `ProxyHandler`.

use super::exchange::Exchange;
use super::failures::Failures;
use super::turns::{Turn, Turns};
use crate::host::{Host, Stores};
use crate::kind::Kind;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use wasmtime::component::{GuestTaskId, InstancePre};
use wasmtime::{Engine, Result, Store, StoreContextMut};
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, Proxy, ProxyPre, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::{WasiHttpView, p2, p3};

/// An instance that has nothing to do is dropped after this.
const IDLE: Duration = Duration::from_secs(60);

/// A place in the pool is worth this wait: to map an instance takes three times the work of a short request. Where nothing
/// becomes free so soon, the requests that are there wait for something themselves.
const PATIENCE: Duration = Duration::from_millis(20);

/// How far one instance is used again.
#[derive(Clone, Copy)]
pub(super) struct Reuse {
    /// Requests in its life.
    pub(super) requests: usize,
    /// Requests at the same time.
    pub(super) at_once: usize,
}

/// A guest of which instances can be made.
pub(super) struct Loaded {
    engine: Engine,
    proxy: ProxyPre<Host>,
}

impl Loaded {
    pub(super) fn new(instance: InstancePre<Host>, kind: Kind) -> Result<Loaded> {
        Ok(Loaded {
            engine: instance.engine().clone(),
            proxy: match kind {
                Kind::Http03 => ProxyPre::P3(p3::bindings::ServicePre::new(instance)?),
                _ => ProxyPre::P2(p2::bindings::ProxyPre::new(instance)?),
            },
        })
    }

    pub(super) async fn instantiate(&self, stores: &Stores) -> Result<(Store<Host>, Proxy)> {
        let mut store = stores.make(&self.engine)?;
        let proxy = self.proxy.instantiate_async(&mut store).await?;
        Ok((store, proxy))
    }
}

/// Loads a guest once more, with instances that are mapped one by one.
pub(crate) type LoadMore = Box<dyn Fn() -> Result<InstancePre<Host>> + Send + Sync>;

/// The same guest beyond a pool's places: a place costs every start, and few guests have that many requests at once.
pub(super) struct Beyond {
    /// One for each instance that the pool has room for.
    pub(super) places: Arc<Semaphore>,
    pub(super) more: Arc<More>,
}

/// Its code, when it is needed.
pub(super) struct More {
    pub(super) load: LoadMore,
    pub(super) loaded: OnceCell<Loaded>,
}

impl More {
    async fn loaded(&self, kind: Kind) -> Result<&Loaded> {
        self.loaded
            .get_or_try_init(async || Loaded::new((self.load)()?, kind))
            .await
    }
}

/// Makes instances of one guest.
pub(super) struct Instances {
    pub(super) kind: Kind,
    pub(super) loaded: Arc<Loaded>,
    /// Where those are from a pool.
    pub(super) beyond: Option<Beyond>,
    pub(super) stores: Arc<Stores>,
    pub(super) reuse: Reuse,
    pub(super) failures: Arc<Failures>,
    pub(super) turns: Arc<Turns>,
}

impl Instances {
    /// Where the next instance comes from, and its place if that is the pool.
    async fn next(&self) -> Result<(&Loaded, Option<OwnedSemaphorePermit>)> {
        let Some(beyond) = &self.beyond else {
            return Ok((&self.loaded, None));
        };
        Ok(
            match tokio::time::timeout(PATIENCE, beyond.places.clone().acquire_owned()).await {
                Ok(Ok(place)) => (&self.loaded, Some(place)),
                _ => {
                    self.turns.end_one_that_stalls(false);
                    (beyond.more.loaded(self.kind).await?, None)
                }
            },
        )
    }
}

impl HandlerState for Instances {
    type StoreData = Host;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> Result<Instance<Host, Expiration, Worker>> {
        let (loaded, place) = self.next().await?;
        let (store, proxy) = loaded.instantiate(&self.stores).await?;
        Ok(Instance {
            store,
            proxy,
            view: WasiHttpView::http,
            expiration: Expiration {
                sleep: Box::pin(tokio::time::sleep(IDLE)),
            },
            state: Worker {
                reuse: self.reuse,
                failures: self.failures.clone(),
                only: OnceLock::new(),
                _place: place,
            },
        })
    }
}

/// Ends idle instances. Requests have no limit: a stream or a long poll is theirs to end.
pub(super) struct Expiration {
    sleep: Pin<Box<Sleep>>,
}

impl WorkerExpiration for Expiration {
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>, status: WorkerStatus, since: Instant) -> Poll<()> {
        if status != WorkerStatus::Idle {
            return Poll::Pending;
        }
        let end = (since + IDLE).into();
        if self.sleep.deadline() != end {
            self.sleep.as_mut().reset(end);
        }
        self.sleep.as_mut().poll(context)
    }
}

/// One instance's part in the policy.
pub(super) struct Worker {
    reuse: Reuse,
    failures: Arc<Failures>,
    /// The request that it was made for, where that is the only one.
    only: OnceLock<Arc<Exchange>>,
    /// It goes after the instance.
    _place: Option<OwnedSemaphorePermit>,
}

impl WorkerState for Worker {
    type StoreData = Host;
    type RequestData = Arc<Turn>;

    fn should_accept_request(&self, at_once: usize, so_far: usize) -> ShouldAccept {
        if so_far >= self.reuse.requests {
            ShouldAccept::Never
        } else if at_once >= self.reuse.at_once {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _store: StoreContextMut<'_, Host>,
        turn: Arc<Turn>,
        _task: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + 'static + Send + Sync>> {
        if self.reuse.requests == 1 {
            let _ = self.only.set(turn.exchange().clone());
        }
        // It never ends by itself, and is dropped when the handler has returned: then the guest works for it no more.
        Box::pin(async move {
            let _turn = turn;
            std::future::pending().await
        })
    }

    fn drop(&self, _store: Store<Host>, result: Result<()>) {
        // A guest may well fail when its client leaves in the middle.
        let is_clients = self.only.get().is_some_and(|exchange| exchange.is_broken());
        if let Err(error) = result
            && !is_clients
        {
            self.failures.tell(&error);
        }
    }
}
