//! A project's dependencies: its own node_modules or its workspace's, else installed once for each set into a folder of the
//! cache. The package manager gets files of ours, with what of the project's is data; nothing of the project's that a
//! package manager obeys is copied, but where packages are.

mod dependencies;
mod registries;

use super::engine::npm;
use super::manifest;
use crate::jail;
use crate::plan::Policy;
use crate::tools::digest::Digest;
use crate::tools::progress::Work;
use crate::tools::sealed;
use crate::tools::staging::Staging;
use anyhow::anyhow;
use files::cache;
use files::regular;
use registries::Registries;
use report::{Failure, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Where the guest finds them: where Node looks last, coming from any file.
pub(super) const PLACE: &str = "/node_modules";
/// What a folder of packages is called.
pub(super) const FOLDER: &str = "node_modules";
/// Which versions were settled on; the first that is there (npm-shrinkwrap.json wins: `npm help shrinkwrap`).
const LOCKS: [&str; 2] = ["npm-shrinkwrap.json", "package-lock.json"];
/// npm reads the versions of this one, too, in its first form (arborist: `lib/yarn-lock.js`).
const YARN: &str = "yarn.lock";
const YARN_VERSION: &str = "# yarn lockfile v1";
/// Those of other package managers, whose versions npm does not know.
const FOREIGN: [(&str, &str); 4] = [
    ("pnpm-lock.yaml", "pnpm install"),
    (YARN, "yarn install"),
    ("bun.lock", "bun install"),
    ("bun.lockb", "bun install"),
];

/// Where a project's packages are.
pub(super) enum Packages {
    /// In its own folder, or it has none.
    Own,
    /// In the folder of its workspace, as package managers leave them there.
    Workspace(PathBuf),
    /// In a folder of the cache.
    Installed(PathBuf),
}

/// A package.json with what it depends on, and nothing that a package manager does for it.
fn without_orders(mut manifest: Value) -> Value {
    if let Some(manifest) = manifest.as_object_mut() {
        for key in [
            "scripts",
            "workspaces",
            "packageManager",
            "devEngines",
            "engines",
            "bin",
            "files",
            "config",
        ] {
            manifest.remove(key);
        }
    }
    manifest
}

/// Finds them, or installs what the project does not have itself.
pub(super) async fn find_or_install(folder: &Path, policy: Policy) -> Result<Packages> {
    let path = folder.join(manifest::NAME);
    if !path.is_file() {
        return Ok(Packages::Own);
    }
    let workspace = manifest::workspace(folder);
    if let Some(workspace) = workspace.as_ref().filter(|workspace| workspace.join(FOLDER).is_dir()) {
        return Ok(Packages::Workspace(workspace.clone()));
    }
    if folder.join(FOLDER).is_dir() {
        return Ok(Packages::Own);
    }
    let whole: Value = manifest::read(&path)?;
    let dependencies = whole.get("dependencies").and_then(Value::as_object);
    let Some(dependencies) = dependencies.filter(|dependencies| !dependencies.is_empty()) else {
        return Ok(Packages::Own);
    };
    if let Some(workspace) = &workspace {
        // A registry may have other packages of the same names, by anybody.
        let message = anyhow!(
            "{} is of a workspace whose packages are not installed",
            folder.display()
        );
        return Err(Failure::usage(message).hint(format!("run `npm install` in {}", workspace.display())));
    }
    dependencies::check(&whole, &path)?;
    let lock = LOCKS
        .iter()
        .find_map(|name| regular::read_text(&folder.join(name), regular::MANIFEST).ok());
    let yarn = regular::read_text(&folder.join(YARN), regular::MANIFEST).ok();
    let yarn = yarn.filter(|text| lock.is_none() && text.contains(YARN_VERSION));
    if let Some(lock) = &lock {
        dependencies::check_lock(lock, folder)?;
    } else if let Some(yarn) = &yarn {
        dependencies::check_yarn(yarn, folder)?;
    } else if let Some((name, command)) = FOREIGN.iter().find(|(name, _)| folder.join(name).is_file()) {
        let message = anyhow!(
            "the package versions of {} are locked in {name}, which npm cannot read",
            folder.display()
        );
        return Err(Failure::usage(message).hint(format!(
            "run `{command}` in it once: wasmrun uses the installed packages"
        )));
    }
    let registries = Registries::read(folder);
    // With a lock the whole of package.json has to fit it.
    let wanted = match &lock {
        Some(_) => without_orders(whole.clone()),
        None => serde_json::json!({ "private": true, "dependencies": dependencies }),
    };
    let wanted = wanted.to_string();
    let mut digest = Digest::default()
        .add(&wanted)
        .add(lock.as_deref().unwrap_or_default())
        .add(yarn.as_deref().unwrap_or_default())
        .add(registries.text());
    for file in jail::registries() {
        digest = digest.add(std::fs::read(file).unwrap_or_default());
    }
    let place = cache::folder(cache::Kind::Nodejs)?.join(digest.name());
    if !place.is_dir() {
        if policy.offline {
            let message = anyhow!("the project's packages are not installed, and offline mode forbids fetching them");
            return Err(Failure::usage(message).hint("run once without `--offline`, or run `npm install`"));
        }
        registries.tell();
        let making = Staging::begin(&place)?;
        let work = Work::begin("installing the project's packages".to_owned());
        let write = |name: &str, text: &str| sealed::write(&making.path().join(name), text.as_bytes());
        write(manifest::NAME, &wanted)?;
        write(".npmrc", registries.text())?;
        if let Some(yarn) = &yarn {
            write(YARN, yarn)?;
        }
        // No script of a package runs here: what they would build is native. What is not from a registry is refused, also
        // where a package asks for it.
        let only = [
            "--omit=dev",
            "--ignore-scripts",
            "--allow-git=none",
            "--allow-file=none",
            "--allow-directory=none",
        ];
        let command = match &lock {
            Some(lock) => {
                write("package-lock.json", lock)?;
                "ci"
            }
            None => "install",
        };
        npm(&work, &[&[command], &only[..]].concat(), &making, policy).await?;
        making.finish(Path::is_dir)?;
        work.done();
    }
    Ok(Packages::Installed(place.join(FOLDER)))
}
