//! A project folder with a guest that says which build it is, and clients that notice everything.

use super::guests::root;
use super::{PATIENCE, Run, connect, eventually};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What kind of guest a project has. Both answer every request with `version` and a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `wasi:http`, behind wasmrun's server.
    Http,
    /// Its own sockets, one connection at a time.
    Tcp,
}

pub struct Project {
    pub folder: TempDir,
    kind: Kind,
}

impl Project {
    pub fn new(kind: Kind) -> Project {
        let project = Project {
            folder: super::folder(),
            kind,
        };
        project.save(1);
        project
    }

    pub fn path(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    pub fn guest(&self) -> PathBuf {
        self.folder.path().join("app.wasm")
    }

    /// The bytes of a build.
    pub fn build(&self, version: u64) -> Vec<u8> {
        self.encode(&self.text(version))
    }

    /// The text of a build.
    pub fn text(&self, version: u64) -> String {
        let (file, _, marker) = self.source();
        let source = std::fs::read_to_string(file).unwrap();
        let text = source.replace(marker, &format!("version {version:010}\\n"));
        assert_ne!(source, text);
        text
    }

    /// The build that a text is.
    pub fn encode(&self, text: &str) -> Vec<u8> {
        let (file, world, _) = self.source();
        super::guests::encode(&file, text, world)
    }

    /// The text's file, its world, and what is replaced by the version.
    fn source(&self) -> (PathBuf, &'static str, &'static str) {
        match self.kind {
            Kind::Http => (
                root().join("examples/hello/src/hello.wat"),
                "http",
                "hello from wasmrun\\n",
            ),
            Kind::Tcp => (
                root().join("tests/guests/version.wat"),
                "command",
                "version 0000000000\\n",
            ),
        }
    }

    /// A build with so many more functions, one of which differs from build to build; or with the core module that
    /// `TEST_CODE` names, beside its own.
    pub fn bulky_build(&self, version: u64, functions: usize) -> Vec<u8> {
        if let Some(module) = std::env::var_os("TEST_CODE") {
            return super::guests::with_module(self.build(version), &std::fs::read(module).unwrap());
        }
        // Never built before, by any test run, so that it is not in the cache.
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
        self.encode(&super::guests::bulky(&self.text(version), functions, now >> 1))
    }

    /// A build that listens late.
    pub fn slow_build(&self, version: u64, milliseconds: u64) -> Vec<u8> {
        let text = self.text(version);
        let late = text.replace(
            "(i64.const 0) ;; delay",
            &format!("(i64.const {})", milliseconds * 1_000_000),
        );
        assert_ne!(text, late);
        self.encode(&late)
    }

    /// Puts a build in place in one step.
    pub fn save(&self, version: u64) {
        self.put(&self.build(version));
    }

    pub fn put(&self, bytes: &[u8]) {
        let new = self.folder.path().join("app.wasm.new");
        std::fs::write(&new, bytes).unwrap();
        std::fs::rename(new, self.guest()).unwrap();
    }

    /// Starts it under `--watch`; the address that leads to port 8080.
    #[track_caller]
    pub fn watch(&self, more: &[&str]) -> (Run, SocketAddr) {
        let mut arguments = vec!["os", self.path(), "--watch", "-f", "0:8080", "--grace", "60s"];
        arguments.extend(more);
        let mut run = Run::start(&arguments);
        let address = run.ready(8080);
        (run, address)
    }
}

impl Run {
    /// Waits for the line that a generation took over with.
    #[track_caller]
    pub fn reloaded(&mut self, generation: u64) -> String {
        self.wait_for(&format!("reloaded #{generation} in "))
    }

    /// How many generations have taken over from another.
    pub fn reloads(&self) -> usize {
        self.stderr().matches("reloaded #").count()
    }
}

/// An HTTP/1.1 connection that stays open.
pub struct KeepAlive {
    stream: BufReader<TcpStream>,
    /// The server has said that this was the last answer (`connection: close`, RFC 9112, 9.6).
    pub is_over: bool,
}

impl KeepAlive {
    pub fn open(address: SocketAddr) -> KeepAlive {
        KeepAlive {
            stream: BufReader::new(connect(address)),
            is_over: false,
        }
    }

    /// One request; the version that answered, or what went wrong.
    pub fn get(&mut self) -> Result<u64, String> {
        self.exchange("").map_err(|error| error.to_string())
    }

