//! Toolchains that wasmrun fetches: pinned, one folder each in the user's cache, installed on first use.

use files::cache;
use report::Result;
use std::path::PathBuf;

/// The folder for toolchains: beside that of compiled code.
pub fn folder() -> Result<PathBuf> {
    cache::folder(cache::Kind::Toolchains)
}
