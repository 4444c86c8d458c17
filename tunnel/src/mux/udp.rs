//! Datagrams of one peer at the end of a stream.

use super::datagram::{Capsules, MAX_DATAGRAM, capsule};
use super::queue::Queue;
use super::relay::credit;
use super::window::Counted;
use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream};
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

/// How long a peer may be silent, both ways, before its stream ends.
pub const IDLE: Duration = Duration::from_secs(60);

/// Where datagrams come from and go to: a connected socket, or one peer's part of a socket that many send to.
pub trait Socket: Send + Sync {
    /// The next datagram.
    fn poll_recv(&self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>>;

    /// Sends one, or drops it: nobody waits for room.
    fn send(&self, datagram: &[u8]);
}

impl Socket for UdpSocket {
    fn poll_recv(&self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        UdpSocket::poll_recv(self, cx, into)
    }

    fn send(&self, datagram: &[u8]) {
        let _ = self.try_send(datagram);
    }
}

/// An open stream that carries datagrams.
pub struct Datagrams {
    send: SendStream<Bytes>,
    receive: RecvStream,
    counted: Counted,
}

/// What passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Datagrams into the stream.
    pub sent: u64,
    /// Datagrams out of it.
    pub received: u64,
    /// Those that waited for the stream too long, or too many.
    pub dropped: u64,
}

impl Datagrams {
    pub(super) fn new(send: SendStream<Bytes>, receive: RecvStream, counted: Counted) -> Datagrams {
        Datagrams { send, receive, counted }
    }

    /// Passes datagrams both ways until the stream ends, or is silent for `idle`.
    pub async fn relay(self, socket: &dyn Socket, idle: Duration) -> Passed {
        let Datagrams {
            mut send,
            mut receive,
            counted: _counted,
        } = self;
        let (mut queue, mut capsules, mut passed) = (Queue::default(), Capsules::default(), Passed::default());
        let mut buffer = vec![0; MAX_DATAGRAM];
        // What is left of a capsule, of which only a part had credit: it is sent to its end, or nothing after it is read right.
        let mut leaving = Bytes::new();
        loop {
            let is_waiting = !queue.is_empty() || !leaving.is_empty();
            tokio::select! {
                received = poll_fn(|cx| {
                    let mut into = ReadBuf::new(&mut buffer);
                    socket.poll_recv(cx, &mut into).map_ok(|()| into.filled().len())
                }) => match received {
                    Ok(length) => queue.push(capsule(&buffer[..length]), Instant::now()),
                    // ICMP said that nobody listens (udp(7)): the next datagram may find somebody.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                    Err(_) => break,
                },
                credit = credit(&mut send, 64 * 1024), if is_waiting => {
                    let Ok(credit) = credit else { break };
                    if leaving.is_empty() {
                        let Some(next) = queue.pop(Instant::now()) else { continue };
                        passed.sent += 1;
                        leaving = next;
                    }
                    if send.send_data(leaving.split_to(credit.min(leaving.len())), false).is_err() {
                        break;
                    }
                }
                data = receive.data() => {
                    let Some(Ok(data)) = data else { break };
                    let released = receive.flow_control().release_capacity(data.len());
                    let fed = capsules.feed(data, |datagram| {
                        passed.received += 1;
                        socket.send(datagram);
                    });
                    if released.is_err() || fed.is_err() {
                        break;
                    }
                }
                () = tokio::time::sleep(idle) => break,
            }
        }
        // Both ends may end it, at any time: nothing is lost that may not be.
        send.send_reset(Reason::NO_ERROR);
        passed.dropped = queue.dropped;
        passed
    }
}
