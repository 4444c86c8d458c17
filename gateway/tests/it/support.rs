//! A gateway with runs that are none, on loopback, and clients of it.

use bytes::Bytes;
use futures::StreamExt;
use gateway::audit::Audit;
use gateway::bind::{Bind, bind};
use gateway::client::Hub;
use gateway::gateway::{Gateway, Options};
use gateway::grants::{Grants, Names, Ports};
use gateway::guard::Hosts;
use gateway::hooks::{AppVisit, Apps, Hooks, Kohaku, Leg, Pages, Visit};
use gateway::rules::{Rules, Sources};
use gateway::runs::{Run, Runs};
use gateway::scope::{Scope, Scopes};
use gateway::secret::Secret;
use gateway::tls::Tls;
use gateway::token::Tokens;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tunnel::carrier::BoxCarrier;
use tunnel::mux::{Body, Client, Connected, Head, Refusal, Socket};
use tunnel::pipe::{End, Settings};
use tunnel::session::{Attempt, ConnectError};

/// Every answer is there within this.
const ANSWER: Duration = Duration::from_secs(15);

/// A test that hangs fails.
pub async fn patiently<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(25), test)
        .await
        .expect("the test ends in time")
}

/// Waits until something is so.
pub async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What was asked of the runs, and an echo behind every port of `web` and `db`.
#[derive(Clone, Default)]
pub struct Fake {
    pub asked: Arc<Mutex<Vec<String>>>,
    pub heads: Arc<Mutex<Vec<Head>>>,
    pub open: Arc<AtomicUsize>,
    echo: Option<SocketAddr>,
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Fake {
    fn known(name: &str) -> Result<(), Refusal> {
        match name {
            "web" | "db" => Ok(()),
            _ => Err(Refusal::new(StatusCode::NOT_FOUND, format!("`{name}` is not running"))),
        }
    }
}

impl Runs for Fake {
    async fn list(&self) -> Result<Vec<Run>, Refusal> {
        let run = |name: &str| Run {
            name: name.into(),
            state: "serving".into(),
            listening: vec![3000],
            ..Run::default()
        };
        Ok(vec![run("web"), run("db")])
    }

    async fn connect(&self, head: Head) -> Result<Connected, Refusal> {
        Fake::known(&head.run)?;
        self.heads.lock().expect("heads").push(head.clone());
        if head.port == 9 {
            // A guest that does not listen yet.
            std::future::pending::<()>().await;
        }
        let tcp = TcpStream::connect(self.echo.expect("an echo")).await.expect("the echo");
        self.open.fetch_add(1, Ordering::Relaxed);
        Ok(Connected {
            tcp,
            generation: Some(7),
            held: Box::new(Counted(self.open.clone())),
        })
    }

    async fn associate(&self, head: Head) -> Result<Box<dyn Socket>, Refusal> {
        Fake::known(&head.run)?;
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        socket.connect(self.echo.expect("an echo")).await.expect("connected");
        Ok(Box::new(socket))
    }

