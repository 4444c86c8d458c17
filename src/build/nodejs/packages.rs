//! A project's dependencies: its own node_modules, else installed once for each set into a folder of the cache.

use super::engine::npm;
use crate::build::toolchain::{Making, Work};
use crate::failure::{Failure, Result};
use anyhow::{Context, anyhow};
use serde_json::Value;
use std::path::{Path, PathBuf};

const LOCK: &str = "package-lock.json";

/// The folder of packages that the project does not have itself; none where it has, or needs none.
pub async fn find_or_install(folder: &Path, offline: bool) -> Result<Option<PathBuf>> {
    let manifest = folder.join("package.json");
    if folder.join("node_modules").is_dir() || !manifest.is_file() {
        return Ok(None);
    }
    let text = std::fs::read(&manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
    let whole: Value = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not valid", manifest.display()))
        .map_err(Failure::usage)?;
    let dependencies = whole.get("dependencies").and_then(Value::as_object);
    let Some(dependencies) = dependencies.filter(|dependencies| !dependencies.is_empty()) else {
        return Ok(None);
    };
    let lock = std::fs::read_to_string(folder.join(LOCK)).ok();
    let registry = std::fs::read_to_string(folder.join(".npmrc")).unwrap_or_default();
    // With a lock the whole of package.json has to fit it.
    let wanted = match &lock {
        Some(_) => whole.clone(),
        None => serde_json::json!({ "private": true, "dependencies": dependencies }),
    };
    let wanted = wanted.to_string();
    let mut hasher = blake3::Hasher::new();
    for part in [&wanted, lock.as_deref().unwrap_or_default(), &registry] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let name = hasher.finalize().to_hex();
    let place = crate::code::cache_folder_or_say()?.join("nodejs").join(&name[..16]);
    if !place.is_dir() {
        if offline {
            let message = anyhow!("the project's packages are not installed, and nothing may be fetched");
            return Err(Failure::usage(message).hint("start once without --offline, or run `npm install`"));
        }
        let making = Making::begin(&place)?;
        let work = Work::begin("installing the project's packages".to_owned());
        let write = |name: &str, text: &str| {
            let path = making.path().join(name);
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
        };
        write("package.json", &wanted)?;
        write(".npmrc", &registry)?;
        // No script of a package runs here: what they would build is native.
        match &lock {
            Some(lock) => {
                write(LOCK, lock)?;
                npm(&work, &["ci", "--omit=dev", "--ignore-scripts"], &making).await?;
            }
            None => npm(&work, &["install", "--omit=dev", "--ignore-scripts"], &making).await?,
        }
        making.finish(Path::is_dir)?;
        work.done();
    }
    Ok(Some(place.join("node_modules")))
}
