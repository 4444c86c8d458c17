//! Starts the built binary and looks at what it does, as a user would.
#![allow(dead_code, reason = "each test file uses its own part")]

pub mod certificates;
pub mod guests;
pub mod mutations;
pub mod network;
pub mod program;
pub mod project;
pub mod server;

pub use network::{PATIENCE, eventually};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A command line of the built binary, with a home folder of its own so that tests share nothing but compiled code.
pub fn wasmrun(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("WASMRUN_")) {
            command.env_remove(name);
        }
    }
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = format!("t{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    command
        .env("WASMRUN_CACHE_DIR", cache())
        .env("XDG_RUNTIME_DIR", runtime_folder())
        // Nothing is trusted but what a test trusts.
        .env(
            "XDG_STATE_HOME",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-state"),
        )
        // Tests run side by side, and many run the same guest.
        .env("WASMRUN_NAME", name)
        .env("NO_COLOR", "1");
    // The same tests on the path that is not the default.
    if let Some(path) = std::env::var_os("TEST_FORWARD_PATH") {
        command.env("WASMRUN_FORWARD_PATH", path);
    }
    command
}

/// A shell, or another interpreter, with a script, which has what comes behind as its arguments.
pub fn interpreter(program: &str, script: &str) -> Command {
    let mut command = Command::new(program);
    command.args(["-c", script]);
    command
}

/// The same command, as arguments of another, which starts it.
pub fn started_by(mut other: Command, wasmrun: &Command) -> Command {
    other.arg(wasmrun.get_program()).args(wasmrun.get_args());
    for (name, value) in wasmrun.get_envs() {
        match value {
            Some(value) => other.env(name, value),
            None => other.env_remove(name),
        };
    }
    other.stdin(Stdio::null());
    other
}

/// A place for control sockets, for the user who runs the tests.
pub fn runtime_folder() -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("run-{}", guests::user()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The binary under test; benchmarks name the release build.
pub fn binary() -> std::ffi::OsString {
    std::env::var_os("TEST_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_wasmrun").into())
}

/// A cache for the user who runs the tests.
pub fn cache() -> std::path::PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cache-{}", guests::user()))
}

/// A user that nobody is.
pub const NOBODY: u32 = 64_533;

