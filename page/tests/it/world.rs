//! A gateway on loopback with runs that are made up, one of which is real: its guest is a server behind `connect`.

use super::guest;
use bytes::Bytes;
use gateway::audit::Audit;
use gateway::bind::{Bind, bind};
use gateway::gateway::{Gateway, Options};
use gateway::guard::Hosts;
use gateway::hooks::Hooks;
use gateway::rules::{Rules, Sources};
use gateway::runs::{Forward, Run, Runs};
use gateway::token::Tokens;
use http::{Method, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use page::portal::{self, Portal};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tunnel::mux::{Body, Connected, Head, Refusal, Socket};
use tunnel::pipe::Settings;

/// Runs of which only `web` is there.
#[derive(Clone, Default)]
pub struct Fake {
    /// Ports of `web`.
    pub ports: Arc<BTreeMap<u16, SocketAddr>>,
    /// Requests that manage a run.
    pub asked: Arc<Mutex<Vec<String>>>,
    /// Connections that were opened, and those that are open.
    pub opened: Arc<AtomicUsize>,
    pub open: Arc<AtomicUsize>,
    pub generation: Arc<AtomicU64>,
    /// Further runs.
    pub others: Vec<Run>,
    /// What `web` has printed.
    pub printed: Vec<String>,
}

struct Held(Arc<AtomicUsize>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn body(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}

impl Runs for Fake {
    async fn list(&self) -> Result<Vec<Run>, Refusal> {
        let generation = self.generation.load(Ordering::SeqCst) + 1;
        let web = Run {
            name: "web".into(),
            id: "1f".into(),
            state: "serving".into(),
            generation,
            uptime: 8000,
            generation_uptime: 754,
            kind: Some("Node.js 24".into()),
            watched: true,
            memory: Some(48_300_000),
            listening: vec![3000, 9229],
            forwards: vec![Forward {
                host: ([127, 0, 0, 1], 8080).into(),
                guest: 3000,
                protocol: "tcp".into(),
                live: 1,
                to_guest: 4096,
                to_client: 3_500_000,
            }],
            ..Run::default()
        };
        Ok([&[web][..], &self.others].concat())
    }

    async fn connect(&self, head: Head) -> Result<Connected, Refusal> {
        match head.run.as_str() {
            "web" => {}
            "old" => return Err(Refusal::new(StatusCode::GONE, "`old` has ended")),
            run => return Err(Refusal::new(StatusCode::NOT_FOUND, format!("`{run}` is not running"))),
        }
        let Some(address) = self.ports.get(&head.port) else {
            let error = format!("`web` does not listen on {}, but on 3000 and 9229", head.port);
            return Err(Refusal::new(StatusCode::GATEWAY_TIMEOUT, error));
        };
        let tcp = TcpStream::connect(address).await;
        let tcp = tcp.map_err(|error| Refusal::new(StatusCode::BAD_GATEWAY, format!("`web` refused: {error}")))?;
        self.opened.fetch_add(1, Ordering::SeqCst);
        self.open.fetch_add(1, Ordering::SeqCst);
        Ok(Connected {
            tcp,
            generation: Some(self.generation.load(Ordering::SeqCst)),
            held: Box::new(Held(self.open.clone())),
        })
    }

    async fn associate(&self, _: Head) -> Result<Box<dyn Socket>, Refusal> {
        Err(Refusal::new(StatusCode::NOT_FOUND, "no datagrams here"))
    }

    async fn request(&self, run: &str, method: Method, what: &str, _: Bytes) -> Response<Body> {
        if method == Method::POST {
            self.asked.lock().expect("asked").push(format!("{what} {run}"));
            return Response::new(body("{}"));
        }
        let line = |place: usize, text: &str| {
            let stream = if text.contains("warn") { "stderr" } else { "stdout" };
            let time = 1_790_000_000_000 + place as u64;
            let record = serde_json::json!({"time": time, "stream": stream, "generation": 1, "text": text});
            format!("{record}\n")
        };
        let lines: String = self
            .printed
            .iter()
            .enumerate()
            .map(|(place, text)| line(place, text))
            .collect();
        if !what.contains("follow=true") {
            return Response::new(body(lines));
        }
        let ticks = futures::stream::unfold(self.printed.len(), move |place| async move {
            tokio::time::sleep(Duration::from_millis(700)).await;
            let text = line(place, &format!("GET /clock 200 #{place}"));
            Some((Ok(Frame::data(Bytes::from(text))), place + 1))
        });
        Response::new(StreamBody::new(ticks).boxed_unsync())
    }
}

/// How a world is made.
#[derive(Default)]
pub struct Setting {
    /// Where it listens; any port without one.
    pub address: Option<SocketAddr>,
    pub others: Vec<Run>,
    pub printed: Vec<String>,
    pub idle: Option<Duration>,
}

/// A gateway that is served, with the page behind it.
pub struct World {
    pub address: SocketAddr,
    pub gateway: Arc<Gateway>,
    pub fake: Fake,
    pub audit: Lines,
    pub admin: PathBuf,
    _folder: TempDir,
    _tasks: JoinSet<()>,
}

/// Lines of the audit.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("lines")).into_owned()
    }
}

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("lines").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl World {
    pub async fn new() -> World {
        World::with(Setting::default()).await
    }

    pub async fn with(setting: Setting) -> World {
        let folder = tempfile::tempdir().expect("a folder");
        let mut tasks = JoinSet::new();
        let fake = Fake {
            ports: Arc::new(guest::serve(&mut tasks).await),
            others: setting.others,
            printed: setting.printed,
            ..Fake::default()
        };
        std::fs::create_dir(folder.path().join("etc")).expect("a folder");
        let admin = folder.path().join("etc/hub.toml");
        let sources = Sources {
            admin: admin.clone(),
            admin_owner: rustix::process::geteuid().as_raw(),
            user: None,
            flags: Vec::new(),
            tokens: Tokens::at(folder.path().join("tokens.toml")),
        };
        let rules = Arc::new(Rules::load(sources).expect("rules"));
        let portal = Portal::new(portal::Options {
            idle: setting.idle.unwrap_or(portal::IDLE),
            ..portal::Options::default()
        });
        let audit = Lines::default();
        let options = Options {
            hosts: Hosts::default(),
            settings: Settings::default(),
            audit: Arc::new(Audit::new(Box::new(audit.clone()), true)),
            hooks: Hooks::default().pages(portal.clone()).apps(portal),
        };
        let gateway = Arc::new(Gateway::new(rules.clone(), Arc::new(fake.clone()), options));
        let address = setting.address.unwrap_or_else(|| ([127, 0, 0, 1], 0).into());
        let bound = bind(vec![Bind::Tcp(address, None)], &rules.now(), false).expect("bound");
        let address = bound[0].address().expect("an address");
        let served = gateway.clone();
        tasks.spawn(async move { served.serve(&bound, std::future::pending()).await });
        World {
            address,
            gateway,
            fake,
            audit,
            admin,
            _folder: folder,
            _tasks: tasks,
        }
    }
}
