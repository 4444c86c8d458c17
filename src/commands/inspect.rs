//! `wasmrun inspect`: everything about a run.

use crate::cli::Named;
use crate::control::{Client, State};
use report::Result;
use std::io::Write;

/// `wasmrun inspect`
pub async fn run(named: &Named) -> Result<u8> {
    let state: State = Client::find(&named.name).await?.get("state").await?;
    writeln!(std::io::stdout().lock(), "{}", serde_json::to_string_pretty(&state)?)?;
    Ok(0)
}
