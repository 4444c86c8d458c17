//! A guest's connection for who must not be given a socket of the host's: both ends of a pair in its own network, one of which is its
//! own. The supervisor moves bytes between the other one and the host's socket.

use crate::forward::{self, Target};
use futures::FutureExt;
use futures::future::BoxFuture;
use rustix::net::sockopt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// Bytes of a direction that are under way.
const PIECE: usize = 64 << 10;

/// The guest's end of a connection whose other end is outside, and what moves bytes until both ends are closed. It takes a runtime of
/// tokio's.
pub(super) async fn relayed(outside: OwnedFd, inside: Arc<Target>) -> io::Result<(OwnedFd, BoxFuture<'static, ()>)> {
    let mut outside = TcpStream::from_std(outside.into())?;
    // Init makes it, and may take its time.
    let pair = tokio::task::spawn_blocking(move || forward::pair(&inside));
    let (ours, theirs) = pair.await.map_err(io::Error::other)??;
    let ours = std::net::TcpStream::from(ours);
    ours.set_nonblocking(true)?;
    let mut ours = TcpStream::from_std(ours)?;
    let moves = async move {
        let moved = tokio::io::copy_bidirectional_with_sizes(&mut ours, &mut outside, PIECE, PIECE).await;
        if moved.is_err() {
            // A reset of one end becomes one of the other.
            for end in [&ours, &outside] {
                let _ = sockopt::set_socket_linger(end, Some(Duration::ZERO));
            }
        }
    };
    Ok((theirs, moves.boxed()))
}
