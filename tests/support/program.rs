//! Programs in other languages, run from their folders.

use super::{PATIENCE, Run, connect, folder, guests};
use libtest_mimic::{Arguments, Failed, Trial};
use nix::sys::signal::Signal;
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A toolchain, packages and a compile, on a machine that does other things.
pub const FIRST: Duration = Duration::from_secs(300);

/// A test, and whether this machine has what it needs.
pub type Test = (&'static str, bool, fn());

/// Runs them; those that this machine cannot run are listed as ignored.
pub fn main(tests: impl IntoIterator<Item = Test>) -> ! {
    let arguments = Arguments::from_args();
    let trials = tests.into_iter().map(|(name, possible, test)| {
        let run = move || -> Result<(), Failed> {
            test();
            Ok(())
        };
        Trial::test(name, run).with_ignored_flag(!possible && !super::all_is_possible())
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

pub fn succeeds(program: impl AsRef<OsStr>, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A compiler for guests, where the one that wasmrun itself is built with has no wasm32-wasip2.
fn rustc() -> OsString {
    std::env::var_os("WASMRUN_TEST_RUSTC").unwrap_or_else(|| "rustc".into())
}

/// Has a script print under Node.js and in a guest the same: so many lines, or more.
pub fn same_as_node(script: &Path, least: usize) {
    let mut node = Command::new("node");
    // A guest's own zone.
    node.arg(script).env("TZ", "UTC");
    let native = super::output(node);
    assert_eq!(native.code, Some(0), "{}", native.stderr);
    let lines = native.stdout.lines().count();
    assert!(lines >= least, "{lines} lines");
    super::output(super::wasmrun(&["os", script.to_str().unwrap()])).prints(&native.stdout);
}

pub fn has_rust() -> bool {
    let target = ["--print", "target-libdir", "--target", "wasm32-wasip2"];
    let output = Command::new(rustc()).args(target).stderr(Stdio::null()).output();
    let has_target = output.is_ok_and(|output| {
        let place = String::from_utf8_lossy(&output.stdout);
        output.status.success() && Path::new(place.trim()).is_dir()
    });
    has_target && succeeds("cargo", &["--version"])
}

/// Has it build what is in a compiled language without writing into its folder, once for all tests.
pub fn builds_apart(wasmrun: &mut Command) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("guests-{}", guests::user()));
    wasmrun
        .env("RUSTC", rustc())
        .env("CARGO_TARGET_DIR", target)
        // Cargo would take these instead of what the project's configuration says.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
}

pub fn example(name: &str) -> PathBuf {
    guests::root().join("examples").join(name)
}

/// A copy of a project that a test may change.
pub fn project(name: &str) -> TempDir {
    let folder = folder();
    copy(&guests::root().join("tests/projects").join(name), folder.path());
    folder
}

pub fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let place = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir(&place).unwrap();
            copy(&entry.path(), &place);
        } else {
            std::fs::copy(entry.path(), place).unwrap();
        }
    }
}

/// A project of one file.
pub fn script(name: &str, text: &str) -> TempDir {
    let folder = folder();
    std::fs::write(folder.path().join(name), text).unwrap();
    folder
}

pub fn start(folder: &Path, port: u16, more: &[&str]) -> (Run, SocketAddr) {
    let rule = format!("0:{port}");
    let mut arguments = vec!["os", folder.to_str().unwrap(), "--forward", &rule];
    arguments.extend(more);
    let mut run = Run::start(&arguments);
    let address = run.ready_within(port, FIRST);
    (run, address)
}

pub fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = connect(address);
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    super::answer(stream)
}

/// Sends a body; the answer as JSON.
pub fn post(address: SocketAddr, body: &[u8]) -> serde_json::Value {
    let mut stream = connect(address);
    let length = body.len();
    write!(
        stream,
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    )
    .unwrap();
    stream.write_all(body).unwrap();
    let (status, text) = super::answer(stream);
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

pub fn json(address: SocketAddr, path: &str) -> serde_json::Value {
    let (status, body) = get(address, path);
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// Saves five edits of a word; each is served soon, and nothing is refused meanwhile.
#[track_caller]
pub fn edits_are_live(file: &Path, word: &str, serves: impl Fn(&str) -> bool) {
    let original = std::fs::read_to_string(file).unwrap();
    let mut times = Vec::new();
    for round in 0..5 {
        let edit = format!("edit {round}");
        let started = Instant::now();
        std::fs::write(file, original.replace(word, &edit)).unwrap();
        while !serves(&edit) {
            assert!(started.elapsed() < PATIENCE, "{edit} is not served");
            std::thread::sleep(Duration::from_millis(2));
        }
        times.push(started.elapsed());
    }
    times.sort_unstable();
    println!("edit to live: {times:?}");
    assert!(times[2] < Duration::from_millis(1500), "{times:?}");
}

/// What both languages' programs answer to their first request, and to `one two` as arguments; random numbers apart.
pub fn world(folder: &Path, script: &str) -> serde_json::Value {
    serde_json::json!({
        "count": 1,
        "arguments": ["one", "two"],
        "script": folder.join(script),
        "variable": "hello",
        "folder": folder,
        "file": "some data",
        "word": "own module",
        "random": null,
    })
}

/// While three requests sleep for two seconds, others are answered; and they sleep at the same time.
#[track_caller]
pub fn slow_requests_stop_nobody(address: SocketAddr, all: Duration) {
    let started = Instant::now();
    let slow: Vec<_> = (0..3)
        .map(|_| std::thread::spawn(move || get(address, "/slow").0))
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    for _ in 0..20 {
        assert_eq!(get(address, "/").0, 200);
    }
    let quick = started.elapsed();
    assert!(quick < Duration::from_secs(2), "{quick:?}");
    for slow in slow {
        assert_eq!(slow.join().unwrap(), 200);
    }
    assert!(started.elapsed() < all, "{:?}", started.elapsed());
}

/// Clients that break off after each of these beginnings, half of them with a reset.
#[track_caller]
pub fn break_off(address: SocketAddr, beginnings: &[&str]) {
    for round in 0..20 {
        for beginning in beginnings {
            let mut stream = connect(address);
            stream.write_all(beginning.as_bytes()).unwrap();
            let socket = socket2::SockRef::from(&stream);
            socket.set_linger((round % 2 == 0).then_some(Duration::ZERO)).unwrap();
        }
    }
}

/// Asks a service to end that has a kept connection with nothing to do and one with a request: the first is closed, the second is
/// answered, and it is over long before the grace is. Returns what the program wrote.
pub fn ends_when_it_is_asked(language: &str, how: &str) -> String {
    let folder = project("ending");
    let how = format!("HOW={how}");
    let (mut run, address) = start(
        folder.path(),
        3000,
        &["--language", language, "--env", &how, "--grace", "60s"],
    );
    let (mut idle, mut busy) = (connect(address), connect(address));
    let mut rest = Vec::new();
    idle.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    while !rest.ends_with(b"ok") {
        let mut byte = [0];
        idle.read_exact(&mut byte).unwrap();
        rest.extend(byte);
    }
    rest.clear();
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let asked = Instant::now();
    run.signal(Signal::SIGTERM);
    // Its client closes in its turn, as all do.
    idle.read_to_end(&mut rest).unwrap();
    drop(idle);
    busy.read_to_end(&mut rest).unwrap();
    drop(busy);
    assert!(rest.ends_with(b"ok"), "{}", rest.escape_ascii());
    assert_eq!(run.ended().code(), Some(143));
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    run.stdout()
}
