//! package.json (<https://docs.npmjs.com/cli/configuring-npm/package-json>): each part of wasmrun reads what matters to it.

use crate::failure::{Failure, Result};
use anyhow::Context;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::Path;

pub const NAME: &str = "package.json";

/// Reads one.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text)
        .with_context(|| format!("{} is not valid", path.display()))
        .map_err(Failure::usage)
}

/// Whether one says that the files below it are ES modules.
pub fn is_of_modules(path: &Path) -> Result<bool> {
    let manifest: Value = read(path)?;
    Ok(manifest.get("type").is_some_and(|kind| kind == "module"))
}

/// Whether a folder is the root of several packages
/// (<https://docs.npmjs.com/cli/using-npm/workspaces>, <https://pnpm.io/pnpm-workspace_yaml>).
pub fn is_workspace(folder: &Path) -> bool {
    let of_npm = || read::<Value>(&folder.join(NAME)).is_ok_and(|manifest| manifest.get("workspaces").is_some());
    folder.join("pnpm-workspace.yaml").is_file() || of_npm()
}
