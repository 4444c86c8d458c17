//! A browser, as far as requests go.

use super::world::World;
use bytes::Bytes;
use gateway::grants::Grants;
use http::{HeaderMap, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tunnel::mux::Body;

pub const PAGE: &str = "wasmrun.localhost";
pub const APP: &str = "web-3000.localhost";

/// A test that hangs fails.
pub async fn patiently<T>(test: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(25);
    tokio::time::timeout(limit, test).await.expect("the test ends in time")
}

/// Waits until something is so.
pub async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}

/// An answer that was read to its end.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn field(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// The value of a form's hidden field.
    pub fn hidden(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let rest = self.text.split_once(&start).expect("the field").1;
        rest.split('"').next().expect("its end").to_owned()
    }
}

/// A connection to the gateway.
pub struct Connection {
    pub sender: SendRequest<Body>,
    tasks: JoinSet<()>,
}

impl Connection {
    pub async fn new(world: &World) -> Connection {
        let tcp = TcpStream::connect(world.address).await.expect("connected");
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tcp))
            .await
            .expect("a connection");
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { drop(connection.with_upgrades().await) });
        Connection { sender, tasks }
    }

    pub async fn send(&mut self, request: Request<Body>) -> Response<Incoming> {
        self.sender.ready().await.expect("ready");
        self.sender.send_request(request).await.expect("an answer")
    }

    pub fn close(mut self) {
        self.tasks.abort_all();
    }
}

pub async fn read(response: Response<Incoming>) -> Answer {
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes();
    Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        text: String::from_utf8_lossy(&body).into_owned(),
    }
}

/// One that is logged in.
pub struct Browser<'a> {
    world: &'a World,
    /// The cookie of the page, and of each app by its host.
    pub cookie: String,
    pub apps: Vec<(String, String)>,
}

impl<'a> Browser<'a> {
    pub async fn new(world: &'a World) -> Browser<'a> {
        Browser::with(world, Grants::ALL).await
    }

    pub async fn with(world: &'a World, grants: Grants) -> Browser<'a> {
        let mut browser = Browser {
            world,
            cookie: String::new(),
            apps: Vec::new(),
        };
        let link = world.gateway.invite(grants);
        let answer = browser.get(PAGE, link.expose()).await;
        assert_eq!(answer.status, 303);
        browser.cookie = cookie(&answer);
        browser
    }

    pub fn request(&self, method: &str, host: &str, path: &str) -> http::request::Builder {
        let app = self.apps.iter().find(|(of, _)| of == host).map(|(_, cookie)| cookie);
        let cookie = if host == PAGE { Some(&self.cookie) } else { app };
        let request = Request::builder().method(method).uri(path).header(header::HOST, host);
        match cookie {
            Some(cookie) => request.header(header::COOKIE, format!("mine=1; {cookie}")),
            None => request,
        }
    }

    pub async fn send(&self, request: Request<Body>) -> Response<Incoming> {
        let mut connection = Connection::new(self.world).await;
        let response = connection.send(request).await;
        // The connection goes on until the body was read, or the test is over.
        let (head, body) = response.into_parts();
        KEPT.with(|kept| kept.borrow_mut().push(connection));
        Response::from_parts(head, body)
    }

    pub async fn get(&self, host: &str, path: &str) -> Answer {
        let request = self.request("GET", host, path).header(header::ACCEPT, "text/html");
        read(self.send(request.body(full("")).expect("a request")).await).await
    }

    /// A form of the page.
    pub async fn post(&self, path: &str, fields: &str) -> Answer {
        let token = self.get(PAGE, "/").await.hidden("token");
        let request = self.request("POST", PAGE, path).header("sec-fetch-site", "same-origin");
        let request = request
            .body(full(format!("token={token}&{fields}")))
            .expect("a request");
        read(self.send(request).await).await
    }

    /// Starts an app by the page's form and enters it: its host.
    pub async fn start(&mut self, run: &str, port: u16) -> String {
        let answer = self
            .post("/start", &format!("run={run}&port={port}&anyway={port}"))
            .await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        let place = answer.field("location").to_owned();
        let rest = place.strip_prefix("http://").expect("an origin");
        let (host, path) = rest.split_once('/').expect("a path");
        let entered = self.get(host, &format!("/{path}")).await;
        assert_eq!((entered.status, entered.field("location")), (303, "/"));
        self.apps.retain(|(of, _)| of != host);
        self.apps.push((host.to_owned(), cookie(&entered)));
        host.to_owned()
    }
}

thread_local! {
    /// Connections of this test's thread.
    static KEPT: std::cell::RefCell<Vec<Connection>> = const { std::cell::RefCell::new(Vec::new()) };
}

fn cookie(answer: &Answer) -> String {
    let cookie = answer.field(header::SET_COOKIE.as_str());
    cookie.split(';').next().expect("a pair").to_owned()
}