/// The same command as that user, where the tests run as root: for what root may do and others may not.
pub fn unprivileged(mut command: Command, own: &Path) -> Command {
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(own, Some(NOBODY), Some(NOBODY)).unwrap();
        for name in ["HOME", "XDG_RUNTIME_DIR", "WASMRUN_CACHE_DIR"] {
            command.env(name, own);
        }
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Says that a test, or a part of one, is left out here. `TEST_SKIPS=fail`, as in CI's lane of root, makes a failure of it:
/// there is all that a test needs.
#[track_caller]
pub fn skipped(reason: &str) {
    println!("skipped: {reason}");
    assert!(!all_is_possible(), "skipped where nothing may be: {reason}");
}

/// Whether this machine has everything that any test needs.
pub fn all_is_possible() -> bool {
    std::env::var_os("TEST_SKIPS").is_some_and(|value| value == "fail")
}

/// What a command that ended has said.
pub struct Output {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs to the end.
pub fn run(arguments: &[&str]) -> Output {
    output(wasmrun(arguments))
}

pub fn output(mut command: Command) -> Output {
    let output = command.output().expect("the binary starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("wasmrun writes UTF-8");
    Output {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

impl Output {
    /// Fails with everything that was said unless the code and the text on standard error are these.
    #[track_caller]
    pub fn says(&self, code: i32, stderr: &str) {
        assert_eq!(self.stderr.trim_end(), stderr, "standard error");
        assert_eq!(self.code, Some(code), "exit code");
    }

    /// Fails at the first line that is another one, and unless it has ended well.
    #[track_caller]
    pub fn prints(&self, wanted: &str) {
        for (number, (said, wanted)) in self.stdout.lines().zip(wanted.lines()).enumerate() {
            assert_eq!(said, wanted, "line {}: {}", number + 1, self.stderr);
        }
        assert_eq!(self.stdout, wanted, "{}", self.stderr);
        assert_eq!(self.code, Some(0), "{}", self.stderr);
    }
}

/// A guest that runs. It is ended when this is dropped, and what it leaves behind is a failure.
pub struct Run {
    child: Child,
    stderr: Arc<Mutex<String>>,
    stdout: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Run {
    pub fn start(arguments: &[&str]) -> Run {
        Run::of(wasmrun(arguments))
    }

    pub fn of(mut command: Command) -> Run {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let (stdout, stderr) = (Arc::default(), Arc::default());
        let readers = vec![
            collect(child.stdout.take().unwrap(), &stdout),
            collect(child.stderr.take().unwrap(), &stderr),
        ];
        Run {
            child,
            stderr,
            stdout,
            readers,
        }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    pub fn stdout(&self) -> String {
        self.stdout.lock().unwrap().clone()
    }

    /// Waits until a line with `text` was said, and returns it.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> String {
        self.wait_within(text, PATIENCE)
    }

    /// The same on standard output.
    #[track_caller]
    pub fn printed(&mut self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(line) = self.stdout().lines().find(|line| line.contains(text)) {
                return line.to_owned();
            }
            assert!(Instant::now() < end, "`{text}` was not printed:\n{}", self.stderr());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The same where it takes as long as other tests leave it no processor.
    #[track_caller]
    pub fn wait_within(&mut self, text: &str, time: Duration) -> String {
        let end = Instant::now() + time;
        loop {
            if let Some(line) = self.stderr().lines().find(|line| line.contains(text)) {
                return line.to_owned();
            }
            let over = self.child.try_wait().unwrap().is_some();
            assert!(
                !over && Instant::now() < end,
                "`{text}` was not said, but:\n{}",
                self.stderr()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The IPv4 address that leads to a port of the guest, once it is ready.
    #[track_caller]
    pub fn ready(&mut self, guest_port: u16) -> SocketAddr {
        self.ready_within(guest_port, PATIENCE)
    }

    /// The same for a guest that is built first.
    #[track_caller]
    pub fn ready_within(&mut self, guest_port: u16, time: Duration) -> SocketAddr {
        let end = format!(" -> guest:{guest_port}/tcp");
        let line = self.wait_within(&end, time);
        // Of a service of `wasmrun up` its name stands before.
        let said = line.split_once(" * ").map_or(line.as_str(), |(_, said)| said);
        let address = said.strip_prefix("ready: ").and_then(|rest| rest.strip_suffix(&end));
        address.expect("a ready line").parse().expect("an address")
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Waits for the end.
    #[track_caller]
    pub fn ended(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                for reader in self.readers.drain(..) {
                    reader.join().unwrap();
                }
                return status;
            }
            assert!(Instant::now() < end, "it does not end:\n{}", self.stderr());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Interrupts it and checks that it ends as after Ctrl-C.
    #[track_caller]
    pub fn stop(mut self) -> String {
        self.signal(Signal::SIGINT);
        let status = self.ended();
        assert_eq!(status.code(), Some(130), "{}", self.stderr());
        self.stderr()
    }

    /// The processes that it has started, and theirs.
    pub fn descendants(&self) -> Vec<Pid> {
        descendants(self.pid())
    }

    /// The process that runs the guest. Others may come later: a build goes on beside it.
    #[track_caller]
    pub fn guest(&self) -> Pid {
        let name = |pid: &Pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        let family = self.descendants();
        let guest = family.iter().rfind(|pid| name(pid).trim_end() == "wasmrun-guest");
        *guest.or(family.last()).expect("a guest's process")
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let family = self.descendants();
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if !std::thread::panicking() {
            eventually("every process is gone", || family.iter().all(|pid| !is_alive(*pid)));
        }
    }
}

/// What became of a process that was killed.
pub fn signal_of(status: ExitStatus) -> Option<i32> {
    status.signal()
}

fn collect(from: impl Read + Send + 'static, into: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let into = into.clone();
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            into.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}

pub fn descendants(of: Pid) -> Vec<Pid> {
    let children = |pid: Pid| -> Vec<Pid> {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task"))
            .into_iter()
            .flatten()
            .flatten();
        let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
        let pids: Vec<i32> = lists
            .flat_map(|list| {
                list.split_whitespace()
                    .filter_map(|pid| pid.parse().ok())
                    .collect::<Vec<_>>()
            })
            .collect();
        pids.into_iter().map(Pid::from_raw).collect()
    };
    let mut found = children(of);
    let mut at = 0;
    while at < found.len() {
        found.extend(children(found[at]));
        at += 1;
    }
    found
}

pub fn is_alive(pid: Pid) -> bool {
    // A process that nobody has waited for yet is over, too.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().starts_with(" Z"))
}

/// Whether a process with this command line runs, in whatever pid namespace.
pub fn is_running(command: &str) -> bool {
    let wanted = command.replace(' ', "\0") + "\0";
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| std::fs::read_to_string(process.path().join("cmdline")).ok())
        .any(|line| line == wanted)
}

/// One HTTP/1.1 request on a connection of its own; the status and the body.
#[track_caller]
pub fn get(address: SocketAddr) -> (u16, String) {
    let mut stream = connect(address);
    write!(stream, "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    answer(stream)
}

/// The status and the body of what comes until the connection is closed.
#[track_caller]
pub fn answer(mut stream: TcpStream) -> (u16, String) {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no response but `{text}`"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// A connection on which nothing waits for ever.
#[track_caller]
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Everything that a server says before it closes.
#[track_caller]
/// Whether a connection was ended for good. A relay resets it; where the guest had it itself it ends as that of any process
/// that is killed.
pub fn is_cut(client: &mut TcpStream) -> bool {
    match client.read(&mut [0]) {
        Ok(0) => std::env::var("TEST_FORWARD_PATH").as_deref() != Ok("splice"),
        Ok(_) => false,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

pub fn read_all(address: SocketAddr) -> String {
    let mut text = String::new();
    connect(address).read_to_string(&mut text).unwrap();
    text
}

/// A folder of its own that other users can look into.
pub fn folder() -> TempDir {
    tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir()
        .unwrap()
}
