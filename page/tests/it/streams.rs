//! What lasts: uploads, downloads, events, WebSockets, and their end.

use super::browser::{APP, Browser, Connection, PAGE, full, patiently, read, until};
use super::world::World;
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http::Response;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

const MEBIBYTES: usize = 50;

/// Memory of this process, in bytes (proc_pid_status(5)).
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("memory");
    let kibibytes: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kibibytes << 10
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_mebibytes_pass_each_way_and_are_never_held() {
    patiently(async {
        let world = World::new().await;
        let mut browser = Browser::new(&world).await;
        browser.start("web", 3000).await;
        let before = memory();
        let parts = futures::stream::iter(
            (0..MEBIBYTES * 16).map(|part| Ok::<_, Infallible>(Frame::data(Bytes::from(vec![part as u8; 64 * 1024])))),
        );
        let body = StreamBody::new(parts).map_err(|never| match never {}).boxed_unsync();
        let request = browser
            .request("POST", APP, "/sum")
            .header("origin", format!("http://{APP}"));
        let sum = read(browser.send(request.body(body).unwrap()).await).await.text;
        let expected = (0..MEBIBYTES * 16).fold(0_u64, |sum, part| {
            (0..64 * 1024).fold(sum, |sum, _| sum.wrapping_mul(31).wrapping_add(part as u64 & 0xff))
        });
        assert_eq!(sum, format!("{} {expected}", MEBIBYTES << 20));
        let request = browser.request("GET", APP, "/mebibytes?50").body(full("")).unwrap();
        let mut body = browser.send(request).await.into_body();
        // A reader that stops stops the guest.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (mut length, mut most) = (0, memory());
        while let Some(frame) = body.frame().await {
            length += frame.unwrap().into_data().unwrap().len();
            most = most.max(memory());
        }
        assert_eq!(length, MEBIBYTES << 20);
        let more = most.saturating_sub(before) >> 20;
        assert!(more < 25, "{more} MiB more while {MEBIBYTES} MiB passed");
        // The page knows.
        let page = browser.get(PAGE, "/runs/web").await.text;
        assert!(page.contains("50.") && page.contains("MiB / 50."), "{page}");
    })
    .await;
}

#[tokio::test]
async fn events_come_one_by_one() {
    patiently(async {
        let world = World::new().await;
        let mut browser = Browser::new(&world).await;
        browser.start("web", 3000).await;
        let request = browser.request("GET", APP, "/clock").body(full("")).unwrap();
        let mut body = browser.send(request).await.into_body();
        for tick in 0..3 {
            let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(frame, format!("data: {tick}\n\n"));
        }
        drop(body);
    })
    .await;
}

async fn websocket(browser: &Browser<'_>, connection: &mut Connection) -> WebSocketStream<TokioIo<Upgraded>> {
    let request = browser
        .request("GET", APP, "/echo")
        .header("origin", format!("http://{APP}"))
        .header("connection", "keep-alive, Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-protocol", "vite-hmr");
    let response: Response<Incoming> = connection.send(request.body(full("")).unwrap()).await;
    assert_eq!(response.status(), 101);
    assert_eq!(
        response.headers()["sec-websocket-accept"],
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    );
    assert_eq!(response.headers()["sec-websocket-protocol"], "vite-hmr");
    let upgraded = hyper::upgrade::on(response).await.unwrap();
    WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Client, None).await
}

async fn echoes(socket: &mut WebSocketStream<TokioIo<Upgraded>>, text: &str) {
    socket.send(Message::text(text)).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(text));
}

