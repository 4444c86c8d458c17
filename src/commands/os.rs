//! `wasmrun os`: runs a guest.

use crate::cli;
use crate::parent::Parent;
use crate::session::{self, Ready};
use crate::settings::typed::Os;
use report::{Result, stderr};

/// `wasmrun os`
pub async fn run(os: &Os) -> Result<u8> {
    // Before any descriptor is opened here.
    let ready = os.ready_fd.map(Ready::take).transpose()?;
    let parent = os.service.as_ref().map(|_| Parent::take()).transpose()?;
    stderr::start()?;
    if let Err(error) = cli::hide(&os.env) {
        tracing::warn!(
            hint = "pass them in a file with `--env-file`",
            "other users can read the values of --env in the list of processes: {error:#}"
        );
    }
    session::run(os, ready, parent).await
}
