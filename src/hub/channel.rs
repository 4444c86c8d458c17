//! Channels of ssh: `hub --stdio`, which ssh starts, hands its standard input and output to the hub, and ends when the hub is done
//! with them. No byte of a client's passes through it.
//!
//! A message with both descriptors, and behind it a line of JSON: what the client may, where a forced command says less than
//! all (`command="wasmrun hub --stdio --allow connect ..."` in `authorized_keys`), or `null`. The client has no way to this socket.

use super::place;
use anyhow::Context;
use gateway::gateway::Gateway;
use gateway::grants::Grants;
use netns::fd_passing;
use report::Result;
use rustix::fs::FileType;
use rustix::net::RecvFlags;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context as Cx, Poll};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, Interest, ReadBuf};
use tokio::net::unix::pipe;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

/// The message that the descriptors come with.
const HANDED: &[u8] = b"h";
/// Longest line, in bytes.
const LONGEST: u64 = 32 * 1024;
/// How long all of it may take to come.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause after accept(2) failed for want of descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// The socket.
pub(super) fn listen() -> Result<UnixListener> {
    let path = place::channels()?;
    let _ = std::fs::remove_file(&path);
    Ok(UnixListener::bind(&path).with_context(|| format!("cannot make {}", path.display()))?)
}

/// Whether this process has a channel to hand over: pipes, or a socket.
pub(super) fn is_there() -> io::Result<bool> {
    let is_channel = |fd: BorrowedFd<'_>| -> io::Result<bool> {
        let kind = FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode);
        Ok(matches!(kind, FileType::Fifo | FileType::Socket))
    };
    Ok(is_channel(io::stdin().as_fd())? && is_channel(io::stdout().as_fd())?)
}

/// Hands this process's standard input and output over.
///
/// # Errors
///
/// The hub is gone.
pub(super) async fn hand_over(hub: &mut UnixStream, narrowed: Option<&Grants>) -> io::Result<()> {
    let (input, output) = (io::stdin(), io::stdout());
    let both = [input.as_fd(), output.as_fd()];
    hub.async_io(Interest::WRITABLE, || Ok(fd_passing::send(&*hub, HANDED, &both)?))
        .await?;
    let mut line = serde_json::to_vec(&narrowed)?;
    line.push(b'\n');
    hub.write_all(&line).await
}

/// Takes channels until the future is dropped.
pub(super) async fn take(listener: UnixListener, gateway: &Gateway) {
    let mut comers = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(comers.spawn(tokio::time::timeout(PATIENCE, taken(stream)))),
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
            // Who says something else is closed.
            Some(comer) = comers.join_next() => if let Ok(Ok(Ok((channel, uid, narrowed)))) = comer {
                gateway.carry(channel, uid, narrowed);
            }
        }
    }
}

async fn taken(stream: UnixStream) -> io::Result<(Channel, u32, Option<Grants>)> {
    let uid = stream.peer_cred()?.uid();
    let mut message = [0; HANDED.len()];
    let receive = || Ok(fd_passing::receive(&stream, &mut message, RecvFlags::DONTWAIT)?);
    let (length, fds) = stream.async_io(Interest::READABLE, receive).await?;
    let (true, Ok([input, output])) = (message[..length] == *HANDED, <[OwnedFd; 2]>::try_from(fds)) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let mut lines = BufReader::new(stream);
    let mut line = Vec::new();
    (&mut lines).take(LONGEST).read_until(b'\n', &mut line).await?;
    // Without its end it is a part of one.
    if line.pop() != Some(b'\n') {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let narrowed = serde_json::from_slice(&line)?;
    let channel = Channel {
        input: reader(input)?,
        output: writer(output)?,
        holder: lines.into_inner(),
    };
    Ok((channel, uid, narrowed))
}

/// What sshd gives a command: pipes, or one socket for both ways.
fn is_pipe(fd: &OwnedFd) -> io::Result<bool> {
    Ok(FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode) == FileType::Fifo)
}

fn reader(fd: OwnedFd) -> io::Result<Box<dyn AsyncRead + Send + Unpin>> {
    Ok(match is_pipe(&fd)? {
        true => Box::new(pipe::Receiver::from_owned_fd(fd)?),
        false => Box::new(socket(fd)?),
    })
}

fn writer(fd: OwnedFd) -> io::Result<Box<dyn AsyncWrite + Send + Unpin>> {
    Ok(match is_pipe(&fd)? {
        true => Box::new(pipe::Sender::from_owned_fd(fd)?),
        false => Box::new(socket(fd)?),
    })
}

fn socket(fd: OwnedFd) -> io::Result<UnixStream> {
    let socket = std::os::unix::net::UnixStream::from(fd);
    socket.set_nonblocking(true)?;
    UnixStream::from_std(socket)
}

struct Channel {
    input: Box<dyn AsyncRead + Send + Unpin>,
    output: Box<dyn AsyncWrite + Send + Unpin>,
    /// `hub --stdio` is there as long as this is open. Dropping it ends it, and with it ssh's channel.
    holder: UnixStream,
}

impl AsyncRead for Channel {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Cx<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // It says nothing more, so this is its end.
        if self.holder.poll_read_ready(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.input).poll_read(cx, into)
    }
}

impl AsyncWrite for Channel {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Cx<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.output).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Cx<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.output).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.output.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.output).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.output).poll_shutdown(cx)
    }
}
