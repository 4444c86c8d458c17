//! What browsers are shown: the page at the hub's own origin, and each app at its own.

use super::access::Hall;
use super::answer;
use super::api;
use super::audit::{Entry, Event};
use super::browser::{Browsers, Session};
use super::cookies;
use super::grants::Grants;
use super::guard::{self, Hosts};
use super::hooks::{AnyApps, AnyPages, AppVisit, FORM, Visit};
use super::peer::Peer;
use super::principal::{Door, Principal, Who};
use super::revocable::Revocable;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use std::sync::Arc;
use tunnel::mux::Body;

/// Where a code makes a session.
pub const LOGIN: &str = "/login";
/// Where a code lets into an app.
pub const ENTER: &str = "/.wasmrun/enter";

/// Where browsers are answered.
pub(crate) struct Sites {
    pub(crate) hall: Hall,
    pub(crate) browsers: Arc<Browsers>,
    pub(crate) hosts: Hosts,
    pub(crate) pages: Arc<dyn AnyPages>,
    pub(crate) apps: Arc<dyn AnyApps>,
}

impl Sites {
    /// A request to the page, with the headers that keep it what it is.
    pub(crate) async fn page(&self, request: Request<Incoming>, peer: &Peer) -> Response<Body> {
        let authority = guard::authority(request.uri(), request.headers());
        let port = authority.as_ref().and_then(http::uri::Authority::port_u16);
        let mut response = self.page_itself(request, peer).await;
        let targets = self.hosts.form_targets(peer.is_secure, port);
        guard::secure(response.headers_mut(), &targets);
        response
    }

    async fn page_itself(&self, request: Request<Incoming>, peer: &Peer) -> Response<Body> {
        if let Err(off) = self.hall.rules().now().door(Door::Page) {
            return self.refused(peer, Door::Page, StatusCode::FORBIDDEN, &off.to_string());
        }
        let is_safe = guard::is_safe(request.method());
        if !is_safe && !guard::is_same_origin(request.uri(), request.headers(), peer.is_secure) {
            let error = "this request comes from another site";
            return self.refused(peer, Door::Page, StatusCode::FORBIDDEN, error);
        }
        if request.uri().path() == LOGIN && request.method() == Method::GET {
            return self.login(&request, peer);
        }
        let Some(session) = self.browsers.session(request.headers(), peer.is_secure) else {
            if peer.is_open && request.method() == Method::GET {
                // Whoever comes is let in, and needs a session all the same: forms and apps belong to one.
                let code = self.browsers.invite(Grants::ALL);
                return self.admit(code.expose(), peer);
            }
            let error = "this browser is not logged in: open the link that `wasmrun hub url` prints";
            return answer::text(StatusCode::UNAUTHORIZED, error);
        };
        peer.trusted();
        let visit = self.visit(session, &request, peer);
        if let Err(denied) = visit.access.ruling().enters(visit.access.principal()) {
            return answer::refusal(&denied.refusal());
        }
        let (head, body) = request.into_parts();
        let body = match is_safe {
            true => body.map_err(Into::into).boxed_unsync(),
            false => match self.form(body, &visit).await {
                Ok(form) => form,
                Err(response) => return response,
            },
        };
        let expelled = {
            let access = visit.access.clone();
            async move { access.expelled().await }
        };
        let response = self.pages.answer(Request::from_parts(head, body), visit).await;
        response.map(|body| Revocable::new(body, expelled).boxed())
    }

    fn visit(&self, session: Session, request: &Request<Incoming>, peer: &Peer) -> Visit {
        let authority = guard::authority(request.uri(), request.headers());
        Visit {
            access: self.hall.access(principal(&session, Door::Page, peer)),
            session,
            is_secure: peer.is_secure,
            authority: authority.map(|authority| authority.to_string()).unwrap_or_default(),
            browsers: self.browsers.clone(),
        }
    }

    /// A whole form, whose token is right.
    async fn form(&self, body: Incoming, visit: &Visit) -> Result<Body, Response<Body>> {
        let form = api::read(body).await.map_err(|refusal| answer::refusal(&refusal))?;
        let mut tokens = form_urlencoded::parse(&form)
            .filter(|(name, _)| name == FORM)
            .map(|(_, value)| value);
        let (first, second) = (tokens.next(), tokens.next());
        let is_right = |token: &str| self.browsers.is_form_token(&visit.session.digest, token);
        if !first.is_some_and(|token| is_right(&token)) || second.is_some() {
            let error = "this form is too old: load the page again";
            let entry = Entry::of(Event::Refusal, visit.access.principal());
            self.hall.audit().say(entry.outcome(error));
            return Err(answer::text(StatusCode::FORBIDDEN, error));
        }
        let whole = Full::new(Bytes::clone(&form)).map_err(|never| match never {});
        Ok(whole.boxed_unsync())
    }

