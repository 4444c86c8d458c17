//! What every request to the page has.

use crate::started::Started;

/// The same for all of them.
pub(crate) struct Shared {
    pub(crate) started: Started,
    pub(crate) domain: Option<String>,
}
