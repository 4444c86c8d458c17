//! What a peer that knows HTTP/2 well can make the server hold.

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use socket2::SockRef;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tunnel::mux::{Body, Connected, Handler, Head, Incoming, Refusal};

/// A guest that takes connections and reads nothing.
struct Stalled(SocketAddr);

impl Handler for Stalled {
    async fn connect(&self, _: Head) -> Result<Connected, Refusal> {
        let tcp = TcpStream::connect(self.0).await.expect("connected");
        // The least that the kernel takes (socket(7)): what is sent is to wait here and not there.
        SockRef::from(&tcp).set_send_buffer_size(1).expect("set");
        Ok(Connected {
            tcp,
            generation: None,
            held: Box::new(()),
        })
    }

    async fn request(&self, _: Request<Incoming>) -> Response<Body> {
        let body = http_body_util::Empty::new().map_err(|never| match never {});
        Response::new(body.boxed_unsync())
    }
}

/// Sends so many DATA frames of so many bytes, none of which is read; how the server ended the connection, where it did.
async fn sent(frames: usize, bytes: usize) -> Option<h2::Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    SockRef::from(&listener).set_recv_buffer_size(1).expect("set");
    let handler = Arc::new(Stalled(listener.local_addr().expect("an address")));
    let (near, far) = tokio::io::duplex(1 << 20);
    let mut server = JoinSet::new();
    server.spawn(tunnel::mux::serve(far, handler, std::future::pending()));
    let (requests, connection) = h2::client::handshake(near).await.expect("a handshake");
    let mut connections = JoinSet::new();
    connections.spawn(connection);
    let connect = Request::builder()
        .method(Method::CONNECT)
        .uri("guest:1")
        .body(())
        .expect("a request");
    let mut requests = requests.ready().await.expect("ready");
    let (response, mut send) = requests.send_request(connect, false).expect("sent");
    let response = response.await.expect("an answer");
    let payload = Bytes::from(vec![0; bytes]);
    for _ in 0..frames {
        send.reserve_capacity(bytes);
        while send.capacity() < bytes {
            match std::future::poll_fn(|cx| send.poll_capacity(cx)).await {
                Some(Ok(_)) => {}
                _ => break,
            }
        }
        if send.send_data(payload.clone(), false).is_err() {
            break;
        }
    }
    // Whatever is under way has arrived, or the connection is over. Its end may overtake the frame that says why.
    let ended = tokio::time::timeout(Duration::from_secs(2), server.join_next()).await;
    drop((response, listener));
    ended.ok().flatten().and_then(|ended| ended.expect("no panic").err())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_one_byte_end_the_connection_before_they_take_the_memory() {
    let test = sent(400_000, 1);
    let error = tokio::time::timeout(Duration::from_secs(60), test)
        .await
        .expect("in time");
    let error = error.expect("the connection is ended");
    assert_eq!(error.reason(), Some(h2::Reason::ENHANCE_YOUR_CALM), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_stalls_amid_small_messages_ends_nothing() {
    let test = sent(200_000, 16);
    let error = tokio::time::timeout(Duration::from_secs(60), test)
        .await
        .expect("in time");
    assert!(error.is_none(), "{error:?}");
}
