//! Asking a new guest whether it is well, before anybody else talks to it.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use netns::Target;
use std::sync::Arc;
use std::time::Duration;

/// A guest that is not well yet is asked again after this.
const AGAIN: Duration = Duration::from_millis(50);
/// One answer may take this long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks until the guest answers with 2xx or 3xx, for at most `limit`.
pub async fn healthy(target: Arc<Target>, port: u16, path: String, limit: Duration) -> Result<()> {
    let end = tokio::time::Instant::now() + limit;
    let mut last = None;
    loop {
        let patience = PATIENCE.min(end.saturating_duration_since(tokio::time::Instant::now()));
        let asked = tokio::time::timeout(patience, ask(&target, port, &path)).await;
        let error = match asked {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            // What little time was left says less than the answer before.
            Err(_) => (last.take().filter(|_| patience < AGAIN))
                .unwrap_or_else(|| anyhow::anyhow!("no answer within {patience:?}")),
        };
        if tokio::time::Instant::now() + AGAIN > end {
            return Err(error.context(format!("its health check failed: GET {path} on port {port}")));
        }
        last = Some(error);
        tokio::time::sleep(AGAIN).await;
    }
}

async fn ask(target: &Target, port: u16, path: &str) -> Result<()> {
    let stream = target.connect(port).context("cannot connect")?;
    let stream = tokio::net::TcpStream::from_std(stream)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path)
        .header(header::HOST, format!("localhost:{port}"))
        .header(header::CONNECTION, "close")
        .header(header::USER_AGENT, concat!("wasmrun/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        // The whole answer, so that the guest is not left with half of one.
        response.into_body().collect().await?;
        anyhow::Ok(status)
    };
    // A connection that ends has failed the exchange, or comes after it.
    let drive = async {
        let _ = connection.await;
        std::future::pending::<()>().await;
    };
    let status = tokio::select! {
        status = exchange => status?,
        () = drive => bail!("the connection did not end"),
    };
    if !(status.is_success() || status.is_redirection()) {
        bail!("status {status}");
    }
    Ok(())
}
