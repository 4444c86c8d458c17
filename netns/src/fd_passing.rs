//! File descriptors over a unix socket (unix(7), `SCM_RIGHTS`): the only file that sends or receives them.
//!
//! Channels are `SOCK_SEQPACKET` pairs, so one send is one message and the other end's death is a zero-length read.

#![expect(clippy::disallowed_methods, reason = "the one door of sendmsg(2) and recvmsg(2)")]

use rustix::io::{Errno, Result};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Most descriptors in one message; the kernel's own limit is 253 (`SCM_MAX_FD`).
pub const MAX_FDS: usize = 128;

/// A connected pair of close-on-exec message sockets.
///
/// # Errors
///
/// Whatever socketpair(2) says, in practice only that no descriptor is left.
pub fn channel() -> Result<(OwnedFd, OwnedFd)> {
    rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
}

/// Sends one message with descriptors; the receiver gets duplicates.
///
/// # Errors
///
/// `PIPE` or `CONNRESET` when the other end is gone, `AGAIN` on a full non-blocking channel.
pub fn send(channel: impl AsFd, message: &[u8], fds: &[BorrowedFd<'_>]) -> Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(Errno::TOOBIG);
    }
    let parts = [IoSlice::new(message)];
    rustix::io::retry_on_intr(|| rustix::net::sendmsg(&channel, &parts, &mut control, SendFlags::NOSIGNAL))?;
    Ok(())
}

/// Receives one message into `buffer` and returns its length with the descriptors that came along. Zero is the end.
///
/// # Errors
///
/// `MSGSIZE` for a message longer than `buffer`, `AGAIN` where `flags` say not to wait and nothing is there.
///
/// So also for descriptors that this process has no room for.
pub fn receive(channel: impl AsFd, buffer: &mut [u8], flags: RecvFlags) -> Result<(usize, Vec<OwnedFd>)> {
    match receive_what_fits(channel, buffer, flags)? {
        (length, fds, true) => Ok((length, fds)),
        (_, _, false) => Err(Errno::MSGSIZE),
    }
}

/// The same with a message whose descriptors may be lost: whether all are there. They are not where this process has too many open
/// (`MSG_CTRUNC`).
///
/// # Errors
///
/// As of [`receive`], but for that.
pub(crate) fn receive_what_fits(
    channel: impl AsFd,
    buffer: &mut [u8],
    flags: RecvFlags,
) -> Result<(usize, Vec<OwnedFd>, bool)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(buffer)];
    let received = rustix::io::retry_on_intr(|| {
        rustix::net::recvmsg(&channel, &mut parts, &mut control, flags | RecvFlags::CMSG_CLOEXEC)
    })?;
    let fds = control
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(fds) => Some(fds),
            _ => None,
        })
        .flatten()
        .collect();
    if received.flags.contains(ReturnFlags::TRUNC) {
        return Err(Errno::MSGSIZE);
    }
    Ok((received.bytes, fds, !received.flags.contains(ReturnFlags::CTRUNC)))
}
