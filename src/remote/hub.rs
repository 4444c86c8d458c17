//! A hub, and the link to it, which is made again whenever it breaks.

use super::place::{Place, Way};
use super::ssh::{self, Ssh};
use anyhow::{Context, anyhow};
use bytes::Bytes;
use gateway::runs::Run;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use netns::Limits;
use report::{Failure, Result};
use serde::de::DeserializeOwned;
use std::sync::LazyLock;
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{oneshot, watch};
use tokio_util::task::TaskTracker;
use tunnel::carrier::{BoxCarrier, Framed};
use tunnel::mux::{self, Channel, Datagrams, HALF_CLOSED, Head, Incoming, OpenError, Relayed};
use tunnel::pipe::{Bye, Settings};
use tunnel::session::{self, ConnectError, Ender, Event};

/// Links that are still to say that they end.
static LINKS: LazyLock<TaskTracker> = LazyLock::new(TaskTracker::new);
/// How long they may take.
const FAREWELL: Duration = Duration::from_millis(500);
/// Longest list of runs, in bytes.
const LONGEST: usize = 1 << 20;
/// A pause after a session that ended at once.
const PAUSE: Duration = Duration::from_secs(1);

/// A hub. Dropping it ends the link.
pub struct Hub {
    place: Place,
    link: watch::Receiver<Link>,
    _wanted: oneshot::Sender<()>,
}

#[derive(Clone)]
enum Link {
    /// Nobody has answered yet.
    Awaited,
    Up(mux::Client),
    /// The session is over, with its streams; there will be another.
    Down,
    /// Nobody has ever answered.
    Failed(String),
}

/// Waits until links have said that they end, before this process does.
pub async fn farewell() {
    LINKS.close();
    let _ = tokio::time::timeout(FAREWELL, LINKS.wait()).await;
}

impl Hub {
    /// Reaches a hub.
    ///
    /// # Errors
    ///
    /// It cannot be reached. What was reached once is reached again, whenever that takes.
    pub async fn reach(place: &Place) -> Result<Hub> {
        Hub::begin(place, true).await
    }

    /// The same for who has nobody to ask for a password.
    ///
    /// # Errors
    ///
    /// As [`Hub::reach`].
    pub async fn reach_unasked(place: &Place) -> Result<Hub> {
        Hub::begin(place, false).await
    }

    async fn begin(place: &Place, asks: bool) -> Result<Hub> {
        let (says, link) = watch::channel(Link::Awaited);
        let (wanted, is_wanted) = oneshot::channel();
        LINKS.spawn(keep(place.clone(), asks, says, is_wanted));
        let mut hub = Hub {
            place: place.clone(),
            link,
            _wanted: wanted,
        };
        let answered = hub.link.wait_for(|link| !matches!(link, Link::Awaited)).await;
        match answered.map(|link| link.clone()) {
            Ok(Link::Failed(why)) => Err(Failure::from(anyhow!("cannot reach {place}: {why}"))),
            Ok(_) => Ok(hub),
            Err(_) => Err(anyhow!("cannot reach {place}").into()),
        }
    }

    /// The link, as soon as there is one.
    async fn client(&self) -> Result<mux::Client> {
        let mut link = self.link.clone();
        let up = link.wait_for(|link| matches!(link, Link::Up(_))).await;
        match up.map(|link| link.clone()) {
            Ok(Link::Up(client)) => Ok(client),
            _ => Err(anyhow!("the link to {} is over", self.place).into()),
        }
    }

    /// Relays a connection to a port of a run. While there is no link it waits, as long as the head says.
    ///
    /// # Errors
    ///
    /// There is no way to it. The connection was reset.
    pub async fn carry(&self, head: &Head, stream: TcpStream) -> std::result::Result<Relayed, OpenError> {
        match self.in_time(head).await {
            Ok(client) => client.carry(head, stream, HALF_CLOSED).await,
            Err(error) => {
                let _ = stream.set_zero_linger();
                Err(error)
            }
        }
    }

    /// A stream of datagrams to a port of a run, in the same way.
    pub async fn associate(&self, head: &Head) -> std::result::Result<Datagrams, OpenError> {
        self.in_time(head).await?.associate(head).await
    }

    async fn in_time(&self, head: &Head) -> std::result::Result<mux::Client, OpenError> {
        let patience = head.wait.unwrap_or(Limits::CONNECT_TIMEOUT);
        let gone = || {
            mux::Refusal::new(
                http::StatusCode::GATEWAY_TIMEOUT,
                format!("there is no link to {}", self.place),
            )
        };
        let client = tokio::time::timeout(patience, self.client()).await;
        Ok(client.map_err(|_| gone())?.map_err(|_| gone())?)
    }

    /// A stream to a port of a run. While there is no link it waits, as long as the head says.
    ///
    /// # Errors
    ///
    /// There is no way to it.
    pub async fn open(&self, head: &Head) -> std::result::Result<Channel, OpenError> {
        self.in_time(head).await?.open(head).await
    }

    /// The names of its runs.
    pub async fn runs(&self) -> Result<Vec<String>> {
        self.read("http://hub/v1/runs").await
    }

    /// Its runs, with what there is to know of each.
    pub async fn known(&self) -> Result<Vec<Run>> {
        self.read("http://hub/v1/runs?full=true").await
    }

