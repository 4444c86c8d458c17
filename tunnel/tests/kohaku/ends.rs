//! How streams and sessions end.

use super::place::*;
use std::io::ErrorKind;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;
use tunnel::kohaku::{Error, Limits};

fn short() -> Limits {
    Limits {
        farewell: Duration::from_millis(200),
        ..Limits::default()
    }
}

#[tokio::test]
async fn a_guests_fin_is_close_after_its_last_byte() {
    patiently(async {
        let place = Place::new(Limits::default()).await;
        let mut client = place.client().await;
        let mut guest = place.stream(&mut client, 1).await;
        client.send(DATA, TCP, 1, 0, b"question").await;
        let answer = vec![3; 3 << 20];
        let (written, received) = tokio::join!(
            async {
                guest.write_all(&answer).await?;
                guest.shutdown().await
            },
            async {
                let mut received = 0;
                loop {
                    let frame = client.frame().await;
                    match frame.kind {
                        DATA => received += frame.payload.len(),
                        CLOSE => return received,
                        kind => panic!("a frame of type {kind}"),
                    }
                }
            }
        );
        written.expect("written");
        assert_eq!(received, answer.len());
        // Late, and neither an error nor an answer.
        client.send(DATA, TCP, 1, 0, b"late").await;
        client.send(CLOSE, TCP, 1, 0, b"").await;
        assert_eq!(rest(&mut guest).await, b"question", "and FIN, since CLOSE is both ways");
        let relayed = place.relayed().await;
        assert!(relayed.error.is_none(), "{relayed:?}");
        client.send(PING, TCP, 0, 0, b"").await;
        client.expect(PONG, TCP, 0, 0, b"").await;
    })
    .await;
}

#[tokio::test]
async fn a_guests_reset_is_an_error_and_never_a_close() {
    patiently(async {
        let place = Place::new(Limits::default()).await;
        let mut client = place.client().await;
        let mut guest = place.stream(&mut client, 1).await;
        guest.write_all(b"half").await.expect("written");
        client.expect(DATA, TCP, 1, 0, b"half").await;
        guest.set_zero_linger().expect("SO_LINGER");
        drop(guest);
        assert_eq!(client.error(1).await, "the guest reset the connection");
        assert_eq!(
            place.relayed().await.error.expect("an error").kind(),
            ErrorKind::ConnectionReset
        );
        place.stream(&mut client, 1).await;
    })
    .await;
}

#[tokio::test]
async fn a_clients_error_is_a_reset() {
    patiently(async {
        let place = Place::new(Limits::default()).await;
        let mut client = place.client().await;
        let mut guest = place.stream(&mut client, 1).await;
        client.send(ERROR, TCP, 1, 0, b"its program failed").await;
        reset(&mut guest).await;
        // Before the guest answers as well.
        client.send(CONNECT, TCP, 1, LATER, b"").await;
        client.send(ERROR, TCP, 1, 0, b"").await;
        place.stream(&mut client, 1).await;
    })
    .await;
}

#[tokio::test]
async fn the_end_of_a_client_is_a_reset_of_what_is_open() {
    patiently(async {
        for is_orderly in [true, false] {
            let place = Place::new(short()).await;
            let mut client = place.client().await;
            let mut guests = Vec::new();
            for stream in 0..3 {
                guests.push(place.stream(&mut client, stream).await);
            }
            client.send(CONNECT, TCP, 9, LATER, b"").await;
            if is_orderly {
                client.socket.close(None).await.expect("closed");
                assert!(matches!(client.message().await, Message::Close(None)), "it is answered");
            }
            drop(client);
            for guest in &mut guests {
                reset(guest).await;
            }
            assert_eq!(place.ended().await.is_ok(), is_orderly);
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_closed_outlives_the_client() {
    patiently(async {
        let place = Place::new(short()).await;
        let mut client = place.client().await;
        let mut guest = place.stream(&mut client, 1).await;
        for _ in 0..48 {
            client.send(DATA, TCP, 1, 0, &[5; 65_536]).await;
        }
        client.send(CLOSE, TCP, 1, 0, b"").await;
        client.socket.close(None).await.expect("closed");
        drop(client);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(rest(&mut guest).await.len(), 48 * 65_536, "and FIN");
        drop(guest);
        place.ended().await.expect("an orderly end");
        assert!(place.relayed().await.error.is_none());
    })
    .await;
}

#[tokio::test]
async fn a_late_pong_is_no_end_and_silence_is() {
    patiently(async {
        let limits = Limits {
            keep_alive: Duration::from_millis(50),
            silence: Duration::from_millis(400),
            ..short()
        };
        let place = Place::new(limits).await;
        let mut client = place.client().await;
        let mut guest = place.stream(&mut client, 1).await;
        // It reads nothing, so it answers no ping.
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(1000) {
            client.send(DATA, TCP, 1, 0, b".").await;
            assert_eq!(guest.read_u8().await.expect("it lives"), b'.');
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // And one that answers pings need not say anything.
        let mut quiet = place.client().await;
        let listening = tokio::time::timeout(Duration::from_millis(1000), quiet.message()).await;
        assert!(listening.is_err(), "{listening:?}");
        reset(&mut guest).await;
        assert!(matches!(place.ended().await, Err(Error::Silent)));
        quiet.send(PING, TCP, 0, 0, b"").await;
        quiet.expect(PONG, TCP, 0, 0, b"").await;
    })
    .await;
}

#[tokio::test]
async fn a_client_that_only_reads_lives() {
    patiently(async {
        let limits = Limits {
            keep_alive: Duration::from_millis(50),
            silence: Duration::from_millis(400),
            ..short()
        };
        let place = Place::new(limits).await;
        let mut client = place.client().await;
        let mut guest = place.stream(&mut client, 1).await;
        let writing = async { while guest.write_all(&[1; 65_536]).await.is_ok() {} };
        let reading = async {
            let mut part = vec![0; 65_536];
            // Below the WebSocket, so that no ping is answered.
            for _ in 0..12 {
                client.socket.get_mut().read_exact(&mut part).await.expect("more");
                tokio::time::sleep(Duration::from_millis(80)).await;
            }
            place.ended().await
        };
        let begun = Instant::now();
        let (ended, ()) = tokio::join!(reading, writing);
        assert!(matches!(ended, Err(Error::Silent)), "{ended:?}");
        assert!(begun.elapsed() > Duration::from_millis(1200), "not before it stopped");
    })
    .await;
}

#[tokio::test]
async fn a_stop_lets_open_streams_end() {
    patiently(async {
        let place = Place::new(Limits::default()).await;
        let mut client = place.client().await;
        let mut idle = place.client().await;
        let mut guest = place.stream(&mut client, 1).await;
        place.stop();
        assert_eq!(idle.closed().await, (1001, "the server stops".to_owned()));
        client.send(CONNECT, TCP, 2, 8888, b"").await;
        assert_eq!(client.error(2).await, "the server stops");
        guest.write_all(b"last").await.expect("written");
        drop(guest);
        client.expect(DATA, TCP, 1, 0, b"last").await;
        client.expect(CLOSE, TCP, 1, 0, b"").await;
        assert_eq!(client.closed().await.0, 1001);
        for _ in 0..2 {
            drop(client.socket.close(None).await);
            drop(idle.socket.close(None).await);
        }
        place.ended().await.expect("an orderly end");
    })
    .await;
}
