//! Guests and clients that do not read, and what the others notice of it.

use super::place::*;
use futures::{SinkExt, StreamExt};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tunnel::kohaku::Limits;

const CHUNK: usize = 65_536;
const STALL: Duration = Duration::from_millis(400);
/// More than two sockets' buffers hold.
const FLOOD: usize = 2 << 20;

fn limits() -> Limits {
    Limits {
        stall: STALL,
        ping_age: STALL * 3 / 2,
        queue: 256 * 1024,
        ..Limits::default()
    }
}

async fn flood(client: &mut Client, stream: u32, bytes: usize) {
    for _ in 0..bytes / CHUNK {
        client.send(DATA, TCP, stream, 0, &[1; CHUNK]).await;
    }
}

/// The answer to a ping, and errors of streams that came before it.
async fn pong(client: &mut Client) -> Vec<u32> {
    client.say(Message::Ping(b"?"[..].into())).await;
    let mut failed = Vec::new();
    loop {
        match client.message().await {
            Message::Pong(payload) if payload == b"?"[..] => return failed,
            Message::Binary(frame) => {
                assert_eq!(frame[0], ERROR, "{:?}", &frame[..8]);
                failed.push(u32::from_be_bytes([frame[2], frame[3], frame[4], frame[5]]));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_guest_that_does_not_read_ends_its_own_stream_alone() {
    patiently(async {
        let place = Place::new(limits()).await;
        let mut client = place.client().await;
        let mut stalled = place.stream(&mut client, 1).await;
        let mut other = place.stream(&mut client, 2).await;
        let begun = Instant::now();
        flood(&mut client, 1, FLOOD).await;
        client.send(DATA, TCP, 2, 0, b"x").await;
        assert_eq!(other.read_u8().await.expect("it lives"), b'x');
        assert_eq!(pong(&mut client).await, [1]);
        assert!(begun.elapsed() >= STALL, "it had its time");
        reset(&mut stalled).await;
        // The rest of the flood was for a stream that is no more; its number is free.
        let mut again = place.stream(&mut client, 1).await;
        client.send(DATA, TCP, 1, 0, b"y").await;
        assert_eq!(again.read_u8().await.expect("a byte"), b'y');
    })
    .await;
}

#[tokio::test]
async fn guests_that_stall_in_turn_do_not_add_up() {
    patiently(async {
        let limits = Limits {
            queue: 8 * 1024,
            ..limits()
        };
        let place = Place::new(limits).await;
        let mut client = place.client().await;
        for stream in 0..8 {
            client.send(CONNECT, TCP, stream, LATER, b"").await;
        }
        // All of it, and the ping behind it, waits in the socket at once.
        for stream in 0..8 {
            for _ in 0..2 {
                let message = frame(DATA, TCP, stream, 0, &[1; 8 * 1024]);
                client.socket.feed(message).await.expect("buffered");
            }
        }
        let begun = Instant::now();
        assert_eq!(pong(&mut client).await, [0, 1, 2, 3, 4, 5, 6, 7]);
        let waited = begun.elapsed();
        assert!(waited >= STALL, "{waited:?}, and the first had its time");
        assert!(
            waited < STALL * 5,
            "{waited:?}, and one by one they were {:?}",
            STALL * 8
        );
    })
    .await;
}

#[tokio::test]
async fn a_guest_that_is_slow_is_waited_for() {
    patiently(async {
        let limits = Limits {
            stall: Duration::from_millis(300),
            ping_age: Duration::from_millis(450),
            queue: 128 * 1024,
            ..Limits::default()
        };
        let place = Place::new(limits).await;
        let mut client = place.client().await;
        let mut slow = place.stream(&mut client, 1).await;
        let begun = Instant::now();
        let reading = async {
            let (mut read, mut part) = (0, vec![0; CHUNK]);
            while read < 8 * FLOOD {
                read += slow.read(&mut part).await.expect("not reset");
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
        };
        let (mut sink, mut stream) = client.socket.split();
        let sending = async {
            for _ in 0..8 * FLOOD / CHUNK {
                sink.send(frame(DATA, TCP, 1, 0, &[1; CHUNK])).await.expect("sent");
            }
        };
        // As a WebSocket library does: it answers pings at once.
        let answering = async {
            while let Some(message) = stream.next().await {
                let message = message.expect("no failure");
                assert!(message.is_ping(), "{message:?}");
            }
        };
        tokio::select! {
            ((), ()) = async { tokio::join!(reading, sending) } => {}
            () = answering => panic!("the session ended"),
        }
        let took = begun.elapsed();
        assert!(took > Duration::from_millis(900), "{took:?} is no proof");
    })
    .await;
}

#[tokio::test]
async fn what_waits_for_all_guests_has_a_limit_too() {
    patiently(async {
        let limits = Limits {
            queue: 64 << 20,
            total: 1 << 20,
            ..limits()
        };
        let place = Place::new(limits).await;
        let mut client = place.client().await;
        let _large = place.stream(&mut client, 1).await;
        let mut small = place.stream(&mut client, 2).await;
        client.send(DATA, TCP, 2, 0, b"x").await;
        flood(&mut client, 1, FLOOD).await;
        assert_eq!(pong(&mut client).await, [1], "the one with most is to blame");
        assert_eq!(small.read_u8().await.expect("it lives"), b'x');

        // What was closed counts as well, and is to blame where it is.
        let mut closed = place.stream(&mut client, 3).await;
        flood(&mut client, 3, 16 * CHUNK).await;
        client.send(CLOSE, TCP, 3, 0, b"").await;
        flood(&mut client, 2, 2 * CHUNK).await;
        assert_eq!(pong(&mut client).await, [0; 0]);
        drop(small);
        assert!(read_all(&mut closed).await <= 16 * CHUNK);
    })
    .await;
}

async fn read_all(guest: &mut TcpStream) -> usize {
    let (mut read, mut part) = (0, vec![0; CHUNK]);
    while let Ok(more @ 1..) = guest.read(&mut part).await {
        read += more;
    }
    read
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_its_guests_and_goes_on_sending() {
    patiently(async {
        let place = Place::new(limits()).await;
        let mut client = place.client().await;
        let mut loud = place.stream(&mut client, 1).await;
        let mut other = place.stream(&mut client, 2).await;
        let mut written = 0;
        let chunk = [2; CHUNK];
        // Until nobody takes more for a while.
        while let Ok(more) = tokio::time::timeout(Duration::from_millis(300), loud.write(&chunk)).await {
            written += more.expect("not reset");
            assert!(written < 64 << 20, "somebody keeps it all");
        }
        // The other direction is not blocked by that.
        let sending = flood(&mut client, 2, FLOOD);
        let receiving = async {
            let mut part = vec![0; FLOOD];
            other.read_exact(&mut part).await.expect("all of it");
        };
        tokio::join!(sending, receiving);
        client.say(Message::Ping(b"!"[..].into())).await;
        loud.shutdown().await.expect("FIN");
        let (mut received, mut has_pong) = (0, false);
        loop {
            match client.message().await {
                Message::Binary(frame) if frame[0] == DATA => received += frame.len() - 8,
                Message::Binary(frame) if frame[0] == CLOSE => break,
                Message::Pong(_) => has_pong = true,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((received, has_pong), (written, true));
    })
    .await;
}

#[tokio::test]
async fn many_bytes_pass_both_ways_on_several_streams() {
    patiently(async {
        const EACH: usize = 6 << 20;
        const STREAMS: u32 = 4;
        let place = Place::new(Limits::default()).await;
        let mut client = place.client().await;
        let mut guests = Vec::new();
        for stream in 0..STREAMS {
            guests.push(place.stream(&mut client, stream).await);
        }
        let byte = |at: usize, seed: u32| (at ^ (at >> 8) ^ (at >> 16) ^ (seed as usize * 91)) as u8;
        let (mut sink, mut stream) = client.socket.split();
        let guests = guests.into_iter().zip(0..).map(|(mut guest, number)| async move {
            let (mut read, mut write) = guest.split();
            let answer: Vec<u8> = (0..EACH).map(|at| byte(at, number + 9)).collect();
            let mut asked = vec![0; EACH];
            let (asking, answering) = tokio::join!(read.read_exact(&mut asked), write.write_all(&answer));
            asking.and(answering.map(|()| EACH)).expect("both ways");
            let wrong = asked.iter().enumerate().find(|(at, got)| **got != byte(*at, number));
            assert_eq!(wrong, None, "stream {number}");
            write.shutdown().await.expect("FIN");
            guest
        });
        let sending = async {
            for at in (0..EACH).step_by(40_000) {
                for number in 0..STREAMS {
                    let part: Vec<u8> = (at..EACH.min(at + 40_000)).map(|at| byte(at, number)).collect();
                    sink.send(frame(DATA, TCP, number, 0, &part)).await.expect("sent");
                }
            }
        };
        let receiving = async {
            let (mut received, mut closed) = ([0; STREAMS as usize], 0);
            while closed < STREAMS {
                let message = stream.next().await.expect("no end").expect("no failure");
                if !message.is_binary() {
                    continue;
                }
                let message = message.into_data();
                let number = u32::from(message[5]);
                let at = &mut received[number as usize];
                match message[0] {
                    DATA => {
                        let payload = &message[8..];
                        let is_right = (*at..).zip(payload).all(|(at, got)| *got == byte(at, number + 9));
                        assert!(is_right, "stream {number} at {at}");
                        *at += payload.len();
                    }
                    CLOSE => closed += 1,
                    kind => panic!("a frame of type {kind}"),
                }
            }
            assert_eq!(received, [EACH; STREAMS as usize]);
        };
        tokio::join!(futures::future::join_all(guests), sending, receiving);
    })
    .await;
}
