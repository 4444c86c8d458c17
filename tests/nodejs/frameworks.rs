//! Frameworks and their extensions, each as a small project of `tests/projects/`, asked through the forward.

use crate::support::program::{get, json, project, start};
use crate::support::{Run, connect, eventually};
use serde_json::json as value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use tempfile::TempDir;

pub fn express() {
    let (_folder, run, address) = serve("express");
    assert_eq!(
        json(address, "/user/some%20body?a=1&a=2"),
        value!({"name": "some body", "query": {"a": ["1", "2"]}})
    );
    let sum = post(address, "/sum", "application/json", r#"{"numbers": [1, 2]}"#);
    assert!(sum.starts_with("HTTP/1.1 201 "), "{sum}");
    assert!(sum.ends_with(r#"{"sum":3}"#), "{sum}");
    let broken = post(address, "/sum", "application/json", "{");
    assert!(broken.starts_with("HTTP/1.1 400 "), "{broken}");
    assert_eq!(get(address, "/part"), (200, "in /part".to_owned()));
    assert_eq!(get(address, "/refused").0, 403);
    assert_eq!(get(address, "/absent").0, 404);
    let redirect = ask(address, "GET /redirect", "", "");
    assert!(redirect.contains("\r\nLocation: /user/somebody\r\n"), "{redirect}");
    // Express's own page has the stack, with the user's file in it.
    let (status, page) = get(address, "/error");
    assert_eq!(status, 500);
    assert!(page.contains("Error: thrown in a route"), "{page}");
    assert!(page.contains("/app.js:36:"), "{page}");
    run.stop();
}

pub fn express_sends_files_and_streams() {
    let (_folder, run, address) = serve("express");
    let file = ask(address, "GET /file.txt", "", "");
    assert!(file.ends_with("\r\n\r\na file\n"), "{file}");
    let tag = file.lines().find(|line| line.starts_with("ETag: ")).unwrap();
    let condition = tag.replace("ETag", "If-None-Match");
    let unchanged = ask(address, "GET /file.txt", &format!("{condition}\r\n"), "");
    assert!(unchanged.starts_with("HTTP/1.1 304 "), "{unchanged}");
    let part = ask(address, "GET /file.txt", "Range: bytes=2-5\r\n", "");
    assert!(part.starts_with("HTTP/1.1 206 "), "{part}");
    assert!(part.ends_with("\r\n\r\nfile"), "{part}");
    let download = ask(address, "GET /download", "", "");
    assert!(download.contains(r#"filename="file.txt""#), "{download}");
    assert!(ask(address, "GET /stream", "", "").contains("a file\n"));
    let slowly = ask(address, "GET /slowly", "", "");
    assert!(
        slowly.ends_with("2\r\n0\n\r\n2\r\n1\n\r\n2\r\n2\n\r\n0\r\n\r\n"),
        "{slowly}"
    );
    run.stop();
}

pub fn express_has_cookies() {
    let (_folder, run, address) = serve("express");
    let first = ask(address, "GET /cookie", "", "");
    assert!(first.ends_with(r#"{"plain":null,"signed":null}"#), "{first}");
    let second = ask(address, "GET /cookie", &cookies(&first), "");
    assert!(second.ends_with(r#"{"plain":"one","signed":"two"}"#), "{second}");
    let forged = ask(address, "GET /cookie", "Cookie: signed=s%3Atwo.forged\r\n", "");
    assert!(forged.ends_with(r#"{"plain":null,"signed":false}"#), "{forged}");
    run.stop();
}

pub fn koa() {
    let (_folder, run, address) = serve("koa");
    let user = ask(address, "GET /user/somebody", "", "");
    assert!(user.contains("\r\nx-length: 19\r\n"), "{user}");
    assert!(user.ends_with(r#"{"name":"somebody"}"#), "{user}");
    let echo = post(address, "/echo", "application/x-www-form-urlencoded", "a=1&b=two");
    assert!(echo.ends_with(r#"{"a":"1","b":"two"}"#), "{echo}");
    assert!(get(address, "/file").1.contains("new Koa()"));
    assert_eq!(get(address, "/error"), (418, "a teapot".to_owned()));
    assert_eq!(get(address, "/absent").0, 404);
    run.stop();
}

pub fn hono() {
    let (_folder, run, address) = serve("hono");
    let user = ask(address, "GET /user/somebody?a=1", "", "");
    assert!(user.contains("\r\nx-path: /user/somebody\r\n"), "{user}");
    assert!(user.ends_with(r#"{"name":"somebody","query":{"a":"1"}}"#), "{user}");
    let sum = post(address, "/sum", "application/json", r#"{"numbers": [1, 2]}"#);
    assert!(
        sum.starts_with("HTTP/1.1 201 ") && sum.ends_with(r#"{"sum":3}"#),
        "{sum}"
    );
    let form = post(address, "/form", UPLOAD, &upload());
    assert!(
        form.ends_with(r#"{"name":"a.txt","text":"some text","field":"a value"}"#),
        "{form}"
    );
    let stream = ask(address, "GET /stream", "", "");
    assert!(
        ["one\n", "two\n", "three\n"].iter().all(|word| stream.contains(word)),
        "{stream}"
    );
    assert_eq!(get(address, "/error"), (500, "refused: thrown in a route".to_owned()));
    run.stop();
}

pub fn fastify() {
    let (_folder, run, address) = serve("fastify");
    let user = ask(address, "GET /user/somebody?a=1", "", "");
    assert!(user.contains("\r\nx-route: /user/:name\r\n"), "{user}");
    assert!(user.ends_with(r#"{"name":"somebody","query":{"a":"1"}}"#), "{user}");
    let sum = post(address, "/sum", "application/json", r#"{"numbers": [1, 2]}"#);
    assert!(
        sum.starts_with("HTTP/1.1 201 ") && sum.ends_with(r#"{"sum":3}"#),
        "{sum}"
    );
    let refused = post(address, "/sum", "application/json", "{}");
    assert!(refused.starts_with("HTTP/1.1 400 "), "{refused}");
    assert!(
        refused.contains("body must have required property 'numbers'"),
        "{refused}"
    );
    let cookie = ask(address, "GET /cookie", "Cookie: word=two\r\n", "");
    assert!(cookie.contains("\r\nset-cookie: word=one"), "{cookie}");
    assert!(cookie.ends_with(r#"{"word":"two"}"#), "{cookie}");
    let (status, error) = get(address, "/error");
    assert_eq!(status, 500);
    assert!(error.contains("thrown in a route"), "{error}");
    run.stop();
}

pub fn ws() {
    let (_folder, run, address) = serve("ws");
    let mut socket = connect(address);
    write!(
        socket,
        "GET /socket HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(byte(&mut socket));
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    // The answer to the key in RFC 6455, 1.3.
    assert!(
        head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        "{head}"
    );
    assert_eq!(frame(&mut socket), (TEXT, b"welcome to /socket".to_vec()));
    let long = vec![b'x'; 70_000];
    for (kind, payload) in [(TEXT, b"hello".to_vec()), (BINARY, vec![0, 1, 255]), (TEXT, long)] {
        send(&mut socket, kind, &payload);
        assert_eq!(frame(&mut socket), (kind, payload));
    }
    assert_eq!(get(address, "/").1, "1 open\n");
    let bye = [&1000_u16.to_be_bytes(), b"bye".as_slice()].concat();
    send(&mut socket, CLOSE, &bye);
    assert_eq!(frame(&mut socket), (CLOSE, bye));
    assert_eq!(socket.read(&mut [0]).unwrap(), 0, "the connection is closed");
    drop(socket);
    eventually("the server has seen it", || get(address, "/").1 == "0 open\n");
    run.stop();
}

pub fn middleware() {
    let (_folder, run, address) = serve("middleware");
    let form = post(address, "/form", "application/x-www-form-urlencoded", "a[b]=1");
    assert!(form.ends_with(r#"{"a":{"b":"1"}}"#), "body-parser: {form}");
    assert!(form.contains("\r\nAccess-Control-Allow-Origin: *\r\n"), "cors: {form}");
    assert!(form.contains("\r\nContent-Security-Policy: "), "helmet: {form}");
    let deleted = ask(address, "POST /thing", "X-HTTP-Method-Override: DELETE\r\n", "");
    assert!(deleted.ends_with(r#"{"deleted":true}"#), "method-override: {deleted}");
    for path in ["/session", "/cookie-session"] {
        let first = ask(address, &format!("GET {path}"), "", "");
        assert!(first.ends_with(r#"{"count":1}"#), "{path}: {first}");
        let second = ask(address, &format!("GET {path}"), &cookies(&first), "");
        assert!(second.ends_with(r#"{"count":2}"#), "{path}: {second}");
    }
    assert_eq!(json(address, "/flash"), value!(["said once"]));
    let upload = post(address, "/upload", UPLOAD, &upload());
    assert!(
        upload.ends_with(r#"{"name":"a.txt","text":"some text","field":"a value"}"#),
        "multer: {upload}"
    );
    // `me:open sesame` and `me:guess`
    let open = ask(
        address,
        "GET /basic",
        "Authorization: Basic bWU6b3BlbiBzZXNhbWU=\r\n",
        "",
    );
    assert!(open.ends_with(r#"{"name":"me"}"#), "passport: {open}");
    let shut = ask(address, "GET /basic", "Authorization: Basic bWU6Z3Vlc3M=\r\n", "");
    assert!(shut.starts_with("HTTP/1.1 401 "), "passport: {shut}");
    let credentials = "username=me&password=open+sesame";
    let login = post(address, "/login", "application/x-www-form-urlencoded", credentials);
    assert!(login.ends_with(r#"{"name":"me"}"#), "passport: {login}");
    for (path, expected) in [
        ("/token", value!({"name": "somebody", "forged": "invalid signature"})),
        ("/password", value!([true, false])),
        (
            "/checked?number=1",
            value!({"joi": null, "validator": true, "zod": true}),
        ),
        (
            "/checked?number=x",
            value!({"joi": "\"number\" must be a number", "validator": false, "zod": false}),
        ),
        ("/lodash", value!([[1, 2], [3]])),
        ("/ids", value!([36, 21])),
        ("/word", value!({"word": "from a file"})),
        ("/outward", value!({"code": "EACCES"})),
    ] {
        assert_eq!(json(address, path), expected, "{path}");
    }
    for engine in ["ejs", "hbs", "pug"] {
        assert_eq!(
            get(address, &format!("/page/{engine}")).1.trim(),
            "<p>somebody</p>",
            "{engine}"
        );
    }
    assert_eq!(get(address, "/limited").0, 200);
    assert_eq!(get(address, "/limited").0, 429);
    get(address, "/log");
    eventually("what the loggers say", || {
        let said = run.stdout();
        ["GET /log 200", "said by winston", "said by pino"]
            .iter()
            .all(|word| said.contains(word))
    });
    run.stop();
}

pub fn socket_io() {
    let (_folder, run, address) = serve("middleware");
    // Engine.IO 4 by long polling: open, connect to `/`, then the server's own event.
    let path = "/socket.io/?EIO=4&transport=polling";
    let (status, opened) = get(address, path);
    assert_eq!(status, 200, "{opened}");
    let opened: serde_json::Value = serde_json::from_str(opened.strip_prefix('0').unwrap()).unwrap();
    let path = format!("{path}&sid={}", opened["sid"].as_str().unwrap());
    let connected = post(address, &path, "text/plain", "40");
    assert!(connected.ends_with("\r\n\r\nok"), "{connected}");
    let mut packets = String::new();
    while !packets.contains(r#"42["greeting",{"hello":"you"}]"#) {
        let (status, more) = get(address, &path);
        assert_eq!(status, 200, "{more} after {packets}");
        packets.push_str(&more);
    }
    run.stop();
}

fn serve(name: &str) -> (TempDir, Run, SocketAddr) {
    let folder = project(name);
    let (run, address) = start(folder.path(), 8300, &[]);
    (folder, run, address)
}

/// Sends a request, with more header lines; everything that is answered.
fn ask(address: SocketAddr, what: &str, headers: &str, body: &str) -> String {
    let mut stream = connect(address);
    let length = body.len();
    write!(
        stream,
        "{what} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn post(address: SocketAddr, path: &str, kind: &str, body: &str) -> String {
    let headers = format!("content-type: {kind}\r\n");
    ask(address, &format!("POST {path}"), &headers, body)
}

/// The header that gives back the cookies of an answer.
fn cookies(answer: &str) -> String {
    let given = answer.lines().filter_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("set-cookie")
            .then(|| value.split(';').next().unwrap())
    });
    format!("Cookie: {}\r\n", given.collect::<Vec<_>>().join("; "))
}

const UPLOAD: &str = "multipart/form-data; boundary=edge";

/// A form with a field and a file.
fn upload() -> String {
    let field = "--edge\r\ncontent-disposition: form-data; name=\"field\"\r\n\r\na value\r\n";
    let file = "--edge\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\ncontent-type: text/plain\r\n\r\nsome text\r\n";
    format!("{field}{file}--edge--\r\n")
}

// RFC 6455, 5.2.
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;

/// Sends a WebSocket frame, masked as a client has to.
fn send(socket: &mut TcpStream, kind: u8, payload: &[u8]) {
    let mut frame = vec![0x80 | kind];
    match payload.len() {
        length @ ..=125 => frame.push(0x80 | length as u8),
        length @ ..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    let mask = [1, 2, 3, 4];
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    socket.write_all(&frame).unwrap();
}

/// The kind and the payload of the next frame.
fn frame(socket: &mut TcpStream) -> (u8, Vec<u8>) {
    let kind = byte(socket);
    assert_eq!(kind & 0x80, 0x80, "a whole message");
    let more = match byte(socket) {
        126 => 2,
        127 => 8,
        length => {
            let mut payload = vec![0; length.into()];
            socket.read_exact(&mut payload).unwrap();
            return (kind & 0xf, payload);
        }
    };
    let length = (0..more).fold(0, |length, _| length << 8 | usize::from(byte(socket)));
    let mut payload = vec![0; length];
    socket.read_exact(&mut payload).unwrap();
    (kind & 0xf, payload)
}

fn byte(socket: &mut TcpStream) -> u8 {
    let mut byte = [0];
    socket.read_exact(&mut byte).unwrap();
    byte[0]
}
