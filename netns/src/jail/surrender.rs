//! Giving up what a guest's process does not need: capabilities, the way to new ones, and core dumps.

use caps::{CapSet, Capability, CapsHashSet};
use rustix::process::{Resource, Rlimit, setrlimit};
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
    /// setrlimit(2).
    #[error("cannot set a resource limit")]
    Limit(#[source] io::Error),
}

/// Gives up everything, for good.
pub(super) fn everything() -> Result<(), SurrenderError> {
    all_but(None)
}

/// Gives up everything but one capability.
pub(super) fn all_but(kept: Option<Capability>) -> Result<(), SurrenderError> {
    let failed = |set| move |source| SurrenderError::Capabilities { set, source };
    // A core dump would put the guest's memory onto the host's disk.
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none).map_err(|errno| SurrenderError::Limit(errno.into()))?;
    rustix::thread::set_no_new_privs(true).map_err(|errno| SurrenderError::NoNewPrivileges(errno.into()))?;
    let bounding = caps::read(None, CapSet::Bounding).map_err(failed("bounding"))?;
    for capability in bounding {
        caps::drop(None, CapSet::Bounding, capability).map_err(failed("bounding"))?;
    }
    caps::clear(None, CapSet::Ambient).map_err(failed("ambient"))?;
    caps::clear(None, CapSet::Inheritable).map_err(failed("inheritable"))?;
    let kept: CapsHashSet = kept.into_iter().collect();
    // Effective first: it must stay within permitted.
    caps::set(None, CapSet::Effective, &kept).map_err(failed("effective"))?;
    caps::set(None, CapSet::Permitted, &kept).map_err(failed("permitted"))
}
