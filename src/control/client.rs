//! The other end: what `ps`, `logs`, `stop` and the others ask.

#![expect(clippy::disallowed_methods, reason = "the stream aborts it")]

use super::address;
use super::message::Complaint;
use anyhow::{Context, anyhow};
use bytes::{Bytes, BytesMut};
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use report::{Failure, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

/// A supervisor answers in milliseconds; one that is stopped (SIGSTOP) never.
const PATIENCE: Duration = Duration::from_secs(5);

/// A run that can be talked to.
pub struct Client {
    path: PathBuf,
}

impl Client {
    /// The run with this name or id.
    pub async fn find(name: &str) -> Result<Client> {
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
        Client { path: path.to_owned() }
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
        // A run takes its socket along.
        let is_there = || match self.connect() {
            Ok(_) => true,
            Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
        };
        while is_there() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn connect(&self) -> std::io::Result<UnixStream> {
        UnixStream::from_std(address::connect(&self.path)?)
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
        let gone = || anyhow!("the run has ended");
        let stream = self.connect().with_context(gone)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(async move {
            let _ = connection.await;
        });
        let request = Request::builder()
            .method(method)
            .uri(format!("/v1/{what}"))
            .header(header::HOST, "wasmrun")
            .body(Full::<Bytes>::from(serde_json::to_vec(body)?))?;
        let response = tokio::time::timeout(PATIENCE, sender.send_request(request))
            .await
            .map_err(|_| anyhow!("the run does not answer"))?
            .with_context(gone)?;
        let status = response.status();
        let mut stream = Stream {
            body: response.into_body(),
            line: BytesMut::new(),
            connection,
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
}

/// An answer that comes bit by bit. Dropping it closes the connection.
pub struct Stream {
    body: Incoming,
    line: BytesMut,
    connection: JoinHandle<()>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.connection.abort();
    }
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
