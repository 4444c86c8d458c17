//! A stream that carries a TCP connection of the guest.
//!
//! | what ends | what follows |
//! |---|---|
//! | the client says CLOSE | what waits goes to the guest, then FIN; its answer is read and dropped for `drain`, so that no RST takes back what it has not read |
//! | the guest says FIN | CLOSE to the client after the last byte; what waits for the guest still goes there, then FIN |
//! | the guest resets | what it had sent, then ERROR |
//! | the client says ERROR, is gone, or stalls | RST to the guest |

use super::frame::MAX_PAYLOAD;
use super::inbox::{Ending, Inbox};
use super::limits::Limits;
use super::outbox::{Gone, Outbox};
use super::refusal::line;
use crate::mux::{HALF_CLOSED, Handler, Head, Relayed, TcpEnd};
use bytes::{Buf, BufMut};
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::{sleep, timeout};

/// Bytes of an answer that are read and dropped at once.
const DROPPED: usize = 8 * 1024;

#[derive(Default)]
struct Passed {
    sent: AtomicU64,
    received: AtomicU64,
}

/// One end of a stream, from CONNECT to its last frame.
pub(super) async fn serve<H: Handler>(handler: &H, head: Head, inbox: &Inbox, outbox: &Outbox, limits: &Limits) {
    let connected = tokio::select! {
        biased;
        () = inbox.ended(Ending::Reset) => return,
        connected = handler.connect(head.clone()) => connected,
    };
    let connected = match connected {
        Ok(connected) => connected,
        Err(refusal) => {
            let _ = outbox.error(&line(&refusal)).await;
            return;
        }
    };
    let (generation, began) = (connected.generation, Instant::now());
    let _held = connected.held;
    let _ = connected.tcp.set_nodelay(true);
    let mut end = TcpEnd::new(connected.tcp);
    let passed = Passed::default();
    let result = tokio::select! {
        biased;
        () = inbox.ended(Ending::Reset) => Err(io::ErrorKind::ConnectionReset.into()),
        () = handler.revoked(&head) => Err(io::ErrorKind::PermissionDenied.into()),
        result = relay(&mut end, head.port, inbox, outbox, limits, &passed) => result,
    };
    if result.is_ok() {
        end.ended();
    }
    drop(end);
    let relayed = Relayed {
        sent: passed.sent.load(Ordering::Relaxed),
        received: passed.received.load(Ordering::Relaxed),
        generation,
        lasted: began.elapsed(),
        error: result.err(),
    };
    handler.ended(&head, &relayed);
    if let Some(error) = &relayed.error
        && inbox.ending() == Ending::Open
    {
        let _ = outbox.error(&reason(error)).await;
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "the guest reset the connection".to_owned(),
        _ => format!("the connection to the guest failed: {error}"),
    }
}

async fn relay(
    end: &mut TcpEnd,
    port: u16,
    inbox: &Inbox,
    outbox: &Outbox,
    limits: &Limits,
    passed: &Passed,
) -> io::Result<()> {
    let (read, write) = end.split();
    let mut to_guest = pin!(async {
        tokio::select! {
            result = to_guest(write, inbox, passed) => result,
            () = standstill(inbox, limits, passed) => Err(io::ErrorKind::TimedOut.into()),
        }
    });
    let mut to_client = pin!(async {
        if outbox.connected(port).await.is_err() {
            inbox.end(Ending::Reset);
        }
        to_client(read, inbox, outbox, passed).await
    });
    tokio::select! {
        biased;
        result = &mut to_client => {
            result?;
            to_guest.await
        }
        result = &mut to_guest => {
            // The guest has all, or takes no more. Its answer has a time to end in.
            let rest = async {
                tokio::select! {
                    rest = to_client => rest,
                    never = swallow(inbox) => match never {},
                }
            };
            match timeout(limits.drain, rest).await {
                Ok(rest) => result.and(rest),
                Err(_) => result,
            }
        }
    }
}

/// Writes what waits, and FIN after the last.
async fn to_guest(mut tcp: WriteHalf<'_>, inbox: &Inbox, passed: &Passed) -> io::Result<()> {
    while let Some(mut chunk) = inbox.next().await {
        while chunk.has_remaining() {
            let written = tcp.write_buf(&mut chunk).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            passed.received.fetch_add(written as u64, Ordering::Relaxed);
            inbox.taken(written);
        }
    }
    tcp.shutdown().await
}

/// Drops what waits for a guest that takes no more.
async fn swallow(inbox: &Inbox) -> std::convert::Infallible {
    while let Some(chunk) = inbox.next().await {
        inbox.taken(chunk.len());
    }
    std::future::pending().await
}

/// Waits until nothing follows for the guest and it takes nothing of the rest, or all too slowly.
async fn standstill(inbox: &Inbox, limits: &Limits, passed: &Passed) {
    inbox.ended(Ending::Closed).await;
    let moves = async {
        let mut before = passed.received.load(Ordering::Relaxed);
        loop {
            sleep(limits.stall).await;
            let now = passed.received.load(Ordering::Relaxed);
            if now == before {
                return;
            }
            before = now;
        }
    };
    let _ = timeout(HALF_CLOSED, moves).await;
}

/// Reads to the guest's end, after which it says CLOSE. Drops what the client does not want.
async fn to_client(tcp: ReadHalf<'_>, inbox: &Inbox, outbox: &Outbox, passed: &Passed) -> io::Result<()> {
    loop {
        // First something to read, then a place: a silent guest takes none.
        tcp.readable().await?;
        if inbox.ending() != Ending::Open {
            return discard(tcp).await;
        }
        let place = tokio::select! {
            biased;
            () = inbox.ended(Ending::Closed) => continue,
            place = outbox.place() => place.map_err(gone)?,
        };
        let mut message = place.data(MAX_PAYLOAD).limit(MAX_PAYLOAD);
        match tcp.try_read_buf(&mut message) {
            Ok(0) => break,
            Ok(read) => {
                passed.sent.fetch_add(read as u64, Ordering::Relaxed);
                place.send(message.into_inner());
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    outbox.close().await.map_err(gone)?;
    inbox.end(Ending::Closed);
    Ok(())
}

async fn discard(tcp: ReadHalf<'_>) -> io::Result<()> {
    let mut dropped = Vec::with_capacity(DROPPED);
    loop {
        tcp.readable().await?;
        dropped.clear();
        match tcp.try_read_buf(&mut (&mut dropped).limit(DROPPED)) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

fn gone(Gone: Gone) -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}
