//! Options of a TCP socket that carries a pipe.

use socket2::SockRef;
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long the kernel waits for an acknowledgement of what it sent (tcp(7), `TCP_USER_TIMEOUT`).
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes that wait in the kernel without being under way, above which it takes no more (`TCP_NOTSENT_LOWAT`). What waits
/// there cannot be overtaken; with less, a fast link costs a wake-up for every other frame.
const UNSENT: u32 = 256 * 1024;

/// Prepares a socket: small frames leave at once, a dead peer is noticed, and no long queue waits in the kernel.
///
/// # Errors
///
/// Whatever setsockopt(2) says, in practice nothing.
pub fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_user_timeout(Some(PATIENCE))?;
    socket.set_tcp_notsent_lowat(UNSENT)
}
