//! A program as it was written, and what there is to run it.

use super::manifest;
use crate::home;
use crate::jail::{Confinement, Room};
use crate::tools::component::Component;
use std::path::{Path, PathBuf};

/// A program, and what there is to run it.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub engine: Component,
    pub folder: PathBuf,
    pub script: PathBuf,
    pub confinement: Confinement,
    /// Packages that the project does not have itself.
    pub installed: Option<PathBuf>,
}

impl Source {
    /// What esbuild is shown, and the engine's own tools: the project with its workspace, its packages, and a folder for what
    /// they make.
    pub(super) fn room(&self, out: &Path) -> Option<Room> {
        self.confinement.around(|| {
            let room = Room::writing(out)
                .and_reads(&self.engine.folder)
                .and_reads(&self.folder);
            let room = match self.folder.ancestors().find(|folder| manifest::is_workspace(folder)) {
                Some(workspace) if home::refuse(workspace).is_ok() => room.and_reads(workspace),
                _ => room,
            };
            match &self.installed {
                Some(packages) => room.and_reads(packages),
                None => room,
            }
        })
    }

    /// The folder that has `node_modules`.
    pub(super) fn base(&self) -> &Path {
        match &self.installed {
            Some(packages) => packages.parent().unwrap_or(packages),
            None => &self.folder,
        }
    }

    /// The same as the guest sees it, without a slash at its end.
    pub(super) fn base_of_guest(&self, is_bundle: bool) -> String {
        match &self.installed {
            None if !is_bundle => self.folder.to_string_lossy().into_owned(),
            // `packages::PLACE` and `bundle::PLACE` are at the root.
            _ => String::new(),
        }
    }
}
