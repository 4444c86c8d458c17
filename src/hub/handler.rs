//! What clients may do: reach the guests of this user's runs, and talk to the runs.

use crate::control::{self, Client};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use netns::Limits;
use netns::link::{Client as Links, Refused};
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::net::{TcpStream, UdpSocket};
use tunnel::mux::{Body, Connected, Handler, Head, Incoming, Refusal, Relayed, Socket};

/// By which guests know clients of the hub: an address of links (240.0.1.0/24) that no alias has, which begin at its other end.
const CLIENT: Ipv4Addr = Ipv4Addr::new(240, 0, 1, 254);
/// Longest body of a request.
const BODY: usize = 64 << 10;

/// The runs of this user.
pub(super) struct Runs(Links);

impl Default for Runs {
    fn default() -> Runs {
        Runs(Links::new(Arc::new(control::link_to)))
    }
}

impl Handler for Runs {
    async fn connect(&self, head: Head) -> Result<Connected, Refusal> {
        let patience = head.wait.unwrap_or(Limits::CONNECT_TIMEOUT);
        match self.0.connect(&head.run, head.port, CLIENT, patience).await {
            Ok((stream, held)) => Ok(Connected {
                tcp: TcpStream::from_std(stream)
                    .map_err(|error| Refusal::new(StatusCode::BAD_GATEWAY, error.to_string()))?,
                generation: None,
                held: Box::new(held),
            }),
            Err(why) => Err(refusal(&head, &why)),
        }
    }

    async fn associate(&self, head: Head) -> Result<Box<dyn Socket>, Refusal> {
        let patience = head.wait.unwrap_or(Limits::CONNECT_TIMEOUT);
        let socket = self.0.datagrams(&head.run, head.port, CLIENT, patience).await;
        let socket = socket.map_err(|why| refusal(&head, &why))?;
        match UdpSocket::from_std(socket) {
            Ok(socket) => Ok(Box::new(socket)),
            Err(error) => Err(Refusal::new(StatusCode::BAD_GATEWAY, error.to_string())),
        }
    }

    async fn request(&self, request: Request<Incoming>) -> Response<Body> {
        match answer(request).await {
            Ok(response) => response,
            Err((status, failure)) => complaint(status, &failure),
        }
    }

    fn ended(&self, head: &Head, relayed: &Relayed) {
        tracing::debug!(
            "hub: {}:{} ended: {} bytes from the guest, {} to it",
            head.run,
            head.port,
            relayed.sent,
            relayed.received
        );
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

type Answer = Result<Response<Body>, (StatusCode, report::Failure)>;

/// `/v1/runs` is the names of all runs; `/v1/runs/NAME/…` is the request of a run's control socket.
async fn answer(request: Request<Incoming>) -> Answer {
    let internal = |failure: report::Failure| (StatusCode::INTERNAL_SERVER_ERROR, failure);
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("", |path| path.as_str());
    let Some(rest) = path.strip_prefix("/v1/runs") else {
        return Err((
            StatusCode::NOT_FOUND,
            anyhow::anyhow!("the hub does not know {path}").into(),
        ));
    };
    if rest.is_empty() {
        let names: Vec<String> = control::running()
            .map_err(internal)?
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        let names = serde_json::to_vec(&names).map_err(|error| internal(anyhow::Error::from(error).into()))?;
        return Ok(response(StatusCode::OK, names));
    }
    let Some((name, what)) = rest.strip_prefix('/').and_then(|rest| rest.split_once('/')) else {
        return Err((
            StatusCode::NOT_FOUND,
            anyhow::anyhow!("the hub does not know {path}").into(),
        ));
    };
    let body = http_body_util::Limited::new(body, BODY).collect().await;
    let body = body
        .map_err(|error| (StatusCode::BAD_REQUEST, anyhow::anyhow!("{error}").into()))?
        .to_bytes();
    let client = Client::here(name)
        .await
        .map_err(|failure| (StatusCode::NOT_FOUND, failure))?;
    let answer = client.pass(head.method, what, body).await;
    let (head, body) = answer
        .map_err(|failure| (StatusCode::BAD_GATEWAY, failure))?
        .into_parts();
    // What is about its connection has no meaning here, and is an error in HTTP/2 (RFC 9113, 8.2.2).
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    if let Some(kind) = head.headers.get(header::CONTENT_TYPE) {
        response.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
    }
    Ok(response)
}

fn response(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let body = Full::new(Bytes::from(body)).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn complaint(status: StatusCode, failure: &report::Failure) -> Response<Body> {
    let complaint = control::Complaint {
        error: format!("{:#}", failure.error),
        hint: failure.hint.clone(),
    };
    response(status, serde_json::to_vec(&complaint).unwrap_or_default())
}
