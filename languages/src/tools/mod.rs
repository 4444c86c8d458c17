//! What languages build with: processes, folders in the making, and what is told of them.

pub(crate) mod component;
pub(crate) mod digest;
pub(crate) mod process;
pub(crate) mod progress;
pub(crate) mod sealed;
pub(crate) mod staging;

use files::cache;
use report::Result;
use std::path::PathBuf;

/// Where a program is on PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    which::which(program).ok()
}

/// The folder for toolchains that wasmrun fetches: pinned, one folder each, installed on first use.
pub(crate) fn toolchains() -> Result<PathBuf> {
    cache::folder(cache::Kind::Toolchains)
}
