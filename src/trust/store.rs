//! What was trusted, in the user's state folder.

use super::Demand;
use anyhow::anyhow;
use files::private;
use report::{Failure, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const NAME: &str = "trust.json";

/// Folders, and the lines that were agreed to in each.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Store {
    folders: BTreeMap<PathBuf, Vec<String>>,
}

impl Store {
    /// What is there now.
    pub fn read() -> Result<Store> {
        let path = place()?.join(NAME);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Store::default()),
            Err(error) => {
                let error = anyhow::Error::new(error).context(format!("cannot read {}", path.display()));
                return Err(error.into());
            }
        };
        super::refuse_others(&path)?;
        serde_json::from_slice(&text).map_err(|error| {
            Failure::from(anyhow!("{} is not valid: {error}", path.display()))
                .hint("remove it; wasmrun then asks for your trust again")
        })
    }

    /// Changes it; of two at once, one waits.
    pub fn change(change: impl FnOnce(&mut Store)) -> Result<()> {
        let folder = place()?;
        let _lock = private::lock(&folder)?;
        let mut store = Store::read()?;
        change(&mut store);
        private::write(&folder.join(NAME), &serde_json::to_vec_pretty(&store)?)
    }

    pub fn has(&self, folder: &Path, demands: &[Demand]) -> bool {
        let Some(lines) = self.folders.get(folder) else {
            return false;
        };
        demands.iter().all(|demand| lines.contains(&demand.to_string()))
    }

    /// Exactly these: what a file does not ask for any more is not agreed to for ever.
    pub fn add(&mut self, folder: &Path, demands: &[Demand]) {
        let lines = demands.iter().map(Demand::to_string).collect();
        self.folders.insert(folder.to_owned(), lines);
    }

    pub fn remove(&mut self, folder: &Path) -> bool {
        self.folders.remove(folder).is_some()
    }

    pub fn all(self) -> impl Iterator<Item = (PathBuf, Vec<String>)> {
        self.folders.into_iter()
    }
}

/// The folder of what wasmrun remembers (XDG Base Directory Specification, `XDG_STATE_HOME`).
fn place() -> Result<PathBuf> {
    let folder = dirs::state_dir().ok_or_else(|| anyhow!("no state folder for the list of trusted projects"))?;
    Ok(folder.join("wasmrun"))
}
