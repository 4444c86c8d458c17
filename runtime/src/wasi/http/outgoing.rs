//! `wasi:http` requests that a guest sends: one client for all of its instances, with a pool of connections, over the way out of its
//! network. Without one every request is refused, which is told with the rule that is missing.

use super::race;
use super::secure::{self, Wire};
use crate::adoption::Accepted;
use crate::egress::NameError;
use crate::event::Attempt;
use crate::trust::Trust;
use crate::wasi::sockets::Network;
use bytes::Bytes;
use http::header::HOST;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use hyper_util::client::legacy::{Client, Error as ClientError, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::error::Error as StdError;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, timeout};
use tokio_rustls::rustls::ClientConfig;
use tower_service::Service;
use wasmtime_wasi::sockets::SocketAddrUse;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

/// Where a guest names no time-out: as long as wasmtime's own client waits.
const LONG: Duration = Duration::from_secs(600);
/// A kept connection of the pool is closed after this; servers close theirs after 60 to 75 s.
const IDLE: Duration = Duration::from_secs(50);

/// The client of a guest's process.
pub(crate) struct Outgoing {
    client: OnceLock<Client<Connector, WasiBody>>,
    trust: Trust,
}

/// Why a request has no connection.
#[derive(Debug, thiserror::Error)]
enum NotConnected {
    #[error("the name has no address")]
    Name(#[source] NameError),
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    #[error("{0}")]
    Trust(String),
    #[error("no TLS")]
    Secure(#[source] io::Error),
}

impl Outgoing {
    pub(crate) fn new(trust: Trust) -> Outgoing {
        Outgoing {
            client: OnceLock::new(),
            trust,
        }
    }

    /// Sends a request and returns what its answer begins with.
    pub(crate) fn send(
        &self,
        network: &Network,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> impl Future<Output = Result<Response<WasiBody>, Error>> + Send + 'static {
        let options = options.unwrap_or_default();
        let [connect, first, between] = [
            options.connect_timeout,
            options.first_byte_timeout,
            options.between_bytes_timeout,
        ]
        .map(|timeout| timeout.unwrap_or(LONG));
        let begun = self.begin(network, request);
        async move {
            let (answer, mut connection) = begun?;
            let mut answer = pin!(answer);
            let connected = async { connection.wait_for_connection_metadata().await.is_some() };
            let answer = tokio::select! {
                biased;
                // It has failed.
                answer = &mut answer => answer,
                connected = timeout(connect, connected) => {
                    connected.map_err(|_| Error::ConnectionTimeout)?;
                    timeout(first, answer).await.map_err(|_| Error::ConnectionReadTimeout)?
                }
            };
            let answer = answer.map_err(|error| of_client(&error))?;
            let body = |body| Timed {
                body,
                between,
                until: Box::pin(tokio::time::sleep(between)),
            };
            Ok(answer.map(|answer| BodyExt::boxed_unsync(body(answer))))
        }
    }

    /// The answer, and who is told when there is a connection for it.
    fn begin(
        &self,
        network: &Network,
        mut request: Request<WasiBody>,
    ) -> Result<(ResponseFuture, CaptureConnection), Error> {
        let authority = request
            .uri()
            .authority()
            .filter(|authority| has_a_port_or_none(authority));
        let authority = authority.ok_or(Error::HttpRequestUriInvalid)?.clone();
        if network.egress.is_none() {
            let port = port(&authority, request.uri().scheme());
            network.gate.deny(Attempt::Name(authority.host().to_owned(), port));
            return Err(Error::HttpRequestDenied);
        }
        let host = without_user(&authority);
        if host != authority.as_str() {
            let header = HeaderValue::from_str(host).map_err(|_| Error::HttpRequestUriInvalid)?;
            // HTTP/1 says it by the header, HTTP/2 by the URI.
            request.headers_mut().insert(HOST, header);
            let mut parts = request.uri().clone().into_parts();
            parts.authority = Some(host.parse().map_err(|_| Error::HttpRequestUriInvalid)?);
            *request.uri_mut() = Uri::from_parts(parts).map_err(|_| Error::HttpRequestUriInvalid)?;
        }
        let client = self.client.get_or_init(|| {
            let connector = Connector {
                network: network.clone(),
                trust: self.trust.clone(),
                secure: Arc::default(),
            };
            Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE)
                .build(connector)
        });
        let connection = capture_connection(&mut request);
        Ok((client.request(request), connection))
    }
}

/// Who somebody is, and with which password, is no part of a host's name (RFC 9110, 4.2.4).
fn without_user(authority: &Authority) -> &str {
    let text = authority.as_str();
    text.rsplit_once('@').map_or(text, |(_, host)| host)
}

/// A number that is no port is not the scheme's own.
fn has_a_port_or_none(authority: &Authority) -> bool {
    let behind = without_user(authority).strip_prefix(authority.host());
    matches!(behind, Some("" | ":")) || authority.port_u16().is_some()
}

fn port(authority: &Authority, scheme: Option<&Scheme>) -> u16 {
    authority.port_u16().unwrap_or(match scheme {
        Some(scheme) if *scheme == Scheme::HTTP => 80,
        _ => 443,
    })
}

/// The error of `wasi:http` that says what a guest can act on.
fn of_client(error: &ClientError) -> Error {
    if let Some(error) = secure::error_of(error) {
        return error;
    }
    let mut next = error.source();
    while let Some(cause) = next {
        next = cause.source();
        if let Some(NotConnected::Name(name)) = cause.downcast_ref() {
            let rcode = Some(match name {
                NameError::Unknown => "NXDOMAIN".to_owned(),
                NameError::Temporary => "SERVFAIL".to_owned(),
            });
            return Error::DnsError { rcode, info_code: None };
        }
        if let Some(NotConnected::Connect(error)) = cause.downcast_ref() {
            return match error.kind() {
                ErrorKind::PermissionDenied => Error::HttpRequestDenied,
                ErrorKind::ConnectionRefused => Error::ConnectionRefused,
                ErrorKind::TimedOut => Error::ConnectionTimeout,
                _ => Error::DestinationUnavailable,
            };
        }
        match cause.downcast_ref() {
            Some(NotConnected::Trust(why)) => return Error::InternalError(Some(why.clone())),
            // It ended in the handshake.
            Some(NotConnected::Secure(_)) => return Error::ConnectionTerminated,
            _ => {}
        }
        if let Some(error) = cause.downcast_ref::<hyper::Error>() {
            return match error {
                error if error.is_incomplete_message() => Error::HttpResponseIncomplete,
                error if error.is_parse() => Error::HttpProtocolError,
                error if error.is_timeout() => Error::HttpResponseTimeout,
                _ => Error::ConnectionTerminated,
            };
        }
    }
    Error::InternalError(Some(error.to_string()))
}

/// Connects as a socket of the guest's does.
#[derive(Clone)]
struct Connector {
    network: Network,
    trust: Trust,
    /// Made for the first `https` request.
    secure: Arc<OnceLock<Result<Arc<ClientConfig>, String>>>,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Wire>;
    type Error = NotConnected;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, NotConnected>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NotConnected>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            let network = &connector.network;
            let host = uri.host().unwrap_or_default();
            let addresses = network.look_up(host).await.map_err(NotConnected::Name)?;
            let is_secure = uri.scheme() == Some(&Scheme::HTTPS);
            let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
            let connected = race::first(&addresses, |ip| connect(network, SocketAddr::new(ip, port))).await;
            let connected = connected.unwrap_or_else(|| Err(ErrorKind::HostUnreachable.into()));
            let connected = connected.map_err(NotConnected::Connect)?;
            let wire = match is_secure {
                false => Wire::Plain(connected),
                true => {
                    let config = connector.secure.get_or_init(|| secure::config(&connector.trust));
                    let config = config.clone().map_err(NotConnected::Trust)?;
                    let secured = secure::secure(config, host, connected).await;
                    secured.map_err(NotConnected::Secure)?
                }
            };
            Ok(TokioIo::new(wire))
        })
    }
}

async fn connect(network: &Network, address: SocketAddr) -> io::Result<Accepted> {
    if let Some(egress) = network.way_out(address, &network.localhost.tcp) {
        return Accepted::outgoing(egress.connect(address).await?, address);
    }
    // The guest's own: a server beside this one. Without isolation there is no such thing.
    if !network.gate.allows(address, SocketAddrUse::TcpConnect) {
        return Err(ErrorKind::PermissionDenied.into());
    }
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(Accepted::own(stream, address))
}

/// The body of an answer; the server has so long for each piece.
struct Timed {
    body: Incoming,
    between: Duration,
    until: Pin<Box<Sleep>>,
}

impl Body for Timed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            let until = Instant::now() + self.between;
            self.until.as_mut().reset(until);
            return Poll::Ready(frame.map(|frame| frame.map_err(Error::from)));
        }
        ready!(self.until.as_mut().poll(context));
        Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
