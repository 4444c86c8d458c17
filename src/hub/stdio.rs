//! `wasmrun hub --stdio`: brings a client, whose ssh has started it, to the hub. The hub is started where there is none.

use super::{channel, place};
use anyhow::{Context, anyhow};
use gateway::grants::Grants;
use report::{Failure, Result};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::time::Instant;

/// A hub that was just started listens within this.
const PATIENCE: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(10);
/// A hub that was started here ends after this long without a client.
const IDLE: &str = "10m";

/// Hands the client's channel to the hub, and waits for its end. `narrowed` is what the client may, where that is less than all.
///
/// # Errors
///
/// Nobody is at the other end; there is no hub, and none could be started.
pub async fn pass(narrowed: Option<&Grants>) -> Result<u8> {
    if !channel::is_there()? {
        let error = anyhow!("`wasmrun hub --stdio` speaks to a program by pipes or a socket");
        return Err(Failure::usage(error).hint("ssh starts it: `wasmrun forward ssh://HOST/RUN PORT`"));
    }
    let mut hub = connect(&place::channels()?).await?;
    channel::hand_over(&mut hub, narrowed)
        .await
        .context("the hub is gone")?;
    // It sends nothing.
    let _ = hub.read(&mut [0]).await;
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
