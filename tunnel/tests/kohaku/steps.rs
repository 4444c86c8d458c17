//! What the unmodified command line does, step by step.

use super::place::*;
use futures::SinkExt;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;
use tunnel::kohaku::Limits;

#[tokio::test]
async fn data_before_connected_waits_for_the_guest() {
    patiently(async {
        let place = Place::new(Limits::default()).await;
        let mut client = place.client().await;
        client.send(CONNECT, TCP, 1, LATER, b"").await;
        client.send(DATA, TCP, 1, 0, b"GET / ").await;
        client.send(DATA, TCP, 1, 0, b"HTTP/1.0\r\n\r\n").await;
        // Another stream passes it.
        let mut other = place.stream(&mut client, 2).await;
        client.send(DATA, TCP, 2, 0, b"x").await;
        assert_eq!(other.read_u8().await.expect("a byte"), b'x');
        place.guest.gate.add_permits(1);
        client.expect(CONNECTED, TCP, 1, LATER, b"").await;
        let mut guest = place.accept().await;
        let mut request = [0; 18];
        guest.read_exact(&mut request).await.expect("all of it");
        assert_eq!(&request, b"GET / HTTP/1.0\r\n\r\n");
        guest.write_all(b"hello").await.expect("written");
        client.expect(DATA, TCP, 1, 0, b"hello").await;
    })
    .await;
}

#[tokio::test]
async fn close_is_fin_and_the_answer_to_it_is_read_and_dropped() {
    patiently(async {
        let place = Place::new(Limits::default()).await;
        let mut client = place.client().await;
        // All at once, as a client does whose input has ended.
        client.send(CONNECT, TCP, 1, 8888, b"").await;
        client.send(DATA, TCP, 1, 0, &[7; 60_000]).await;
        client.send(CLOSE, TCP, 1, 0, b"").await;
        let mut guest = place.accept().await;
        assert_eq!(rest(&mut guest).await, [7; 60_000]);
        // More than the buffers of two sockets hold.
        guest.write_all(&vec![8; 20 << 20]).await.expect("read, not reset");
        guest.shutdown().await.expect("FIN");
        let relayed = place.relayed().await;
        assert!(relayed.error.is_none(), "{relayed:?}");
        assert_eq!((relayed.received, relayed.sent), (60_000, 0));
        // The number is free, and nothing of the answer comes.
        client.send(CONNECT, TCP, 1, 8888, b"").await;
        place.accept().await.write_all(b"new").await.expect("written");
        let mut frame = client.frame().await;
        while frame.kind == CONNECTED {
            frame = client.frame().await;
        }
        assert_eq!((frame.kind, &frame.payload[..]), (DATA, &b"new"[..]));
    })
    .await;
}

#[tokio::test]
async fn a_guest_that_does_not_end_is_left_after_the_drain_without_a_reset() {
    patiently(async {
        let limits = Limits {
            drain: Duration::from_millis(200),
            ..Limits::default()
        };
        let place = Place::new(limits).await;
        let mut client = place.client().await;
        let mut guest = place.stream(&mut client, 1).await;
        let begun = Instant::now();
        // More than the guest's kernel takes at once: the rest waits in ours.
        client.send(DATA, TCP, 1, 0, &[9; 350_000]).await;
        client.send(CLOSE, TCP, 1, 0, b"").await;
        assert!(place.relayed().await.error.is_none());
        assert!(begun.elapsed() >= Duration::from_millis(200));
        assert_eq!(
            rest(&mut guest).await.len(),
            350_000,
            "what it has not read is still there"
        );
    })
    .await;
}

#[tokio::test]
async fn a_name_is_any_text_and_the_port_that_of_the_frame_or_the_url() {
    patiently(async {
        let place = Place::new(Limits::default()).await;
        let mut client = Client::at(&place, "/ws/forward/7318%2F%C3%A9/70?proto=tcp").await;
        assert_eq!(client.message().await, Message::text("CONNECTED"));
        client.send(CONNECT, TCP, 1, 0, b"").await;
        client.expect(CONNECTED, TCP, 1, 70, b"").await;
        client.send(CONNECT, TCP, u32::MAX, 9, b"").await;
        client.expect(CONNECTED, TCP, u32::MAX, 9, b"").await;
        let mut client = Client::at(&place, "/api/tunnel/web").await;
        client.send(CONNECT, TCP, 1, 0, b"").await;
        assert_eq!(client.error(1).await, "CONNECT names no port", "and no text came first");
        client.send(CONNECT, TCP, 1, 71, b"").await;
        client.expect(CONNECTED, TCP, 1, 71, b"").await;
        let heads = place.guest.heads.lock().expect("heads");
        let asked: Vec<_> = heads.iter().map(|head| (head.run.as_str(), head.port)).collect();
        assert_eq!(asked, [("7318/é", 70), ("7318/é", 9), ("web", 71)]);
        let head = &heads[2];
        let from = client.socket.get_ref().local_addr().expect("an address");
        assert_eq!(head.client, Some(from));
        assert_eq!(head.wait, Some(Duration::from_secs(30)));
    })
    .await;
}

