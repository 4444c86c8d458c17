//! Connections of `https` requests (RFC 9110, 4.2.2): TLS over a connection of the guest's, judged by the roots that its machine
//! trusts.

use crate::adoption::Accepted;
use crate::trust::Trust;
use hyper_util::client::legacy::connect::{Connected, Connection};
use std::error::Error as StdError;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tls::{Config, Settings, Verify};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, Error as TlsError};
use wasmtime_wasi_http::Error;

/// HTTP/2 by ALPN (RFC 9113, 3.2).
const H2: &[u8] = b"h2";

/// A connection of the client.
pub(super) enum Wire {
    Plain(Accepted),
    Secure(Box<TlsStream<Accepted>>),
}

/// What all connections of a process have in common; the error is why nobody can be trusted.
pub(super) fn config(trust: &Trust) -> Result<Arc<ClientConfig>, String> {
    let settings = Settings {
        verify: Verify::Full,
        system_roots: true,
        protocols: vec![H2.to_vec(), b"http/1.1".to_vec()],
        minimum: 0x0303,
        maximum: 0x0304,
        ..Settings::default()
    };
    let config = Config::create(&settings, || trust.roots()).map_err(|failure| failure.text)?;
    config.client().ok_or_else(|| "no client".to_owned())
}

/// Shakes hands with the server of this name, as it stands in a URI.
pub(super) async fn secure(config: Arc<ClientConfig>, host: &str, stream: Accepted) -> io::Result<Wire> {
    let name = host.trim_start_matches('[').trim_end_matches([']', '.']);
    let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
    let stream = TlsConnector::from(config).connect(name, stream).await?;
    Ok(Wire::Secure(Box::new(stream)))
}

/// The error of `wasi:http` where TLS is among the causes.
pub(super) fn error_of(error: &(dyn StdError + 'static)) -> Option<Error> {
    let mut next = Some(error);
    while let Some(cause) = next {
        // What is in an error of I/O is not its cause, but its text.
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let cause: &(dyn StdError + 'static) = match inner {
            Some(inner) => inner,
            None => cause,
        };
        match cause.downcast_ref::<TlsError>() {
            Some(TlsError::AlertReceived(alert)) => {
                return Some(Error::TlsAlertReceived {
                    alert_id: Some(u8::from(*alert)),
                    alert_message: Some(tls::alert_text(u8::from(*alert)).to_owned()),
                });
            }
            Some(TlsError::InvalidCertificate(_)) => return Some(Error::TlsCertificateError),
            Some(_) => return Some(Error::TlsProtocolError),
            None => next = cause.source(),
        }
    }
    None
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        match self {
            Wire::Secure(stream) if stream.get_ref().1.alpn_protocol() == Some(H2) => Connected::new().negotiated_h2(),
            _ => Connected::new(),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Wire::Secure(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Wire::Secure(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Wire::Secure(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Wire::Plain(stream) => stream.is_write_vectored(),
            Wire::Secure(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_flush(context),
            Wire::Secure(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Wire::Secure(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
