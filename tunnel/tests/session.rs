//! Sessions over real carriers: what a client and a server see when links break.

#[path = "support/mod.rs"]
mod support;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use support::{Cutter, Linked, patiently, pipes};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::UnixStream;
use tunnel::carrier::websocket::{HandshakeError, WebSocket};
use tunnel::carrier::{BoxCarrier, Error, Framed};
use tunnel::pipe::{Bye, End, Frame, Hello, MAX_FRAME, Malformed, RefusalCode, Refused, SessionId, Settings};
use tunnel::session::{AcceptError, Accepted, Attempt, Event, Limits, Sessions};

fn hello(session: SessionId, epoch: u32) -> Frame {
    Frame::Hello(Hello {
        session,
        epoch,
        received: 0,
        buffer: 1 << 20,
        agent: "test 1.0".into(),
    })
}

/// A server's end of a session that was begun by hand, and the hand.
async fn begun(sessions: &Sessions<&'static str>) -> (Framed<UnixStream>, Accepted<&'static str>, SessionId) {
    let (mut client, server) = pipes();
    client.send(hello(SessionId::NEW, 1)).await.expect("HELLO");
    let accepted = sessions.accept(server, "alice").await.expect("a session");
    let Accepted::New { keeper, .. } = &accepted else {
        panic!("it is new")
    };
    let session = keeper.session();
    (client, accepted, session)
}

