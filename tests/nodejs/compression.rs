//! node:zlib and web streams: the same programs here and in a guest.

use crate::support::program::{project, start};
use crate::support::{Output, connect, guests, output, wasmrun};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

fn in_guest(script: &Path) -> Output {
    output(wasmrun(&["os", script.to_str().unwrap(), "--quiet"]))
}

fn here(script: &Path) -> Output {
    let mut command = Command::new("node");
    command.arg("--no-warnings").arg(script);
    output(command)
}

pub fn zlib_says_what_nodes_says() {
    let folder = project("compression-node");
    let script = folder.path().join("calls.js");
    let wanted = here(&script);
    assert!(wanted.stdout.ends_with("calls\n"), "{}", wanted.stderr);
    in_guest(&script).prints(&wanted.stdout);
}

pub fn zstd_says_what_nodes_says() {
    // Older ones have none: this is what 24.19 says.
    let folder = project("compression-node");
    let wanted = std::fs::read_to_string(guests::root().join("tests/projects/compression-node/zstd.txt")).unwrap();
    in_guest(&folder.path().join("zstd.js")).prints(&wanted);
}

pub fn bodies_and_web_streams_are_decoded() {
    let folder = project("compression-node");
    let script = folder.path().join("web.js");
    let wanted = here(&script);
    assert!(wanted.stdout.contains("br [60000,true]\n"), "{}", wanted.stderr);
    in_guest(&script).prints(&wanted.stdout);
}

/// What Node makes of bytes.
fn by_node(expression: &str, bytes: &[u8]) -> String {
    let script = format!("process.stdout.write({expression}(fs.readFileSync(0)))");
    let mut command = Command::new("node");
    command
        .args(["-e", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

/// The bytes of a body in chunks.
fn whole(mut body: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let end = body.windows(2).position(|two| two == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            return all;
        }
        all.extend(&body[end + 2..end + 2 + length]);
        body = &body[end + 4 + length..];
    }
}

pub fn express_compresses() {
    let folder = project("middleware");
    let (run, address) = start(folder.path(), 8300, &[]);
    let ask = |accepts: &str| {
        let mut stream = connect(address);
        write!(
            stream,
            "GET /long HTTP/1.1\r\nhost: localhost\r\naccept-encoding: {accepts}\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let body = answer.split_off(end + 4);
        (String::from_utf8(answer).unwrap(), body)
    };
    let (head, plain) = ask("identity");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(!head.contains("\r\nContent-Encoding:"), "{head}");
    // As browsers ask, as older ones did, and as nobody does.
    for (accepts, coding, unpacks) in [
        ("gzip, deflate, br", "br", "zlib.brotliDecompressSync"),
        ("gzip, deflate", "gzip", "zlib.gunzipSync"),
        ("deflate", "deflate", "zlib.inflateSync"),
    ] {
        let (head, body) = ask(accepts);
        assert!(head.contains(&format!("\r\nContent-Encoding: {coding}\r\n")), "{head}");
        assert!(body.len() < 1000, "{} bytes of {coding}", body.len());
        assert_eq!(by_node(unpacks, &whole(&body)).as_bytes(), plain, "{coding}");
    }
    run.stop();
}
