//! Endpoints of native clients: the tunnel, the API, KohakuRiver's. A token lets in; a cookie counts for nothing.

use super::access::{Access, Hall};
use super::answer;
use super::api;
use super::audit::{Entry, Event};
use super::credential::{Presented, presented};
use super::crew::Crew;
use super::guard;
use super::hooks::{AnyKohaku, Leg};
use super::peer::Peer;
use super::principal::{Door, Principal, Who};
use super::scope::{self, Operation};
use super::throttle::Throttle;
use super::token;
use super::tunnels::Tunnels;
use super::upgrade;
use http::{Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::{Instant, SystemTime};
use tunnel::carrier::websocket::{self, WebSocket};
use tunnel::mux::{Body, Refusal};

/// Where native clients are answered.
pub(crate) struct Native {
    pub(crate) hall: Hall,
    pub(crate) throttle: Throttle,
    pub(crate) tunnels: Tunnels,
    pub(crate) kohaku: Option<Arc<dyn AnyKohaku>>,
    pub(crate) crew: Arc<Crew>,
}

/// The door of a path; none where it is the page's.
pub(crate) fn door(path: &str) -> Option<Door> {
    let is_below = |prefix: &str| {
        path.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    match path {
        "/v1/tunnel" => Some(Door::Tunnel),
        // Whatever is not in the table there is 404, not a page.
        _ if is_below("/v1") => Some(Door::Api),
        _ if is_below("/api/status") || is_below("/ws/forward") || is_below("/api/tunnel") => Some(Door::Kohaku),
        _ => None,
    }
}

type Answer = Result<Response<Body>, Refusal>;

impl Native {
    pub(crate) async fn answer(&self, request: Request<Incoming>, peer: &Peer, door: Door) -> Response<Body> {
        let answered = self.answered(request, peer, door).await;
        answered.unwrap_or_else(|refusal| {
            let mut response = answer::refusal(&refusal);
            if refusal.status == StatusCode::UNAUTHORIZED {
                let schemes = header::HeaderValue::from_static("Bearer realm=\"wasmrun\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, schemes);
            }
            response
        })
    }

    async fn answered(&self, request: Request<Incoming>, peer: &Peer, door: Door) -> Answer {
        let refused = |refusal: Refusal| {
            let entry = Entry {
                door: Some(door.as_str()),
                from: peer.from,
                ..Entry::new(Event::Refusal)
            };
            self.hall.audit().say(entry.outcome(&refusal));
            refusal
        };
        if guard::is_from_a_page(request.headers()) {
            let error = "a web page may not use this endpoint";
            return Err(refused(Refusal::new(StatusCode::FORBIDDEN, error)));
        }
        let ruling = self.hall.rules().now();
        ruling
            .door(door)
            .map_err(|off| refused(Refusal::new(StatusCode::FORBIDDEN, off.to_string())))?;
        let who = self.who(&request, peer).map_err(refused)?;
        peer.trusted();
        let access = self.hall.access(Principal::new(who, door, peer.from));
        match door {
            Door::Tunnel => self.tunnel(request, peer, &access),
            Door::Kohaku => self.kohaku(request, peer, &access).await,
            _ => Ok(api::answer(&access, request).await),
        }
    }

    /// Who has sent a request. Right or wrong takes the same time; too many that are wrong are not looked at.
    fn who(&self, request: &Request<Incoming>, peer: &Peer) -> Result<Who, Refusal> {
        if peer.is_open {
            return Ok(Who::Anyone);
        }
        let unauthorized = |error: &str| Refusal::new(StatusCode::UNAUTHORIZED, error);
        let presented = match presented(request.headers()) {
            Presented::Nothing => {
                let refusal = unauthorized("a token is needed");
                return Err(refusal.hint("`wasmrun hub token add NAME` makes one"));
            }
            Presented::Token(token) => Some(token),
            Presented::Malformed => None,
        };
        let address = peer.from.map(|from| from.ip());
        if let Some(left) = address.and_then(|address| self.throttle.wait(address, Instant::now())) {
            let error = format!("too many wrong tokens: try again in {} s", left.as_secs() + 1);
            return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, error));
        }
        let text = presented.as_ref().map_or("", |token| token.expose());
        let rules = self.hall.rules();
        let find = || {
            let ruling = rules.now();
            let found = token::find(&ruling.tokens, text, SystemTime::now());
            found.map(|token| Who::Token {
                name: token.name.as_str().into(),
                digest: token.digest,
            })
        };
        let found = find().or_else(|| {
            // It may have been made a moment ago.
            rules.refresh();
            find()
        });
        found.ok_or_else(|| {
            if let Some(address) = address {
                self.throttle.failed(address, Instant::now());
            }
            unauthorized("the token is not known")
        })
    }

    fn tunnel(&self, request: Request<Incoming>, peer: &Peer, access: &Access) -> Answer {
        let protocol = websocket::choose(request.headers()).ok_or_else(|| {
            let offered = request.headers().get(header::SEC_WEBSOCKET_PROTOCOL);
            let offered = offered.and_then(|offered| offered.to_str().ok()).unwrap_or("none");
            let offered: String = offered.chars().take(80).collect();
            let error = format!(
                "this hub speaks `{}`, and the client offers `{offered}`",
                websocket::PROTOCOL
            );
            Refusal::new(StatusCode::BAD_REQUEST, error)
        })?;
        let place = self.tunnels.place();
        let place =
            place.ok_or_else(|| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too many clients are greeting"))?;
        let (response, upgraded) = upgrade::websocket(request, Some(protocol))?;
        let (tunnels, principal, held) = (self.tunnels.clone(), access.principal().clone(), peer.held());
        self.crew.spawn(async move {
            let _held = held;
            if let Ok(upgraded) = upgraded.await {
                let carrier = WebSocket::upgraded(TokioIo::new(upgraded)).await;
                tunnels.serve(Box::new(carrier), principal, place).await;
            }
        });
        Ok(response)
    }

    /// `GET /api/status/{run}`, `/ws/forward/{run}/{port}`, `/api/tunnel/{run}`.
    async fn kohaku(&self, request: Request<Incoming>, peer: &Peer, access: &Access) -> Answer {
        let unknown = || Refusal::new(StatusCode::NOT_FOUND, "there is no such run");
        if request.method() != Method::GET {
            return Err(unknown());
        }
        let path = request.uri().path().to_owned();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let leg = match parts[..] {
            ["api", "status", run] if scope::is_name(run) => return status(access, run).await,
            ["api", "tunnel", run] => Leg::Tunnel { run: run.to_owned() },
            ["ws", "forward", run, port] => Leg::Forward {
                run: run.to_owned(),
                port: port.parse().ok().filter(|port| *port > 0).ok_or_else(unknown)?,
                is_udp: match protocol(request.uri().query()).as_deref() {
                    None | Some("tcp") => false,
                    Some("udp") => true,
                    Some(_) => return Err(Refusal::new(StatusCode::BAD_REQUEST, "`proto` is `tcp` or `udp`")),
                },
            },
            _ => return Err(unknown()),
        };
        let (run, port) = match &leg {
            Leg::Forward { run, port, .. } => (run, Some(*port)),
            Leg::Tunnel { run } => (run, None),
        };
        if !scope::is_name(run) {
            return Err(unknown());
        }
        access.judge(Operation::Connect, Some(run), port)?;
        let Some(kohaku) = self.kohaku.clone() else {
            let error = "this hub does not speak KohakuRiver's protocol";
            return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, error));
        };
        let (response, upgraded) = upgrade::websocket(request, None)?;
        let (access, held) = (access.clone(), peer.held());
        let withdrawn = access.withdrawn(Operation::Connect, run.clone(), port);
        self.crew.spawn(async move {
            let _held = held;
            let Ok(upgraded) = upgraded.await else {
                return;
            };
            let say = |entry: Entry| access.hall().audit().say(entry);
            say(Entry::of(Event::Session, access.principal()).outcome("began"));
            let began = Instant::now();
            let outcome = tokio::select! {
                // Whoever is not let in any more is not let do anything either: the wider reason is the one to tell.
                biased;
                denied = access.expelled() => {
                    say(Entry::of(Event::Stop, access.principal()).outcome(&denied));
                    format!("ended: {denied}")
                }
                denied = withdrawn => format!("ended: {denied}"),
                () = kohaku.serve(TokioIo::new(upgraded), leg, access.clone()) => "ended".to_owned(),
            };
            let entry = Entry {
                seconds: Some(began.elapsed().as_secs_f64()),
                ..Entry::of(Event::Session, access.principal())
            };
            say(entry.outcome(outcome));
        });
        Ok(response)
    }
}

fn protocol(query: Option<&str>) -> Option<String> {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let mut named = pairs.filter(|(name, _)| name == "proto");
    named.next().map(|(_, value)| value.into_owned())
}

/// What KohakuRiver's client wants to know before it comes: the words are its own.
async fn status(access: &Access, run: &str) -> Answer {
    #[derive(serde::Serialize)]
    struct Status<'a> {
        task_id: &'a str,
        task_type: &'static str,
        status: &'static str,
    }
    #[derive(serde::Serialize)]
    struct Missing {
        detail: String,
    }
    access.judge(Operation::State, Some(run), None)?;
    let runs = access.list().await?;
    if runs.iter().any(|found| found.name == run) {
        // It may be starting: connections wait for it.
        let status = Status {
            task_id: run,
            task_type: "command",
            status: "running",
        };
        return Ok(answer::json(StatusCode::OK, &status));
    }
    let missing = Missing {
        detail: format!("`{run}` is not running"),
    };
    Ok(answer::json(StatusCode::NOT_FOUND, &missing))
}
