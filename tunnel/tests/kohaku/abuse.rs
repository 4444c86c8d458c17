//! What no good client sends.

use super::place::*;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;
use tunnel::kohaku::{Error, Limits};

const MIB: usize = 1 << 20;

#[tokio::test]
async fn what_is_no_frame_is_ignored() {
    patiently(async {
        let place = Place::new(Limits::default()).await;
        let mut client = place.client().await;
        let mut guest = place.stream(&mut client, 1).await;
        for length in 0..8 {
            client.say(Message::binary(vec![DATA; length])).await;
        }
        client.say(Message::text("CONNECTED")).await;
        client.say(Message::text("")).await;
        for kind in [0, 8, 128, 255, CONNECTED, PONG] {
            client.send(kind, TCP, 1, 9, b"x").await;
        }
        // Of streams that are not there.
        for kind in [DATA, CLOSE, ERROR] {
            client.send(kind, TCP, 2, 0, b"x").await;
        }
        // An empty one, and one whose protocol is not that of its stream.
        client.send(DATA, TCP, 1, 0, b"").await;
        client.send(DATA, 200, 1, 77, b"good").await;
        let mut read = [0; 4];
        guest.read_exact(&mut read).await.expect("the stream lives");
        assert_eq!(&read, b"good");
        client.send(CONNECT, 2, 2, 80, b"").await;
        assert_eq!(client.error(2).await, "the protocol is neither TCP nor UDP");
        guest.write_all(b"x").await.expect("written");
        client.expect(DATA, TCP, 1, 0, b"x").await;
    })
    .await;
}

#[tokio::test]
async fn a_payload_of_1_mib_passes_and_one_byte_more_ends_the_session() {
    patiently(async {
        let place = Place::new(Limits::default()).await;
        let mut client = place.client().await;
        let mut guest = place.stream(&mut client, 1).await;
        client.send(DATA, TCP, 1, 0, &vec![6; MIB]).await;
        let mut read = vec![0; MIB];
        guest.read_exact(&mut read).await.expect("all of it");
        client.send(DATA, TCP, 1, 0, &vec![6; MIB + 1]).await;
        let (code, reason) = client.closed().await;
        assert_eq!(
            (code, reason.as_str()),
            (1009, "the client sent a message of 1048585 bytes")
        );
        reset(&mut guest).await;
        drop(client);
        assert!(matches!(place.ended().await, Err(Error::Long(1_048_585))));
    })
    .await;
}

#[tokio::test]
async fn a_thousand_streams_are_served_and_the_next_is_refused() {
    patiently(async {
        let place = Place::new(Limits {
            streams: 1000,
            ..Limits::default()
        })
        .await;
        let mut client = place.client().await;
        let mut guests = Vec::new();
        for stream in 0..1000 {
            client.send(CONNECT, TCP, stream, 8888, b"").await;
            client.send(DATA, TCP, stream, 0, &stream.to_be_bytes()).await;
            guests.push(place.accept().await);
        }
        for guest in &mut guests {
            let stream = guest.read_u32().await.expect("its number");
            guest.write_u32(stream).await.expect("written");
        }
        let mut answered = vec![false; 1000];
        for _ in 0..2000 {
            let frame = client.frame().await;
            if frame.kind == DATA {
                assert_eq!(frame.payload[..], frame.stream.to_be_bytes());
                answered[frame.stream as usize] = true;
            }
        }
        assert!(answered.iter().all(|answered| *answered));
        client.send(CONNECT, TCP, 1000, 8888, b"").await;
        assert_eq!(
            client.error(1000).await,
            "1000 streams are open, and more are not allowed"
        );
        client.send(CLOSE, TCP, 0, 0, b"").await;
        place.stream(&mut client, 1000).await;
    })
    .await;
}

#[tokio::test]
async fn thousands_of_short_streams_pass() {
    patiently(async {
        let place = Place::new(Limits {
            streams: 16,
            ..Limits::default()
        })
        .await;
        let mut client = place.client().await;
        let opening = async {
            for _ in 0..2000 {
                client.send(CONNECT, TCP, 1, 8888, b"").await;
                client.send(DATA, TCP, 1, 0, b"x").await;
                client.send(CLOSE, TCP, 1, 0, b"").await;
                tokio::task::yield_now().await;
            }
            client.send(PING, TCP, 0, 0, b"").await;
            // Some were open before they were closed.
            while client.frame().await.kind != PONG {}
        };
        let serving = async {
            loop {
                let mut guest = place.accept().await;
                // Some are reset: more had ended than there may be.
                let _ = guest.read(&mut [0; 9]).await;
            }
        };
        tokio::select! {
            () = opening => {}
            () = serving => {}
        }
        client.send(PING, TCP, 0, 0, b"").await;
        client.expect(PONG, TCP, 0, 0, b"").await;
    })
    .await;
}

#[tokio::test]
async fn a_client_that_asks_and_does_not_read_has_an_end() {
    patiently(async {
        let limits = Limits {
            farewell: Duration::from_millis(100),
            ..Limits::default()
        };
        let place = Place::new(limits).await;
        let mut client = place.client().await;
        let mut guest = place.stream(&mut client, 1).await;
        let asking = async {
            loop {
                let ping = frame(PING, TCP, 1, 0, &[0; 125]);
                if futures::SinkExt::send(&mut client.socket, ping).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            () = asking => {}
            ended = place.ended() => assert!(matches!(ended, Err(Error::Flooded)), "{ended:?}"),
        }
        reset(&mut guest).await;
    })
    .await;
}

#[tokio::test]
async fn what_breaks_rfc_6455_ends_the_session() {
    patiently(async {
        let limits = Limits {
            farewell: Duration::from_millis(100),
            ..Limits::default()
        };
        let place = Place::new(limits).await;
        // A text that is no UTF-8; a frame without mask; a reserved opcode.
        for (bytes, code) in [
            (&[0x81, 0x81, 0, 0, 0, 0, 0xff][..], 1007),
            (&[0x82, 0x01, 0x00], 1002),
            (&[0x83, 0x80, 0, 0, 0, 0], 1002),
        ] {
            let mut client = place.client().await;
            let mut guest = place.stream(&mut client, 1).await;
            client.socket.get_mut().write_all(bytes).await.expect("written");
            assert_eq!(client.closed().await.0, code);
            reset(&mut guest).await;
            assert!(matches!(place.ended().await, Err(Error::WebSocket(_))));
        }
    })
    .await;
}
