//! Giving up what a guest's process does not need: capabilities, the way to new ones, and core dumps.

use super::limits::{self, LimitError};
use caps::{CapSet, Capability, CapsHashSet};
use std::io;

/// Something that could not be given up.
#[derive(Debug, thiserror::Error)]
pub enum SurrenderError {
    /// A capability set (capabilities(7)).
    #[error("cannot give up the {set} capabilities")]
    Capabilities {
        /// Which set.
        set: &'static str,
        /// Why not.
        #[source]
        source: caps::errors::CapsError,
    },
    /// `PR_SET_NO_NEW_PRIVS`, prctl(2).
    #[error("cannot set no_new_privs")]
    NoNewPrivileges(#[source] io::Error),
    /// Core dumps.
    #[error(transparent)]
    Limit(#[from] LimitError),
}

/// Gives up everything, for good.
pub(super) fn everything() -> Result<(), SurrenderError> {
    all_but(None)
}

/// Gives up everything but one capability.
pub(super) fn all_but(kept: Option<Capability>) -> Result<(), SurrenderError> {
    for_good()?;
    let bounding = caps::read(None, CapSet::Bounding).map_err(failed("bounding"))?;
    for capability in bounding {
        caps::drop(None, CapSet::Bounding, capability).map_err(failed("bounding"))?;
    }
    capabilities(kept)
}

/// The same for a process that is in the host's user namespace, where only root may narrow the bounding set. Nothing that is
/// in it can be had without new privileges.
pub(super) fn what_it_has() -> Result<(), SurrenderError> {
    for_good()?;
    capabilities(None)
}

fn for_good() -> Result<(), SurrenderError> {
    limits::no_core_dumps()?;
    rustix::thread::set_no_new_privs(true).map_err(|errno| SurrenderError::NoNewPrivileges(errno.into()))
}

fn capabilities(kept: Option<Capability>) -> Result<(), SurrenderError> {
    caps::clear(None, CapSet::Ambient).map_err(failed("ambient"))?;
    caps::clear(None, CapSet::Inheritable).map_err(failed("inheritable"))?;
    let kept: CapsHashSet = kept.into_iter().collect();
    // Effective first: it must stay within permitted.
    caps::set(None, CapSet::Effective, &kept).map_err(failed("effective"))?;
    caps::set(None, CapSet::Permitted, &kept).map_err(failed("permitted"))
}

fn failed(set: &'static str) -> impl FnOnce(caps::errors::CapsError) -> SurrenderError {
    move |source| SurrenderError::Capabilities { set, source }
}