    fn login(&self, request: &Request<Incoming>, peer: &Peer) -> Response<Body> {
        match code(request) {
            Some(code) => self.admit(&code, peer),
            None => answer::text(StatusCode::BAD_REQUEST, "the link has no code"),
        }
    }

    fn admit(&self, code: &str, peer: &Peer) -> Response<Body> {
        let Some((secret, session)) = self.browsers.login(code) else {
            let error = "this link was used already, or is too old: `wasmrun hub url` prints another one";
            return self.refused(peer, Door::Page, StatusCode::UNAUTHORIZED, error);
        };
        let principal = principal(&session, Door::Page, peer);
        self.hall
            .audit()
            .say(Entry::of(Event::Login, &principal).outcome("let in"));
        peer.trusted();
        answer::see_other("/", cookies::page(&secret, peer.is_secure))
    }

    /// A request to an app, at the app's own origin.
    pub(crate) async fn app(&self, mut request: Request<Incoming>, peer: &Peer, label: String) -> Response<Body> {
        if let Err(off) = self.hall.rules().now().door(Door::App) {
            return self.refused(peer, Door::App, StatusCode::FORBIDDEN, &off.to_string());
        }
        let (uri, headers) = (request.uri(), request.headers());
        if guard::is_from_another_app(uri, headers, request.method(), peer.is_secure) {
            let error = "this request comes from another site";
            return self.refused(peer, Door::App, StatusCode::FORBIDDEN, error);
        }
        if request.uri().path() == ENTER {
            let code = code(&request).filter(|_| request.method() == Method::GET);
            let Some((secret, session)) = code.and_then(|code| self.browsers.enter(&code, &label)) else {
                let error = "this link was used already, or is too old: open the app from the page again";
                return self.refused(peer, Door::App, StatusCode::UNAUTHORIZED, error);
            };
            let entry = Entry {
                run: Some(label),
                ..Entry::of(Event::Grant, &principal(&session, Door::App, peer))
            };
            self.hall.audit().say(entry.outcome("entered"));
            return answer::see_other("/", cookies::app(&secret, peer.is_secure));
        }
        let Some(session) = self.browsers.session_of_app(request.headers(), &label, peer.is_secure) else {
            return answer::text(
                StatusCode::UNAUTHORIZED,
                "this browser has not entered the app: open it from the page",
            );
        };
        peer.trusted();
        cookies::without_ours(request.headers_mut());
        let authority = guard::authority(request.uri(), request.headers());
        let visit = AppVisit {
            label,
            access: self.hall.access(principal(&session, Door::App, peer)),
            is_secure: peer.is_secure,
            authority: authority.map(|authority| authority.to_string()).unwrap_or_default(),
        };
        if let Err(denied) = visit.access.ruling().enters(visit.access.principal()) {
            return answer::refusal(&denied.refusal());
        }
        let expelled = {
            let access = visit.access.clone();
            async move { access.expelled().await }
        };
        let response = self.apps.answer(request, visit).await;
        response.map(|body| Revocable::new(body, expelled).boxed())
    }

    fn refused(&self, peer: &Peer, door: Door, status: StatusCode, why: &str) -> Response<Body> {
        let entry = Entry {
            door: Some(door.as_str()),
            from: peer.from,
            ..Entry::new(Event::Refusal)
        };
        self.hall.audit().say(entry.outcome(why));
        let mut response = answer::text(status, why);
        let no_referrer = HeaderValue::from_static("no-referrer");
        response.headers_mut().insert(header::REFERRER_POLICY, no_referrer);
        response
    }
}

fn principal(session: &Session, door: Door, peer: &Peer) -> Principal {
    let who = Who::Browser {
        session: session.digest,
        grants: session.grants.clone(),
    };
    Principal {
        ended: session.ended.clone(),
        ..Principal::new(who, door, peer.from)
    }
}

fn code(request: &Request<Incoming>) -> Option<String> {
    let query = request.uri().query().unwrap_or_default();
    let mut codes = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "code");
    let (first, second) = (codes.next(), codes.next());
    first.filter(|_| second.is_none()).map(|(_, code)| code.into_owned())
}
