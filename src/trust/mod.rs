//! What of a project's file runs on this machine as the user, or reaches what is the user's: only in folders that the user
//! trusts. Everything else of a project runs in a jail, and is nobody's question.
//!
//! Trust is in a folder and in the very lines (`demands`), so a guest that may write the project, or the next `git pull`,
//! cannot change what was agreed to. What was typed needs none: who types it has decided.

mod demands;
mod store;

pub use demands::{Demand, of as demands};
pub use files::owner::refuse_others;
pub use store::Store;

use crate::settings::file::File;
use crate::settings::typed::Os;
use anyhow::anyhow;
use report::{Failure, Result};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Checks that what a file asks for is trusted.
///
/// # Errors
///
/// It is not; with the command that changes it.
pub fn require(os: &Os, file: Option<&File>) -> Result<()> {
    let Some(file) = file.filter(|_| !os.trust) else {
        return Ok(());
    };
    let demands = demands::of(os, file)?;
    if demands.is_empty() {
        return Ok(());
    }
    let folder = folder(file)?;
    if Store::read()?.has(&folder, &demands) {
        return Ok(());
    }
    let message = anyhow!(
        "{} has settings that need your trust:{}",
        file.path.display(),
        lines(&demands)
    );
    let command = format!("`wasmrun trust {}`", folder.display());
    Err(Failure::usage(message).hint(format!("allow them with {command}; in a script, set WASMRUN_TRUST=1")))
}

/// The same, and asks where somebody can be asked.
pub fn require_or_ask(os: &Os, file: Option<&File>) -> Result<()> {
    let failure = match (require(os, file), file) {
        (Err(failure), Some(file)) if can_ask(os) => (failure, file),
        (result, _) => return result,
    };
    let (failure, file) = failure;
    let demands = demands::of(os, file)?;
    let folder = folder(file)?;
    let question = format!(
        "{} has settings that need your trust:{}\n  trust {} with these settings?",
        file.path.display(),
        lines(&demands),
        folder.display()
    );
    if !report::ask(&question)? {
        return Err(failure);
    }
    Store::change(|store| store.add(&folder, &demands))
}

fn can_ask(os: &Os) -> bool {
    // What is typed is the guest's.
    !os.stdin && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Demands as they are listed.
pub fn lines(demands: &[Demand]) -> String {
    demands.iter().map(|demand| format!("\n  {demand}")).collect()
}

/// The folder of a file, by its only name.
pub fn folder(file: &File) -> Result<PathBuf> {
    canonical(file.folder())
}

/// The same of any folder.
pub fn canonical(folder: &Path) -> Result<PathBuf> {
    folder
        .canonicalize()
        .map_err(|error| Failure::usage(anyhow!("cannot use {}: {error}", folder.display())))
}