#[tokio::test]
async fn a_refusal_is_text_and_then_a_code() {
    patiently(async {
        let place = Place::new(Limits::default()).await;
        for (run, code) in [("nobody", 1008), ("broken", 1011)] {
            let line = format!("there is no run `{run}`: `wasmrun ps` lists them");
            let mut client = Client::at(&place, &format!("/ws/forward/{run}/80")).await;
            assert_eq!(client.message().await, Message::text(format!("Error: {line}")));
            assert_eq!(client.closed().await, (code, line.clone()));
            let mut client = Client::at(&place, &format!("/api/tunnel/{run}")).await;
            assert_eq!(client.closed().await, (code, line));
        }
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_is_refused_is_an_error_and_the_others_live() {
    patiently(async {
        let place = Place::new(Limits::default()).await;
        let mut client = place.client().await;
        let mut guest = place.stream(&mut client, 1).await;
        for stream in [2, 2] {
            client.send(CONNECT, TCP, stream, DEAF, b"").await;
            client.send(DATA, TCP, stream, 0, b"x").await;
            let reason = client.error(stream).await;
            assert_eq!(reason, "the guest does not listen on port 1: it listens on 8888");
        }
        guest.write_all(b"x").await.expect("written");
        client.expect(DATA, TCP, 1, 0, b"x").await;
    })
    .await;
}

#[tokio::test]
async fn pings_of_both_layers_are_answered() {
    patiently(async {
        let place = Place::new(Limits::default()).await;
        let mut client = place.client().await;
        client.send(PING, TCP, 7, 0, b"now").await;
        client.expect(PONG, TCP, 7, 0, b"now").await;
        client.send(PING, UDP, u32::MAX, 9, &[1; 1000]).await;
        client.expect(PONG, UDP, u32::MAX, 0, &[1; 125]).await;
        client.say(Message::Ping(b"library"[..].into())).await;
        assert_eq!(client.message().await, Message::Pong(b"library"[..].into()));
    })
    .await;
}

#[tokio::test]
async fn a_second_connect_of_a_live_stream_is_ignored() {
    patiently(async {
        let place = Place::new(Limits::default()).await;
        let mut client = place.client().await;
        let mut guest = place.stream(&mut client, 1).await;
        for (protocol, port) in [(TCP, 8888), (UDP, 9), (TCP, DEAF), (9, 0)] {
            client.send(CONNECT, protocol, 1, port, b"").await;
        }
        client.send(DATA, TCP, 1, 0, b"on").await;
        let mut read = [0; 2];
        guest.read_exact(&mut read).await.expect("the first is there");
        guest.write_all(b"on").await.expect("written");
        client.expect(DATA, TCP, 1, 0, b"on").await;
        assert_eq!(place.guest.heads.lock().expect("heads").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_a_stream_still_says_is_not_said_for_the_next_of_its_number() {
    patiently(async {
        let place = Place::new(Limits::default()).await;
        let mut client = place.client().await;
        // In one piece, so that all three are read before the first is refused.
        for (kind, port) in [(CONNECT, DEAF), (CLOSE, 0), (CONNECT, 8888)] {
            let message = frame(kind, TCP, 1, port, b"");
            client.socket.feed(message).await.expect("buffered");
        }
        client.socket.flush().await.expect("sent");
        client.expect(CONNECTED, TCP, 1, 8888, b"").await;
        place.accept().await.write_all(b"x").await.expect("written");
        client.expect(DATA, TCP, 1, 0, b"x").await;
    })
    .await;
}

#[tokio::test]
async fn two_clients_have_numbers_of_their_own() {
    patiently(async {
        let place = Place::new(Limits::default()).await;
        let (mut one, mut two) = (place.client().await, place.client().await);
        let mut guests = [place.stream(&mut one, 1).await, place.stream(&mut two, 1).await];
        for (client, byte) in [(&mut one, b'1'), (&mut two, b'2')] {
            client.send(DATA, TCP, 1, 0, &[byte]).await;
        }
        for (guest, byte) in guests.iter_mut().zip(*b"12") {
            assert_eq!(guest.read_u8().await.expect("a byte"), byte);
            guest.write_u8(byte + 10).await.expect("written");
        }
        one.expect(DATA, TCP, 1, 0, &[b'1' + 10]).await;
        two.expect(DATA, TCP, 1, 0, &[b'2' + 10]).await;
        drop(one);
        reset(&mut guests[0]).await;
        two.send(CLOSE, TCP, 1, 0, b"").await;
        assert_eq!(rest(&mut guests[1]).await, b"", "the other's end is its own");
    })
    .await;
}
