//! What listens on the ports of `web`.
//!
//! ```text
//!   3000  HTTP with everything      3001  says it keeps a connection, and ends it      3002  breaks an answer off
//!   3003  takes, and says nothing   3004  closes without a word                        3005  speaks no HTTP
//!   3006  its answer lasts as long as its connection
//! ```

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tunnel::mux::Body;

/// Starts them, each on a port of its own.
pub async fn serve(tasks: &mut JoinSet<()>) -> BTreeMap<u16, SocketAddr> {
    let mut ports = BTreeMap::new();
    for port in 3000..=3006 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        ports.insert(port, listener.local_addr().expect("an address"));
        tasks.spawn(async move {
            let mut clients = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while clients.try_join_next().is_some() {}
                clients.spawn(one(port, stream));
            }
        });
    }
    ports
}

async fn one(port: u16, mut stream: TcpStream) {
    match port {
        3000 => {
            let service = service_fn(|request| async { Ok::<_, Infallible>(answer(request).await) });
            let http = hyper::server::conn::http1::Builder::new();
            let _ = http
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades()
                .await;
        }
        3001 => {
            let head = heads(&mut stream).await;
            let body = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
            if !body.contains("first") {
                return;
            }
            // It ends with the next request, of which it has read something: the answer to that is nothing at all.
            heads(&mut stream).await;
        }
        3002 => {
            heads(&mut stream).await;
            let part = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
            let _ = stream.write_all(part.as_bytes()).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            let _ = stream.set_zero_linger();
        }
        3003 => {
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
        }
        3006 => {
            heads(&mut stream).await;
            let part = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello";
            let _ = stream.write_all(part.as_bytes()).await;
            heads(&mut stream).await;
        }
        3004 => {
            heads(&mut stream).await;
        }
        _ => {
            let _ = stream.write_all(b"220 mail.test ESMTP\r\n").await;
            heads(&mut stream).await;
        }
    }
}

async fn heads(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => read.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}

fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}

const FRONT: &str = "<!DOCTYPE html><title>A guest</title><meta name=color-scheme content='light dark'>\
    <h1>A guest’s own page</h1><p>The server is in the run <code>web</code>.</p><p>The clock: <output id=o>–</output></p>\
    <script>new EventSource('/clock').onmessage = (e) => { document.getElementById('o').textContent = e.data; };</script>";

async fn answer(mut request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let mut response = Response::new(full(""));
    match path.as_str() {
        "/" => {
            *response.body_mut() = full(FRONT);
            let html = HeaderValue::from_static("text/html; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, html);
        }
        // Everything that it was asked, a line each.
        "/head" => {
            let mut text = format!("{} {}\n", request.method(), request.uri());
            for (name, value) in request.headers() {
                text += &format!("{name}: {}\n", value.to_str().unwrap_or("?"));
            }
            *response.body_mut() = full(text);
        }
        "/clock" => {
            let kind = HeaderValue::from_static("text/event-stream");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            let ticks = futures::stream::unfold(0, |tick: u32| async move {
                if tick > 0 {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Some((Ok(Frame::data(Bytes::from(format!("data: {tick}\n\n")))), tick + 1))
            });
            *response.body_mut() = StreamBody::new(ticks).boxed_unsync();
        }
        "/echo" => return websocket(&mut request),
        "/sum" => {
            let mut body = request.into_body();
            let (mut length, mut sum) = (0_u64, 0_u64);
            while let Some(Ok(frame)) = body.frame().await {
                let data = frame.into_data().unwrap_or_default();
                length += data.len() as u64;
                sum = data
                    .iter()
                    .fold(sum, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
            }
            *response.body_mut() = full(format!("{length} {sum}"));
        }
        "/mebibytes" => {
            let most: usize = request.uri().query().and_then(|text| text.parse().ok()).unwrap_or(1);
            let parts = futures::stream::iter(
                (0..most * 16).map(|part| Ok(Frame::data(Bytes::from(vec![part as u8; 64 * 1024])))),
            );
            *response.body_mut() = StreamBody::new(parts).boxed_unsync();
        }
        "/range" => {
            let range = request.headers().get(header::RANGE).cloned();
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            response
                .headers_mut()
                .extend(range.map(|range| (header::CONTENT_RANGE, range)));
            *response.body_mut() = full("part");
        }
        "/cookies" => {
            for cookie in [
                "a=1; Path=/",
                "b=2; Domain=localhost; Path=/",
                "wasmrun-app=evil",
                "__Host-wasmrun=evil; Secure",
            ] {
                response
                    .headers_mut()
                    .append(header::SET_COOKIE, HeaderValue::from_static(cookie));
            }
        }
        "/away" => {
            *response.status_mut() = StatusCode::FOUND;
            let place = HeaderValue::from_static("http://web-3000.localhost/next?a=b");
            response.headers_mut().insert(header::LOCATION, place);
        }
        "/trailers" => {
            response
                .headers_mut()
                .insert(header::TRAILER, HeaderValue::from_static("x-sum"));
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", HeaderValue::from_static("42"));
            let frames = [Ok(Frame::data(Bytes::from("body"))), Ok(Frame::trailers(trailers))];
            *response.body_mut() = StreamBody::new(futures::stream::iter(frames)).boxed_unsync();
        }
        "/slow" => {
            tokio::time::sleep(Duration::from_millis(400)).await;
            *response.body_mut() = full("late");
        }
        _ => *response.body_mut() = full(path),
    }
    response
}

fn websocket(request: &mut Request<Incoming>) -> Response<Body> {
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY).cloned();
    let accept = derive_accept_key(key.as_ref().map_or(b"", HeaderValue::as_bytes));
    let protocol = request.headers().get(header::SEC_WEBSOCKET_PROTOCOL).cloned();
    let upgraded = hyper::upgrade::on(request);
    // It lasts as long as its connection.
    let echo = async move {
        let io = TokioIo::new(upgraded.await.expect("upgraded"));
        let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() || socket.send(message).await.is_err() {
                break;
            }
        }
    };
    spawn(echo);
    let empty = Empty::new().map_err(|never: Infallible| match never {}).boxed_unsync();
    let mut response = Response::new(empty);
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(
        header::SEC_WEBSOCKET_ACCEPT,
        HeaderValue::from_str(&accept).expect("a key"),
    );
    headers.extend(protocol.map(|protocol| (header::SEC_WEBSOCKET_PROTOCOL, protocol)));
    response
}

#[expect(
    clippy::disallowed_methods,
    reason = "hyper hands the connection over after the answer, to a guest's own task"
)]
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(task));
}
