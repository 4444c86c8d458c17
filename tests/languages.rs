//! The examples in languages that have a compiler, built as wasmrun builds them. The first build of the one in Rust takes one
//! to two minutes. A test whose toolchain is not on this machine is listed as ignored; `.ci/guest-toolchains` installs them.

mod support;

use serde_json::json;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use support::program::{self, FIRST, builds_apart, copy, example, get, has_rust, json, succeeds};
use support::{Run, connect, wasmrun};

fn main() {
    let tests: [program::Test; 4] = [
        ("axum_keeps_notes", has_rust(), axum_keeps_notes),
        ("go_keeps_notes", has_go(), go_keeps_notes),
        ("c_counts", succeeds("zig", &["version"]), c_counts),
        ("assemblyscript_counts", has_npm(), assemblyscript_counts),
    ];
    program::main(tests);
}

/// 1.22 is what go.mod asks for.
fn has_go() -> bool {
    let output = Command::new("go").args(["env", "GOVERSION"]).output();
    output.is_ok_and(|output| {
        let version = String::from_utf8_lossy(&output.stdout);
        let minor = version
            .trim()
            .strip_prefix("go1.")
            .and_then(|rest| rest.split('.').next());
        minor
            .and_then(|minor| minor.parse().ok())
            .is_some_and(|minor: u32| minor >= 22)
    })
}

/// asc asks for Node.js 20.
fn has_npm() -> bool {
    let script = "process.exit(process.versions.node.split('.')[0] >= 20 ? 0 : 1)";
    succeeds("node", &["-e", script]) && succeeds("npm", &["--version"])
}

fn axum_keeps_notes() {
    keeps_notes("axum");
}

fn go_keeps_notes() {
    keeps_notes("go");
}

fn c_counts() {
    counts("c", &example("c"));
}

fn assemblyscript_counts() {
    let folder = support::folder();
    copy(&example("assemblyscript"), folder.path());
    let install = Command::new("npm")
        .args(["ci", "--silent"])
        .current_dir(folder.path())
        .output();
    let install = install.expect("npm runs");
    assert!(install.status.success(), "{}", String::from_utf8_lossy(&install.stderr));
    counts("assemblyscript", folder.path());
}

/// Builds and runs it without writing into its folder.
fn serve(folder: &Path) -> (Run, SocketAddr) {
    let mut command = wasmrun(&["os", folder.to_str().unwrap(), "--forward", "0:3000"]);
    builds_apart(&mut command);
    let mut run = Run::of(command);
    let address = run.ready_within(3000, FIRST);
    (run, address)
}

fn keeps_notes(name: &str) {
    let (run, address) = serve(&example(name));
    let hello = format!("hello from {name}\n");
    assert_eq!(get(address, "/"), (200, hello.clone()));
    assert_eq!(json(address, "/notes"), json!([]));
    let notes = [
        json!({"id": 1, "text": "write"}),
        json!({"id": 2, "text": "test \"it\""}),
    ];
    for note in &notes {
        let (status, body) = post(address, "/notes", &json!({"text": note["text"]}).to_string());
        assert_eq!(status, 201, "{body}");
        assert_eq!(&serde_json::from_str::<serde_json::Value>(&body).unwrap(), note);
    }
    assert_eq!(json(address, "/notes/2"), notes[1]);
    assert_eq!(get(address, "/notes/3").0, 404);
    assert_eq!(get(address, "/notes/two").0, 400);
    assert_eq!(get(address, "/elsewhere").0, 404);
    assert_eq!(post(address, "/notes", "{").0, 400);
    many_are_answered_at_once(address, &hello);
    break_off(address, "/notes");
    many_are_answered_at_once(address, &hello);
    assert_eq!(json(address, "/notes"), json!(notes));
    run.stop();
}

fn counts(name: &str, folder: &Path) {
    let (run, address) = serve(folder);
    let hello = format!("hello from {name}\n");
    assert_eq!(get(address, "/"), (200, hello.clone()));
    assert_eq!(json(address, "/count"), json!({"count": 0}));
    assert_eq!(post(address, "/count", "2"), (200, "{\"count\":2}\n".to_owned()));
    assert_eq!(post(address, "/count", "40"), (200, "{\"count\":42}\n".to_owned()));
    assert_eq!(post(address, "/count", "two").0, 400);
    assert_eq!(get(address, "/elsewhere").0, 404);
    assert_eq!(post(address, "/count", &"1".repeat(100_000)).0, 413);
    pieces_and_several_at_once(address);
    many_are_answered_at_once(address, &hello);
    break_off(address, "/count");
    many_are_answered_at_once(address, &hello);
    assert_eq!(json(address, "/count"), json!({"count": 45}));
    run.stop();
}

fn post(address: SocketAddr, path: &str, body: &str) -> (u16, String) {
    let mut stream = connect(address);
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    support::answer(stream)
}

/// What a server that reads for itself has to get right: a request that comes byte by byte, with another one behind it.
#[track_caller]
fn pieces_and_several_at_once(address: SocketAddr) {
    let mut stream = connect(address);
    stream.set_nodelay(true).unwrap();
    let first = "POST /count HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n3";
    let second = "GET /count HTTP/1.1\r\nhost: x\r\nConnection: Close\r\n\r\n";
    for byte in first.bytes() {
        stream.write_all(&[byte]).unwrap();
    }
    stream.write_all(second.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("{\"count\":45}\n").count(), 2, "{text}");
}

/// 64 connections, each answered three times while all are open.
#[track_caller]
fn many_are_answered_at_once(address: SocketAddr, hello: &str) {
    let mut open: Vec<_> = (0..64).map(|_| connect(address)).collect();
    for _ in 0..3 {
        for stream in &mut open {
            stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        }
        for stream in &mut open {
            let mut text = Vec::new();
            let mut piece = [0; 4096];
            while !text.ends_with(hello.as_bytes()) {
                let length = stream.read(&mut piece).unwrap();
                assert_ne!(length, 0, "only `{}`", String::from_utf8_lossy(&text));
                text.extend(&piece[..length]);
            }
            assert!(
                text.starts_with(b"HTTP/1.1 200 OK\r\n"),
                "{}",
                String::from_utf8_lossy(&text)
            );
        }
    }
}

/// Clients that go in the middle of whatever it is.
fn break_off(address: SocketAddr, path: &str) {
    let half = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf");
    let many = "GET / HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
    program::break_off(address, &["", "GET / HT", &half, "nonsense\r\n\r\n", &many]);
}
