//! When instances are made, used again and dropped: the policy behind wasmtime-wasi-http's `ProxyHandler`.

use crate::event::{Event, Events};
use crate::host::{Host, Stores};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::time::Sleep;
use wasmtime::component::GuestTaskId;
use wasmtime::{Engine, Result, Store, StoreContextMut};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, ProxyPre, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};

/// An instance that has nothing to do is dropped after this.
const IDLE: Duration = Duration::from_secs(60);

/// How far one instance is used again.
#[derive(Clone, Copy)]
pub(super) struct Reuse {
    /// Requests in its life.
    pub(super) requests: usize,
    /// Requests at the same time.
    pub(super) at_once: usize,
}

/// Makes instances of one guest.
pub(super) struct Instances {
    pub(super) engine: Engine,
    pub(super) proxy: ProxyPre<Host>,
    pub(super) stores: Stores,
    pub(super) reuse: Reuse,
    pub(super) events: Events,
}

impl HandlerState for Instances {
    type StoreData = Host;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> Result<Instance<Host, Expiration, Worker>> {
        let mut store = self.stores.make(&self.engine)?;
        let proxy = self.proxy.instantiate_async(&mut store).await?;
        Ok(Instance {
            store,
            proxy,
            view: WasiHttpView::http,
            expiration: Expiration {
                sleep: Box::pin(tokio::time::sleep(IDLE)),
            },
            state: Worker {
                reuse: self.reuse,
                events: self.events.clone(),
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
    events: Events,
}

impl WorkerState for Worker {
    type StoreData = Host;
    type RequestData = ();

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
        (): (),
        _task: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + 'static + Send + Sync>> {
        Box::pin(std::future::pending())
    }

    fn drop(&self, _store: Store<Host>, result: Result<()>) {
        if let Err(error) = result {
            (self.events)(Event::InstanceTrapped(format!("{error:?}")));
        }
    }
}
