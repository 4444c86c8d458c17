//! Streams through HTTP/2 over a session: what TCP clients on one side and servers on the other see.

#[path = "support/place.rs"]
mod place;
#[path = "support/mod.rs"]
mod support;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody};
use place::{Place, reset, sums};
use std::io::ErrorKind;
use std::time::Duration;
use support::{Cutter, patiently};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tunnel::mux::{Head, OpenError};
use tunnel::pipe::{Bye, Settings};

#[tokio::test]
async fn each_direction_ends_for_itself() {
    patiently(async {
        let place = Place::new(Settings::default(), Cutter::default()).await;
        let (mut client, mut guest) = place.connection().await;
        client.write_all(b"question").await.expect("written");
        client.shutdown().await.expect("FIN");
        let mut question = String::new();
        guest.read_to_string(&mut question).await.expect("FIN, not a reset");
        assert_eq!(question, "question");
        // The other direction goes on.
        guest.write_all(&vec![1; 300_000]).await.expect("written");
        guest.shutdown().await.expect("FIN");
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.expect("FIN, not a reset");
        assert_eq!(answer.len(), 300_000);
        let relayed = place.relayed().await;
        assert_eq!((relayed.sent, relayed.received), (300_000, 8));
        assert!(relayed.error.is_none(), "{relayed:?}");

        // The guest may be the first.
        let (mut client, mut guest) = place.connection().await;
        guest.shutdown().await.expect("FIN");
        assert_eq!(client.read(&mut [0; 9]).await.expect("FIN"), 0);
        client.write_all(b"still").await.expect("written");
        drop(client);
        let mut late = String::new();
        guest.read_to_string(&mut late).await.expect("FIN");
        assert_eq!(late, "still");
    })
    .await;
}

#[tokio::test]
async fn a_reset_is_a_reset_at_the_other_end() {
    patiently(async {
        let place = Place::new(Settings::default(), Cutter::default()).await;
        for is_half_closed in [false, true] {
            let (mut client, mut guest) = place.connection().await;
            client.write_all(b"x").await.expect("written");
            guest.read_u8().await.expect("read");
            if is_half_closed {
                guest.shutdown().await.expect("FIN");
                assert_eq!(client.read(&mut [0; 9]).await.expect("FIN"), 0);
            }
            reset(client);
            assert_eq!(
                guest.read(&mut [0; 9]).await.expect_err("a reset").kind(),
                ErrorKind::ConnectionReset
            );

            let (mut client, mut guest) = place.connection().await;
            guest.write_all(b"half of an answer").await.expect("written");
            client.read_u8().await.expect("read");
            if is_half_closed {
                client.shutdown().await.expect("FIN");
                assert_eq!(guest.read(&mut [0; 9]).await.expect("FIN"), 0);
            }
            reset(guest);
            let mut rest = Vec::new();
            let error = client
                .read_to_end(&mut rest)
                .await
                .expect_err("a reset, after whatever came before it");
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            assert!(place.relayed().await.error.is_some());
        }
    })
    .await;
}

