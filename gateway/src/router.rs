//! Who answers a request, after the guards.
//!
//! ```text
//!   Host is ours? --no--> 421          hub on? --no--> 403
//!   NAME-PORT.localhost  -> the app's origin                              cookie of that app
//!   /v1/tunnel, /v1/..., /api/status|tunnel, /ws/forward -> native        token; no Origin; cookies count for nothing
//!   everything else      -> the page                                      cookie of the session
//! ```

use super::answer;
use super::audit::{Entry, Event};
use super::guard::Site;
use super::native::{self, Native};
use super::peer::Peer;
use super::policy::Switch;
use super::site::Sites;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tunnel::mux::Body;

/// Routes.
pub(crate) struct Router {
    pub(crate) native: Native,
    pub(crate) sites: Sites,
}

impl Router {
    pub(crate) async fn answer(&self, request: Request<Incoming>, peer: &Peer) -> Response<Body> {
        let site = self.sites.hosts.site(request.uri(), request.headers(), peer.to);
        let Some(site) = site else {
            let error = "the request names another host";
            self.refused(peer, error);
            return answer::empty(StatusCode::MISDIRECTED_REQUEST);
        };
        if let Err(off) = self.native.hall.rules().now().policy.switch(Switch::Hub) {
            self.refused(peer, &off.to_string());
            return answer::text(StatusCode::FORBIDDEN, &off.to_string());
        }
        let door = native::door(request.uri().path());
        match (site, door) {
            (Site::App(label), _) => self.sites.app(request, peer, label).await,
            (Site::Hub | Site::Local, Some(door)) => self.native.answer(request, peer, door).await,
            (Site::Hub, None) => self.sites.page(request, peer).await,
            // A cookie for `localhost` would go to every server of this machine.
            (Site::Local, None) => {
                self.refused(peer, "the page is not at `localhost`");
                answer::empty(StatusCode::MISDIRECTED_REQUEST)
            }
        }
    }

    fn refused(&self, peer: &Peer, why: &str) {
        let entry = Entry {
            from: peer.from,
            ..Entry::new(Event::Refusal)
        };
        self.native.hall.audit().say(entry.outcome(why));
    }
}
