//! This user's runs, for the gateway: their guests by link sockets, the rest by control sockets. Those of other machines: [`Elsewhere`].

use super::complaint::complaint;
use super::elsewhere::Elsewhere;
use crate::control::{self, Client, State};
use bytes::Bytes;
use gateway::runs::{Forward, Run, Runs};
use gateway::scope::is_elsewhere;
use http::{Method, Response, StatusCode};
use netns::Limits;
use netns::link::{Client as Links, Refused};
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::net::{TcpStream, UdpSocket};
use tunnel::mux::{Body, Connected, Head, Refusal, Socket};

/// By which guests know clients of the hub: an address of links (240.0.1.0/24) that no alias has, which begin at its other end.
const CLIENT: Ipv4Addr = Ipv4Addr::new(240, 0, 1, 254);

/// The runs of this user.
pub(super) struct Own {
    links: Links,
    /// Where it is wanted.
    elsewhere: Option<Elsewhere>,
}

impl Own {
    /// `with_others`: their contexts' runs, too.
    pub(super) fn new(with_others: bool) -> Own {
        Own {
            links: Links::new(Arc::new(control::link_to)),
            elsewhere: with_others.then(Elsewhere::default),
        }
    }

    fn elsewhere(&self, run: &str) -> Option<&Elsewhere> {
        self.elsewhere.as_ref().filter(|_| is_elsewhere(run))
    }
}

impl Runs for Own {
    async fn list(&self) -> Result<Vec<Run>, Refusal> {
        let failed = |failure: report::Failure| {
            let text = format!("{:#}", failure.error);
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, text)
        };
        let mut runs = Vec::new();
        for (name, path) in control::running().map_err(failed)? {
            // One that has ended meanwhile, or hangs, is known by its name alone.
            let state: State = Client::at(&path).get("state").await.unwrap_or_else(|_| State {
                name,
                state: "unknown".to_owned(),
                ..State::default()
            });
            runs.push(run(state));
        }
        runs.sort_by(|one, other| (&one.project, &one.name).cmp(&(&other.project, &other.name)));
        Ok(runs)
    }

    fn elsewhere(&self) -> Vec<Run> {
        self.elsewhere.as_ref().map(Elsewhere::runs).unwrap_or_default()
    }

    async fn connect(&self, head: Head) -> Result<Connected, Refusal> {
        if let Some(elsewhere) = self.elsewhere(&head.run) {
            return elsewhere.connect(head).await;
        }
        let patience = head.wait.unwrap_or(Limits::CONNECT_TIMEOUT);
        let connected = self.links.connect(&head.run, head.port, CLIENT, patience).await;
        let (stream, held) = connected.map_err(|why| refusal(&head, &why))?;
        Ok(Connected {
            tcp: TcpStream::from_std(stream).map_err(|error| broken(&error))?,
            generation: None,
            held: Box::new(held),
        })
    }

    async fn associate(&self, head: Head) -> Result<Box<dyn Socket>, Refusal> {
        let patience = head.wait.unwrap_or(Limits::CONNECT_TIMEOUT);
        let socket = self.links.datagrams(&head.run, head.port, CLIENT, patience).await;
        let socket = socket.map_err(|why| refusal(&head, &why))?;
        Ok(Box::new(UdpSocket::from_std(socket).map_err(|error| broken(&error))?))
    }

    async fn request(&self, run: &str, method: Method, what: &str, body: Bytes) -> Response<Body> {
        if let Some(elsewhere) = self.elsewhere(run) {
            return elsewhere.request(run, method, what, body).await;
        }
        let client = match Client::here(run).await {
            Ok(client) => client,
            Err(failure) => return complaint(StatusCode::NOT_FOUND, &failure),
        };
        match client.pass(method, what, body).await {
            Ok(answer) => answer,
            Err(failure) => complaint(StatusCode::BAD_GATEWAY, &failure),
        }
    }
}

fn run(state: State) -> Run {
    let forward = |forward: &control::ForwardState| {
        let of = |host| Forward {
            host,
            guest: forward.guest,
            protocol: forward.protocol.to_string(),
            live: forward.live,
            to_guest: forward.to_guest,
            to_client: forward.to_client,
        };
        // Both loopback addresses are one forward.
        forward.hosts.first().copied().map(of)
    };
    Run {
        forwards: state.forwards.iter().filter_map(forward).collect(),
        name: state.name,
        id: state.id,
        project: state.project,
        service: state.service,
        state: state.state,
        reason: state.reason,
        generation: state.generation,
        uptime: state.uptime,
        generation_uptime: state.generation_uptime,
        kind: state.kind,
        watched: state.watched,
        memory: state.memory,
        listening: state.listening,
        bound: state.bound,
    }
}

/// Why a stream is not opened.
fn refusal(head: &Head, why: &Refused) -> Refusal {
    let status = match why {
        Refused::NotRunning => StatusCode::NOT_FOUND,
        Refused::Ended => StatusCode::GONE,
        Refused::NotListening { .. } => StatusCode::GATEWAY_TIMEOUT,
        Refused::Failed { .. } => StatusCode::BAD_GATEWAY,
    };
    Refusal::new(status, format!("`{}` {why}", head.run))
}

fn broken(error: &std::io::Error) -> Refusal {
    Refusal::new(StatusCode::BAD_GATEWAY, error.to_string())
}
