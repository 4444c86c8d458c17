//! Runs of another machine, through its hub.

mod forward;
mod hub;
mod ssh;
mod target;

use anyhow::anyhow;
pub use forward::forward;
pub use hub::{Hub, farewell};
use report::{Failure, Result};
pub use target::Target;

/// The hub that a target names, whatever run it names besides.
pub async fn hub(target: &str) -> Result<Hub> {
    match Target::read(target)? {
        Some(target) => Hub::reach(&target.place, None).await,
        None => Err(Failure::usage(anyhow!("`{target}` is no other machine")).hint("write ssh://HOST")),
    }
}
