//! The HTTP server in front of `wasi:http` guests: what clients may not do to each other, and the rules that it keeps.

use crate::support;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use support::guests::guest;
use support::{PATIENCE, Run, answer, connect, eventually, folder, get, wasmrun};

/// All of them short; a client that does something must never be near one.
const SHORT: &str =
    "[http]\nheader-timeout = '600ms'\nbody-timeout = '600ms'\nsend-timeout = '600ms'\nidle-timeout = '600ms'\n";

/// A guest behind a server with this configuration, and both ways to it.
fn serve(name: &str, config: &str, path: &str) -> (Run, SocketAddr) {
    let folder = folder();
    let file = folder.path().join("settings.toml");
    std::fs::write(&file, config).unwrap();
    let guest = match name {
        "hello" => support::guests::root().join("examples/hello/hello.wasm"),
        other => guest(other),
    };
    let arguments = [
        "os",
        guest.to_str().unwrap(),
        "-f",
        "0:3000",
        "--config",
        file.to_str().unwrap(),
    ];
    let mut command = wasmrun(&arguments);
    if std::env::var_os("TEST_FORWARD_PATH").is_none() {
        command.args(["--forward-path", path]);
    }
    let mut run = Run::of(command);
    let address = run.ready(3000);
    (run, address)
}

fn send(address: SocketAddr, bytes: impl AsRef<[u8]>) -> TcpStream {
    let mut stream = connect(address);
    stream.write_all(bytes.as_ref()).unwrap();
    stream
}

/// Waits until the server has closed a connection, and returns what it has said.
#[track_caller]
fn closed(mut stream: &TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "it is not closed: {error}"),
    }
    said
}

