//! The examples: each artifact belongs to its source, and each does what examples/README.md says.

use crate::support;
use std::io::{Read, Write};
use std::net::Shutdown;
use support::{Run, connect, get, guests};

/// Compares, or with `UPDATE_EXAMPLES=1` writes, the artifact of an example.
fn belongs_together(name: &str, world: &str) {
    let folder = guests::root().join("examples").join(name);
    let built = guests::component(&folder.join("src").join(name).with_extension("wat"), world);
    let artifact = folder.join(name).with_extension("wasm");
    if std::env::var_os("UPDATE_EXAMPLES").is_some() {
        std::fs::write(&artifact, &built).unwrap();
    }
    let committed = std::fs::read(&artifact).expect("the artifact is there");
    assert!(
        committed == built,
        "{} is not what its source makes: run `UPDATE_EXAMPLES=1 cargo test --workspace --test it examples::`",
        artifact.display()
    );
}

#[test]
fn hello_belongs_to_its_source() {
    belongs_together("hello", "http");
}

#[test]
fn echo_belongs_to_its_source() {
    belongs_together("echo", "command");
}

#[test]
fn hello_answers() {
    let folder = guests::root().join("examples/hello");
    let mut run = Run::start(&["os", folder.to_str().unwrap(), "--forward", "0:3000"]);
    let address = run.ready(3000);
    assert_eq!(get(address), (200, "hello from wasmrun\n".to_owned()));
    run.stop();
}

#[test]
fn echo_echoes_many_at_once() {
    let folder = guests::root().join("examples/echo");
    let mut run = Run::start(&["os", folder.to_str().unwrap(), "--forward", "0:3000"]);
    let address = run.ready(3000);
    let mut open: Vec<_> = (0..100).map(|_| connect(address)).collect();
    for (number, stream) in open.iter_mut().enumerate() {
        write!(stream, "number {number}").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
    }
    for (number, stream) in open.iter_mut().enumerate() {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert_eq!(text, format!("number {number}"));
    }
    drop(open);
    run.stop();
}
