//! A program of JavaScript, and what it is given.

use crate::config;
use anyhow::anyhow;
use report::Failure;
use std::path::{Path, PathBuf};

const EXTENSIONS: [&str; 4] = ["js", "mjs", "cjs", "ts"];

/// A program of JavaScript.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Program {
    Script(PathBuf),
    /// What a package of the project calls so under `bin` of its package.json.
    OfPackage(String),
}

impl Default for Program {
    fn default() -> Program {
        Program::Script(PathBuf::new())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Entry {
    pub program: Program,
    /// What the start script sets before it.
    pub variables: Vec<(String, String)>,
    /// Files of more (`--env-file`), as they are named in the project's folder.
    pub env_files: Vec<String>,
    /// Modules that are loaded before it (`--require`, `--import`).
    pub preloads: Vec<String>,
    /// What the start script has behind it.
    pub arguments: Vec<String>,
}

/// A start script that cannot be obeyed.
pub(super) fn unusable(start: &str, what: &str) -> Failure {
    let message = anyhow!("cannot use the start script `{start}` of package.json: {what}");
    Failure::usage(message).hint(format!(
        "name the entry point: `script` under `[nodejs]` in {}",
        config::NAME
    ))
}

/// A file as it may be named without its extension.
pub(super) fn resolved(folder: &Path, name: &str) -> Option<PathBuf> {
    let path = folder.join(name.trim_start_matches("./"));
    let endings = EXTENSIONS.iter().map(|extension| {
        let mut path = path.clone().into_os_string();
        path.push(".");
        path.push(extension);
        PathBuf::from(path)
    });
    let index = EXTENSIONS
        .iter()
        .map(|extension| path.join("index").with_extension(extension));
    [path.clone()]
        .into_iter()
        .chain(endings)
        .chain(index)
        .find(|path| path.is_file())
}
