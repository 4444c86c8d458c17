//! connect(2) without a wait.

use rustix::io::Errno;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// First pause after a refused attempt; it doubles up to the last.
pub(in crate::forward) const FIRST_PAUSE: Duration = Duration::from_millis(1);
pub(in crate::forward) const LAST_PAUSE: Duration = Duration::from_millis(50);

/// Whether nobody is there. An address family or route that the namespace does not have counts as that, and so does a namespace that
/// is gone: another guest may follow it.
pub(in crate::forward) fn is_nobody(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::CONNREFUSED | Errno::AFNOSUPPORT | Errno::NETUNREACH | Errno::CONNRESET | Errno::PIPE | Errno::TIMEDOUT
    )
}

/// Connects without waiting. On loopback the handshake is over when connect(2) returns, although it says
/// "in progress"; the second call asks for the result and saves a turn through epoll. ECONNABORTED is a connection that was
/// accepted and reset between the two calls: it is not to be tried again.
pub(in crate::forward) fn start(socket: &OwnedFd, to: SocketAddr) -> rustix::io::Result<bool> {
    match rustix::net::connect(socket, &to) {
        Ok(()) => return Ok(true),
        Err(Errno::INPROGRESS) => {}
        Err(errno) => return Err(errno),
    }
    match rustix::net::connect(socket, &to) {
        Ok(()) | Err(Errno::ISCONN) => Ok(true),
        Err(Errno::ALREADY | Errno::INPROGRESS) => Ok(false),
        Err(Errno::CONNRESET) => Err(Errno::CONNABORTED),
        Err(errno) => Err(errno),
    }
}
