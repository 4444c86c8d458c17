//! Probes of a TCP connection that is silent (tcp(7)).

use super::options::{Options, Result, not_zero};
use super::tcp::Tcp;
use rustix::net::sockopt;
use std::time::Duration;

/// What the kernel takes for `TCP_KEEPIDLE`, `TCP_KEEPINTVL` and `TCP_KEEPCNT` (include/net/tcp.h).
const KEEP_ALIVE_SECONDS: u64 = i16::MAX as u64;
const KEEP_ALIVE_COUNT: u32 = i8::MAX as u32;

impl Tcp {
    pub(crate) fn keep_alive(&self) -> Result<bool> {
        self.with(|socket| sockopt::socket_keepalive(socket))
    }

    pub(crate) fn set_keep_alive(&self, on: bool) -> Result<()> {
        self.set(|socket| sockopt::set_socket_keepalive(socket, on))
    }

    pub(crate) fn keep_alive_idle(&self) -> Result<u64> {
        Ok(nanoseconds(self.with(|socket| sockopt::tcp_keepidle(socket))?))
    }

    pub(crate) fn set_keep_alive_idle(&self, nanoseconds: u64) -> Result<()> {
        let value = whole_seconds(nanoseconds)?;
        self.set(|socket| sockopt::set_tcp_keepidle(socket, value))
    }

    pub(crate) fn keep_alive_interval(&self) -> Result<u64> {
        Ok(nanoseconds(self.with(|socket| sockopt::tcp_keepintvl(socket))?))
    }

    pub(crate) fn set_keep_alive_interval(&self, nanoseconds: u64) -> Result<()> {
        let value = whole_seconds(nanoseconds)?;
        self.set(|socket| sockopt::set_tcp_keepintvl(socket, value))
    }

    pub(crate) fn keep_alive_count(&self) -> Result<u32> {
        self.with(|socket| sockopt::tcp_keepcnt(socket))
    }

    pub(crate) fn set_keep_alive_count(&self, count: u32) -> Result<()> {
        not_zero(count.into())?;
        self.set(|socket| sockopt::set_tcp_keepcnt(socket, count.min(KEEP_ALIVE_COUNT)))
    }
}

fn whole_seconds(nanoseconds: u64) -> Result<Duration> {
    let seconds = Duration::from_nanos(not_zero(nanoseconds)?).as_secs();
    Ok(Duration::from_secs(seconds.clamp(1, KEEP_ALIVE_SECONDS)))
}

fn nanoseconds(time: Duration) -> u64 {
    time.as_nanos().try_into().unwrap_or(u64::MAX)
}
