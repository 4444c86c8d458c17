//! What all forwards together may take.

use std::time::Duration;

/// Bounds of all forwards together.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Worker threads.
    pub workers: usize,
    /// Open connections; more wait in the listeners' queues.
    pub connections: usize,
    /// How long a connection waits for the guest to listen.
    pub connect_timeout: Duration,
    /// How long a connection that is closed on one side may stay silent.
    pub half_closed_idle: Duration,
    /// How long a client of a forward of datagrams may be quiet before it is forgotten.
    pub udp_idle: Duration,
}

impl Limits {
    /// Bytes may stand still this long once one side of a connection is closed.
    pub const HALF_CLOSED_IDLE: Duration = Duration::from_secs(300);
    /// Waiting time for a guest that does not listen yet.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
    /// Quiet time of a flow of datagrams.
    pub const UDP_IDLE: Duration = Duration::from_secs(60);
    /// Fewest descriptors that forwards get on with (`ulimit -n`).
    pub const LEAST_FDS: u64 = 64;
    /// Most descriptors that are kept for everything but connections; where there are few, half of them and [`Limits::BASE_FDS`].
    const RESERVED_FDS: u64 = 512;
    /// What a process has that forwards nothing.
    const BASE_FDS: u64 = 16;

    /// What this machine and this process's descriptor limit allow: two descriptors a connection.
    pub fn of_this_process() -> Limits {
        let fds = descriptors();
        let reserved = Limits::RESERVED_FDS.min(Limits::BASE_FDS + fds / 2);
        let connections = fds.saturating_sub(reserved).max(2) / 2;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Limits {
            // The clients and the guest want processors too: on two cores one worker does 5 to 10 % more requests than two.
            workers: (cores / 2).clamp(1, 4),
            connections: usize::try_from(connections).unwrap_or(usize::MAX),
            connect_timeout: Limits::CONNECT_TIMEOUT,
            half_closed_idle: Limits::HALF_CLOSED_IDLE,
            udp_idle: Limits::UDP_IDLE,
        }
    }
}

/// Descriptors that this process may have (getrlimit(2), `RLIMIT_NOFILE`).
fn descriptors() -> u64 {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current.unwrap_or(1 << 20)
}

/// How many of what takes descriptors are kept in store: fewer than `most` where there are few. What is reserved has room for
/// some stores.
pub(crate) fn in_store(most: usize) -> usize {
    let share = usize::try_from(descriptors() / 32).unwrap_or(most);
    share.clamp(1, most)
}