    async fn read<T: DeserializeOwned>(&self, what: &str) -> Result<T> {
        let request = Request::get(what).body(Full::default())?;
        let body = self.request(request).await?.into_body();
        let text = http_body_util::Limited::new(body, LONGEST).collect().await;
        let text = text.map_err(|error| anyhow!("{}: {error}", self.place))?;
        Ok(serde_json::from_slice(&text.to_bytes()).context("invalid response from the hub")?)
    }

    /// An ordinary request.
    pub async fn request(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>> {
        let client = self.client().await?;
        let failed = || anyhow!("the link to {} is over", self.place);
        let (response, rest) = client.request(request).await.with_context(failed)?;
        // Bodies of requests are short, and have been sent when there is an answer.
        drop(rest);
        Ok(response)
    }
}

/// Keeps a link for as long as it is wanted.
async fn keep(place: Place, asks: bool, says: watch::Sender<Link>, mut wanted: oneshot::Receiver<()>) {
    loop {
        let (stream, link, mut events) = session::connect(
            |attempt| carrier(&place, asks && attempt.is_first),
            Settings {
                agent: concat!("wasmrun ", env!("CARGO_PKG_VERSION")).to_owned(),
                ..Settings::default()
            },
        );
        let ender: Ender = stream.ender();
        let mux = async {
            let (client, driver) = mux::connect(stream).await.ok()?;
            let tell = async {
                while let Some(event) = events.recv().await {
                    if !heard(&place, &event, &client, &says) {
                        return;
                    }
                }
                std::future::pending().await
            };
            tokio::select! {
                _ = driver.run() => {}
                () = tell => {}
            }
            Some(())
        };
        let ends = async {
            let _ = (&mut wanted).await;
            ender.end(Bye::GOING, "the client ends");
        };
        let mut link = std::pin::pin!(link.run());
        let why = tokio::select! {
            ended = &mut link => match ended {
                Ok(end) => Some(end.to_string()),
                Err(never) => Some(chain(&never)),
            },
            _ = mux => None,
            () = ends => {
                // It says so, and ends.
                let _ = link.await;
                return;
            }
        };
        let last = says.borrow().clone();
        match last {
            Link::Awaited => {
                let why = why.unwrap_or_else(|| "it speaks another protocol".to_owned());
                says.send_replace(Link::Failed(why));
                return;
            }
            Link::Failed(_) => return,
            Link::Up(_) => {
                says.send_replace(Link::Down);
                tracing::warn!("the link to {place} is lost for good: its connections were reset");
            }
            Link::Down => {}
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            _ = &mut wanted => return,
        }
    }
}

/// Says what has become of the link; whether it goes on.
fn heard(place: &Place, event: &Event, client: &mux::Client, says: &watch::Sender<Link>) -> bool {
    match event {
        Event::Up => {
            if matches!(*says.borrow(), Link::Down) {
                tracing::info!("the link to {place} is back");
            }
            says.send_replace(Link::Up(client.clone()));
        }
        Event::Lost { error } => tracing::warn!("the link to {place} is lost ({}): connections wait", chain(error)),
        Event::Back { after } => {
            let after = Duration::from_millis(after.as_millis() as u64);
            tracing::info!(
                "the link to {place} is back after {}: nothing is lost",
                humantime::format_duration(after)
            );
        }
        Event::Unreachable { error } => {
            let mut why = chain(&**error);
            // A shell that says something before the hub does, mostly.
            if let (Some(tunnel::carrier::Error::Malformed(_)), Way::Ssh { host, .. }) =
                (error.downcast_ref(), &place.way)
            {
                why += &format!("; something else than a hub answers (`ssh {host} true` has to print nothing)");
            }
            if matches!(*says.borrow(), Link::Awaited) {
                says.send_replace(Link::Failed(why));
                return false;
            }
            tracing::debug!("{place} cannot be reached: {why}");
        }
    }
    true
}

/// An error with what it comes from.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let all = std::iter::successors(Some(error), |error| error.source());
    let mut texts: Vec<String> = all.map(ToString::to_string).collect();
    texts.dedup();
    texts.join(": ")
}

async fn carrier(place: &Place, asks: bool) -> std::result::Result<BoxCarrier, ConnectError> {
    match &place.way {
        Way::Ssh { host, port, command } => {
            let command = command.as_deref().unwrap_or(ssh::COMMAND);
            let ssh = Ssh::start(host, *port, command, asks);
            let ssh = ssh.map_err(|error| ConnectError::Later(format!("cannot start ssh: {error}").into()))?;
            Ok(Box::new(Framed::new(ssh)))
        }
        Way::Web(web) => {
            let token = match &web.token {
                Some(token) => Some(
                    token
                        .read()
                        .await
                        .map_err(|failure| ConnectError::Never(failure.error.into()))?,
                ),
                None => None,
            };
            let reached = match web.hub(token) {
                Ok(hub) => hub.reach().await,
                Err(why) => return Err(ConnectError::Never(why.into())),
            };
            reached.map_err(|error| {
                let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
                let text = format!("{error}{hint}");
                match error.is_final() {
                    true => ConnectError::Never(text.into()),
                    false => ConnectError::Later(text.into()),
                }
            })
        }
        Way::Unix(path) => {
            let hub = UnixStream::connect(path).await;
            let hub = hub.map_err(|error| ConnectError::Later(Box::new(error)))?;
            Ok(Box::new(Framed::new(hub)))
        }
    }
}
