//! What may be done on this machine for a project's packages.

use crate::plan::Policy;

/// What may be done on this machine to make one.
#[derive(Clone, Copy)]
pub(super) struct May {
    pub policy: Policy,
    /// Build packages without a wheel, which runs their code.
    pub build: bool,
}
