//! `wasmrun restart`: another generation of a run.

use crate::cli::Named;
use crate::control::Client;
use report::Result;

/// `wasmrun restart`
pub async fn run(named: &Named) -> Result<u8> {
    Client::find(&named.name).await?.post::<()>("restart", &()).await?;
    Ok(0)
}
