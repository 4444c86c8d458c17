//! What sockets of a guest need of its host.

use crate::adoption::Adoption;
use crate::egress::Egress;
use crate::guest::Localhost;
use crate::host::Gate;
use crate::stop::Stop;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;
use wasmtime::component::{HasData, ResourceTable};

/// What every socket of a guest needs.
#[derive(Clone)]
pub(crate) struct Network {
    /// The one place where connect, bind and listen are decided.
    pub(crate) gate: Arc<Gate>,
    pub(crate) adoption: Adoption,
    pub(crate) stop: Stop,
    /// What makes connections that leave the guest's network; none where it has no way out.
    pub(crate) egress: Option<Arc<dyn Egress>>,
    /// Ports of the guest's localhost that are the host's.
    pub(crate) localhost: Arc<Localhost>,
    /// What guests have written and sockets had no room for.
    pub(crate) sending: TaskTracker,
}

/// How long a guest's process stays, when the guest has ended, for what is still to be sent.
const LAST_BYTES: Duration = Duration::from_secs(1);

impl Network {
    /// Returns when all that was written is on its way, or never will be.
    pub(crate) async fn sent(&self) {
        self.sending.close();
        let _ = tokio::time::timeout(LAST_BYTES, self.sending.wait()).await;
    }
}

/// The part of a store's state that is used here.
pub(crate) struct View<'a> {
    pub(crate) table: &'a mut ResourceTable,
    pub(crate) network: &'a Network,
}

/// Names [`View`] to the linker.
pub(super) struct Sockets;

impl HasData for Sockets {
    type Data<'a> = View<'a>;
}
