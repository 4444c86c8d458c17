//! package.json (<https://docs.npmjs.com/cli/configuring-npm/package-json>): each part of wasmrun reads what matters to it.

use crate::failure::{Failure, Result};
use anyhow::Context;
use serde::de::DeserializeOwned;
use std::path::Path;

pub const NAME: &str = "package.json";

/// Reads one.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text)
        .with_context(|| format!("{} is not valid", path.display()))
        .map_err(Failure::usage)
}
