//! How a connection ends: twelve ways, from either side, over each carrier. What both ends see is what they would see without
//! a tunnel, tried in the same run.

#[path = "support/place.rs"]
mod place;
#[path = "support/mod.rs"]
mod support;

use Side::{First, Second};
use Step::{Break, Close, End, Gets, Reads, Reset, Write};
use place::Place;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::time::Duration;
use support::{Cutter, Linked, patiently};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tunnel::pipe::Settings;

#[derive(Clone, Copy)]
enum Side {
    First,
    Second,
}

#[derive(Clone, Copy)]
enum Step {
    /// So many bytes.
    Write(Side, usize),
    /// FIN of this direction.
    End(Side),
    /// RST.
    Reset(Side),
    /// close(2), with what was not read.
    Close(Side),
    /// Reads so many bytes.
    Gets(Side, usize),
    /// Reads to the end, and remembers which it is.
    Reads(Side),
    /// Writes until it cannot.
    Break(Side),
}

const LARGE: usize = 300_000;

const TABLE: [(&str, &[Step]); 12] = [
    (
        "a question, its end, an answer",
        &[
            Write(First, 8),
            End(First),
            Reads(Second),
            Write(Second, 6),
            End(Second),
            Reads(First),
        ],
    ),
    (
        "no question, and an answer",
        &[End(First), Reads(Second), Write(Second, 6), End(Second), Reads(First)],
    ),
    (
        "both end at once",
        &[
            Write(First, 8),
            Write(Second, 6),
            End(First),
            End(Second),
            Reads(First),
            Reads(Second),
        ],
    ),
    (
        "much, after the other direction's end",
        &[
            End(First),
            Reads(Second),
            Write(Second, LARGE),
            End(Second),
            Reads(First),
        ],
    ),
    (
        "a direction goes on after a greeting's end",
        &[
            Write(Second, 8),
            End(Second),
            Reads(First),
            Write(First, LARGE),
            Close(First),
            Reads(Second),
        ],
    ),
    (
        "a reset",
        &[Write(First, 8), Gets(Second, 8), Reset(First), Reads(Second)],
    ),
    (
        "a reset behind bytes",
        &[
            Write(Second, 1),
            Gets(First, 1),
            Write(First, 8),
            Gets(Second, 1),
            Reset(First),
            Reads(Second),
        ],
    ),
    (
        "a reset after this direction's end",
        &[Write(First, 8), End(First), Reads(Second), Reset(First), Break(Second)],
    ),
    (
        "a reset after the other direction's end",
        &[Write(First, 8), End(First), Reads(Second), Reset(Second), Reads(First)],
    ),
    (
        "half of an answer, and a reset",
        &[
            Write(First, 8),
            End(First),
            Reads(Second),
            Write(Second, 6),
            Gets(First, 3),
            Reset(Second),
            Reads(First),
        ],
    ),
    (
        "an answer before the question was read",
        &[
            Write(First, 1000),
            Gets(Second, 1),
            Write(Second, 6),
            Gets(First, 6),
            Close(Second),
            Reads(First),
        ],
    ),
    ("closed, and written to", &[Close(First), Reads(Second), Break(Second)]),
];

/// What both ends saw.
async fn seen(steps: &[Step], first: TcpStream, second: TcpStream) -> String {
    let mut ends = [Some(first), Some(second)];
    let mut seen = String::new();
    for step in steps {
        let (Write(side, _) | End(side) | Reset(side) | Close(side) | Gets(side, _) | Reads(side) | Break(side)) =
            *step;
        let end = &mut ends[side as usize];
        if let Reset(_) | Close(_) = step {
            let end = end.take().expect("it is open");
            if let Reset(_) = step {
                place::reset(end);
            }
            continue;
        }
        let end = end.as_mut().expect("it is open");
        match *step {
            Write(_, length) => end.write_all(&vec![7; length]).await.expect("written"),
            End(_) => end.shutdown().await.expect("FIN"),
            Gets(_, length) => drop(end.read_exact(&mut vec![0; length]).await.expect("read")),
            Reads(_) => {
                let mut bytes = Vec::new();
                let last = match end.read_to_end(&mut bytes).await {
                    Ok(_) => "end".to_owned(),
                    Err(error) => error.kind().to_string(),
                };
                write!(seen, "{} bytes, {last}; ", bytes.len()).expect("a string");
            }
            Break(_) => {
                let error = loop {
                    if let Err(error) = end.write_all(b"x").await {
                        break error;
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                };
                // Which of the two it is, is a matter of when it is asked.
                assert!(
                    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset),
                    "{error}"
                );
                seen.push_str("broken; ");
            }
            Reset(_) | Close(_) => unreachable!("done above"),
        }
    }
    seen
}

/// Without a tunnel.
async fn direct() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let client = TcpStream::connect(listener.local_addr().expect("an address"));
    let (client, accepted) = tokio::join!(client, listener.accept());
    (client.expect("connected"), accepted.expect("accepted").0)
}

async fn table(carrier: &str, place: Place) {
    for (what, steps) in TABLE {
        for from in ["the client", "the guest"] {
            let in_order = |(client, guest)| match from {
                "the client" => (client, guest),
                _ => (guest, client),
            };
            let (first, second) = in_order(direct().await);
            let without = seen(steps, first, second).await;
            for connection in [place.connection().await, place.carried().await] {
                let (first, second) = in_order(connection);
                let through = tokio::time::timeout(Duration::from_secs(10), seen(steps, first, second)).await;
                let through = through.unwrap_or_else(|_| "something that does not end".into());
                assert_eq!(through, without, "{what}, begun by {from}, over {carrier}");
            }
        }
    }
}

/// What a channel of ssh and a unix socket are.
#[tokio::test]
async fn over_a_stream_of_bytes() {
    patiently(async {
        let place = Place::new(Settings::default(), Cutter::default()).await;
        table("a stream of bytes", place).await;
    })
    .await;
}

#[tokio::test]
async fn over_tcp() {
    patiently(over_a_port(false)).await;
}

#[tokio::test]
async fn over_a_websocket() {
    patiently(over_a_port(true)).await;
}

async fn over_a_port(is_websocket: bool) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("an address");
    let linked = Linked::tcp(Settings::default(), listener, address, is_websocket).await;
    let carrier = if is_websocket { "a WebSocket" } else { "TCP" };
    table(carrier, Place::over(linked).await).await;
}