async fn refusal(client: &mut Framed<UnixStream>) -> RefusalCode {
    match client.next().await {
        Some(Ok(Frame::Refused(Refused { code, .. }))) => code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn bytes_pass_both_ways_and_a_shutdown_is_an_end() {
    patiently(async {
        let mut linked = Linked::new(Settings::default(), Cutter::default()).await;
        let mut server = linked.server.take().expect("a server's end");
        linked.client.write_all(b"ping").await.expect("written");
        let mut read = [0; 4];
        server.read_exact(&mut read).await.expect("read");
        server.write_all(&vec![7; 1 << 20]).await.expect("written");
        server.shutdown().await.expect("BYE");
        let mut all = Vec::new();
        linked
            .client
            .read_to_end(&mut all)
            .await
            .expect("an end, not a failure");
        assert_eq!((read, all.len()), (*b"ping", 1 << 20));
        assert_eq!(
            linked.client.write(b"more").await.expect_err("over").kind(),
            ErrorKind::ConnectionAborted
        );
        assert!(matches!(linked.events.recv().await, Some(Event::Up)));
    })
    .await;
}

#[tokio::test]
async fn a_cut_is_told_once_and_loses_nothing() {
    patiently(async {
        let cutter = Cutter::default();
        let mut linked = Linked::new(Settings::default(), cutter.clone()).await;
        let mut server = linked.server.take().expect("a server's end");
        let sent: Vec<u8> = (0..3_000_000u32).map(|i| (i >> 3) as u8).collect();
        let expected = sent.clone();
        let mut client = linked.client;
        let writes = async move {
            for part in sent.chunks(500_000) {
                client.write_all(part).await.expect("written");
                cutter.cut();
            }
            client.shutdown().await.expect("BYE");
        };
        let reads = async {
            let mut all = Vec::new();
            server.read_to_end(&mut all).await.expect("an end");
            all
        };
        let ((), all) = tokio::join!(writes, reads);
        assert!(all == expected, "{} bytes of {}", all.len(), expected.len());
        assert!(matches!(linked.events.recv().await, Some(Event::Up)));
        let mut is_up = true;
        while let Ok(event) = linked.events.try_recv() {
            match event {
                Event::Lost { .. } if is_up => is_up = false,
                Event::Back { .. } if !is_up => is_up = true,
                event => panic!("{event:?} while up is {is_up}"),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_that_no_link_comes_back_to_is_reset_on_both_ends() {
    patiently(async {
        let settings = Settings {
            linger: Duration::from_secs(1),
            ping: Duration::from_secs(1),
            ..Settings::default()
        };
        let cutter = Cutter::default();
        let mut linked = Linked::new(settings, cutter.clone()).await;
        let mut server = linked.server.take().expect("a server's end");
        linked.client.write_all(b"x").await.expect("written");
        server.read_u8().await.expect("read");
        cutter.block();
        assert_eq!(
            server.read(&mut [0; 9]).await.expect_err("reset").kind(),
            ErrorKind::ConnectionReset
        );
        assert_eq!(
            linked.client.read(&mut [0; 9]).await.expect_err("reset").kind(),
            ErrorKind::ConnectionReset
        );
        assert_eq!(linked.sessions.count(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_forgot_is_a_reset() {
    patiently(async {
        let cutter = Cutter::default();
        let mut linked = Linked::new(Settings::default(), cutter.clone()).await;
        let server = linked.server.take().expect("a server's end");
        linked.client.write_all(b"x").await.expect("written");
        // The keepers go with everything that a killed server has.
        linked.keepers.lock().expect("keepers").abort_all();
        while linked.sessions.count() > 0 {
            tokio::task::yield_now().await;
        }
        cutter.cut();
        let error = linked.client.read(&mut [0; 9]).await.expect_err("reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
        drop(server);
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_is_dropped_ends_the_other() {
    patiently(async {
        let mut linked = Linked::new(Settings::default(), Cutter::default()).await;
        drop(linked.server.take());
        let error = linked.client.read(&mut [0; 9]).await.expect_err("ended");
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted, "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_policy_ends_sessions_of_those_it_means() {
    patiently(async {
        let mut linked = Linked::new(Settings::default(), Cutter::default()).await;
        assert_eq!(linked.sessions.end(|who| *who == "bob", Bye::POLICY, "x"), 0);
        assert_eq!(
            linked
                .sessions
                .end(|who| *who == "alice", Bye::POLICY, "the token was removed"),
            1
        );
        let error = linked.client.read(&mut [0; 9]).await.expect_err("ended");
        assert!(error.to_string().contains("the token was removed"), "{error}");
        assert!(matches!(linked.link.join_next().await, Some(Ok(Ok(End::Bye(_))))));
    })
    .await;
}

#[tokio::test]
async fn only_the_same_identity_resumes() {
    patiently(async {
        let sessions = Sessions::new(Settings::default(), Limits::default());
        let (_client, accepted, session) = begun(&sessions).await;
        let (mut mallory, server) = pipes();
        mallory.send(hello(session, 2)).await.expect("HELLO");
        assert!(matches!(
            sessions.accept(server, "mallory").await,
            Err(AcceptError::Refused(_))
        ));
        assert_eq!(refusal(&mut mallory).await, RefusalCode::UnknownSession);

        let (mut again, server) = pipes();
        again.send(hello(session, 2)).await.expect("HELLO");
        assert!(matches!(sessions.accept(server, "alice").await, Ok(Accepted::Resumed(id)) if id == session));
        // The same greeting again is a copy.
        let (mut copy, server) = pipes();
        copy.send(hello(session, 2)).await.expect("HELLO");
        assert!(matches!(
            sessions.accept(server, "alice").await,
            Err(AcceptError::Stale)
        ));
        assert!(copy.next().await.is_none(), "it is closed without an answer");
        drop(accepted);
        assert_eq!(sessions.count(), 0);
    })
    .await;
}

#[tokio::test]
async fn sessions_have_limits_and_share_memory() {
    patiently(async {
        let limits = Limits {
            sessions: 6,
            sessions_each: 5,
            memory: 8 << 20,
        };
        let sessions = Sessions::new(Settings::default(), limits);
        let mut kept = Vec::new();
        let mut buffers = Vec::new();
        for _ in 0..5 {
            let (mut client, accepted, _) = begun(&sessions).await;
            let Accepted::New { keeper, stream, .. } = accepted else {
                panic!("it is new")
            };
            let running = tokio::task::JoinSet::from_iter([keeper.run()]);
            match client.next().await {
                Some(Ok(Frame::Welcome(welcome))) => buffers.push(welcome.buffer),
                other => panic!("{other:?}"),
            }
            kept.push((client, stream, running));
        }
        assert_eq!(buffers[0], 2 << 20);
        assert!(buffers.is_sorted_by(|a, b| a > b), "{buffers:?}");
        let (mut client, server) = pipes();
        client.send(hello(SessionId::NEW, 1)).await.expect("HELLO");
        assert!(sessions.accept(server, "alice").await.is_err());
        assert_eq!(refusal(&mut client).await, RefusalCode::Limit);
        kept.pop();
        let (mut client, server) = pipes();
        client.send(hello(SessionId::NEW, 1)).await.expect("HELLO");
        while sessions.count() == 5 {
            tokio::task::yield_now().await;
        }
        assert!(sessions.accept(server, "alice").await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn what_is_no_greeting_is_no_session() {
    patiently(async {
        let sessions = Sessions::<&str>::new(Settings::default(), Limits::default());
        let accept = async |wire: &[u8]| {
            let (mut client, server) = UnixStream::pair().expect("a pair");
            client.write_all(wire).await.expect("written");
            client.shutdown().await.expect("an end");
            let error = sessions
                .accept(Box::new(Framed::new(server)), "alice")
                .await
                .err()
                .expect("no session");
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.expect("read");
            (error, answer)
        };
        let framed = |frame: &[u8]| [&u32::try_from(frame.len()).expect("short").to_be_bytes(), frame].concat();
        assert!(matches!(accept(b"").await, (AcceptError::Carrier(Error::Closed), _)));
        assert!(matches!(
            accept(b"GET / HTTP/1.1\r\n\r\n").await,
            (AcceptError::Carrier(Error::Malformed(_)), _)
        ));
        assert!(matches!(
            accept(&framed(&[6; 9])).await,
            (AcceptError::Carrier(Error::Violation(_)), _)
        ));
        assert!(matches!(
            accept(&framed(b"\x01WRP1")[..7]).await,
            (AcceptError::Carrier(Error::Truncated), _)
        ));
        let (error, answer) = accept(&framed(b"\x01WRP2and what a later version has")).await;
        assert!(matches!(error, AcceptError::Refused(_)));
        assert_eq!(answer[4..7], [3, 0, 4], "REFUSED: version");
        assert_eq!(sessions.count(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_length_that_no_frame_has_is_refused_before_it_is_read() {
    patiently(async {
        let (mut client, server) = duplex(100);
        let mut server = Framed::new(server);
        client.write_u32(u32::MAX).await.expect("written");
        match server.next().await {
            Some(Err(Error::Malformed(Malformed::Oversized(length)))) => assert!(length > MAX_FRAME),
            other => panic!("{other:?}"),
        }
    })
    .await;
}

#[tokio::test]
async fn a_websocket_needs_the_sub_protocol_and_binary_messages() {
    patiently(async {
        let headers = http::HeaderMap::new;
        // Both know it.
        let (client, server) = duplex(1 << 20);
        let (client, server) = tokio::join!(
            WebSocket::connect(client, "ws://localhost/", headers()),
            WebSocket::accept(server)
        );
        let (mut client, mut server) = (client.expect("a client"), server.expect("a server"));
        client.send(Frame::Ping(5)).await.expect("sent");
        assert!(matches!(server.next().await, Some(Ok(Frame::Ping(5)))));
        client.close().await.expect("closed");
        assert!(server.next().await.is_none());

        // A server without it, and one that is none.
        for (answer, is_status) in [
            ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", true),
            ("SSH-2.0-x\r\n", false),
        ] {
            let (client, mut server) = duplex(1 << 20);
            let answers = async {
                let mut head = [0; 4096];
                let length = server.read(&mut head).await.expect("a request");
                assert!(String::from_utf8_lossy(&head[..length]).contains("wasmrun.pipe.v1"));
                server.write_all(answer.as_bytes()).await.expect("answered");
                server.shutdown().await.expect("an end");
            };
            let (error, ()) = tokio::join!(WebSocket::connect(client, "ws://localhost/", headers()), answers);
            let error = error.err().expect("no WebSocket");
            assert_eq!(matches!(error, HandshakeError::Status { .. }), is_status, "{error:?}");
        }

        // A client without it.
        let (mut client, server) = duplex(1 << 20);
        let request = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            Sec-WebSocket-Protocol: chat, other\r\n\r\n";
        client.write_all(request.as_bytes()).await.expect("written");
        assert!(matches!(WebSocket::accept(server).await, Err(HandshakeError::Protocol)));
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("an answer");
        assert!(
            answer.starts_with("HTTP/1.1 400") && answer.contains("wasmrun.pipe.v1"),
            "{answer}"
        );

        // A text message, and one that is too long: both masked, as a client's are (RFC 6455, 5.2).
        for wire in [&b"\x81\x82\0\0\0\0hi"[..], &b"\x82\xff\0\0\0\0\0\x02\0\0\0\0\0\0"[..]] {
            let (mut client, server) = duplex(1 << 20);
            let mut server = WebSocket::upgraded(server).await;
            client.write_all(wire).await.expect("written");
            assert!(matches!(
                server.next().await,
                Some(Err(Error::Text | Error::WebSocket(_)))
            ));
        }
    })
    .await;
}

#[tokio::test]
async fn a_closure_that_says_never_ends_the_link() {
    patiently(async {
        let connect =
            async |_: Attempt| Err::<BoxCarrier, _>(tunnel::session::ConnectError::Never("no such host".into()));
        let (mut stream, link, _events) = tunnel::session::connect(connect, Settings::default());
        assert!(link.run().await.is_err());
        assert!(stream.read(&mut [0; 9]).await.is_err());
        // The same where the link was never polled.
        let (mut stream, link, _events) = tunnel::session::connect(connect, Settings::default());
        drop(link);
        assert!(stream.write(b"x").await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_link_that_is_never_made_is_told_once_and_ends_with_its_stream() {
    patiently(async {
        let attempts = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let seen = attempts.clone();
        let connect = move |attempt: Attempt| {
            seen.store(attempt.number, std::sync::atomic::Ordering::Relaxed);
            async { Err::<BoxCarrier, _>(tunnel::session::ConnectError::Later("refused".into())) }
        };
        let (stream, link, mut events) = tunnel::session::connect(connect, Settings::default());
        let mut running = tokio::task::JoinSet::from_iter([link.run()]);
        assert!(matches!(events.recv().await, Some(Event::Unreachable { .. })));
        while attempts.load(std::sync::atomic::Ordering::Relaxed) < 3 {
            tokio::task::yield_now().await;
        }
        drop(stream);
        assert!(matches!(running.join_next().await, Some(Ok(Ok(End::Bye(_))))));
        assert!(events.try_recv().is_err());
    })
    .await;
}

#[tokio::test]
async fn nothing_grows_under_a_peer_that_floods() {
    patiently(async {
        let sessions = Sessions::new(Settings::default(), Limits::default());
        let (mut client, accepted, _) = begun(&sessions).await;
        let Accepted::New { stream, keeper, .. } = accepted else {
            panic!("it is new")
        };
        let mut running = tokio::task::JoinSet::from_iter([keeper.run()]);
        // Nobody reads the stream: after the buffer the carrier is dropped.
        let data = Frame::decode(Bytes::from(vec![4; 60_001])).expect("DATA");
        let mut sent = 0;
        while client.send(data.clone()).await.is_ok() {
            sent += 60_000;
            assert!(sent < 4 << 20, "a megabyte was offered");
        }
        assert_eq!(sessions.count(), 1, "the session lingers");
        drop(stream);
        assert!(matches!(running.join_next().await, Some(Ok(End::Bye(_)))));
    })
    .await;
}
