//! The other end: what `ps`, `logs`, `stop` and the others ask.

#![expect(clippy::disallowed_methods, reason = "the answer aborts it")]

use super::address;
use super::message::Complaint;
use crate::remote::{Hub, Target};
use anyhow::{Context as _, anyhow};
use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper_util::rt::TokioIo;
use report::{Failure, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio_util::task::AbortOnDropHandle;

/// A supervisor answers in milliseconds; one that is stopped (SIGSTOP) never.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often the end of a run is looked for, here and over a link.
const AGAIN: Duration = Duration::from_millis(10);
const AGAIN_FAR: Duration = Duration::from_millis(200);

/// A run that can be talked to.
pub struct Client {
    way: Way,
}

enum Way {
    /// By its control socket.
    Socket(PathBuf),
    /// Through the hub of another machine, by its name.
    Hub(Arc<Hub>, String),
}

/// The body of an answer.
pub type Answered = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

impl Client {
    /// The run with this name or id, or with this target, on another machine ([`Target`]).
    pub async fn find(name: &str) -> Result<Client> {
        let target = Target::read(name)?;
        match target.place {
            Some(_) if target.run.is_empty() => {
                Err(Failure::usage(anyhow!("`{name}` names no run")).hint("add one: `wasmrun ps` there lists them"))
            }
            Some(place) => {
                let hub = Arc::new(Hub::reach(&place).await?);
                Ok(Client::through(hub, &target.run))
            }
            None => Client::here(&target.run).await,
        }
    }

    /// A run of this machine.
    pub async fn here(name: &str) -> Result<Client> {
        let running = super::running()?;
        if let Some((_, path)) = running.iter().find(|(other, _)| other == name) {
            return Ok(Client::at(path));
        }
        for (_, path) in &running {
            let client = Client::at(path);
            let state: Result<super::State> = client.get("state").await;
            if state.is_ok_and(|state| state.id == name) {
                return Ok(client);
            }
        }
        let names: Vec<&str> = running.iter().map(|(name, _)| name.as_str()).collect();
        let hint = match names.as_slice() {
            [] => "start a run first: `wasmrun os PATH`".to_owned(),
            names => format!("pass the name of a run: {}", names.join(", ")),
        };
        Err(Failure::usage(anyhow!("no run is named `{name}`")).hint(hint))
    }

    pub fn at(path: &Path) -> Client {
        Client {
            way: Way::Socket(path.to_owned()),
        }
    }

    /// A run of a hub.
    pub fn through(hub: Arc<Hub>, run: &str) -> Client {
        Client {
            way: Way::Hub(hub, run.to_owned()),
        }
    }

    pub async fn get<T: DeserializeOwned>(&self, what: &str) -> Result<T> {
        self.exchange(Method::GET, what, &()).await
    }

    pub async fn post<T: DeserializeOwned>(&self, what: &str, body: &impl Serialize) -> Result<T> {
        self.exchange(Method::POST, what, body).await
    }

    pub async fn delete<T: DeserializeOwned>(&self, what: &str) -> Result<T> {
        self.exchange(Method::DELETE, what, &()).await
    }

    /// Returns when the run is over.
    pub async fn ended(&self) {
        loop {
            let (is_there, pause) = match &self.way {
                // A run takes its socket along.
                Way::Socket(path) => match connect(path) {
                    Ok(_) => (true, AGAIN),
                    Err(error) => (error.kind() == std::io::ErrorKind::WouldBlock, AGAIN),
                },
                Way::Hub(..) => (self.get::<serde::de::IgnoredAny>("state").await.is_ok(), AGAIN_FAR),
            };
            if !is_there {
                return;
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn exchange<T: DeserializeOwned>(&self, method: Method, what: &str, body: &impl Serialize) -> Result<T> {
        let exchange = async {
            let mut stream = self.open(method, what, body).await?;
            let mut all = BytesMut::new();
            while let Some(part) = stream.part().await? {
                all.extend_from_slice(&part);
            }
            Ok::<_, Failure>(serde_json::from_slice(&all).context("invalid response from the run")?)
        };
        tokio::time::timeout(PATIENCE, exchange)
            .await
            .map_err(|_| anyhow!("the run does not answer"))?
    }

    /// Sends a request whose answer comes bit by bit.
    pub async fn open(&self, method: Method, what: &str, body: &impl Serialize) -> Result<Stream> {
        let answer = self.pass(method, what, serde_json::to_vec(body)?.into()).await?;
        let status = answer.status();
        let mut stream = Stream {
            body: answer.into_body(),
            line: BytesMut::new(),
        };
        if status.is_success() {
            return Ok(stream);
        }
        let mut all = BytesMut::new();
        while let Some(part) = stream.part().await? {
            all.extend_from_slice(&part);
        }
        let complaint: Complaint = serde_json::from_slice(&all).context("invalid response from the run")?;
        let failure = Failure::usage(anyhow!(complaint.error));
        Err(match complaint.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        })
    }

    /// Sends a request as it is; the answer may be a refusal.
    pub async fn pass(&self, method: Method, what: &str, body: Bytes) -> Result<Response<Answered>> {
        let request = Request::builder().method(method);
        let asked = async {
            match &self.way {
                Way::Socket(path) => {
                    let request = request.uri(format!("/v1/{what}")).header(header::HOST, "wasmrun");
                    send(path, request.body(Full::new(body))?).await
                }
                Way::Hub(hub, run) => {
                    let request = request.uri(format!("http://hub/v1/runs/{run}/{what}"));
                    let answer = hub.request(request.body(Full::new(body))?).await?;
                    Ok(answer.map(|body| body.map_err(Into::into).boxed_unsync()))
                }
            }
        };
        tokio::time::timeout(PATIENCE, asked)
            .await
            .map_err(|_| anyhow!("the run does not answer"))?
    }
}

fn connect(path: &Path) -> std::io::Result<UnixStream> {
    UnixStream::from_std(address::connect(path)?)
}

async fn send(path: &Path, request: Request<Full<Bytes>>) -> Result<Response<Answered>> {
    let gone = || anyhow!("the run has ended");
    let stream = connect(path).with_context(gone)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(async move {
        let _ = connection.await;
    });
    let connection = AbortOnDropHandle::new(connection);
    let answer = sender.send_request(request).await.with_context(gone)?;
    Ok(answer.map(|body| {
        let whole = Whole {
            body,
            _connection: connection,
        };
        whole.boxed_unsync()
    }))
}

/// A body, and the connection that it comes over.
struct Whole {
    body: Incoming,
    _connection: AbortOnDropHandle<()>,
}

impl Body for Whole {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context).map_err(Into::into)
    }
}

/// An answer that comes bit by bit. Dropping it closes the connection.
pub struct Stream {
    body: Answered,
    line: BytesMut,
}

impl Stream {
    async fn part(&mut self) -> Result<Option<Bytes>> {
        loop {
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(_)) => return Err(anyhow!("the run has ended").into()),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// The next line; none at the end.
    pub async fn line<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        loop {
            if let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
                let line = self.line.split_to(end + 1);
                return Ok(Some(
                    serde_json::from_slice(&line).context("invalid response from the run")?,
                ));
            }
            match self.part().await? {
                Some(part) => self.line.extend_from_slice(&part),
                None => return Ok(None),
            }
        }
    }
}
