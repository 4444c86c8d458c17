//! Folders that are nothing for a build or a guest.

use anyhow::anyhow;
use report::{Failure, Result};
use std::path::Path;

/// Refuses a home folder, and what is around one: the guest of an interpreter reads the whole folder, and a build may write
/// it.
pub(crate) fn refuse(folder: &Path) -> Result<()> {
    let home = dirs::home_dir().and_then(|home| home.canonicalize().ok());
    if folder == Path::new("/") || home.is_some_and(|home| home.starts_with(folder)) {
        let message = anyhow!("the program would see all of {}", folder.display());
        return Err(Failure::usage(message).hint("move it into a folder of its own"));
    }
    Ok(())
}
