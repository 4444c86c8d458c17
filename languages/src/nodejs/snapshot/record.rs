//! What is known of the packages that a program loads: kept from one start to the next.

use super::stamp::Stamp;
use crate::tools::component::Component;
use crate::tools::digest::Digest;
use anyhow::Context;
use files::cache;
use report::Result;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

const EXTENSION: &str = "json";
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// One program's.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    /// Of the snapshot, hexadecimal; none where the program loads nothing that could be in one.
    digest: Option<String>,
    /// What the snapshot depends on: if one of these does not hold, it must not be used.
    pub packages: Vec<Stamp>,
    /// The program's own files: if one of these does not hold, it may load other packages now.
    pub sources: Vec<Stamp>,
}

impl Record {
    pub(super) fn new(digest: Option<blake3::Hash>, packages: Vec<Stamp>, sources: Vec<Stamp>) -> Record {
        Record {
            digest: digest.map(|digest| digest.to_hex().to_string()),
            packages,
            sources,
        }
    }

    /// Whether the snapshot still fits.
    pub(super) fn fits(&self) -> bool {
        self.packages.iter().all(Stamp::holds)
    }

    pub(super) fn digest(&self) -> Option<blake3::Hash> {
        blake3::Hash::from_hex(self.digest.as_ref()?).ok()
    }

    pub(super) fn read(place: &Path) -> Option<Record> {
        serde_json::from_slice(&std::fs::read(place).ok()?).ok()
    }

    /// Puts it in its place in one step.
    pub(super) fn write(&self, place: &Path) -> Result<()> {
        let cannot = || format!("cannot write {}", place.display());
        let folder = place.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).with_context(cannot)?;
        let mut file = tempfile::NamedTempFile::new_in(folder).with_context(cannot)?;
        let text = serde_json::to_vec(self).with_context(cannot)?;
        file.write_all(&text).with_context(cannot)?;
        file.persist(place).with_context(cannot)?;
        sweep(folder);
        Ok(())
    }
}

/// Removes what is old: most are of projects that are gone, and the others are soon made again, of code that is there.
fn sweep(folder: &Path) {
    let is_old = |path: &Path| -> std::io::Result<bool> {
        let age = std::fs::metadata(path)?.modified()?.elapsed();
        Ok(age.is_ok_and(|age| age > LIFETIME))
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        if path.extension().is_some_and(|extension| extension == EXTENSION) && is_old(&path).unwrap_or(false) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Where the record is of a program that this engine runs with these packages.
pub(super) fn place(engine: &Component, script: &Path, base: &Path, is_bundle: bool) -> Result<PathBuf> {
    let name = Digest::default()
        .add(engine.digest.as_bytes())
        .add(base.as_os_str().as_encoded_bytes())
        .add([u8::from(is_bundle)])
        .add(script.as_os_str().as_encoded_bytes())
        .name();
    Ok(cache::folder(cache::Kind::Nodejs)?
        .join("snapshots")
        .join(format!("{name}.{EXTENSION}")))
}
