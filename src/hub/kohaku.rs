//! KohakuRiver's clients, behind the gateway.

use gateway::access::Access;
use gateway::handler::Judged;
use gateway::hooks::{Kohaku, Leg};
use http::StatusCode;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use netns::Limits;
use std::sync::Arc;
use tunnel::kohaku::{self, Forward};
use tunnel::mux::Refusal;

/// Serves them.
pub(super) struct River;

impl Kohaku for River {
    async fn serve(&self, socket: TokioIo<Upgraded>, leg: Leg, access: Access) {
        let (run, port) = match leg {
            Leg::Forward { run, port, .. } => (run, Some(port)),
            Leg::Tunnel { run } => (run, None),
        };
        let limits = kohaku::Limits::default();
        let is_there = match access.list().await {
            Ok(runs) if runs.iter().any(|known| known.name == run) => Ok(()),
            Ok(_) => Err(Refusal::new(StatusCode::NOT_FOUND, format!("`{run}` is not running"))),
            Err(refusal) => Err(refusal),
        };
        if let Err(refusal) = is_there {
            return kohaku::refuse(socket, port.is_some(), &refusal, &limits).await;
        }
        let forward = Forward {
            run,
            port,
            client: access.principal().from,
            wait: Some(Limits::CONNECT_TIMEOUT),
        };
        let handler = Arc::new(Judged(access));
        if let Err(error) = kohaku::serve(socket, forward, handler, limits, std::future::pending()).await {
            tracing::debug!("hub: a client of KohakuRiver's: {error}");
        }
    }
}
