//! `wasmrun schema`: the form of `.wasmrun.toml`, for editors.

use crate::settings::schema::schema;
use languages::registry;
use report::Result;
use std::io::Write;

/// Prints it as JSON.
pub fn run() -> Result<u8> {
    writeln!(std::io::stdout(), "{:#}", schema(registry::ALL))?;
    Ok(0)
}
