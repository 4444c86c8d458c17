//! What languages build with: processes, folders in the making, and what is told of them.

pub mod component;
pub mod digest;
pub mod process;
pub mod progress;
pub mod sealed;
pub mod staging;

use files::cache;
use report::Result;
use std::path::PathBuf;

/// Where a program is on PATH.
pub fn find(program: &str) -> Option<PathBuf> {
    which::which(program).ok()
}

/// The folder for toolchains that wasmrun fetches: pinned, one folder each, installed on first use.
pub fn toolchains() -> Result<PathBuf> {
    cache::folder(cache::Kind::Toolchains)
}
