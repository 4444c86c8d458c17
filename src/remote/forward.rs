//! Ports of this machine that lead into a guest of another one.

use super::hub::Hub;
use super::target::Target;
use anyhow::anyhow;
use netns::{Limits, Listeners, Mapping, Protocol, Rule};
use report::{Failure, Result};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tunnel::mux::{HALF_CLOSED, Head};

/// The pause after accept(2) failed for want of descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Forwards until the future is dropped. The ready lines are printed before the first connection.
///
/// # Errors
///
/// A rule cannot be read, or a port is taken.
pub async fn forward(hub: Arc<Hub>, target: &Target, rules: &[String]) -> Result<()> {
    let said = Arc::new(Mutex::new(HashSet::new()));
    let mut all = JoinSet::new();
    for mapping in mappings(rules)? {
        let bound = netns::listen(&mapping).map_err(|error| {
            let hint = error.hint();
            Failure::from(anyhow!(error)).hint(hint)
        })?;
        for address in &bound.addresses {
            report::ready_elsewhere(*address, &target.to_string(), mapping.guest, mapping.protocol);
        }
        for listener in listeners(bound)? {
            all.spawn(accept(
                listener,
                hub.clone(),
                Head::new(&target.run, mapping.guest),
                said.clone(),
            ));
        }
    }
    while all.join_next().await.is_some() {}
    Ok(())
}

fn mappings(rules: &[String]) -> Result<Vec<Mapping>> {
    let mut all = Vec::new();
    for text in rules {
        let rule: Rule = text
            .parse()
            .map_err(|error| Failure::usage(anyhow!("{text}: {error}")))?;
        if rule.mappings().any(|mapping| mapping.protocol == Protocol::Udp) {
            let failure = Failure::usage(anyhow!("{text}: datagrams are not forwarded from another machine"));
            return Err(failure.hint("leave `/udp` out, or run the client there"));
        }
        all.extend(rule.mappings());
    }
    Ok(all)
}

fn listeners(bound: Listeners) -> Result<Vec<TcpListener>> {
    let sockets = bound.into_sockets().into_iter();
    let listeners = sockets.map(|socket| {
        let listener = std::net::TcpListener::from(socket);
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    });
    Ok(listeners.collect::<std::io::Result<_>>()?)
}

async fn accept(listener: TcpListener, hub: Arc<Hub>, head: Head, said: Arc<Mutex<HashSet<String>>>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => drop(open.spawn(carry(stream, client, hub.clone(), head.clone(), said.clone()))),
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
            Some(_) = open.join_next() => {}
        }
    }
}

async fn carry(
    stream: TcpStream,
    client: SocketAddr,
    hub: Arc<Hub>,
    mut head: Head,
    said: Arc<Mutex<HashSet<String>>>,
) {
    head.client = Some(client);
    head.wait = Some(Limits::CONNECT_TIMEOUT);
    match hub.open(&head).await {
        Ok(channel) => {
            let relayed = channel.relay(stream, HALF_CLOSED).await;
            // That a connection works again is worth the next message.
            said.lock().unwrap_or_else(PoisonError::into_inner).clear();
            if let Some(error) = relayed.error {
                tracing::debug!("a connection to {}:{} was reset: {error}", head.run, head.port);
            }
        }
        Err(error) => {
            // Never a clean end: a client would take it for an answer.
            let _ = stream.set_zero_linger();
            let text = error.to_string();
            if said.lock().unwrap_or_else(PoisonError::into_inner).insert(text.clone()) {
                tracing::warn!("port {}: {text}", head.port);
            }
        }
    }
}
