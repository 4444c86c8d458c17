//! A stream that carries datagrams of one port of the guest: one DATA frame each.

use super::frame::MAX_PAYLOAD;
use super::inbox::{Ending, Inbox};
use super::limits::Limits;
use super::outbox::Outbox;
use super::refusal::line;
use crate::mux::{Handler, Head, MAX_DATAGRAM, Socket};
use bytes::BufMut;
use std::future::poll_fn;
use std::io;
use std::sync::{Mutex, PoisonError};
use tokio::io::ReadBuf;

const _: () = assert!(MAX_DATAGRAM <= MAX_PAYLOAD, "a datagram is one frame");

/// Where all streams of a session receive: a datagram is copied out before another is received.
pub(super) struct Scratch(Mutex<Vec<u8>>);

impl Default for Scratch {
    fn default() -> Scratch {
        Scratch(Mutex::new(vec![0; MAX_DATAGRAM]))
    }
}

/// One end of a stream, from CONNECT to its last frame.
pub(super) async fn serve<H: Handler>(
    handler: &H,
    head: Head,
    inbox: &Inbox,
    outbox: &Outbox,
    limits: &Limits,
    scratch: &Scratch,
) {
    let port = head.port;
    let serving = async {
        let socket = match handler.associate(head.clone()).await {
            Ok(socket) => socket,
            Err(refusal) => return outbox.error(&line(&refusal)).await,
        };
        outbox.connected(port).await?;
        match relay(&*socket, inbox, outbox, limits, scratch).await {
            // The session does not hear it where the client has closed.
            Ok(()) => outbox.close().await,
            Err(error) => outbox.error(&format!("the guest's socket failed: {error}")).await,
        }
    };
    tokio::select! {
        biased;
        () = inbox.ended(Ending::Reset) => {}
        () = handler.revoked(&head) => {
            let _ = outbox.error("it is no longer allowed").await;
        }
        // Where the session is gone, so is the stream.
        _ = serving => {}
    }
}

/// Until the client has closed, or both ways are silent.
async fn relay(
    socket: &dyn Socket,
    inbox: &Inbox,
    outbox: &Outbox,
    limits: &Limits,
    scratch: &Scratch,
) -> io::Result<()> {
    loop {
        tokio::select! {
            received = receive(socket, scratch) => match received {
                Ok(datagram) => {
                    // What comes meanwhile waits in the kernel, which drops what is too much.
                    let Ok(place) = outbox.place().await else { return Ok(()) };
                    let mut message = place.data(datagram.len());
                    message.put_slice(&datagram);
                    place.send(message);
                }
                // ICMP said that nobody listens (udp(7)): the next datagram may find somebody.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) => return Err(error),
            },
            datagram = inbox.next() => {
                let Some(datagram) = datagram else { return Ok(()) };
                inbox.taken(datagram.len());
                socket.send(&datagram);
            }
            () = tokio::time::sleep(limits.idle) => return Ok(()),
        }
    }
}

async fn receive(socket: &dyn Socket, scratch: &Scratch) -> io::Result<Vec<u8>> {
    poll_fn(|cx| {
        let mut scratch = scratch.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut into = ReadBuf::new(&mut scratch);
        socket.poll_recv(cx, &mut into).map_ok(|()| into.filled().to_vec())
    })
    .await
}