    async fn request(&self, run: &str, method: Method, what: &str, body: Bytes) -> Response<Body> {
        let body_text = String::from_utf8_lossy(&body).into_owned();
        self.asked
            .lock()
            .expect("asked")
            .push(format!("{method} {run} {what} {body_text}"));
        let mut response = match what {
            "logs?follow=true" => {
                let line = futures::stream::once(async { Ok(http_body::Frame::data(Bytes::from("first\n"))) });
                Response::new(StreamBody::new(line.chain(futures::stream::pending())).boxed_unsync())
            }
            _ => Response::new(
                Full::new(Bytes::from("{}"))
                    .map_err(|never| match never {})
                    .boxed_unsync(),
            ),
        };
        let headers = response.headers_mut();
        headers.insert("content-type", "application/json".parse().expect("a value"));
        headers.insert("connection", "keep-alive".parse().expect("a value"));
        headers.insert("set-cookie", "a=b".parse().expect("a value"));
        response
    }
}

/// A page that says what it was asked.
pub struct Page;

impl Pages for Page {
    async fn answer(&self, request: Request<Body>, visit: Visit) -> Response<Body> {
        let (head, body) = request.into_parts();
        let form = body.collect().await.expect("a form").to_bytes();
        let text = match head.uri.path() {
            "/form" => visit.form_token().expose().to_owned(),
            "/entry" => visit.entry("web-3000").expose().to_owned(),
            "/logout" => {
                visit.logout();
                String::new()
            }
            path => format!("page {} {path} {}", head.method, String::from_utf8_lossy(&form)),
        };
        Response::new(
            Full::new(Bytes::from(text))
                .map_err(|never| match never {})
                .boxed_unsync(),
        )
    }
}

/// An app that says which cookies it has got; `/stream` does not end.
pub struct App;

impl Apps for App {
    async fn answer(&self, request: Request<hyper::body::Incoming>, visit: AppVisit) -> Response<Body> {
        if request.uri().path() == "/stream" {
            let line = futures::stream::once(async { Ok(http_body::Frame::data(Bytes::from("first\n"))) });
            return Response::new(StreamBody::new(line.chain(futures::stream::pending())).boxed_unsync());
        }
        let cookie = request
            .headers()
            .get("cookie")
            .map(|cookie| cookie.to_str().expect("text").to_owned());
        let text = format!("app {} {}", visit.label, cookie.unwrap_or_else(|| "none".into()));
        Response::new(
            Full::new(Bytes::from(text))
                .map_err(|never| match never {})
                .boxed_unsync(),
        )
    }
}

/// Says what it was handed, and keeps the socket.
pub struct Kr;

impl Kohaku for Kr {
    async fn serve(&self, mut socket: TokioIo<Upgraded>, leg: Leg, access: gateway::access::Access) {
        let head = Head::new("db", 1);
        let other = access.connect(head).await.err().map(|refusal| refusal.status.as_u16());
        let _ = socket.write_all(format!("{leg:?} {other:?}\n").as_bytes()).await;
        std::future::pending::<()>().await;
    }
}

/// Lines of the audit.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("lines").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("lines").clone()).expect("text")
    }

    pub fn has(&self, words: &[&str]) -> bool {
        self.text()
            .lines()
            .any(|line| words.iter().all(|word| line.contains(word)))
    }
}

/// A gateway that is served.
pub struct Place {
    pub address: SocketAddr,
    pub secure: Option<SocketAddr>,
    pub pipe: PathBuf,
    pub unix: PathBuf,
    pub tokens: Tokens,
    pub admin: PathBuf,
    pub fake: Fake,
    pub audit: Lines,
    pub rules: Arc<Rules>,
    pub gateway: Arc<Gateway>,
    pub tls: Option<Arc<Tls>>,
    pub folder: TempDir,
    pub stop: Option<oneshot::Sender<()>>,
    pub tasks: JoinSet<()>,
}

#[derive(Default)]
pub struct Setting {
    pub tls: Option<Arc<Tls>>,
    pub is_open: bool,
    pub no_hooks: bool,
}

impl Place {
    pub async fn new() -> Place {
        Place::with(Setting::default()).await
    }

