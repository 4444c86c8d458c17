//! This user's runs, for the gateway: their guests by link sockets, the rest by control sockets.

use crate::control::{self, Client, State};
use bytes::Bytes;
use gateway::runs::{Forward, Run, Runs};
use http::{Method, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use netns::Limits;
use netns::link::{Client as Links, Refused};
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::net::{TcpStream, UdpSocket};
use tunnel::mux::{Body, Connected, Head, Refusal, Socket};

/// By which guests know clients of the hub: an address of links (240.0.1.0/24) that no alias has, which begin at its other end.
const CLIENT: Ipv4Addr = Ipv4Addr::new(240, 0, 1, 254);

/// The runs of this user.
pub(super) struct Own(Links);

impl Default for Own {
    fn default() -> Own {
        Own(Links::new(Arc::new(control::link_to)))
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

    async fn connect(&self, head: Head) -> Result<Connected, Refusal> {
        let patience = head.wait.unwrap_or(Limits::CONNECT_TIMEOUT);
        let connected = self.0.connect(&head.run, head.port, CLIENT, patience).await;
        let (stream, held) = connected.map_err(|why| refusal(&head, &why))?;
        Ok(Connected {
            tcp: TcpStream::from_std(stream).map_err(|error| broken(&error))?,
            generation: None,
            held: Box::new(held),
        })
    }

    async fn associate(&self, head: Head) -> Result<Box<dyn Socket>, Refusal> {
        let patience = head.wait.unwrap_or(Limits::CONNECT_TIMEOUT);
        let socket = self.0.datagrams(&head.run, head.port, CLIENT, patience).await;
        let socket = socket.map_err(|why| refusal(&head, &why))?;
        Ok(Box::new(UdpSocket::from_std(socket).map_err(|error| broken(&error))?))
    }

    async fn request(&self, run: &str, method: Method, what: &str, body: Bytes) -> Response<Body> {
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

fn complaint(status: StatusCode, failure: &report::Failure) -> Response<Body> {
    let complaint = control::Complaint {
        error: format!("{:#}", failure.error),
        hint: failure.hint.clone(),
    };
    let body = Bytes::from(serde_json::to_vec(&complaint).unwrap_or_default());
    let mut response = Response::new(Full::new(body).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
