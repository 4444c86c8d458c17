//! Files that a user's own commands keep, where nobody else reads them. Of two that change one at once, one waits.

use anyhow::Context;
use report::Result;
use std::fs::{DirBuilder, File};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use tempfile::NamedTempFile;

fn cannot(folder: &Path) -> String {
    format!("cannot write to {}", folder.display())
}

/// Makes a folder, and those that it is in, where they are not there: closed to others (0700).
///
/// # Errors
///
/// It cannot be made.
pub fn folder(path: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    Ok(made.with_context(|| cannot(path))?)
}

/// Makes a folder, and keeps others from changing what is in it for as long as the file is held.
///
/// # Errors
///
/// It cannot be made or locked.
pub fn lock(path: &Path) -> Result<File> {
    folder(path)?;
    let lock = File::open(path).with_context(|| cannot(path))?;
    lock.lock().with_context(|| cannot(path))?;
    Ok(lock)
}

/// Writes a file whole, for this user's eyes (0600, as tempfile makes them): who reads it meanwhile has the former one.
///
/// # Errors
///
/// It cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let place = path.parent().context("a file is in a folder")?;
    folder(place)?;
    let mut file = NamedTempFile::new_in(place).with_context(|| cannot(place))?;
    file.write_all(bytes).with_context(|| cannot(place))?;
    file.persist(path).with_context(|| cannot(place))?;
    Ok(())
}
