//! From what was typed to a plan.

use crate::command::Command;
use crate::config::Written;
use crate::home;
use crate::plan::{Plan, Policy};
use crate::project::Project;
use crate::registry::{self, ALL, Named};
use anyhow::{Context, anyhow};
use report::{Failure, Result};
use std::path::Path;
use std::sync::Arc;

/// The plan for what was typed: the file's `[build] command`, else what the named language has, else the project's, else
/// none.
///
/// # Errors
///
/// The project cannot be read, or nothing says what of it is meant.
pub fn find(
    path: &Path,
    file: Option<Written<'_>>,
    language: Option<Named>,
    policy: Policy,
) -> Result<Option<Arc<dyn Plan>>> {
    let project = |folder: &Path, script, file| Project {
        folder: folder.to_owned(),
        script,
        file,
        policy,
        workspace: |folder| registry::workspace(ALL, folder),
        offline: if policy.offline {
            registry::offline(ALL)
        } else {
            Vec::new()
        },
    };
    if let (None, Some(written)) = (language, &file)
        && let Some(command) = &written.build.command
    {
        let folder = written
            .folder
            .join(written.build.dir.as_deref().unwrap_or(Path::new(".")));
        let folder = folder
            .canonicalize()
            .with_context(|| format!("`[build] dir`: cannot use {}", folder.display()))
            .map_err(Failure::usage)?;
        let project = project(&folder, None, None);
        return Ok(Some(Arc::new(Command::of_config(path, &project, written, command)?)));
    }
    let language = match (language, &file) {
        (None, Some(file)) => registry::written(file.text, &[]).map_err(|error| Failure::usage(anyhow!("{error}")))?,
        (language, _) => language,
    };
    let of_script = path.is_file().then(|| registry::of_script(ALL, path)).flatten();
    let named = file.as_ref().is_some_and(|file| file.artifact.is_some());
    if of_script.is_none() && (!path.is_dir() || (named && language.is_none())) {
        return Ok(None);
    }
    let whole = path
        .canonicalize()
        .with_context(|| format!("cannot use {}", path.display()))
        .map_err(Failure::usage)?;
    let (folder, script) = match whole.parent() {
        Some(parent) if of_script.is_some() => (parent.to_owned(), Some(whole)),
        _ => (whole, None),
    };
    let language = match language.map(|named| named.0).or(of_script) {
        Some(language) => Some(language),
        None => registry::detect(ALL, &folder)?,
    };
    let Some(language) = language else { return Ok(None) };
    tracing::debug!("build: {}", language.name());
    let plan = language.plan(&project(&folder, script, file))?;
    if plan.is_interpreted() {
        home::refuse(plan.folder())?;
    }
    Ok(Some(plan))
}
