//! The port of a guest behind one app, and the connections to it.

use super::link::{Link, Tally};
use super::pool::{Conversation, Pool};
use crate::crew::Crew;
use crate::traffic::Traffic;
use gateway::access::Access;
use gateway::scope::Operation;
use http::StatusCode;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::pin::pin;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tunnel::mux::{Head, Refusal};

/// Most connections of one app, WebSockets included.
const MOST: usize = 256;
/// Most fields of an answer.
const FIELDS: usize = 256;

/// A port of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) run: String,
    pub(crate) port: u16,
}

/// What is behind an app.
pub(crate) struct Guest {
    pub(crate) target: Target,
    pub(crate) traffic: Arc<Traffic>,
    /// Cancelled when everything that is open has to end.
    pub(crate) ended: CancellationToken,
    pub(super) pool: Arc<Pool>,
    pub(super) crew: Arc<Crew>,
}

/// Marks a connection that its task leaves before its end.
struct Cut(Option<Arc<Tally>>);

impl Drop for Cut {
    fn drop(&mut self) {
        if let Some(tally) = self.0.take() {
            tally.cut();
        }
    }
}

impl Guest {
    pub(crate) fn new(target: Target, crew: Arc<Crew>, ended: CancellationToken) -> Guest {
        Guest {
            target,
            traffic: Arc::default(),
            ended,
            pool: Arc::default(),
            crew,
        }
    }

    pub(super) fn head(&self) -> Head {
        Head::new(self.target.run.clone(), self.target.port)
    }

    /// A new connection.
    ///
    /// # Errors
    ///
    /// There are too many, it may not be, or the guest takes none.
    pub(super) async fn connect(&self, access: &Access) -> Result<Conversation, Refusal> {
        if !self.traffic.open(MOST) {
            let error = format!("this app has {MOST} connections, which is the limit");
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error));
        }
        let head = self.head();
        // Gives the place back where the wait is given up.
        let place = Place(Some(self.traffic.clone()));
        let connected = access.connect(head.clone()).await?;
        place.kept();
        let generation = connected.generation;
        let link = Link::new(connected, head.clone(), access.clone(), self.traffic.clone());
        let tally = link.tally();
        let mut builder = http1::Builder::new();
        builder.max_headers(FIELDS);
        let (sender, connection) = builder
            .handshake(TokioIo::new(link))
            .await
            .map_err(|error| Refusal::new(StatusCode::BAD_GATEWAY, error.to_string()))?;
        let (conversation, waiting) = self.pool.begin(sender, tally.clone(), generation);
        let (pool, ended) = (Arc::downgrade(&self.pool), self.ended.clone());
        let revoked = access.revoked(Operation::Connect, &head);
        self.crew.spawn(async move {
            let mut connection = pin!(connection.with_upgrades());
            // Goes before the connection, so that what is said at its end is right.
            let mut cut = Cut(Some(tally));
            let expired = async {
                match pool.upgrade() {
                    Some(pool) => pool.expired(waiting).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = connection.as_mut() => cut.0 = None,
                () = ended.cancelled() => {}
                _ = revoked => {}
                () = expired => {}
            }
        });
        Ok(conversation)
    }
}

struct Place(Option<Arc<Traffic>>);

impl Place {
    fn kept(mut self) {
        self.0 = None;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(traffic) = &self.0 {
            traffic.close();
        }
    }
}
