//! uv as the user has set it up: which index it asks, and how it chooses.

use super::toolchain::{PYTHON, Toolchain};
use crate::tools::digest::Digest;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What decides which packages it takes, besides what it is told.
const CONFIGURATION: &str = "uv/uv.toml";
/// Wheels are chosen for the guest's version of Python. Native ones come along with this machine's code, which is removed;
/// many have a part in Python that does the same.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// The beginning of `uv pip SUBCOMMAND`.
pub(super) fn pip(toolchain: &Toolchain, subcommand: &str) -> Vec<OsString> {
    let mut command = toolchain.uv();
    match configuration() {
        Some(file) => command.extend(["--config-file".into(), file.into_os_string()]),
        None => command.push("--no-config".into()),
    }
    let options = [
        "pip",
        subcommand,
        "--python-version",
        PYTHON,
        "--python-platform",
        PLATFORM,
        // As pip does: a company may have a certificate of its own between here and PyPI.
        "--system-certs",
        "--python",
    ];
    command.extend(options.map(OsString::from));
    command.push(toolchain.python().into());
    command
}

/// A name with all by which the user has uv find packages.
pub(super) fn identified(mut digest: Digest) -> Digest {
    for (name, value) in variables() {
        digest = digest.add(name.as_encoded_bytes()).add(value.as_encoded_bytes());
    }
    if let Some(configuration) = configuration() {
        digest = digest.add(std::fs::read(configuration).unwrap_or_default());
    }
    digest
}

/// Its own, of the environment.
fn variables() -> Vec<(OsString, OsString)> {
    let mut variables: Vec<_> = std::env::vars_os()
        .filter(|(name, _)| name.as_encoded_bytes().starts_with(b"UV_") && name != "UV_CACHE_DIR")
        .collect();
    variables.sort();
    variables
}

/// The user's configuration. That of a project is a stranger's.
fn configuration() -> Option<PathBuf> {
    let own = dirs::config_dir().map(|folder| folder.join(CONFIGURATION));
    own.into_iter()
        .chain([Path::new("/etc").join(CONFIGURATION)])
        .find(|file| file.is_file())
}
