//! The client's way to a hub: TCP, TLS, and a WebSocket that carries the pipe.

use super::pin::Pin;
use super::secret::Secret;
use super::verifier::{Mismatch, config};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use rustls::pki_types::ServerName;
use rustls::{CertificateError, OtherError};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tunnel::carrier::websocket::{HandshakeError, WebSocket};
use tunnel::carrier::{BoxCarrier, tcp};
use tunnel::session::ConnectError;

/// The tunnel's place on a hub.
pub const PATH: &str = "/v1/tunnel";
/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Most of a refusal that is shown.
const LONGEST: usize = 200;

/// A hub, as somebody has written it.
#[derive(Clone, Debug)]
pub struct Hub {
    host: String,
    port: u16,
    prefix: String,
    is_secure: bool,
    token: Option<Secret>,
    pin: Option<Pin>,
}

/// Why a URL is none of a hub.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHub {
    /// It is no URL of a hub.
    #[error("`{0}` is no hub: `wss://HOST:PORT` is")]
    Url(String),
    /// It would show the token to everybody on the way.
    #[error("`ws://{0}` is not encrypted, and not on this machine")]
    Plain(String),
    /// A pin without a certificate.
    #[error("a pin is for `wss://`")]
    Pin,
}

/// Why there is no way to a hub.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// Nothing answers.
    #[error("cannot reach {hub}")]
    Unreachable {
        /// Where.
        hub: String,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
    /// It takes too long.
    #[error("{0} does not answer in time")]
    Late(String),
    /// Somebody else answers, or the hub has another key.
    #[error("the certificate of {hub} has the pin {found}, not {expected}")]
    WrongPin {
        /// Where.
        hub: String,
        /// What is known of it.
        expected: Pin,
        /// What it has.
        found: Pin,
    },
    /// This machine knows nobody who has signed the certificate.
    #[error("no authority that this machine knows has signed the certificate of {0}")]
    UnknownAuthority(String),
    /// The certificate is of no use here.
    #[error("the certificate of {hub} is not valid")]
    Certificate {
        /// Where.
        hub: String,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// No TLS there, or none that we speak.
    #[error("cannot speak TLS with {hub}")]
    Tls {
        /// Where.
        hub: String,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// 401
    #[error("{0} does not know the token")]
    Unauthorized(String),
    /// 403
    #[error("{hub} refuses: {why}")]
    Forbidden {
        /// Where.
        hub: String,
        /// What it says.
        why: String,
    },
    /// 429
    #[error("{0} has had too many wrong tokens from this address")]
    TooMany(String),
    /// Its clients are too many.
    #[error("{0} has too many clients")]
    Busy(String),
    /// 400: the versions differ.
    #[error("{hub} does not speak this version: {why}")]
    Version {
        /// Where.
        hub: String,
        /// What it says.
        why: String,
    },
    /// Something else answers there.
    #[error("{0} is no hub of wasmrun")]
    NotAHub(String),
}

impl ReachError {
    /// What the user can do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            ReachError::WrongPin { .. } => {
                Some("somebody may be in between; if the hub has a new key, take the pin that it prints")
            }
            ReachError::UnknownAuthority(_) => Some("`--pin` with what `wasmrun hub` prints there"),
            ReachError::Unauthorized(_) => Some("`wasmrun hub token add` makes one there"),
            ReachError::TooMany(_) => Some("it takes a minute"),
            ReachError::Tls { .. } => Some("is it `ws://`?"),
            _ => None,
        }
    }

    /// Whether trying again without a change is of no use.
    pub fn is_final(&self) -> bool {
        !matches!(
            self,
            ReachError::Unreachable { .. } | ReachError::Late(_) | ReachError::TooMany(_) | ReachError::Busy(_)
        )
    }
}

/// For the link of a session.
impl From<ReachError> for ConnectError {
    fn from(error: ReachError) -> ConnectError {
        match error.is_final() {
            true => ConnectError::Never(error.into()),
            false => ConnectError::Later(error.into()),
        }
    }
}

