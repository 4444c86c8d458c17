//! Links of other runs to this one's guest.

use crate::control::{self, Answer, Asks, Claim, Request};
use anyhow::Context;
use futures::FutureExt;
use netns::link::{OnRoute, Server};
use report::Result;
use std::io;
use std::sync::Arc;
use tokio::net::UnixDatagram;
use tokio::task::JoinSet;

/// Lets consumers in. Their thread begins with the first of them.
pub struct Links(#[expect(dead_code, reason = "it ends with the session")] JoinSet<()>);

impl Links {
    /// Takes the run's socket for links.
    pub fn start(claim: &Claim, asks: Asks) -> Result<Links> {
        // tokio's type for datagrams of unix(7) waits for any socket of that family.
        let listener = UnixDatagram::from_std(claim.listen_for_links()?.into()).context("cannot wait for links")?;
        let mut waiting = JoinSet::new();
        waiting.spawn(async {
            match serve(listener, asks).await {
                Ok(_server) => std::future::pending().await,
                Err(error) => tracing::warn!("other runs cannot be linked to this one: {error}"),
            }
        });
        Ok(Links(waiting))
    }
}

async fn serve(listener: UnixDatagram, asks: Asks) -> io::Result<Server> {
    listener.readable().await?;
    let on_route: OnRoute = Arc::new(move |port, protocol| {
        let asks = asks.clone();
        let route = async move {
            match control::ask(&asks, Request::Link((protocol, port))).await {
                Answer::Route(route) => Some(route),
                _ => None,
            }
        };
        route.boxed()
    });
    Server::start(listener.into_std()?.into(), on_route)
}