/// Whether the server has closed a connection before the end of its large answer, of which some is on its way.
fn is_cut_off(stream: &TcpStream) -> bool {
    let mut said = Vec::new();
    match stream.take(64 << 20).read_to_end(&mut said) {
        Ok(length) => length < 64 << 20,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

/// The status line's number of whatever comes first; 0 when the server just closes.
#[track_caller]
fn status(mut stream: &TcpStream) -> u16 {
    let mut head = [0; 12];
    match stream.read_exact(&mut head) {
        Ok(()) => std::str::from_utf8(&head[9..]).unwrap().parse().unwrap(),
        Err(error) => {
            let kind = error.kind();
            assert!(
                matches!(kind, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset),
                "{error}"
            );
            0
        }
    }
}

/// The guest has read a body of this length, and said so.
#[track_caller]
fn has_read(stream: TcpStream, length: usize) {
    let (status, body) = answer(stream);
    assert!(
        status == 200 && body.contains(&format!("{length:07}\n")),
        "{status} {body}"
    );
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame of HTTP/2 (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The preface, with a window for responses.
fn preface(window: u32) -> Vec<u8> {
    let mut setting = vec![0, 4];
    setting.extend(window.to_be_bytes());
    [PREFACE, &frame(SETTINGS, 0, 0, &setting)].concat()
}

/// `:method: GET, :scheme: http, :path` and what more there is, from HPACK's static table (RFC 7541, A).
fn request(stream: u32, method: u8, path: &str, more: &[(&str, &str)], flags: u8) -> Vec<u8> {
    let mut block = vec![0x80 | method, 0x86];
    let mut literal = |name: &[u8], value: &str| {
        block.extend(name);
        block.push(u8::try_from(value.len()).unwrap());
        block.extend(value.as_bytes());
    };
    literal(&[0x04], path);
    for (name, value) in more {
        let length = u8::try_from(name.len()).unwrap();
        literal(&[&[0, length], name.as_bytes()].concat(), value);
    }
    frame(HEADERS, END_HEADERS | flags, stream, &block)
}

/// The next frame: kind, flags, stream and payload; none at the end.
fn next_frame(mut stream: &TcpStream) -> Option<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).ok()?;
    let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
    stream.read_exact(&mut payload).ok()?;
    Some((
        head[3],
        head[4],
        u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
        payload,
    ))
}

#[test]
fn clients_that_say_nothing_are_closed() {
    for path in ["adopt", "splice"] {
        let (run, address) = serve("hello", SHORT, path);
        let began = Instant::now();
        let silent = [
            ("nothing", send(address, "")),
            ("half a preface", send(address, &PREFACE[..10])),
            ("a preface", send(address, PREFACE)),
            ("a preface and settings", send(address, preface(0))),
            ("half a head", send(address, "GET / HTTP/1.1\r\nhost: a\r\n")),
            ("idle", send(address, "GET / HTTP/1.1\r\nhost: a\r\n\r\n")),
            (
                "idle, HTTP/2",
                send(
                    address,
                    [preface(1 << 20), request(1, 2, "/", &[("host", "a")], END_STREAM)].concat(),
                ),
            ),
        ];
        for (what, stream) in &silent {
            let said = closed(stream);
            assert!(
                !what.starts_with("idle") || !said.is_empty(),
                "{path}: {what} was not answered"
            );
        }
        assert!(
            began.elapsed() >= Duration::from_millis(500),
            "they were not given their time"
        );
        assert_eq!(get(address).0, 200);
        let said = run.stop();
        assert!(!said.contains("error"), "{said}");
    }
}

#[test]
fn silent_clients_do_not_keep_all_connections_to_themselves() {
    for path in ["adopt", "splice"] {
        let (_run, address) = serve("hello", &format!("[network]\nmax-connections = 4\n{SHORT}"), path);
        let _silent: Vec<_> = (0..20).map(|_| send(address, "")).collect();
        assert_eq!(get(address).0, 200, "{path}");
        // Nor do those that were told off and stay.
        let _told: Vec<_> = (0..4).map(|_| send(address, "GET / HTTP/1.1\r\n\r\n")).collect();
        assert_eq!(get(address).0, 200, "{path}");
    }
}

#[test]
fn a_client_that_trickles_its_head_is_closed() {
    let (_run, address) = serve("hello", SHORT, "adopt");
    let mut stream = send(address, "GET / HTTP/1.1\r\nhost: a\r\n");
    let began = Instant::now();
    eventually("it is closed", || {
        std::thread::sleep(Duration::from_millis(50));
        stream.write_all(b"a: b\r\n").is_err()
    });
    assert!(began.elapsed() >= Duration::from_millis(500));
}

#[test]
fn a_body_that_stops_is_408_and_one_that_goes_on_is_read() {
    let (run, address) = serve("clients", SHORT, "adopt");
    let head = "POST /r HTTP/1.1\r\nhost: a\r\ncontent-length:";
    // Little of it, and more than the guest is spared.
    for sent in [5, 50_000] {
        let stream = send(address, format!("{head} 100000\r\n\r\n{}", "x".repeat(sent)));
        let (status, _) = answer(stream);
        assert_eq!(status, 408);
    }
    // Twice as long as the time-out, but never as long without a byte.
    let mut stream = send(address, format!("{head} 12\r\nconnection: close\r\n\r\n"));
    for _ in 0..12 {
        std::thread::sleep(Duration::from_millis(100));
        stream.write_all(b"x").unwrap();
    }
    has_read(stream, 12);
    for length in [1, 16 * 1024, 16 * 1024 + 1, 3_000_000] {
        let body = "x".repeat(length);
        let stream = send(address, format!("{head} {length}\r\nconnection: close\r\n\r\n{body}"));
        has_read(stream, length);
    }
    // It trapped at most because its client had gone.
    let said = run.stop();
    assert!(!said.contains("failed in the guest"), "{said}");
}

#[test]
fn a_long_answer_and_a_long_wait_are_no_ones_fault() {
    let (_run, address) = serve("clients", SHORT, "adopt");
    let waits = send(address, "GET /w HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    // It takes its answer for longer than any time-out, but it takes it.
    let mut slow = send(address, "GET /l HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    let (began, mut piece, mut length) = (Instant::now(), vec![0; 1 << 20], 0);
    loop {
        if began.elapsed() < Duration::from_millis(1500) {
            std::thread::sleep(Duration::from_millis(50));
        }
        match slow.read(&mut piece).unwrap() {
            0 => break,
            more => length += more,
        }
    }
    assert!(length > 64 << 20, "{length}");
    assert_eq!(answer(waits).0, 200);
}

#[test]
fn a_client_that_takes_no_answer_is_cut() {
    for path in ["adopt", "splice"] {
        let (run, address) = serve("clients", SHORT, path);
        // Nothing tells when all that is on its way is full.
        let is_cut = [1500, 3000, 6000].into_iter().any(|time| {
            let stream = send(address, "GET /l HTTP/1.1\r\nhost: a\r\n\r\n");
            std::thread::sleep(Duration::from_millis(time));
            is_cut_off(&stream)
        });
        assert!(is_cut, "{path}");
        // One stream among others, whose window is closed.
        let mut many = send(address, preface(0));
        many.write_all(&request(1, 2, "/l", &[("host", "a")], END_STREAM))
            .unwrap();
        loop {
            match next_frame(&many).expect("a reset") {
                (PING, flags, _, payload) if flags & ACK == 0 => {
                    many.write_all(&frame(PING, ACK, 0, &payload)).unwrap();
                }
                (RESET, _, stream, _) => break assert_eq!(stream, 1),
                _ => {}
            }
        }
        let said = run.stop();
        assert!(!said.contains("failed in the guest"), "{said}");
    }
}

#[test]
fn an_http_2_client_that_answers_no_ping_is_closed_and_one_that_does_is_not() {
    let (_run, address) = serve("clients", SHORT, "adopt");
    // A request under way, so that neither is idle. It takes a second.
    let asks = [preface(1 << 20), request(1, 2, "/w", &[("host", "a")], END_STREAM)].concat();
    let (deaf, well) = (send(address, &asks), send(address, &asks));
    let mut pings = 0;
    while let Some((kind, flags, stream, payload)) = next_frame(&well) {
        match kind {
            PING if flags & ACK == 0 => {
                pings += 1;
                (&well).write_all(&frame(PING, ACK, 0, &payload)).unwrap();
            }
            DATA if stream == 1 => break,
            GOAWAY => panic!("it was sent away"),
            _ => {}
        }
    }
    assert!(pings > 0);
    let frames: Vec<u8> = std::iter::from_fn(|| next_frame(&deaf)).map(|frame| frame.0).collect();
    assert!(frames.contains(&PING) && !frames.contains(&DATA), "{frames:?}");
}

/// Other clients are answered while so many do this.
#[track_caller]
fn nobody_else_waits(address: SocketAddr, what: &str) {
    for _ in 0..50 {
        let began = Instant::now();
        assert_eq!(get(address).0, 200);
        assert!(began.elapsed() < PATIENCE / 4, "{what}: {:?}", began.elapsed());
    }
}

#[test]
fn bodies_that_do_not_come_hold_nobody_up() {
    for path in ["adopt", "splice"] {
        // Time-outs play no part in it.
        let (_run, address) = serve("clients", "[http]\nmax-requests = 32\n", path);
        let slow: Vec<_> = (0..200)
            .map(|_| send(address, "POST /r HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nx"))
            .collect();
        nobody_else_waits(address, "POST");
        let body = "x".repeat(100);
        let stream = send(
            address,
            format!("POST /r HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 100\r\n\r\n{body}"),
        );
        has_read(stream, 100);
        // They are only slow.
        for mut stream in slow {
            stream.write_all(b"xxxxxxxxx").unwrap();
            assert_eq!(status(&stream), 200);
        }
    }
}

#[test]
fn closed_windows_hold_nobody_up() {
    for name in ["hello", "hello_p3", "clients"] {
        let (_run, address) = serve(name, "", "adopt");
        let _closed: Vec<_> = (0..3)
            .map(|_| {
                let mut bytes = preface(0);
                // More than it may have: the last of them are refused.
                for stream in 0..200 {
                    bytes.extend(request(2 * stream + 1, 2, "/l", &[("host", "a")], END_STREAM));
                }
                send(address, bytes)
            })
            .collect();
        nobody_else_waits(address, name);
    }
}

#[test]
fn a_turn_is_lost_by_a_client_that_stalls_where_another_waits() {
    let (_run, address) = serve("clients", "[http]\nmax-requests = 4\n", "adopt");
    let stalled: Vec<_> = (0..4)
        .map(|_| send(address, "GET /l HTTP/1.1\r\nhost: a\r\n\r\n"))
        .collect();
    stalled.iter().for_each(|stream| assert_eq!(status(stream), 200));
    assert_eq!(get(address).0, 200);
    // Its time-out is a minute. The others go on.
    let ended = stalled.iter().filter(|stream| is_cut_off(stream)).count();
    assert!((1..4).contains(&ended), "{ended}");
}

#[test]
fn a_connection_of_http_2_has_a_share_and_the_rest_of_it_waits() {
    let (_run, address) = serve("clients", "[http]\nmax-requests = 16\n", "adopt");
    let mut stream = send(address, preface(1 << 20));
    for id in [1, 3, 5, 7] {
        stream
            .write_all(&request(id, 2, "/w", &[("host", "a")], END_STREAM))
            .unwrap();
    }
    let began = Instant::now();
    let mut ended = 0;
    while ended < 4 {
        let (kind, flags, ..) = next_frame(&stream).expect("four answers");
        if kind == DATA && flags & END_STREAM != 0 {
            ended += 1;
        }
    }
    // Two at a time, a second each.
    assert!(began.elapsed() >= Duration::from_millis(1900), "{:?}", began.elapsed());
}

/// What a server has to make of each request (RFC 9110 and 9112), by its bytes. 0: closed without an answer.
const RULES: &[(&str, u16)] = &[
    ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200),
    ("GET / HTTP/1.1\r\nHost: a:80\r\n\r\n", 200),
    ("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 200),
    ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 200),
    // 3.2: without, with two, with one that is none.
    ("GET / HTTP/1.1\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a:70000\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: \u{e9}\r\n\r\n", 400),
    // HTTP/1.0 knew none.
    ("GET / HTTP/1.0\r\n\r\n", 200),
    ("OPTIONS / HTTP/1.0\r\n\r\n", 200),
    ("GET / HTTP/1.0\r\nHost: a\r\n\r\n", 200),
    ("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    // 3.2.1 to 3.2.4: the forms of a target.
    ("GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n", 200),
    ("GET http://a/x HTTP/1.1\r\nHost: b\r\n\r\n", 200),
    ("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", 200),
    ("GET http://a/x HTTP/1.1\r\n\r\n", 400),
    ("GET http://u:p@a/x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET ftp://a/x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 200),
    ("OPTIONS * HTTP/1.0\r\n\r\n", 200),
    ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501),
    ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 200),
    ("TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", 400),
    ("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 200),
    // RFC 9110, 10.1.1.
    (
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 0\r\n\r\n",
        200,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: a-pony\r\nContent-Length: 1\r\n\r\nx",
        417,
    ),
    (
        "POST / HTTP/1.0\r\nHost: a\r\nExpect: a-pony\r\nContent-Length: 1\r\n\r\nx",
        200,
    ),
    // 6.1 and 6.3: what is coded, and how long it is.
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        200,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        200,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        501,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        501,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nx", 400),
    (
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        400,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        400,
    ),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\nx", 400),
    // 2.2, 2.3, 3 and 5: what is no request.
    ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 200),
    ("GET / HTTP/1.1\nHost: a\n\n", 200),
    ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nx\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nx: a\0b\r\n\r\n", 400),
    ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", 400),
    ("GET /\r\n\r\n", 400),
    ("hello\r\n\r\n", 400),
];

#[test]
fn the_rules_are_kept_and_a_clients_fault_is_no_error_of_ours() {
    let run = |name: &str| {
        let (run, address) = serve(name, "", "adopt");
        let wrong: Vec<String> = RULES
            .iter()
            .filter_map(|(bytes, expected)| {
                let status = status(&send(address, bytes));
                (status != *expected).then(|| format!("{bytes:?}: {status} and not {expected}"))
            })
            .collect();
        assert!(wrong.is_empty(), "{name}: {wrong:#?}");
        let said = run.stop();
        assert!(!said.contains("error") && !said.contains("failed"), "{said}");
    };
    run("hello");
    run("hello_p3");
}

#[test]
fn http_2_has_its_authority_from_either_place() {
    let (_run, address) = serve("hello", "", "adopt");
    let rows: &[(&[(&str, &str)], bool)] = &[
        (&[(":authority", "a")], true),
        (&[("host", "a")], true),
        (&[], true),
        (&[(":authority", "a"), ("host", "a")], true),
        (&[(":authority", "a"), ("host", "b")], false),
        (&[("host", "a"), ("host", "a")], false),
        (&[("host", "a b")], false),
        (&[("host", "a"), ("expect", "a-pony")], false),
    ];
    for (headers, is_well) in rows {
        let stream = send(
            address,
            [preface(1 << 20), request(1, 2, "/", headers, END_STREAM)].concat(),
        );
        let mut frames = std::iter::from_fn(|| next_frame(&stream));
        let head = frames.find(|(kind, ..)| *kind == HEADERS).expect("an answer").3;
        // `:status: 200` is the eighth of HPACK's table.
        assert_eq!(head[0] == 0x88, *is_well, "{headers:?}: {head:x?}");
    }
}

#[test]
fn a_client_that_expects_to_go_on_is_told_when_the_body_is_read() {
    let (_run, address) = serve("clients", "", "adopt");
    let head = "HTTP/1.1\r\nhost: a\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n";
    let mut reads = send(address, format!("POST /r {head}"));
    assert_eq!(status(&reads), 100);
    reads.write_all(b"abc").unwrap();
    let mut rest = String::new();
    reads.read_to_string(&mut rest).unwrap();
    assert!(rest.contains(" 200 ") && rest.contains("0000003"), "{rest}");
    // One that answers without it.
    assert_eq!(status(&send(address, format!("POST /x {head}"))), 200);
}

#[test]
fn failures_of_the_guest_are_counted_after_the_first_few() {
    let (mut run, address) = serve("trap_http", "", "adopt");
    for _ in 0..200 {
        assert_eq!(get(address).0, 500);
    }
    run.wait_for("the same failure 197 more times: wasm trap: wasm `unreachable` instruction executed");
    assert_eq!(run.stderr().matches("a request failed in the guest").count(), 3);
}

#[test]
fn limits_that_make_no_sense_are_refused() {
    let folder = folder();
    let file = folder.path().join("settings.toml");
    for (line, error) in [
        ("body-timeout = '0s'", "the timeout `0s` is too short"),
        ("send-timeout = 'soon'", "invalid duration `soon`"),
        ("max-requests = 0", "the limit must be at least 1"),
        ("max-streams = 0", "the limit must be at least 1"),
        ("max-bodies = 1", "unknown field `max-bodies`"),
    ] {
        std::fs::write(&file, format!("[http]\n{line}\n")).unwrap();
        let hello = support::guests::root().join("examples/hello/hello.wasm");
        let said = support::run(&["os", hello.to_str().unwrap(), "--config", file.to_str().unwrap()]);
        assert_eq!(said.code, Some(2), "{line}: {}", said.stderr);
        assert!(said.stderr.contains(error), "{line}: {}", said.stderr);
    }
}
