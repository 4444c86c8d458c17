//! Options of a socket. Zero is never a value (wasi:sockets); what is more than the kernel takes becomes the most that it takes.

use super::address::Family;
use rustix::net::sockopt;
use std::os::fd::BorrowedFd;
use wasmtime_wasi::sockets::ErrorCode;

pub(crate) type Result<T> = std::result::Result<T, ErrorCode>;

/// Options that sockets of each kind have.
pub(crate) trait Options {
    fn family(&self) -> Family;

    /// Does something with the kernel's socket.
    fn with<T>(&self, act: impl FnOnce(BorrowedFd<'_>) -> rustix::io::Result<T>) -> Result<T>;

    /// The same where that sets something.
    fn set(&self, act: impl FnOnce(BorrowedFd<'_>) -> rustix::io::Result<()>) -> Result<()> {
        self.with(act)
    }

    fn hop_limit(&self) -> Result<u8> {
        match self.family() {
            Family::V4 => {
                u8::try_from(self.with(|socket| sockopt::ip_ttl(socket))?).map_err(|_| ErrorCode::NotSupported)
            }
            Family::V6 => self.with(|socket| sockopt::ipv6_unicast_hops(socket)),
        }
    }

    fn set_hop_limit(&self, hops: u8) -> Result<()> {
        not_zero(hops.into())?;
        match self.family() {
            Family::V4 => self.set(|socket| sockopt::set_ip_ttl(socket, hops.into())),
            Family::V6 => self.set(|socket| sockopt::set_ipv6_unicast_hops(socket, Some(hops))),
        }
    }

    fn receive_buffer(&self) -> Result<u64> {
        Ok(asked_for(self.with(|socket| sockopt::socket_recv_buffer_size(socket))?))
    }

    fn set_receive_buffer(&self, bytes: u64) -> Result<()> {
        let value = buffer(bytes)?;
        self.set(|socket| sockopt::set_socket_recv_buffer_size(socket, value))
    }

    fn send_buffer(&self) -> Result<u64> {
        Ok(asked_for(self.with(|socket| sockopt::socket_send_buffer_size(socket))?))
    }

    fn set_send_buffer(&self, bytes: u64) -> Result<()> {
        let value = buffer(bytes)?;
        self.set(|socket| sockopt::set_socket_send_buffer_size(socket, value))
    }
}

fn buffer(bytes: u64) -> Result<usize> {
    Ok(not_zero(bytes)?.min(i32::MAX as u64) as usize)
}

/// The kernel doubles what it is asked for, and says that (socket(7)).
fn asked_for(bytes: usize) -> u64 {
    bytes as u64 / 2
}

pub(super) fn not_zero(value: u64) -> Result<u64> {
    if value == 0 {
        Err(ErrorCode::InvalidArgument)
    } else {
        Ok(value)
    }
}
