//! The engine's own esbuild.

use crate::build::component::Component;
use crate::failure::Result;
use anyhow::anyhow;
use std::ffi::OsStr;
use std::path::{self, Path, PathBuf};

/// The program itself: the one in `.bin` is Node's and takes a start of that.
pub fn program(engine: &Component) -> Result<PathBuf> {
    let machine = match std::env::consts::ARCH {
        "aarch64" => "linux-arm64",
        _ => "linux-x64",
    };
    let path = engine
        .folder
        .join("node_modules/@esbuild")
        .join(machine)
        .join("bin/esbuild");
    if !path.is_file() {
        return Err(anyhow!("there is no {}", path.display()).into());
    }
    Ok(path)
}

/// The variable by which it finds packages that were installed elsewhere.
pub fn variables(installed: Option<&Path>) -> Vec<(&'static str, &OsStr)> {
    installed
        .map(|packages| ("NODE_PATH", packages.as_os_str()))
        .into_iter()
        .collect()
}

/// A path as it says them without `..`; what is a link it has resolved.
pub fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            path::Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}
