//! `wasmrun hub --stdio`: passes bytes between a client, whose ssh has started it, and the hub. The hub is started where there is none.

use super::place;
use anyhow::{Context, anyhow};
use gateway::grants::Grants;
use gateway::narrowing;
use report::Result;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::time::Instant;

/// A hub that was just started listens within this.
const PATIENCE: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(10);
/// A hub that was started here ends after this long without a client.
const IDLE: &str = "10m";

/// Passes bytes until one end is closed. It does not look at them. `narrowed` is what the client may, where that is less than all.
///
/// # Errors
///
/// There is no hub, and none could be started.
pub async fn pass(narrowed: Option<&Grants>) -> Result<u8> {
    let hub = connect(&place::socket()?).await?;
    let (mut from_hub, mut to_hub) = hub.into_split();
    if let Some(grants) = narrowed {
        // Before any byte of the client's, which cannot take it back.
        let line = narrowing::line(grants);
        to_hub.write_all(&line).await.context("the hub is gone")?;
    }
    let (mut input, mut output) = (tokio::io::stdin(), tokio::io::stdout());
    let out = async {
        tokio::io::copy(&mut input, &mut to_hub).await?;
        to_hub.shutdown().await
    };
    let back = async {
        tokio::io::copy(&mut from_hub, &mut output).await?;
        output.shutdown().await
    };
    // Who stops to send is gone: ssh closes both at once.
    tokio::select! {
        _ = out => {}
        _ = back => {}
    }
    Ok(0)
}

async fn connect(path: &Path) -> Result<UnixStream> {
    if let Ok(hub) = UnixStream::connect(path).await {
        return Ok(hub);
    }
    start()?;
    let until = Instant::now() + PATIENCE;
    loop {
        match UnixStream::connect(path).await {
            Ok(hub) => return Ok(hub),
            Err(_) if Instant::now() < until => tokio::time::sleep(AGAIN).await,
            Err(error) => {
                return Err(anyhow!(error)
                    .context("the hub does not start: try `wasmrun hub`")
                    .into());
            }
        }
    }
}

/// Of two that are started at once, one finds the other and ends.
fn start() -> Result<()> {
    let own = std::env::current_exe().context("cannot find wasmrun's own binary")?;
    let mut hub = std::process::Command::new(own);
    hub.args(["--quiet", "hub", "--started", "--exit-idle", IDLE])
        .current_dir("/");
    hub.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Nobody waits for it; what ends the session of ssh does not end its group.
    hub.process_group(0);
    hub.spawn().context("cannot start the hub")?;
    Ok(())
}
