//! A TCP connection at the end of a stream. FIN is END_STREAM, each way for itself; everything else is a reset, both ways.

use super::window::{CHUNK, Counted};
use bytes::{BufMut, Bytes, BytesMut};
use h2::{Reason, RecvStream, SendStream};
use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::Notify;

/// How long a connection of which one direction has ended may be silent.
pub const HALF_CLOSED: Duration = Duration::from_secs(300);

/// An open stream that carries a TCP connection's bytes.
pub struct Channel {
    pub(super) send: SendStream<Bytes>,
    pub(super) receive: RecvStream,
    pub(super) generation: Option<u64>,
    pub(super) counted: Counted,
}

/// What passed, and how it ended.
#[derive(Debug)]
pub struct Relayed {
    /// Bytes from the TCP connection into the stream.
    pub sent: u64,
    /// Bytes from the stream into the TCP connection.
    pub received: u64,
    /// The guest's generation, where the other end of the connection has said it.
    pub generation: Option<u64>,
    /// How long the stream was open.
    pub lasted: Duration,
    /// Why both ends were reset; none where both directions ended.
    pub error: Option<io::Error>,
}

impl Channel {
    /// The guest's generation, as the server says.
    pub fn generation(&self) -> Option<u64> {
        self.generation
    }

    /// Resets the stream. Its connection was never there, or is somebody else's.
    pub fn reset(mut self) {
        self.send.send_reset(Reason::CONNECT_ERROR);
    }

    /// Copies both ways until both have ended or one has failed. Dropping the future resets both ends.
    pub async fn relay(self, tcp: TcpStream, half_closed: Duration) -> Relayed {
        let (passed, generation, began) = (Passed::default(), self.generation, Instant::now());
        let result = self.pass(tcp, half_closed, std::future::pending(), &passed).await;
        passed.relayed(generation, began, result.err())
    }

    /// The same, until `revoked`, which is a failure as any other.
    pub(super) async fn pass(
        self,
        tcp: TcpStream,
        half_closed: Duration,
        revoked: impl Future<Output = ()>,
        passed: &Passed,
    ) -> io::Result<()> {
        let Channel {
            mut send,
            mut receive,
            counted: _counted,
            ..
        } = self;
        let mut end = TcpEnd::new(tcp);
        let result = {
            let (read, write) = end.split();
            let both = both(
                outwards(read, &mut send, passed),
                inwards(&mut receive, write, passed),
                half_closed,
                passed,
            );
            tokio::select! {
                result = both => result,
                () = revoked => Err(io::ErrorKind::PermissionDenied.into()),
            }
        };
        close(&mut end, &mut send, &result);
        result
    }
}

/// Both directions, until both have ended or one has failed.
pub(super) async fn both(
    outwards: impl Future<Output = io::Result<()>>,
    inwards: impl Future<Output = io::Result<()>>,
    half_closed: Duration,
    passed: &Passed,
) -> io::Result<()> {
    tokio::select! {
        result = async { tokio::try_join!(outwards, inwards) } => result.map(|_| ()),
        () = passed.silence(half_closed) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Ends both ends as they have ended.
pub(super) fn close(end: &mut TcpEnd, send: &mut SendStream<Bytes>, result: &io::Result<()>) {
    match result {
        Ok(()) => end.ended(),
        // Said here: a SendStream that is dropped says CANCEL, which some take for an end (hyper's upgrades).
        Err(_) => send.send_reset(Reason::CONNECT_ERROR),
    }
}

/// A TCP connection that is reset when it is dropped before it has ended (socket(7), `SO_LINGER`).
pub(crate) struct TcpEnd {
    tcp: TcpStream,
    has_ended: bool,
}

impl TcpEnd {
    pub(crate) fn new(tcp: TcpStream) -> TcpEnd {
        // Small answers leave at once; the sender of them has decided what is one piece.
        let _ = tcp.set_nodelay(true);
        TcpEnd { tcp, has_ended: false }
    }

    pub(crate) fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        self.tcp.split()
    }

    /// Both directions have ended: it is closed, not reset.
    pub(crate) fn ended(&mut self) {
        self.has_ended = true;
    }
}

impl Drop for TcpEnd {
    fn drop(&mut self) {
        if !self.has_ended {
            let _ = self.tcp.set_zero_linger();
        }
    }
}

/// What has passed so far.
#[derive(Default)]
pub(super) struct Passed {
    sent: AtomicU64,
    received: AtomicU64,
    /// One direction has ended.
    ended: Notify,
}

impl Passed {
    pub(super) fn relayed(&self, generation: Option<u64>, began: Instant, error: Option<io::Error>) -> Relayed {
        Relayed {
            sent: self.sent.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
            generation,
            lasted: began.elapsed(),
            error,
        }
    }

    /// Waits until one direction has ended and the other has been silent for so long.
    async fn silence(&self, least: Duration) {
        self.ended.notified().await;
        let read = || (self.sent.load(Ordering::Relaxed), self.received.load(Ordering::Relaxed));
        let mut before = read();
        loop {
            tokio::time::sleep(least).await;
            let passed = read();
            if passed == before {
                return;
            }
            before = passed;
        }
    }
}

/// TCP to stream.
pub(super) async fn outwards(mut tcp: ReadHalf<'_>, send: &mut SendStream<Bytes>, passed: &Passed) -> io::Result<()> {
    let mut buffer = BytesMut::new();
    loop {
        // Credit first: what is not read waits in the kernel, whose window stops the sender.
        let credit = credit(send, CHUNK as usize).await?;
        buffer.reserve(CHUNK as usize);
        let mut chunk = (&mut buffer).limit(credit.min(CHUNK as usize));
        let read = tokio::select! {
            read = tcp.read_buf(&mut chunk) => read?,
            reset = poll_fn(|cx| send.poll_reset(cx)) => return Err(reset_error(reset)),
        };
        if read == 0 {
            send.send_data(Bytes::new(), true).map_err(io::Error::other)?;
            passed.ended.notify_one();
            return Ok(());
        }
        send.send_data(buffer.split().freeze(), false)
            .map_err(io::Error::other)?;
        passed.sent.fetch_add(read as u64, Ordering::Relaxed);
    }
}

/// Stream to TCP.
pub(super) async fn inwards(receive: &mut RecvStream, mut tcp: WriteHalf<'_>, passed: &Passed) -> io::Result<()> {
    while let Some(chunk) = receive.data().await {
        let chunk = chunk.map_err(io::Error::other)?;
        tcp.write_all(&chunk).await?;
        passed.received.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        // Only what TCP has taken is credit for more.
        receive
            .flow_control()
            .release_capacity(chunk.len())
            .map_err(io::Error::other)?;
    }
    if !receive.is_end_stream() {
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    tcp.shutdown().await?;
    passed.ended.notify_one();
    Ok(())
}

/// Waits for credit, for at most `wanted` bytes.
pub(super) async fn credit(send: &mut SendStream<Bytes>, wanted: usize) -> io::Result<usize> {
    send.reserve_capacity(wanted);
    loop {
        let capacity = send.capacity();
        if capacity > 0 {
            return Ok(capacity);
        }
        match poll_fn(|cx| send.poll_capacity(cx)).await {
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(io::Error::other(error)),
            None => return Err(io::ErrorKind::ConnectionReset.into()),
        }
    }
}

fn reset_error(reset: Result<Reason, h2::Error>) -> io::Error {
    match reset {
        Ok(reason) => io::Error::new(io::ErrorKind::ConnectionReset, h2::Error::from(reason)),
        Err(error) => io::Error::other(error),
    }
}