    fn exchange(&mut self, more: &str) -> std::io::Result<u64> {
        let bad = |text: &str| std::io::Error::other(format!("not an answer: `{text}`"));
        let request = format!("GET / HTTP/1.1\r\nhost: localhost\r\n{more}\r\n");
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (mut line, mut length) = (String::new(), 0);
        self.stream.read_line(&mut line)?;
        if line != "HTTP/1.1 200 OK\r\n" {
            return Err(bad(&line));
        }
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            match line.split_once(": ") {
                _ if line == "\r\n" => break,
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().map_err(|_| bad(&line))?;
                }
                Some((name, value)) if name.eq_ignore_ascii_case("connection") => {
                    self.is_over |= value.trim().eq_ignore_ascii_case("close");
                }
                Some(_) => {}
                None => return Err(bad(&line)),
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        let body = String::from_utf8_lossy(&body).into_owned();
        let number = body
            .strip_prefix("version ")
            .and_then(|rest| rest.trim_end().parse().ok());
        number.ok_or_else(|| bad(&body))
    }
}

/// One request on a connection of its own.
pub fn version(address: SocketAddr) -> Result<u64, String> {
    let stream = TcpStream::connect(address).map_err(|error| format!("connect: {error}"))?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut connection = KeepAlive {
        stream: BufReader::new(stream),
        is_over: false,
    };
    connection
        .exchange("connection: close\r\n")
        .map_err(|error| error.to_string())
}

/// Waits until new connections are answered by this build.
#[track_caller]
pub fn serves(address: SocketAddr, wanted: u64) {
    eventually(&format!("version {wanted}"), || version(address) == Ok(wanted));
}

/// Clients that ask without a pause and keep every failure.
pub struct Load {
    stop: Arc<AtomicBool>,
    newest: Arc<AtomicU64>,
    clients: Vec<JoinHandle<(Vec<Duration>, Vec<String>)>>,
}

impl Load {
    /// `lasting` clients keep their connection, `brief` ones have a new one for each request.
    pub fn start(address: SocketAddr, lasting: usize, brief: usize) -> Load {
        Load::asking(address, lasting, brief, version)
    }

    /// The same, with another way to ask on a new connection.
    pub fn asking(
        address: SocketAddr,
        lasting: usize,
        brief: usize,
        ask: fn(SocketAddr) -> Result<u64, String>,
    ) -> Load {
        let mut load = Load {
            stop: Arc::default(),
            newest: Arc::default(),
            clients: Vec::new(),
        };
        for number in 0..lasting + brief {
            let (stop, newest) = (load.stop.clone(), load.newest.clone());
            load.clients.push(std::thread::spawn(move || {
                let (mut answers, mut failures) = (Vec::new(), Vec::new());
                let mut connection = None;
                let mut last = 0;
                while !stop.load(Ordering::Relaxed) && failures.len() < 10 {
                    // A connection made from here on may not be answered by an older build than this.
                    let seen = newest.load(Ordering::SeqCst);
                    let asked = Instant::now();
                    connection.take_if(|connection: &mut KeepAlive| connection.is_over);
                    let answer = if number < lasting {
                        connection.get_or_insert_with(|| KeepAlive::open(address)).get()
                    } else {
                        last = seen;
                        ask(address)
                    };
                    match answer {
                        Ok(version) if version >= last => {
                            answers.push(asked.elapsed());
                            last = version;
                            newest.fetch_max(version, Ordering::SeqCst);
                        }
                        Ok(version) => failures.push(format!("version {version} after {last}")),
                        Err(error) => {
                            connection = None;
                            failures.push(error);
                        }
                    }
                }
                (answers, failures)
            }));
        }
        load
    }

    /// The newest build that has answered.
    pub fn newest(&self) -> u64 {
        self.newest.load(Ordering::SeqCst)
    }

    /// Waits until a build has answered somebody.
    #[track_caller]
    pub fn sees(&self, version: u64) {
        let end = Instant::now() + PATIENCE;
        while self.newest() < version {
            assert!(
                Instant::now() < end,
                "version {version} was never seen, only {}",
                self.newest()
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ends it: none may have failed, and there must have been so many.
    #[track_caller]
    pub fn ends_well(self, at_least: u64) {
        let (answers, failures) = self.end();
        assert_eq!(failures, [""; 0], "after {answers} answers");
        assert!(answers >= at_least, "only {answers} answers: no load at all");
    }

    /// Ends it; how many answers there were, and each failure.
    pub fn end(self) -> (u64, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        let (mut times, mut all) = (Vec::new(), Vec::new());
        for client in self.clients {
            let (answers, failures) = client.join().unwrap();
            times.extend(answers);
            all.extend(failures);
        }
        times.sort();
        if let Some(worst) = times.last() {
            let part = |share: usize| times[times.len() * share / 1000];
            println!(
                "{} answers: median {:?}, p99 {:?}, p99.9 {:?}, worst {worst:?}",
                times.len(),
                part(500),
                part(990),
                part(999)
            );
        }
        (times.len() as u64, all)
    }
}