impl Hub {
    /// `wss://HOST[:PORT][/PREFIX]` or `ws://…`. Without encryption only a loopback address is taken, or any with
    /// `is_insecure`.
    ///
    /// # Errors
    ///
    /// It is no such URL, or the token would be seen on the way.
    pub fn new(url: &str, token: Option<Secret>, pin: Option<Pin>, is_insecure: bool) -> Result<Hub, InvalidHub> {
        let wrong = || InvalidHub::Url(url.chars().take(LONGEST).collect());
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let is_secure = match uri.scheme_str() {
            Some("wss") => true,
            Some("ws") => false,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let authority = authority.ok_or_else(wrong)?;
        if uri.query().is_some() || authority.host().is_empty() {
            return Err(wrong());
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let is_local = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        if !is_secure && !is_local && !is_insecure {
            return Err(InvalidHub::Plain(authority.to_string()));
        }
        if pin.is_some() && !is_secure {
            return Err(InvalidHub::Pin);
        }
        Ok(Hub {
            port: authority.port_u16().unwrap_or(if is_secure { 443 } else { 80 }),
            prefix: uri.path().trim_end_matches('/').to_owned(),
            host,
            is_secure,
            token,
            pin,
        })
    }

    /// One attempt: a carrier for a session.
    ///
    /// # Errors
    ///
    /// There is no hub, or it does not want this client.
    pub async fn reach(&self) -> Result<BoxCarrier, ReachError> {
        let late = |_| ReachError::Late(self.to_string());
        tokio::time::timeout(PATIENCE, self.connect()).await.map_err(late)?
    }

    async fn connect(&self) -> Result<BoxCarrier, ReachError> {
        let unreachable = |source| ReachError::Unreachable {
            hub: self.to_string(),
            source,
        };
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(unreachable)?;
        tcp::tune(&stream).map_err(unreachable)?;
        if !self.is_secure {
            return self.shake(stream).await;
        }
        let name = ServerName::try_from(self.host.clone()).map_err(|_| ReachError::NotAHub(self.to_string()))?;
        let config = config(self.pin).map_err(|error| self.failed(error))?;
        let shaken = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        let stream = shaken.map_err(|error| self.refused(error))?;
        self.shake(stream).await
    }

    /// What rustls says is inside of an error of I/O.
    fn refused(&self, error: io::Error) -> ReachError {
        match error.downcast::<rustls::Error>() {
            Ok(error) => self.failed(error),
            Err(source) => ReachError::Unreachable {
                hub: self.to_string(),
                source,
            },
        }
    }

    fn failed(&self, error: rustls::Error) -> ReachError {
        let hub = self.to_string();
        match error {
            rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(other))) => {
                match (other.downcast_ref::<Mismatch>(), self.pin) {
                    (Some(Mismatch { found }), Some(expected)) => ReachError::WrongPin {
                        hub,
                        expected,
                        found: *found,
                    },
                    _ => ReachError::Certificate {
                        hub,
                        source: CertificateError::Other(OtherError(other)).into(),
                    },
                }
            }
            rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => ReachError::UnknownAuthority(hub),
            source @ rustls::Error::InvalidCertificate(_) => ReachError::Certificate { hub, source },
            source => ReachError::Tls { hub, source },
        }
    }

    async fn shake<T>(&self, stream: T) -> Result<BoxCarrier, ReachError>
    where
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        let mut headers = HeaderMap::new();
        if let Some(token) = &self.token {
            let value = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
            let mut value = value.map_err(|_| ReachError::Unauthorized(self.to_string()))?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        let url = format!("{self}{PATH}");
        match WebSocket::connect(stream, &url, headers).await {
            Ok(carrier) => Ok(Box::new(carrier)),
            Err(error) => Err(self.not_shaken(error)),
        }
    }

    fn not_shaken(&self, error: HandshakeError) -> ReachError {
        let hub = self.to_string();
        let HandshakeError::Status { status, body } = error else {
            return ReachError::NotAHub(hub);
        };
        let why = || said(&body);
        match status {
            StatusCode::UNAUTHORIZED => ReachError::Unauthorized(hub),
            StatusCode::FORBIDDEN => ReachError::Forbidden { hub, why: why() },
            StatusCode::TOO_MANY_REQUESTS => ReachError::TooMany(hub),
            StatusCode::SERVICE_UNAVAILABLE => ReachError::Busy(hub),
            StatusCode::BAD_REQUEST => ReachError::Version { hub, why: why() },
            StatusCode::MISDIRECTED_REQUEST => ReachError::Forbidden {
                hub,
                why: "it does not know this name of itself".into(),
            },
            _ => ReachError::NotAHub(hub),
        }
    }
}

/// What a hub says in a body, as one line for a terminal.
fn said(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Complaint {
        error: String,
    }
    let text = match serde_json::from_slice::<Complaint>(body) {
        Ok(complaint) => complaint.error,
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    let clean = text.trim().replace(char::is_control, " ");
    clean.chars().take(LONGEST).collect()
}

/// As a URL, without the token.
impl std::fmt::Display for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.is_secure { "wss" } else { "ws" };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}{}", self.host, self.port, self.prefix),
            false => write!(f, "{scheme}://{}:{}{}", self.host, self.port, self.prefix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_a_hub_is() {
        let hub = |url| Hub::new(url, None, None, false).map(|hub| hub.to_string());
        assert_eq!(hub("wss://lab.example.com"), Ok("wss://lab.example.com:443".into()));
        assert_eq!(hub("wss://[::1]:7443/a/"), Ok("wss://[::1]:7443/a".into()));
        assert_eq!(hub("ws://127.0.0.1:7070"), Ok("ws://127.0.0.1:7070".into()));
        assert_eq!(hub("ws://lab:7070"), Err(InvalidHub::Plain("lab:7070".into())));
        assert!(Hub::new("ws://lab:7070", None, None, true).is_ok());
        for wrong in ["", "lab", "https://lab", "wss://", "wss://me@lab", "wss://lab?x=1"] {
            assert!(matches!(hub(wrong), Err(InvalidHub::Url(_))), "{wrong}");
        }
    }

    #[test]
    fn what_a_server_says_is_one_line() {
        assert_eq!(said(b"{\"error\":\"no\\u001b[2J\\n way\"}"), "no [2J  way");
        assert_eq!(said(&[0xff, b'x', b'\n']), "\u{fffd}x");
    }
}
