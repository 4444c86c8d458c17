//! A component that an interpreter is, in a folder of the cache: made once, and never changed.

use super::sealed;
use anyhow::{Context, anyhow};
use report::Result;
use std::path::{Path, PathBuf};

/// What it is called in its folder.
pub(crate) const NAME: &str = "component.wasm";
/// Its digest, so that a start need not read it. Written last: where it is, the folder is whole.
const DIGEST: &str = "component.blake3";

#[derive(Clone, Debug)]
pub(crate) struct Component {
    pub folder: PathBuf,
    pub digest: blake3::Hash,
}

impl Component {
    /// The one of a folder that is whole.
    pub(crate) fn open(folder: &Path) -> Option<Component> {
        let digest = std::fs::read_to_string(folder.join(DIGEST)).ok()?;
        Some(Component {
            folder: folder.to_owned(),
            digest: blake3::Hash::from_hex(digest.trim()).ok()?,
        })
    }

    /// The same where there has to be one.
    pub(crate) fn of(folder: &Path) -> Result<Component> {
        Component::open(folder).ok_or_else(|| anyhow!("{} is incomplete", folder.display()).into())
    }

    /// Says that the component in a folder is finished. Code of packages was at work there.
    pub(crate) fn seal(folder: &Path) -> Result<()> {
        let component = folder.join(NAME);
        let bytes = sealed::read(&component).with_context(|| format!("cannot read {}", component.display()))?;
        sealed::write(&folder.join(DIGEST), blake3::hash(&bytes).to_hex().as_bytes())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }
}
