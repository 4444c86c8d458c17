//! Options of a TCP socket. Zero is never a value (wasi:sockets); what is more than the kernel takes becomes the most that
//! it takes.

use super::address::Family;
use super::tcp::{Result, Tcp, not_zero};
use rustix::net::sockopt;
use std::time::Duration;
use wasmtime_wasi::sockets::ErrorCode;

/// What the kernel takes for `TCP_KEEPIDLE`, `TCP_KEEPINTVL` and `TCP_KEEPCNT` (include/net/tcp.h).
const KEEP_ALIVE_SECONDS: u64 = i16::MAX as u64;
const KEEP_ALIVE_COUNT: u32 = i8::MAX as u32;

impl Tcp {
    pub(crate) fn keep_alive(&self) -> Result<bool> {
        self.with(|socket| sockopt::socket_keepalive(socket))
    }

    pub(crate) fn set_keep_alive(&self, on: bool) -> Result<()> {
        self.with(|socket| sockopt::set_socket_keepalive(socket, on))
    }

    pub(crate) fn keep_alive_idle(&self) -> Result<u64> {
        Ok(nanoseconds(self.with(|socket| sockopt::tcp_keepidle(socket))?))
    }

    pub(crate) fn set_keep_alive_idle(&self, nanoseconds: u64) -> Result<()> {
        let value = whole_seconds(nanoseconds)?;
        self.with(|socket| sockopt::set_tcp_keepidle(socket, value))
    }

    pub(crate) fn keep_alive_interval(&self) -> Result<u64> {
        Ok(nanoseconds(self.with(|socket| sockopt::tcp_keepintvl(socket))?))
    }

    pub(crate) fn set_keep_alive_interval(&self, nanoseconds: u64) -> Result<()> {
        let value = whole_seconds(nanoseconds)?;
        self.with(|socket| sockopt::set_tcp_keepintvl(socket, value))
    }

    pub(crate) fn keep_alive_count(&self) -> Result<u32> {
        self.with(|socket| sockopt::tcp_keepcnt(socket))
    }

    pub(crate) fn set_keep_alive_count(&self, count: u32) -> Result<()> {
        not_zero(count.into())?;
        self.with(|socket| sockopt::set_tcp_keepcnt(socket, count.min(KEEP_ALIVE_COUNT)))
    }

    pub(crate) fn hop_limit(&self) -> Result<u8> {
        match self.family() {
            Family::V4 => {
                u8::try_from(self.with(|socket| sockopt::ip_ttl(socket))?).map_err(|_| ErrorCode::NotSupported)
            }
            Family::V6 => self.with(|socket| sockopt::ipv6_unicast_hops(socket)),
        }
    }

    pub(crate) fn set_hop_limit(&self, hops: u8) -> Result<()> {
        not_zero(hops.into())?;
        match self.family() {
            Family::V4 => self.with(|socket| sockopt::set_ip_ttl(socket, hops.into())),
            Family::V6 => self.with(|socket| sockopt::set_ipv6_unicast_hops(socket, Some(hops))),
        }
    }

    pub(crate) fn receive_buffer(&self) -> Result<u64> {
        Ok(asked_for(self.with(|socket| sockopt::socket_recv_buffer_size(socket))?))
    }

    pub(crate) fn set_receive_buffer(&self, bytes: u64) -> Result<()> {
        let value = buffer(bytes)?;
        self.with(|socket| sockopt::set_socket_recv_buffer_size(socket, value))
    }

    pub(crate) fn send_buffer(&self) -> Result<u64> {
        Ok(asked_for(self.with(|socket| sockopt::socket_send_buffer_size(socket))?))
    }

    pub(crate) fn set_send_buffer(&self, bytes: u64) -> Result<()> {
        let value = buffer(bytes)?;
        self.with(|socket| sockopt::set_socket_send_buffer_size(socket, value))
    }
}

fn whole_seconds(nanoseconds: u64) -> Result<Duration> {
    let seconds = Duration::from_nanos(not_zero(nanoseconds)?).as_secs();
    Ok(Duration::from_secs(seconds.clamp(1, KEEP_ALIVE_SECONDS)))
}

fn nanoseconds(time: Duration) -> u64 {
    time.as_nanos().try_into().unwrap_or(u64::MAX)
}

fn buffer(bytes: u64) -> Result<usize> {
    Ok(not_zero(bytes)?.min(i32::MAX as u64) as usize)
}

/// The kernel doubles what it is asked for, and says that (socket(7)).
fn asked_for(bytes: usize) -> u64 {
    bytes as u64 / 2
}