#[tokio::test]
async fn a_websocket_echoes_and_stop_cuts_it() {
    patiently(async {
        let world = World::new().await;
        let mut browser = Browser::new(&world).await;
        browser.start("web", 3000).await;
        let mut connection = Connection::new(&world).await;
        let mut socket = websocket(&browser, &mut connection).await;
        echoes(&mut socket, "ping").await;
        let large = "x".repeat(1 << 20);
        echoes(&mut socket, &large).await;
        let request = browser.request("GET", APP, "/clock").body(full("")).unwrap();
        let mut clock = browser.send(request).await.into_body();
        clock.frame().await.unwrap().unwrap();
        let page = browser.get(PAGE, "/").await.text;
        let start = page.split_once("action=\"/apps/").expect("a form that stops it").1;
        let number = start.split('/').next().unwrap();
        assert!(page.contains("1.0 MiB / 1.0 MiB"), "bytes of WebSockets count: {page}");
        let answer = browser.post(&format!("/apps/{number}/stop"), "from=run").await;
        assert_eq!((answer.status, answer.field("location")), (303, "/runs/web"));
        let end = tokio::time::timeout(Duration::from_secs(1), socket.next())
            .await
            .expect("cut at once");
        assert!(end.is_none_or(|message| message.is_err()));
        let broken = async { while clock.frame().await.is_some_and(|frame| frame.map(drop).is_ok()) {} };
        tokio::time::timeout(Duration::from_secs(1), broken)
            .await
            .expect("cut at once");
        until(|| world.fake.open.load(Ordering::SeqCst) == 0).await;
        let answer = browser.get(APP, "/").await;
        assert_eq!(answer.status, 410);
        assert!(answer.text.contains("This app was stopped."), "{}", answer.text);
        assert!(
            answer.text.contains("href=\"http://wasmrun.localhost/\""),
            "{}",
            answer.text
        );
        assert!(world.audit.text().contains("\"stream\""), "the stream is in the audit");
    })
    .await;
}

#[tokio::test]
async fn a_stopped_answer_never_looks_whole() {
    patiently(async {
        let world = World::new().await;
        let mut browser = Browser::new(&world).await;
        // In chunks, and as long as the connection lasts.
        for (port, path, number) in [(3000, "/clock", 1), (3006, "/", 2)] {
            let host = browser.start("web", port).await;
            let request = browser.request("GET", &host, path).body(full("")).unwrap();
            let mut body = browser.send(request).await.into_body();
            body.frame().await.unwrap().unwrap();
            browser.post(&format!("/apps/{number}/stop"), "").await;
            assert!(body.collect().await.is_err(), "an error, not an end, of {port}");
        }
    })
    .await;
}

#[tokio::test]
async fn logging_out_cuts_what_is_open() {
    patiently(async {
        let world = World::new().await;
        let mut browser = Browser::new(&world).await;
        browser.start("web", 3000).await;
        let mut connection = Connection::new(&world).await;
        let mut socket = websocket(&browser, &mut connection).await;
        echoes(&mut socket, "ping").await;
        browser.post("/logout", "").await;
        let end = tokio::time::timeout(Duration::from_secs(1), socket.next())
            .await
            .expect("cut at once");
        assert!(end.is_none_or(|message| message.is_err()));
        until(|| world.fake.open.load(Ordering::SeqCst) == 0).await;
    })
    .await;
}

#[tokio::test]
async fn a_rule_that_changes_cuts_what_is_open() {
    patiently(async {
        let world = World::new().await;
        let mut browser = Browser::new(&world).await;
        browser.start("web", 3000).await;
        let mut connection = Connection::new(&world).await;
        let mut socket = websocket(&browser, &mut connection).await;
        echoes(&mut socket, "ping").await;
        let new = world.admin.with_extension("new");
        std::fs::write(&new, "ports = [\"9229\"]\n").unwrap();
        std::fs::rename(new, &world.admin).unwrap();
        let end = tokio::time::timeout(Duration::from_secs(3), socket.next())
            .await
            .expect("cut soon");
        assert!(end.is_none_or(|message| message.is_err()));
        assert_eq!(browser.get(APP, "/").await.status, 403);
    })
    .await;
}

#[tokio::test]
async fn a_new_generation_is_asked_over_new_connections() {
    patiently(async {
        let world = World::new().await;
        let mut browser = Browser::new(&world).await;
        browser.start("web", 3000).await;
        // Two are kept.
        let both = async { tokio::join!(browser.get(APP, "/slow"), browser.get(APP, "/slow")) };
        both.await;
        assert_eq!(world.fake.open.load(Ordering::SeqCst), 2);
        world.fake.generation.fetch_add(1, Ordering::SeqCst);
        // A WebSocket has a connection of its own, which tells that there is a new generation.
        let mut connection = Connection::new(&world).await;
        let mut socket = websocket(&browser, &mut connection).await;
        echoes(&mut socket, "ping").await;
        until(|| world.fake.open.load(Ordering::SeqCst) == 1).await;
    })
    .await;
}