    pub async fn with(setting: Setting) -> Place {
        let folder = tempfile::tempdir().expect("a folder");
        let mut tasks = JoinSet::new();
        let echo = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let fake = Fake {
            echo: echo.local_addr().ok(),
            ..Fake::default()
        };
        tasks.spawn(async move {
            let mut clients = JoinSet::new();
            while let Ok((mut stream, _)) = echo.accept().await {
                clients.spawn(async move {
                    let (mut read, mut write) = stream.split();
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
            }
        });
        let admin = folder.path().join("etc/hub.toml");
        fs::create_dir(folder.path().join("etc")).expect("a folder");
        let tokens = Tokens::at(folder.path().join("tokens.toml"));
        let sources = Sources {
            admin: admin.clone(),
            admin_owner: rustix::process::geteuid().as_raw(),
            user: None,
            flags: Vec::new(),
            tokens: tokens.clone(),
        };
        let rules = Arc::new(Rules::load(sources).expect("rules"));
        let audit = Lines::default();
        let hooks = match setting.no_hooks {
            true => Hooks::default(),
            false => Hooks::default().pages(Page).apps(App).kohaku(Kr),
        };
        let options = Options {
            hosts: Hosts::new(["hub.test".to_owned()], []),
            settings: Settings::default(),
            audit: Arc::new(Audit::new(Box::new(audit.clone()), true)),
            hooks,
        };
        let gateway = Arc::new(Gateway::new(rules.clone(), Arc::new(fake.clone()), options));
        let (pipe, unix) = (folder.path().join("hub.pipe"), folder.path().join("http.sock"));
        let loopback: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let mut binds = vec![Bind::Tcp(loopback, None), Bind::Pipe(pipe.clone())];
        if !setting.is_open {
            binds.push(Bind::Unix(unix.clone()));
        }
        if let Some(tls) = &setting.tls {
            binds.push(Bind::Tcp(loopback, Some(tls.clone())));
        }
        let bound = bind(binds, &rules.now(), setting.is_open).expect("bound");
        let addresses: Vec<SocketAddr> = bound.iter().filter_map(|bound| bound.address()).collect();
        let (stop, stops) = oneshot::channel();
        let served = gateway.clone();
        tasks.spawn(async move {
            served
                .serve(&bound, async {
                    let _ = stops.await;
                })
                .await;
        });
        Place {
            address: addresses[0],
            secure: addresses.get(1).copied(),
            pipe,
            unix,
            tokens,
            admin,
            fake,
            audit,
            rules,
            gateway,
            tls: setting.tls,
            folder,
            stop: Some(stop),
            tasks,
        }
    }

    /// A token with these scopes, for all runs and ports.
    pub fn token(&self, name: &str, scopes: &[Scope]) -> Secret {
        let grants = Grants {
            scopes: Scopes::of(scopes.iter().copied()),
            runs: Names::ALL,
            ports: Ports::ALL,
        };
        self.tokens.add(name, grants, None).expect("a token")
    }

    /// Writes the administrator's file as a person would: anew.
    pub fn decree(&self, text: &str) {
        let new = self.admin.with_extension("new");
        fs::write(&new, text).expect("written");
        fs::rename(new, &self.admin).expect("renamed");
    }

    /// A request as bytes, and its answer to the end of the connection.
    pub async fn raw(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.expect("connected");
        // It may be refused before all of it was sent.
        let _ = stream.write_all(request.as_bytes()).await;
        let answered = tokio::time::timeout(ANSWER, Answer::read(stream)).await;
        answered.unwrap_or_else(|_| panic!("no answer to {}", request.lines().next().unwrap_or_default()))
    }

    /// A request with fields, by a good name.
    pub async fn ask(&self, line: &str, fields: &[(&str, &str)]) -> Answer {
        self.at("127.0.0.1", line, fields, "").await
    }

    pub async fn at(&self, host: &str, line: &str, fields: &[(&str, &str)], body: &str) -> Answer {
        self.raw(&request(host, line, fields, body)).await
    }

    /// A browser that has logged in: its cookie.
    pub async fn browser(&self) -> String {
        let link = self.gateway.invite(Grants::ALL);
        let answer = self
            .at("wasmrun.localhost", &format!("GET {}", link.expose()), &[], "")
            .await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        answer.cookie()
    }

    /// A session over a WebSocket.
    pub async fn session(&self, token: &Secret) -> Session {
        let hub = Hub::new(&format!("ws://{}", self.address), Some(token.clone()), None, false).expect("a hub");
        Session::new(hub).await
    }
}

pub fn request(host: &str, line: &str, fields: &[(&str, &str)], body: &str) -> String {
    let mut request = format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in fields {
        request += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        request += &format!("Content-Length: {}\r\n", body.len());
    }
    request + "\r\n" + body
}

/// The fields of a WebSocket.
pub const UPGRADE: [(&str, &str); 4] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// What came back.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub async fn read(mut stream: impl tokio::io::AsyncRead + Unpin) -> Answer {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        Answer::parse(&bytes)
    }

