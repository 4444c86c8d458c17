//! Toolchains that wasmrun fetches: pinned, one folder each in the user's cache, installed on first use.

use crate::failure::Result;
use std::path::PathBuf;

/// The folder for toolchains: beside that of compiled code.
pub fn folder() -> Result<PathBuf> {
    let cache = crate::code::cache_folder_or_say()?;
    Ok(match (std::env::var_os("WASMRUN_CACHE_DIR"), cache.parent()) {
        (None, Some(parent)) => parent.join("toolchains"),
        _ => cache.join("toolchains"),
    })
}
