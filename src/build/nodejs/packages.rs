//! A project's dependencies: its own node_modules, else installed once for each set into a folder of the cache.

use super::engine::npm;
use super::manifest;
use crate::build::digest::Digest;
use crate::build::making::Making;
use crate::build::work::Work;
use crate::failure::{Failure, Result};
use anyhow::{Context, anyhow};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Where the guest finds them: where Node looks last, coming from any file.
pub const PLACE: &str = "/node_modules";
/// What a folder of packages is called.
pub const FOLDER: &str = "node_modules";
const LOCK: &str = "package-lock.json";

/// The folder of packages that the project does not have itself; none where it has, or needs none.
pub async fn find_or_install(folder: &Path, offline: bool) -> Result<Option<PathBuf>> {
    let manifest = folder.join(manifest::NAME);
    if folder.join(FOLDER).is_dir() || !manifest.is_file() {
        return Ok(None);
    }
    let whole: Value = manifest::read(&manifest)?;
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
    let name = Digest::default()
        .add(&wanted)
        .add(lock.as_deref().unwrap_or_default())
        .add(&registry)
        .name();
    let place = crate::code::cache_folder_or_say()?.join("nodejs").join(name);
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
        write(manifest::NAME, &wanted)?;
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
    Ok(Some(place.join(FOLDER)))
}
