//! One request to an app, and its answer.

use super::complaint;
use super::fields;
use super::guest::Guest;
use super::passing::{Download, Upload};
use super::pool::Conversation;
use super::upgrade;
use crate::app::App;
use crate::traffic::Use;
use bytes::Bytes;
use gateway::access::Access;
use gateway::hooks::AppVisit;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version, request};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tunnel::mux::{Body, Refusal};

/// Answers with what the guest answers, or with why there is no answer.
pub(crate) async fn answer(request: Request<Incoming>, visit: AppVisit, app: Arc<App>) -> Response<Body> {
    let asker = complaint::Asker::of(request.headers());
    let exchange = Exchange {
        visit,
        in_use: app.begin(),
        guest: &app.guest,
    };
    match exchange.run(request).await {
        Ok(response) => response,
        Err(refusal) => {
            if matches!(refusal.status, StatusCode::GONE | StatusCode::NOT_FOUND) {
                app.run_has_ended();
            }
            complaint::refusal(&refusal, asker, &app.page)
        }
    }
}

struct Exchange<'a> {
    visit: AppVisit,
    in_use: Use,
    guest: &'a Guest,
}

impl Exchange<'_> {
    async fn run(self, mut request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
        if request.method() == Method::CONNECT {
            let error = "an app behind the page is no proxy";
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, error));
        }
        let protocol = fields::upgrade(request.headers());
        let client = protocol.is_some().then(|| hyper::upgrade::on(&mut request));
        let (mut head, body) = request.into_parts();
        fields::request(&mut head.headers, &self.visit, protocol.as_ref());
        head.uri = origin_form(&head.uri);
        head.version = Version::HTTP_11;
        head.extensions.clear();
        let is_sent = Arc::new(AtomicBool::new(false));
        let again = again(&head, &body);
        let body = Upload::new(body, is_sent.clone()).boxed_unsync();
        let request = Request::from_parts(head, body);
        let access = &self.visit.access;
        let (mut response, conversation) = tokio::select! {
            sent = self.send(access, request, again, protocol.is_some()) => sent?,
            () = self.guest.ended.cancelled() => return Err(stopped()),
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let (Some(client), Some(asked)) = (client, protocol) else {
                return Err(self.broken("changed the protocol unasked"));
            };
            let agreed = response.headers().get(http::header::UPGRADE).cloned().unwrap_or(asked);
            let guest = hyper::upgrade::on(&mut response);
            let head = self.guest.head();
            let ended = self.guest.ended.clone();
            let passed = upgrade::pass(client, guest, access.clone(), head, ended, self.in_use);
            self.guest.crew.spawn(async move {
                passed.await;
                // Without it the connection would have ended before it was handed over.
                drop(conversation);
            });
            return Ok(switched(response, &agreed));
        }
        let (mut head, body) = response.into_parts();
        fields::answer(&mut head.headers, None);
        // That of the next hop is the server's.
        head.version = Version::HTTP_11;
        head.extensions.clear();
        let body = Download::new(body, conversation, self.guest.pool.clone(), is_sent, self.in_use);
        Ok(Response::from_parts(head, body.boxed_unsync()))
    }

    /// Sends a request. On a connection that was kept the guest may have ended it meanwhile: then it is sent once more on a new
    /// one, where nothing of it was sent, or where a second one does no harm (RFC 9110, 9.2.2) and no byte of an answer has come.
    async fn send(
        &self,
        access: &Access,
        request: Request<Body>,
        again: Option<Request<Body>>,
        is_upgrade: bool,
    ) -> Result<(Response<Incoming>, Conversation), Refusal> {
        let kept = match is_upgrade {
            true => None,
            false => self.guest.pool.take().await,
        };
        let mut conversation = match kept {
            Some(kept) => kept,
            None => self.guest.connect(access).await?,
        };
        let before = conversation.tally.received();
        let mut failed = match conversation.sender.try_send_request(request).await {
            Ok(response) => return Ok((response, conversation)),
            Err(failed) => failed,
        };
        let unsent = failed.take_message();
        let is_silent = conversation.tally.received() == before && !conversation.tally.is_cut();
        let again = unsent.or(again.filter(|_| is_silent && conversation.is_kept));
        if let Some(request) = again.filter(|_| !self.guest.ended.is_cancelled()) {
            let mut conversation = self.guest.connect(access).await?;
            let response = conversation.sender.send_request(request).await;
            return match response {
                Ok(response) => Ok((response, conversation)),
                Err(error) => Err(self.broken(why(&error))),
            };
        }
        Err(self.broken(why(failed.error())))
    }

    fn broken(&self, what: &str) -> Refusal {
        let target = &self.guest.target;
        let error = format!("`{}` has {what} on port {}", target.run, target.port);
        Refusal::new(StatusCode::BAD_GATEWAY, error).hint(format!("`wasmrun logs {}` may say why", target.run))
    }
}

/// The app was stopped while its guest was asked.
fn stopped() -> Refusal {
    Refusal::new(StatusCode::GONE, "this app was stopped")
}

fn why(error: &hyper::Error) -> &'static str {
    match error.is_parse() {
        true => "sent no HTTP",
        false => "ended the connection without an answer",
    }
}

/// The same request once more, where it may be sent twice.
fn again(head: &request::Parts, body: &Incoming) -> Option<Request<Body>> {
    let is_harmless = head.method.is_idempotent() && http_body::Body::is_end_stream(body);
    let mut again = Request::new(Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync());
    *again.method_mut() = head.method.clone();
    *again.uri_mut() = head.uri.clone();
    *again.headers_mut() = head.headers.clone();
    is_harmless.then_some(again)
}

/// As servers get it (RFC 9112, 3.2.1).
fn origin_form(uri: &Uri) -> Uri {
    let path = uri.path_and_query().cloned();
    Uri::from(path.unwrap_or(PathAndQuery::from_static("/")))
}

fn switched(mut response: Response<Incoming>, protocol: &HeaderValue) -> Response<Body> {
    fields::answer(response.headers_mut(), Some(protocol));
    response.extensions_mut().clear();
    response.map(|_| Empty::new().map_err(|never| match never {}).boxed_unsync())
}
