//! The runs behind the gateway, which knows neither namespaces nor control sockets.

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Method, Response};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use tunnel::mux::{Body, Connected, Head, Refusal, Socket};

/// A run, as far as pages and clients are told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Run {
    /// Its name: one run has it at a time.
    pub name: String,
    /// Tells it from others of the same name.
    pub id: String,
    /// Of `wasmrun up`: the project.
    pub project: Option<String>,
    /// Of `wasmrun up`: the service in it.
    pub service: Option<String>,
    /// `making`, `starting`, `serving`, `waiting`, `stopping`.
    pub state: String,
    /// Why it waits, or has failed.
    pub reason: Option<String>,
    /// Which start of its guest.
    pub generation: u64,
    /// Seconds since it began.
    pub uptime: u64,
    /// Seconds since its generation did.
    pub generation_uptime: u64,
    /// What the guest is.
    pub kind: Option<String>,
    /// Whether it starts anew when its files change.
    pub watched: bool,
    /// Bytes that only its process has.
    pub memory: Option<u64>,
    /// TCP ports that the guest listens on.
    pub listening: Vec<u16>,
    /// UDP ports that it has bound.
    pub bound: Vec<u16>,
    /// Ports of this machine that lead into it.
    pub forwards: Vec<Forward>,
}

/// A port of this machine that leads into a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forward {
    /// Where it is.
    pub host: SocketAddr,
    /// The guest's port.
    pub guest: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// Connections at present.
    pub live: usize,
    /// Bytes.
    pub to_guest: u64,
    /// Bytes.
    pub to_client: u64,
}

/// What the gateway needs of the runs. Nobody is asked here who may: [`Access`](super::access::Access) is the only caller.
///
/// The futures are dropped when nobody waits for them any more.
pub trait Runs: Send + Sync + 'static {
    /// All of them, of this machine.
    fn list(&self) -> impl Future<Output = Result<Vec<Run>, Refusal>> + Send;

    /// Those of other machines that this user reaches, as far as is known by now. Their names have the machine's before a `~`
    /// ([`scope::is_elsewhere`](super::scope::is_elsewhere)).
    fn elsewhere(&self) -> Vec<Run> {
        Vec::new()
    }

    /// A TCP connection to a port of one. It waits while the run starts, as long as the head says.
    fn connect(&self, head: Head) -> impl Future<Output = Result<Connected, Refusal>> + Send;

    /// A connected socket for datagrams to a port of one.
    fn associate(&self, head: Head) -> impl Future<Output = Result<Box<dyn Socket>, Refusal>> + Send;

    /// A request of one. `what` is the path and the query below `/v1/` of its control socket: `state`, `logs?follow=true`,
    /// `forwards/8080`. Status, `Content-Type` and body of the answer count; other fields are dropped.
    fn request(
        &self,
        run: &str,
        method: Method,
        what: &str,
        body: Bytes,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// The same for whoever does not want to be generic over it.
pub(crate) trait AnyRuns: Send + Sync {
    fn list(&self) -> BoxFuture<'_, Result<Vec<Run>, Refusal>>;
    fn elsewhere(&self) -> Vec<Run>;
    fn connect(&self, head: Head) -> BoxFuture<'_, Result<Connected, Refusal>>;
    fn associate(&self, head: Head) -> BoxFuture<'_, Result<Box<dyn Socket>, Refusal>>;
    fn request<'a>(&'a self, run: &'a str, method: Method, what: &'a str, body: Bytes)
    -> BoxFuture<'a, Response<Body>>;
}

impl<R: Runs> AnyRuns for R {
    fn list(&self) -> BoxFuture<'_, Result<Vec<Run>, Refusal>> {
        Box::pin(Runs::list(self))
    }

    fn elsewhere(&self) -> Vec<Run> {
        Runs::elsewhere(self)
    }

    fn connect(&self, head: Head) -> BoxFuture<'_, Result<Connected, Refusal>> {
        Box::pin(Runs::connect(self, head))
    }

    fn associate(&self, head: Head) -> BoxFuture<'_, Result<Box<dyn Socket>, Refusal>> {
        Box::pin(Runs::associate(self, head))
    }

    fn request<'a>(
        &'a self,
        run: &'a str,
        method: Method,
        what: &'a str,
        body: Bytes,
    ) -> BoxFuture<'a, Response<Body>> {
        Box::pin(Runs::request(self, run, method, what, body))
    }
}
