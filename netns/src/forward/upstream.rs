//! Where a forward's new connections go.

use super::target::Target;
use std::sync::Arc;

/// Where a forward's new connections go. One value, so that no moment has a target and none.
#[derive(Clone, Debug, Default)]
pub enum Upstream {
    /// To a guest that is to come: they wait for it as long as it takes. [`crate::Limits::connect_timeout`] is for a guest that
    /// is there.
    #[default]
    Awaited,
    /// Nobody is to come: they are reset.
    Nobody,
    /// To this guest.
    Guest(Arc<Target>),
}

impl From<Arc<Target>> for Upstream {
    fn from(target: Arc<Target>) -> Upstream {
        Upstream::Guest(target)
    }
}

impl Upstream {
    /// The guest, where there is one.
    pub fn target(self) -> Option<Arc<Target>> {
        match self {
            Upstream::Guest(target) => Some(target),
            Upstream::Awaited | Upstream::Nobody => None,
        }
    }
}