#[tokio::test]
async fn the_end_of_a_session_is_a_reset_of_every_stream() {
    patiently(async {
        for by_policy in [false, true] {
            let mut place = Place::new(Settings::default(), Cutter::default()).await;
            let mut connections = Vec::new();
            for _ in 0..4 {
                let (mut client, mut guest) = place.connection().await;
                guest.write_all(b"half").await.expect("written");
                client.read_exact(&mut [0; 4]).await.expect("read");
                connections.push((client, guest));
            }
            if by_policy {
                assert_eq!(place.sessions.end(|_| true, Bye::POLICY, "switched off"), 1);
            } else {
                place.kill_server();
            }
            for (mut client, mut guest) in connections {
                for end in [&mut client, &mut guest] {
                    let error = end.read(&mut [0; 9]).await.expect_err("a reset, never an end");
                    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_refusal_says_why_and_what_next() {
    patiently(async {
        let place = Place::new(Settings::default(), Cutter::default()).await;
        let open = async |head: Head| place.client.open(&head).await.err().expect("it is refused");
        match open(Head::new("nobody", 1)).await {
            OpenError::Refused(refusal) => {
                assert_eq!(refusal.status, StatusCode::NOT_FOUND);
                assert_eq!(refusal.error, "there is no run `nobody`");
                assert_eq!(refusal.hint.as_deref(), Some("`wasmrun ps` lists them"));
            }
            other => panic!("{other}"),
        }
        assert!(matches!(open(Head::new("a b", 1)).await, OpenError::Name(_)));
        // The tunnel lives.
        place.connection().await;
    })
    .await;
}

#[tokio::test]
async fn the_head_arrives() {
    patiently(async {
        let place = Place::new(Settings::default(), Cutter::default()).await;
        let head = Head {
            client: Some("192.0.2.7:4000".parse().expect("an address")),
            wait: Some(Duration::from_secs(30)),
            ..Head::new("guest", 3000)
        };
        let channel = place.client.open(&head).await.expect("it opens");
        assert_eq!(channel.generation(), Some(7));
        assert_eq!(place.heads.lock().expect("heads").last(), Some(&head));
        channel.reset();
        assert_eq!(
            place.accept().await.read(&mut [0; 9]).await.expect_err("reset").kind(),
            ErrorKind::ConnectionReset
        );
    })
    .await;
}

#[tokio::test]
async fn requests_and_answers_are_streamed_beside_the_streams() {
    patiently(async {
        let place = Place::new(Settings::default(), Cutter::default()).await;
        let request = |path: &str, body: Full<Bytes>| {
            Request::builder()
                .method(Method::POST)
                .uri(format!("http://hub{path}"))
                .body(body)
                .expect("a request")
        };
        let body = vec![3; 6 << 20];
        let (answer, rest) = place
            .client
            .request(request("/echo", body.clone().into()))
            .await
            .expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        let (collected, sent) = tokio::join!(answer.into_body().collect(), rest);
        sent.expect("sent");
        assert_eq!(collected.expect("a whole body").to_bytes(), body);

        // The reset may overtake the head.
        if let Ok((answer, _)) = place.client.request(request("/half", Full::default())).await {
            assert!(
                answer.into_body().collect().await.is_err(),
                "half an answer is no answer"
            );
        }

        // A body without an end, which nobody reads any more.
        let (answer, _) = place
            .client
            .request(request("/endless", Full::default()))
            .await
            .expect("an answer");
        let mut body = answer.into_body();
        for _ in 0..100 {
            body.frame().await.expect("more").expect("data");
        }
        drop(body);
        let failing = StreamBody::new(futures::stream::iter([
            Ok(http_body::Frame::data(Bytes::from_static(b"x"))),
            Err(std::io::Error::other("the file is gone")),
        ]));
        let failing = Request::builder()
            .method(Method::POST)
            .uri("http://hub/echo")
            .body(failing)
            .expect("a request");
        if let Ok((answer, _)) = place.client.request(failing).await {
            assert!(
                answer.into_body().collect().await.is_err(),
                "half a request has no whole answer"
            );
        }
        place.connection().await;
    })
    .await;
}

#[tokio::test]
async fn many_stalled_streams_stop_no_other() {
    patiently(async {
        let place = Place::new(Settings::default(), Cutter::default()).await;
        let mut stalled = Vec::new();
        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..63 {
            let (client, mut guest) = place.connection().await;
            // It writes until nobody takes more.
            writers.spawn(async move { while guest.write_all(&[0; 65_536]).await.is_ok() {} });
            stalled.push(client);
        }
        let (mut client, mut guest) = place.connection().await;
        let sends = async {
            guest.write_all(&vec![5; 32 << 20]).await.expect("written");
            guest.shutdown().await.expect("FIN");
        };
        let reads = async {
            let mut all = Vec::new();
            client.read_to_end(&mut all).await.expect("an end");
            all.len()
        };
        assert_eq!(tokio::join!(sends, reads).1, 32 << 20);
    })
    .await;
}

#[tokio::test]
async fn many_short_streams_leave_nothing() {
    patiently(async {
        let place = Place::new(Settings::default(), Cutter::default()).await;
        for round in 0..300 {
            let (mut client, mut guest) = place.connection().await;
            match round % 3 {
                0 => drop((client, guest)),
                1 => {
                    client.write_all(b"x").await.expect("written");
                    reset(client);
                    let _ = guest.read_u8().await;
                }
                _ => {
                    client.shutdown().await.expect("FIN");
                    assert_eq!(guest.read(&mut [0; 9]).await.expect("FIN"), 0);
                }
            }
        }
        let (sent, received) = sums(place.connection().await, 1 << 20, 1).await;
        assert_eq!(sent, received);
    })
    .await;
}

/// More than h2 allows of its own accord (`max_local_error_reset_streams`).
#[tokio::test]
async fn many_aborted_downloads_end_no_connection() {
    patiently(async {
        let place = Place::new(Settings::default(), Cutter::default()).await;
        for _ in 0..1200 {
            let (mut client, mut guest) = place.connection().await;
            let _ = guest.try_write(&[0; 65_536]);
            client.read_u8().await.expect("it begins");
            reset(client);
            // It goes on until it hears.
            while guest.write_all(&[0; 65_536]).await.is_ok() {}
        }
        let (sent, received) = sums(place.connection().await, 1 << 20, 1).await;
        assert_eq!(sent, received);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_stops_lets_open_streams_finish() {
    patiently(async {
        let mut place = Place::new(Settings::default(), Cutter::default()).await;
        let (mut client, mut guest) = place.connection().await;
        client.write_all(b"x").await.expect("written");
        guest.read_u8().await.expect("read");
        place.stop();
        guest.write_all(b"whole").await.expect("written");
        drop(guest);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("an end");
        assert_eq!(answer, "whole");
        drop(client);
        place.finished().await;
        assert!(place.client.open(&Head::new("guest", 1)).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_half_closed_connection_that_is_silent_is_reset() {
    patiently(async {
        let place = Place::new(Settings::default(), Cutter::default()).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let mut local = TcpStream::connect(listener.local_addr().expect("an address"))
            .await
            .expect("connected");
        let (accepted, _) = listener.accept().await.expect("accepted");
        let channel = place.client.open(&Head::new("guest", 1)).await.expect("a stream");
        let _guest = place.accept().await;
        local.shutdown().await.expect("FIN");
        let relayed = channel.relay(accepted, Duration::from_millis(50)).await;
        assert_eq!(relayed.error.map(|error| error.kind()), Some(ErrorKind::TimedOut));
        assert_eq!(
            local.read(&mut [0; 9]).await.expect_err("reset").kind(),
            ErrorKind::ConnectionReset
        );
    })
    .await;
}

#[tokio::test]
async fn datagrams_keep_their_boundaries() {
    patiently(async {
        let place = Place::new(Settings::default(), Cutter::default()).await;
        let guest = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let port = guest.local_addr().expect("an address").port();
        // The server says what it can do before it answers anything.
        let (answer, _) = place
            .client
            .request(Request::new(Full::<Bytes>::default()))
            .await
            .expect("an answer");
        drop(answer);
        match place.client.associate(&Head::new("nobody", port)).await {
            Err(OpenError::Refused(refusal)) => assert_eq!(refusal.status, StatusCode::NOT_FOUND),
            _ => panic!("it is refused"),
        }
        let datagrams = place
            .client
            .associate(&Head::new("guest", port))
            .await
            .expect("a stream");
        let near = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let peer = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        near.connect(peer.local_addr().expect("an address"))
            .await
            .expect("connected");
        peer.connect(near.local_addr().expect("an address"))
            .await
            .expect("connected");
        let relaying = async { datagrams.relay(&near, Duration::from_millis(500)).await };
        let echoes = async {
            let mut buffer = vec![0; 70_000];
            for length in [1, 0, 1200, 65_507, 63, 64, 16_383] {
                peer.send(&vec![length as u8; length]).await.expect("sent");
                let (got, from) = guest.recv_from(&mut buffer).await.expect("received");
                assert_eq!(buffer[..got], vec![length as u8; length]);
                guest.send_to(&buffer[..got], from).await.expect("sent");
                assert_eq!(peer.recv(&mut buffer).await.expect("received"), length);
            }
        };
        let (passed, ()) = tokio::join!(relaying, echoes);
        assert_eq!(
            (passed.sent, passed.received, passed.dropped),
            (7, 7, 0),
            "and an idle stream ends"
        );
    })
    .await;
}

#[tokio::test]
async fn what_a_connection_says_first_hides_no_refusal() {
    patiently(async {
        let place = Place::new(Settings::default(), Cutter::default()).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        for said in [0, 10, 400_000] {
            let client = TcpStream::connect(listener.local_addr().expect("an address")).await;
            let (accepted, _) = listener.accept().await.expect("accepted");
            let (mut read, mut write) = client.expect("connected").into_split();
            let saying = async { drop(write.write_all(&vec![1; said]).await) };
            let head = Head::new("nobody", 80);
            let carrying = place.client.carry(&head, accepted, Duration::from_secs(60));
            let (carried, ()) = tokio::join!(carrying, saying);
            match carried {
                Err(OpenError::Refused(refusal)) => {
                    assert_eq!(refusal.status, StatusCode::NOT_FOUND);
                    assert_eq!(refusal.hint.as_deref(), Some("`wasmrun ps` lists them"));
                }
                other => panic!("{other:?}"),
            }
            let end = read.read(&mut [0]).await.expect_err("a reset");
            assert_eq!(end.kind(), ErrorKind::ConnectionReset);
        }
        // What was said to nobody holds no credit of the others.
        let (written, read) = sums(place.carried().await, 1 << 20, 5).await;
        assert_eq!(written, read);
    })
    .await;
}
