//! What other modules put behind the router: the page, the apps behind it, KohakuRiver's protocol.
//!
//! Each is asked only after the guards, the policy and the login; each reaches runs only through the [`Access`] that it is given.

use super::access::Access;
use super::answer;
use super::browser::{Browsers, Session};
use super::secret::Secret;
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tunnel::mux::Body;

/// A browser on the page.
#[derive(Clone)]
pub struct Visit {
    /// What it can reach: its session's grants within the policy.
    pub access: Access,
    /// Its session.
    pub session: Session,
    /// Whether it came by https.
    pub is_secure: bool,
    /// The authority of its request (`wasmrun.localhost:7070`), which is one of the hub's.
    pub authority: String,
    pub(crate) browsers: Arc<Browsers>,
}

impl Visit {
    /// What every form has as its field [`FORM`]: without it a form is refused before the page sees it.
    pub fn form_token(&self) -> Secret {
        self.browsers.form_token(&self.session.digest)
    }

    /// A code for `/.wasmrun/enter?code=` of an app's origin, by the first label of its host (`web-3000`).
    pub fn entry(&self, app: &str) -> Secret {
        self.browsers.entry(&self.session, app)
    }

    /// Ends the session.
    pub fn logout(&self) {
        self.browsers.logout(&self.session);
    }
}

/// The field of a form that has its token.
pub const FORM: &str = "token";

/// The page: everything on the hub's own origin that is no endpoint.
pub trait Pages: Send + Sync + 'static {
    /// Answers a request. An unsafe method has come from the page's own origin, with the form's token; its body is the form,
    /// whole. The security headers are added to the answer.
    fn answer(&self, request: Request<Body>, visit: Visit) -> impl Future<Output = Response<Body>> + Send;
}

/// A browser in an app.
#[derive(Clone)]
pub struct AppVisit {
    /// The first label of the host: `web-3000`. [`guard::app`](super::guard::app) splits it.
    pub label: String,
    /// What it can reach.
    pub access: Access,
    /// Whether it came by https.
    pub is_secure: bool,
    /// The authority of its request, as it came.
    pub authority: String,
}

/// The apps behind the page, each at its own origin.
pub trait Apps: Send + Sync + 'static {
    /// Answers a request of a browser that has entered this app. The hub's cookies are taken out; its upgrade is untouched.
    /// The answer's body ends with the right to be here; what an upgrade leads to has to end with [`Access::revoked`].
    fn answer(
        &self,
        request: Request<hyper::body::Incoming>,
        visit: AppVisit,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// A WebSocket of KohakuRiver's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leg {
    /// `/ws/forward/{run}/{port}`: one port, a text before all frames.
    Forward {
        /// The run.
        run: String,
        /// The port, which was judged already.
        port: u16,
        /// Datagrams.
        is_udp: bool,
    },
    /// `/api/tunnel/{run}`: the port is in each CONNECT, which [`Access::connect`] judges.
    Tunnel {
        /// The run.
        run: String,
    },
}

/// KohakuRiver's protocol, after the upgrade.
pub trait Kohaku: Send + Sync + 'static {
    /// Serves one WebSocket until it ends. The future is dropped when its client may be here no longer, or not at this run and
    /// port. [`Judged`](super::handler::Judged) is the handler of its streams.
    fn serve(&self, socket: TokioIo<Upgraded>, leg: Leg, access: Access) -> impl Future<Output = ()> + Send;
}

pub(crate) trait AnyPages: Send + Sync {
    fn answer(&self, request: Request<Body>, visit: Visit) -> BoxFuture<'_, Response<Body>>;
}

impl<P: Pages> AnyPages for P {
    fn answer(&self, request: Request<Body>, visit: Visit) -> BoxFuture<'_, Response<Body>> {
        Box::pin(Pages::answer(self, request, visit))
    }
}

pub(crate) trait AnyApps: Send + Sync {
    fn answer(&self, request: Request<hyper::body::Incoming>, visit: AppVisit) -> BoxFuture<'_, Response<Body>>;
}

impl<A: Apps> AnyApps for A {
    fn answer(&self, request: Request<hyper::body::Incoming>, visit: AppVisit) -> BoxFuture<'_, Response<Body>> {
        Box::pin(Apps::answer(self, request, visit))
    }
}

pub(crate) trait AnyKohaku: Send + Sync {
    fn serve(&self, socket: TokioIo<Upgraded>, leg: Leg, access: Access) -> BoxFuture<'_, ()>;
}

impl<K: Kohaku> AnyKohaku for K {
    fn serve(&self, socket: TokioIo<Upgraded>, leg: Leg, access: Access) -> BoxFuture<'_, ()> {
        Box::pin(Kohaku::serve(self, socket, leg, access))
    }
}

/// What stands behind the router; without one of them its place answers 501.
#[derive(Clone)]
pub struct Hooks {
    pub(crate) pages: Arc<dyn AnyPages>,
    pub(crate) apps: Arc<dyn AnyApps>,
    pub(crate) kohaku: Option<Arc<dyn AnyKohaku>>,
}

impl Default for Hooks {
    fn default() -> Hooks {
        Hooks {
            pages: Arc::new(Nothing),
            apps: Arc::new(Nothing),
            kohaku: None,
        }
    }
}

impl Hooks {
    /// With a page.
    #[must_use]
    pub fn pages(self, pages: impl Pages) -> Hooks {
        let pages = Arc::new(pages);
        Hooks { pages, ..self }
    }

    /// With apps behind it.
    #[must_use]
    pub fn apps(self, apps: impl Apps) -> Hooks {
        let apps = Arc::new(apps);
        Hooks { apps, ..self }
    }

    /// With KohakuRiver's protocol.
    #[must_use]
    pub fn kohaku(self, kohaku: impl Kohaku) -> Hooks {
        Hooks {
            kohaku: Some(Arc::new(kohaku)),
            ..self
        }
    }
}

struct Nothing;

impl Pages for Nothing {
    async fn answer(&self, _: Request<Body>, _: Visit) -> Response<Body> {
        answer::text(StatusCode::NOT_IMPLEMENTED, "this hub has no page")
    }
}

impl Apps for Nothing {
    async fn answer(&self, _: Request<hyper::body::Incoming>, _: AppVisit) -> Response<Body> {
        answer::text(StatusCode::NOT_IMPLEMENTED, "this hub has no page")
    }
}
