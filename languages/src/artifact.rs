//! Finding the guest's file.

use crate::config;
use anyhow::{Context, anyhow};
use report::{Failure, Result};
use std::path::{Path, PathBuf};

const EXTENSIONS: [&str; 3] = ["wasm", "wat", "cwasm"];

/// A guest's file that a configuration names.
pub struct Named {
    /// It need not be there.
    pub artifact: PathBuf,
    /// The configuration's file.
    pub by: PathBuf,
}

/// The file to run for what was typed: the file itself, the one that the configuration names, or the only one there.
pub fn find(path: &Path, named: Option<&Named>) -> Result<PathBuf> {
    let metadata = std::fs::metadata(path)
        .with_context(|| format!("cannot use {}", path.display()))
        .map_err(|error| {
            Failure::usage(error).hint("name a .wasm, .wat or .cwasm file, or a directory that has one")
        })?;
    if !metadata.is_dir() {
        return Ok(path.to_owned());
    }
    if let Some(Named { artifact, by }) = named {
        if !artifact.is_file() {
            let message = anyhow!(
                "{} names the guest {}, which does not exist",
                by.display(),
                artifact.display()
            );
            return Err(Failure::usage(message).hint("build it first, or correct `[guest] artifact`"));
        }
        return Ok(artifact.clone());
    }
    let mut found = candidates(path)?;
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(
            Failure::usage(anyhow!("{} has no .wasm, .wat or .cwasm file", path.display())).hint(format!(
                "build the guest, and name its file: `artifact = \"…\"` under `[guest]` in {}",
                config::NAME
            )),
        ),
        _ => {
            let names: Vec<String> = found.iter().map(|file| format!("\n  {}", file.display())).collect();
            let message = anyhow!("{} has several guests:{}", path.display(), names.concat());
            Err(Failure::usage(message).hint(format!(
                "name one: `wasmrun os {}`, or `artifact = \"…\"` under `[guest]` in {}",
                found[0].display(),
                config::NAME
            )))
        }
    }
}

/// Every guest file of a folder, in order.
pub fn candidates(folder: &Path) -> Result<Vec<PathBuf>> {
    Ok(files(folder, &EXTENSIONS).with_context(|| format!("cannot read {}", folder.display()))?)
}

/// The files of a folder with one of these extensions, in order.
pub fn files(folder: &Path, extensions: &[&str]) -> std::io::Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|e| extensions.iter().any(|known| e == *known))
        })
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    Ok(found)
}
