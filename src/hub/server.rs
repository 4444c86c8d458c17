//! Takes clients in.

use super::handler::Runs;
use super::place;
use crate::signals::Signals;
use anyhow::{Context, anyhow};
use report::{Failure, Result};
use rustix::net::sockopt;
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tunnel::carrier::Framed;
use tunnel::pipe::{Bye, Settings};
use tunnel::session::{Accepted, Limits, Sessions};

/// The pause after accept(2) failed for want of descriptors.
const PAUSE: Duration = Duration::from_millis(50);
/// Clients that have not said who they are.
const STRANGERS: usize = 64;
/// Open streams have this much time when the hub ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// How the hub runs.
pub struct Options {
    /// How long a client's streams outlive its link.
    pub linger: Duration,
    /// It ends by itself after this long without a client.
    pub idle: Option<Duration>,
}

/// Runs this user's hub until a signal comes.
///
/// # Errors
///
/// There is one already, or its socket cannot be made.
pub async fn run(options: &Options) -> Result<u8> {
    let mut signals = Signals::new()?;
    let path = place::socket()?;
    let Some(_claim) = place::claim()? else {
        return Err(Failure::usage(anyhow!("this user's hub is running already")).hint("it is for all of your runs"));
    };
    // Whoever held the claim before is gone.
    let _ = fs::remove_file(&path);
    let listener = UnixListener::bind(&path).with_context(|| format!("cannot make {}", path.display()))?;
    tracing::info!("hub: {}", path.display());
    let settings = Settings {
        linger: options.linger,
        ..Settings::default()
    };
    let sessions = Arc::new(Sessions::new(settings, Limits::default()));
    let strangers = Arc::new(Semaphore::new(STRANGERS));
    let handler = Arc::new(Runs::default());
    let mut clients = JoinSet::new();
    let mut last = Instant::now();
    let code = loop {
        let idle = async {
            match options.idle {
                Some(idle) => tokio::time::sleep_until(last + idle).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(clients.spawn(serve(stream, strangers.clone(), sessions.clone(), handler.clone()))),
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
            Some(_) = clients.join_next() => last = Instant::now(),
            () = idle, if clients.is_empty() => break 0,
            number = signals.next() => break 128 + number,
        }
    };
    let _ = fs::remove_file(&path);
    sessions.end(|_| true, Bye::GOING, "the hub ends");
    let _ = tokio::time::timeout(FAREWELL, async { while clients.join_next().await.is_some() {} }).await;
    Ok(code)
}

/// One client, or one more link of one.
async fn serve(stream: UnixStream, strangers: Arc<Semaphore>, sessions: Arc<Sessions<u32>>, handler: Arc<Runs>) {
    // The folder is closed to others; root may come, as everywhere.
    let Ok(peer) = sockopt::socket_peercred(&stream) else {
        return;
    };
    let who = peer.uid.as_raw();
    // Who says nothing is closed before it has said who it is.
    let Ok(greets) = strangers.try_acquire_owned() else {
        return;
    };
    let accepted = sessions.accept(Box::new(Framed::new(stream)), who).await;
    drop(greets);
    match accepted {
        Ok(Accepted::New { stream, keeper, agent }) => {
            tracing::debug!("hub: a client has come: {agent}");
            let serve = tunnel::mux::serve(stream, handler, std::future::pending());
            // The keeper sends what is left when the streams have ended.
            let (served, _) = tokio::join!(serve, keeper.run());
            tracing::debug!(
                "hub: a client has gone{}",
                served.err().map(|error| format!(": {error}")).unwrap_or_default()
            );
        }
        Ok(Accepted::Resumed(_)) => tracing::debug!("hub: a client is back"),
        Err(error) => tracing::debug!("hub: {error}"),
    }
}
