//! What is known of the packages that a program loads: kept from one start to the next.

use super::stamp::Stamp;
use crate::build::component::Component;
use crate::build::digest::Digest;
use crate::failure::Result;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};

/// One program's.
#[derive(Serialize, Deserialize)]
pub struct Record {
    /// Of the snapshot, hexadecimal; none where the program loads nothing that could be in one.
    pub digest: Option<String>,
    /// What the snapshot depends on: if one of these does not hold, it must not be used.
    pub packages: Vec<Stamp>,
    /// The program's own files: if one of these does not hold, it may load other packages now.
    pub sources: Vec<Stamp>,
}

impl Record {
    pub fn read(place: &Path) -> Option<Record> {
        serde_json::from_slice(&std::fs::read(place).ok()?).ok()
    }

    /// Puts it in its place in one step.
    pub fn write(&self, place: &Path) -> Result<()> {
        let cannot = || format!("cannot write {}", place.display());
        let folder = place.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).with_context(cannot)?;
        let mut file = tempfile::NamedTempFile::new_in(folder).with_context(cannot)?;
        let text = serde_json::to_vec(self).with_context(cannot)?;
        file.write_all(&text).with_context(cannot)?;
        file.persist(place).with_context(cannot)?;
        Ok(())
    }
}

/// Where the record is of a program that this engine runs.
pub fn place(engine: &Component, script: &Path, is_bundle: bool) -> Result<PathBuf> {
    let name = Digest::default()
        .add(engine.digest.as_bytes())
        .add([u8::from(is_bundle)])
        .add(script.as_os_str().as_encoded_bytes())
        .name();
    let cache = crate::code::cache_folder_or_say()?;
    Ok(cache.join("nodejs").join("snapshots").join(format!("{name}.json")))
}
