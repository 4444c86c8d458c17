//! What the gateway asks: the page, and the apps that were started from it.

use super::app::Ending;
use super::pages::answer;
use super::pages::router;
use super::pages::shared::Shared;
use super::proxy::complaint::{self, Asker, STYLE};
use super::proxy::exchange;
use super::started::Started;
use gateway::hooks::{AppVisit, Apps, Pages, Visit};
use gateway::principal::Who;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Duration;
use tunnel::mux::{Body, Refusal};

/// How long an app goes on that nobody uses.
pub const IDLE: Duration = Duration::from_mins(30);

/// How a portal is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// The domain of apps (`run.example.com`) for browsers that come by a name which is not this machine's own. It has to be one
    /// of those that [`gateway::guard::Hosts`] was made with. Without it such browsers are offered no apps.
    pub domain: Option<String>,
    /// How long an app goes on that nobody uses.
    pub idle: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            domain: None,
            idle: IDLE,
        }
    }
}

/// The page and its apps; a clone is the same one. It is both of the gateway's hooks:
///
/// ```no_run
/// use gateway::hooks::Hooks;
/// use page::portal::{Options, Portal};
///
/// let portal = Portal::new(Options::default());
/// let hooks = Hooks::default().pages(portal.clone()).apps(portal);
/// ```
#[derive(Clone)]
pub struct Portal {
    shared: Arc<Shared>,
}

impl Portal {
    /// One in which nothing is started.
    pub fn new(options: Options) -> Portal {
        let Options { domain, idle } = options;
        let started = Started::new(idle);
        Portal {
            shared: Arc::new(Shared { started, domain }),
        }
    }
}

impl Pages for Portal {
    async fn answer(&self, request: Request<Body>, visit: Visit) -> Response<Body> {
        router::answer(&self.shared, request, &visit).await
    }
}

impl Apps for Portal {
    async fn answer(&self, request: Request<Incoming>, visit: AppVisit) -> Response<Body> {
        if request.uri().path() == STYLE {
            return answer::style();
        }
        let asker = Asker::of(request.headers());
        let Who::Browser { session, .. } = &visit.access.principal().who else {
            let error = "an app belongs to the browser that has started it";
            return complaint::refusal(&Refusal::new(StatusCode::FORBIDDEN, error), asker, "");
        };
        let Some(app) = self.shared.started.find(session, &visit.label) else {
            let error = "this app is not started";
            let refusal = Refusal::new(StatusCode::GONE, error).hint("start it from the page");
            return complaint::refusal(&refusal, asker, "");
        };
        match app.ending() {
            None => exchange::answer(request, visit, app).await,
            Some(ending) => {
                let error = match ending {
                    Ending::Stopped => "this app was stopped".to_owned(),
                    Ending::Unused(time) => {
                        let minutes = time.as_secs() / 60;
                        format!("this app has ended, because nobody used it for {minutes} minutes")
                    }
                    Ending::Run => format!("`{}` has ended", app.target().run),
                };
                let refusal = Refusal::new(StatusCode::GONE, error).hint("start it again from the page");
                complaint::refusal(&refusal, asker, &app.page)
            }
        }
    }
}
