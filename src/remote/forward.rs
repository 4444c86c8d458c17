//! Ports of this machine that lead into a guest of another one.

use super::datagrams;
use super::hub::Hub;
use super::place::Place;
use super::says::Says;
use anyhow::anyhow;
use netns::{Limits, Mapping, Protocol, Rule};
use report::{Failure, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tunnel::mux::Head;

/// The pause after accept(2) failed for want of descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Ports that are bound.
pub struct Bound(Vec<(Head, netns::Listeners, Protocol)>);

/// Binds the ports of rules, each of a run.
///
/// # Errors
///
/// A rule cannot be read, or a port is taken.
pub fn bind(place: &Place, rules: &[(String, String)]) -> Result<Bound> {
    let mut all = Vec::new();
    for (run, mapping) in mappings(rules)? {
        let bound = netns::listen(&mapping).map_err(|error| {
            let hint = error.hint();
            Failure::from(anyhow!(error)).hint(hint)
        })?;
        for address in &bound.addresses {
            let target = format!("{place}/{run}");
            report::ready_elsewhere(*address, &target, mapping.guest, mapping.protocol);
        }
        all.push((Head::new(run, mapping.guest), bound, mapping.protocol));
    }
    Ok(Bound(all))
}

impl Bound {
    /// The first of this machine.
    pub fn address(&self) -> Option<SocketAddr> {
        let (_, bound, _) = self.0.first()?;
        bound.addresses.first().copied()
    }

    /// Forwards until the future is dropped.
    ///
    /// # Errors
    ///
    /// A socket cannot be used here.
    pub async fn serve(self, hub: Arc<Hub>) -> Result<()> {
        let says = Says::default();
        let mut all = JoinSet::new();
        for (head, bound, protocol) in self.0 {
            for socket in bound.into_sockets() {
                let (hub, head, says) = (hub.clone(), head.clone(), says.clone());
                match protocol {
                    Protocol::Tcp => {
                        let listener = std::net::TcpListener::from(socket);
                        listener.set_nonblocking(true)?;
                        all.spawn(accept(TcpListener::from_std(listener)?, hub, head, says));
                    }
                    Protocol::Udp => {
                        let port = std::net::UdpSocket::from(socket);
                        port.set_nonblocking(true)?;
                        all.spawn(datagrams::forward(UdpSocket::from_std(port)?, hub, head, says));
                    }
                }
            }
        }
        while all.join_next().await.is_some() {}
        Ok(())
    }
}

fn mappings(rules: &[(String, String)]) -> Result<Vec<(&str, Mapping)>> {
    let mut all = Vec::new();
    for (run, text) in rules {
        let rule: Rule = text
            .parse()
            .map_err(|error| Failure::usage(anyhow!("{text}: {error}")))?;
        all.extend(rule.mappings().map(|mapping| (run.as_str(), mapping)));
    }
    Ok(all)
}

async fn accept(listener: TcpListener, hub: Arc<Hub>, head: Head, says: Says) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => drop(open.spawn(carry(stream, client, hub.clone(), head.clone(), says.clone()))),
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
            Some(_) = open.join_next() => {}
        }
    }
}

async fn carry(stream: TcpStream, client: SocketAddr, hub: Arc<Hub>, mut head: Head, says: Says) {
    head.client = Some(client);
    head.wait = Some(Limits::CONNECT_TIMEOUT);
    match hub.carry(&head, stream).await {
        Ok(relayed) => {
            says.works_again();
            if let Some(error) = relayed.error {
                tracing::debug!("a connection to {}:{} was reset: {error}", head.run, head.port);
            }
        }
        // It was reset, never ended: a client would take an end for an answer.
        Err(error) => says.failed(head.port, &error),
    }
}
