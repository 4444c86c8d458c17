//! What two ends say after they have changed the protocol: bytes, which are nobody else's.

use super::link::Link;
use crate::traffic::Use;
use gateway::access::Access;
use gateway::scope::Operation;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use std::io;
use tokio::io::{AsyncWriteExt, copy_bidirectional_with_sizes};
use tokio_util::sync::CancellationToken;
use tunnel::mux::Head;

/// Bytes on their way in each direction.
const BUFFER: usize = 16 * 1024;

/// Passes bytes both ways until both have ended, one has failed, `ended` is cancelled, or it may not be any more.
pub(super) async fn pass(
    client: OnUpgrade,
    guest: OnUpgrade,
    access: Access,
    head: Head,
    ended: CancellationToken,
    in_use: Use,
) {
    let upgraded = async { tokio::try_join!(client, guest) };
    let passed = async {
        let Ok((client, guest)) = upgraded.await else {
            return;
        };
        let Ok(parts) = guest.downcast::<TokioIo<Link>>() else {
            return;
        };
        let early = parts.read_buf;
        let mut guest = Resetting(parts.io.into_inner(), true);
        let mut client = TokioIo::new(client);
        if copied(&mut client, &mut guest.0, &early).await.is_ok() {
            guest.1 = false;
        }
    };
    tokio::select! {
        () = passed => {}
        () = ended.cancelled() => {}
        _ = access.revoked(Operation::Connect, &head) => {}
    }
    drop(in_use);
}

/// `early` came from the guest together with its answer's head.
async fn copied(client: &mut TokioIo<Upgraded>, guest: &mut Link, early: &[u8]) -> io::Result<()> {
    client.write_all(early).await?;
    copy_bidirectional_with_sizes(client, guest, BUFFER, BUFFER).await?;
    Ok(())
}

/// A connection whose end is a reset unless both directions have ended.
struct Resetting(Link, bool);

impl Drop for Resetting {
    fn drop(&mut self) {
        if self.1 {
            self.0.reset();
        }
    }
}