    pub fn parse(bytes: &[u8]) -> Answer {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let (head, body) = bytes.split_at(end.map_or(bytes.len(), |end| end + 4));
        let head = String::from_utf8_lossy(head).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Answer {
            status: status.unwrap_or(0),
            head,
            body: body.to_vec(),
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn field(&self, name: &str) -> Option<String> {
        let line = self.head.lines().find(|line| {
            let named = line.split(':').next().unwrap_or_default();
            named.eq_ignore_ascii_case(name)
        })?;
        Some(line.split_once(':')?.1.trim().to_owned())
    }

    /// `name=value` of the cookie that it sets.
    pub fn cookie(&self) -> String {
        let cookie = self.field("set-cookie").expect("a cookie");
        cookie.split(';').next().expect("a pair").to_owned()
    }
}

/// A client of the tunnel.
pub struct Session {
    pub client: Client,
    pub link: JoinSet<Result<End, ConnectError>>,
    drivers: JoinSet<()>,
}

impl Session {
    pub async fn new(hub: Hub) -> Session {
        Session::over(move |_| {
            let hub = hub.clone();
            async move { hub.reach().await.map_err(ConnectError::from) }
        })
        .await
    }

    pub async fn over<C, F>(connect: C) -> Session
    where
        C: FnMut(Attempt) -> F + Send + 'static,
        F: Future<Output = Result<BoxCarrier, ConnectError>> + Send + 'static,
    {
        let (stream, runner, _) = tunnel::session::connect(connect, Settings::default());
        let mut link = JoinSet::new();
        link.spawn(runner.run());
        let (client, driver) = tunnel::mux::connect(stream).await.expect("a mux");
        let mut drivers = JoinSet::new();
        drivers.spawn(async { drop(driver.run().await) });
        Session { client, link, drivers }
    }

    /// A TCP connection through a stream.
    pub async fn connection(&mut self, run: &str, port: u16) -> Result<TcpStream, tunnel::mux::OpenError> {
        let channel = self.client.open(&Head::new(run, port)).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let near = TcpStream::connect(listener.local_addr().expect("an address"))
            .await
            .expect("connected");
        let (far, _) = listener.accept().await.expect("accepted");
        self.drivers
            .spawn(async { drop(channel.relay(far, tunnel::mux::HALF_CLOSED).await) });
        Ok(near)
    }

    pub async fn get(&self, path: &str) -> (u16, HeaderMap, Vec<u8>) {
        self.request(Method::GET, path).await
    }

    pub async fn request(&self, method: Method, path: &str) -> (u16, HeaderMap, Vec<u8>) {
        let request = Request::builder().method(method).uri(format!("http://hub{path}"));
        let request = request.body(Full::new(Bytes::new())).expect("a request");
        let (response, rest) = self.client.request(request).await.expect("an answer");
        let (head, body) = response.into_parts();
        let (body, _) = tokio::join!(body.collect(), rest);
        let body = body.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
        (head.status.as_u16(), head.headers, body)
    }

    /// How the session ended.
    pub async fn end(&mut self) -> Result<End, ConnectError> {
        self.link.join_next().await.expect("a link").expect("no panic")
    }
}

/// That what is written comes back.
pub async fn echoes(stream: &mut TcpStream) {
    stream.write_all(b"ping").await.expect("written");
    let mut back = [0; 4];
    stream.read_exact(&mut back).await.expect("echoed");
    assert_eq!(&back, b"ping");
}

/// That a connection is reset, not closed.
pub async fn is_reset(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let error = stream.read_to_end(&mut rest).await.expect_err("a reset, not an end");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

impl Place {
    /// The cookie of an app that a browser has entered.
    pub async fn entered(&self, cookie: &str) -> String {
        let code = self
            .at("wasmrun.localhost", "GET /entry", &[("Cookie", cookie)], "")
            .await
            .text();
        let line = format!("GET /.wasmrun/enter?code={code}");
        let answer = self.at("web-3000.localhost", &line, &[], "").await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        answer.cookie()
    }

    /// A request for a WebSocket, as far as its first bytes.
    pub async fn upgraded(&self, line: &str, fields: &[(&str, &str)]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.expect("connected");
        let request = request("127.0.0.1", line, fields, "").replace("Connection: close\r\n", "");
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut bytes = Vec::new();
        let mut chunk = [0; 4096];
        let enough = |bytes: &[u8]| {
            let answer = Answer::parse(bytes);
            answer.head.ends_with("\r\n\r\n") && (answer.status != 101 || answer.body.ends_with(b"\n"))
        };
        while !enough(&bytes) {
            match stream.read(&mut chunk).await {
                Ok(read) if read > 0 => bytes.extend_from_slice(&chunk[..read]),
                _ => break,
            }
        }
        Answer::parse(&bytes)
    }

    /// The status of such a request.
    pub async fn upgrade(&self, line: &str, fields: &[(&str, &str)]) -> u16 {
        let mut stream = TcpStream::connect(self.address).await.expect("connected");
        let request = request("127.0.0.1", line, fields, "").replace("Connection: close\r\n", "");
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut start = [0; 12];
        let answered = tokio::time::timeout(ANSWER, stream.read_exact(&mut start)).await;
        answered
            .unwrap_or_else(|_| panic!("no answer to `{line}`"))
            .expect("an answer");
        String::from_utf8_lossy(&start[9..]).parse().expect("a status")
    }
}
