//! One-time links for browsers: whoever may connect to this socket, in a folder that is closed to others, is told one.

use super::place;
use anyhow::{Context, anyhow};
use gateway::gateway::Gateway;
use gateway::grants::Grants;
use report::{Failure, Result};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// The pause after accept(2) failed for want of descriptors.
const PAUSE: Duration = Duration::from_millis(50);
/// How long the hub may take to say one.
const PATIENCE: Duration = Duration::from_secs(5);

/// The socket.
pub(super) fn listen(path: &Path) -> Result<UnixListener> {
    let _ = std::fs::remove_file(path);
    Ok(UnixListener::bind(path).with_context(|| format!("cannot make {}", path.display()))?)
}

/// A link that lets one browser in, within five minutes.
pub(super) fn link(gateway: &Gateway, origin: &str) -> String {
    format!("{origin}{}", gateway.invite(Grants::ALL).expose())
}

/// Tells links until the future is dropped.
pub(super) async fn tell(listener: UnixListener, gateway: &Gateway, origin: &str) {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        // Who asks and does not read gets nothing.
        let line = format!("{}\n", link(gateway, origin));
        let _ = tokio::time::timeout(PAUSE, stream.write_all(line.as_bytes())).await;
    }
}

/// Another link, from the hub that runs.
///
/// # Errors
///
/// There is no hub with a page.
pub async fn ask() -> Result<String> {
    let none = || Failure::usage(anyhow!("no hub with a page runs")).hint("start one: `wasmrun hub`");
    let mut stream = UnixStream::connect(place::links()?).await.map_err(|_| none())?;
    let mut line = String::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_string(&mut line)).await;
    read.map_err(|_| anyhow!("the hub does not answer"))?
        .context("the hub does not answer")?;
    match line.trim() {
        "" => Err(none()),
        link => Ok(link.to_owned()),
    }
}
