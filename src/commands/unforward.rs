//! `wasmrun unforward`: ends a forward that was added to a run.

use crate::control::Client;
use clap::Args;
use report::Result;

#[derive(Debug, Args)]
pub struct Arguments {
    /// A name or id, as `wasmrun ps` shows it
    pub name: String,
    /// Host port of the forward
    pub port: u16,
}

/// `wasmrun unforward`
pub async fn run(unforward: &Arguments) -> Result<u8> {
    let client = Client::find(&unforward.name).await?;
    client.delete::<()>(&format!("forwards/{}", unforward.port)).await?;
    Ok(0)
}
