//! What was typed, and what the project's file says, for a language that is asked for a plan.

use crate::config::{self, Written};
use crate::plan::Policy;
use crate::tools::digest::Digest;
use anyhow::anyhow;
use files::cache;
use report::{Failure, Result};
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// A project that a language was found for.
pub struct Project<'a> {
    /// Absolute.
    pub folder: PathBuf,
    /// The file that was named instead of its folder.
    pub script: Option<PathBuf>,
    /// What its file says.
    pub file: Option<Written<'a>>,
    /// What its build may do.
    pub policy: Policy,
    /// Finds the folder of the packages that are built together with it.
    pub workspace: fn(&Path) -> Option<PathBuf>,
    /// What tells tools to fetch nothing, where nothing is to be fetched.
    pub offline: Vec<(&'static str, &'static str)>,
}

impl Project<'_> {
    /// A folder for what the build writes, outside the project.
    pub fn out(&self) -> Result<PathBuf> {
        out(&self.folder)
    }

    /// The section of its file that belongs to a language.
    pub fn section<T: DeserializeOwned + Default>(&self, name: &str) -> Result<T> {
        let Some(file) = &self.file else {
            return Ok(T::default());
        };
        config::section(file.text, &[name]).map_err(|error| Failure::usage(anyhow!("{error}")))
    }
}

/// A folder for what the build of a project's folder writes.
pub(crate) fn out(folder: &Path) -> Result<PathBuf> {
    let name = Digest::default().add(folder.as_os_str().as_encoded_bytes()).name();
    Ok(cache::folder(cache::Kind::Build)?.join(name))
}
