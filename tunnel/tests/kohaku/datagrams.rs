//! Streams of datagrams.

use super::place::*;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio_tungstenite::tungstenite::Message;
use tunnel::kohaku::Limits;

async fn guest() -> (UdpSocket, u16) {
    let guest = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let port = guest.local_addr().expect("an address").port();
    (guest, port)
}

#[tokio::test]
async fn datagrams_keep_their_boundaries() {
    patiently(async {
        let place = Place::new(Limits::default()).await;
        let (guest, port) = guest().await;
        let mut client = Client::at(&place, &format!("/ws/forward/guest/{port}?proto=udp")).await;
        assert_eq!(client.message().await, Message::text("CONNECTED"));
        client.send(CONNECT, UDP, 1, 0, b"").await;
        client.send(DATA, UDP, 1, 0, b"early").await;
        client.send(DATA, UDP, 1, 0, b"").await;
        client.expect(CONNECTED, UDP, 1, port, b"").await;
        let mut buffer = vec![0; 70_000];
        for expected in ["early", ""] {
            let (length, _) = guest.recv_from(&mut buffer).await.expect("received");
            assert_eq!(buffer[..length], *expected.as_bytes());
        }
        for length in [0, 1, 65_507, 1200, 0, 65_507] {
            let datagram = vec![length as u8; length];
            client.send(DATA, UDP, 1, 0, &datagram).await;
            let (got, from) = guest.recv_from(&mut buffer).await.expect("received");
            assert_eq!(buffer[..got], datagram);
            guest.send_to(&buffer[..got], from).await.expect("sent");
            client.expect(DATA, UDP, 1, 0, &datagram).await;
        }
        // What UDP cannot carry is lost, as the kernel loses it.
        client.send(DATA, UDP, 1, 0, &[0; 65_508]).await;
        client.send(DATA, UDP, 1, 0, &[0; 200_000]).await;
        client.send(DATA, UDP, 1, 0, b"after").await;
        assert_eq!(guest.recv(&mut buffer).await.expect("received"), 5);
    })
    .await;
}

#[tokio::test]
async fn each_stream_is_a_peer_of_its_own_beside_tcp() {
    patiently(async {
        let place = Place::new(Limits::default()).await;
        let (guest, port) = guest().await;
        let mut client = Client::at(&place, "/api/tunnel/guest").await;
        let _tcp = place.stream(&mut client, 3).await;
        let (mut buffer, mut peers) = ([0; 9], Vec::new());
        for stream in [1, 2] {
            client.send(CONNECT, UDP, stream, port, b"").await;
            client.expect(CONNECTED, UDP, stream, port, b"").await;
            client.send(DATA, UDP, stream, 0, b"x").await;
            peers.push(guest.recv_from(&mut buffer).await.expect("received").1);
        }
        assert_ne!(peers[0], peers[1]);
        for (peer, stream) in peers.iter().zip([1, 2]) {
            guest.send_to(b"y", peer).await.expect("sent");
            client.expect(DATA, UDP, stream, 0, b"y").await;
        }
        // After CLOSE nothing comes, and the number is free.
        client.send(CLOSE, UDP, 1, 0, b"").await;
        client.send(CONNECT, UDP, 1, port, b"").await;
        client.expect(CONNECTED, UDP, 1, port, b"").await;
        client.send(DATA, UDP, 1, 0, b"z").await;
        assert!(!peers.contains(&guest.recv_from(&mut buffer).await.expect("received").1));
    })
    .await;
}

#[tokio::test]
async fn silence_both_ways_is_close_and_nobody_listening_is_not() {
    patiently(async {
        let limits = Limits {
            idle: Duration::from_millis(300),
            ..Limits::default()
        };
        let place = Place::new(limits).await;
        let (guest, port) = guest().await;
        let mut client = Client::at(&place, "/api/tunnel/guest").await;
        client.send(CONNECT, UDP, 1, port, b"").await;
        client.expect(CONNECTED, UDP, 1, port, b"").await;
        let begun = Instant::now();
        let mut buffer = [0; 9];
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(150)).await;
            client.send(DATA, UDP, 1, 0, b"x").await;
            guest.recv_from(&mut buffer).await.expect("it is open");
        }
        // Then ICMP says that nobody is there.
        drop(guest);
        client.send(DATA, UDP, 1, 0, b"x").await;
        client.expect(CLOSE, UDP, 1, 0, b"").await;
        assert!(begun.elapsed() >= Duration::from_millis(900));
        client.send(CONNECT, UDP, 1, DEAF, b"").await;
        assert!(client.error(1).await.starts_with("the guest does not listen"));
    })
    .await;
}
