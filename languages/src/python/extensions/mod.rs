//! Native code of packages, built for the guest: extensions in Rust, from the sources that a package index has.
//!
//! A package comes as this machine's wheel. All of it but the native module is Python, and the module is built anew as a
//! shared library of WebAssembly
//! (<https://github.com/WebAssembly/tool-conventions/blob/main/DynamicLinking.md>), which componentize-py links with CPython.

mod cargo;
mod library;
mod recipe;
mod source;

use super::may::May;
use super::packages::Packages;
use super::toolchain::{PYTHON, Toolchain};
use crate::jail::Room;
use crate::tools::digest::Digest;
use crate::tools::progress::Work;
use crate::tools::sealed;
use crate::tools::staging::Staging;
use anyhow::{Context, anyhow};
pub(super) use cargo::marks;
use files::cache;
use recipe::Recipe;
use report::{Failure, Result};
pub(super) use source::Index;
use source::Source;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the modules of a package are called in their folder of the cache, by their place in the list.
const MODULE: &str = "module";
/// How the names of extension modules end where CPython's build is of WASI.
const SUFFIX: &str = "cpython-314-wasm32-wasi.so";

/// What came of a package's native modules.
enum Outcome {
    /// They are in this folder of the cache.
    Built(PathBuf),
    /// They are not Rust.
    Other,
    /// They cannot be built. A package may do without.
    Refused(Failure),
}

/// Builds what can be built of the packages' native modules, and puts it beside their Python. What cannot be built is said,
/// and stays away.
///
/// # Errors
///
/// What may go well the next time: something could not be fetched.
pub(super) async fn build(
    toolchain: &Toolchain,
    packages: &mut Packages,
    site: &Path,
    index: &Index<'_>,
    may: May,
) -> Result<()> {
    let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (module, distribution) in &packages.native {
        wanted.entry(distribution.clone()).or_default().push(module.clone());
    }
    let compiler = match cargo::Compiler::find(may.policy, site).await {
        Ok(compiler) => compiler,
        Err(failure) => {
            let names: Vec<&str> = wanted.keys().map(String::as_str).collect();
            tracing::warn!("native code is not built ({}): {}", names.join(", "), told(&failure));
            return Ok(());
        }
    };
    for (distribution, modules) in wanted {
        match find_or_build(toolchain, &distribution, &modules, index, &compiler, may).await? {
            Outcome::Built(folder) => {
                for (place, module) in modules.iter().enumerate() {
                    put(&folder, place, site, module)?;
                    packages.native.remove(module);
                }
            }
            Outcome::Other => tracing::debug!("{distribution}: no extension in Rust"),
            Outcome::Refused(failure) => {
                tracing::warn!("{distribution} is not built for the guest: {}", told(&failure));
            }
        }
    }
    Ok(())
}

fn told(failure: &Failure) -> String {
    match &failure.hint {
        Some(hint) => format!("{:#} ({hint})", failure.error),
        None => format!("{:#}", failure.error),
    }
}

async fn find_or_build(
    toolchain: &Toolchain,
    distribution: &str,
    modules: &[String],
    index: &Index<'_>,
    compiler: &cargo::Compiler,
    may: May,
) -> Result<Outcome> {
    let name = Digest::default()
        .add("extension")
        .add(distribution)
        .add(modules.join(" "))
        .add(index.text())
        .add(&index.identity)
        .add(PYTHON)
        .add(cargo::FLAGS.join(" "))
        .name();
    let place = cache::folder(cache::Kind::Python)?.join(&name);
    let is_whole = |place: &Path| (0..modules.len()).all(|number| place.join(file(number)).is_file());
    if is_whole(&place) {
        drop(cache::hold(&place)?);
        return Ok(Outcome::Built(place));
    }
    if may.policy.offline {
        let message = anyhow!("the source of {distribution} is not there, and offline mode forbids fetching it");
        return Err(Failure::usage(message).hint("run once without `--offline`"));
    }
    let making = Staging::begin(&place)?;
    let folder = making.path();
    let work = Work::begin(format!("building {distribution} for WebAssembly"));
    let Some(source) = Source::find(&work, toolchain, distribution, index, folder, may).await? else {
        return Ok(Outcome::Refused(
            anyhow!("the package index has no source of it").into(),
        ));
    };
    let unpacked = source.fetch(&work, toolchain, folder, may).await?;
    let setup = sealed::read(&folder.join(source::SETUP)).ok();
    let Some(recipe) = Recipe::read(&unpacked, setup.as_deref())? else {
        return Ok(Outcome::Other);
    };
    let room = match may.policy.confinement.around(|| Room::writing(folder)) {
        Some(room) => Some(room.and_caches(&name)?),
        None => None,
    };
    if !compiler.fetch(&work, &recipe, &unpacked, room.as_ref()).await? {
        let failure = Failure::usage(anyhow!("it has code in C"));
        return Ok(Outcome::Refused(failure.hint(cargo::C_HINT)));
    }
    let built = match compiler.build(&work, &recipe, &unpacked, folder, room.as_ref()).await {
        Ok(built) => sealed::read(&built).with_context(|| format!("cannot read {}", built.display()))?,
        Err(failure) => return Ok(Outcome::Refused(failure)),
    };
    for (number, module) in modules.iter().enumerate() {
        if let Err(failure) = library::check(&built, module) {
            return Ok(Outcome::Refused(failure));
        }
        sealed::write(&folder.join(file(number)), &built)?;
    }
    // What it was made of is many times as much.
    for made in [unpacked, folder.join(cargo::TARGET)] {
        let _ = std::fs::remove_dir_all(made);
    }
    let place = making.finish(is_whole)?;
    work.done();
    Ok(Outcome::Built(place))
}

fn file(number: usize) -> String {
    format!("{MODULE}-{number}.so")
}

/// Puts a module beside the Python of its package, whose code may have been at work there.
fn put(folder: &Path, number: usize, site: &Path, module: &str) -> Result<()> {
    let path = site.join(module.replace('.', "/")).with_added_extension(SUFFIX);
    let parent = path.parent().and_then(|parent| parent.canonicalize().ok());
    let site = site
        .canonicalize()
        .with_context(|| format!("cannot use {}", site.display()))?;
    if !parent.is_some_and(|parent| parent.starts_with(site)) {
        return Err(anyhow!("{} is outside of the packages", path.display()).into());
    }
    let from = folder.join(file(number));
    let bytes = sealed::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
    sealed::write(&path, &bytes)
}
