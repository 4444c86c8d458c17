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
use super::packages::{Packages, is_inside};
use super::toolchain::{PYTHON, Toolchain};
use super::uv;
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
use source::Source;
use std::collections::BTreeMap;
use std::path::Path;

/// What a package's library is called in its folder of the cache.
const LIBRARY: &str = "module.so";
/// How the names of extension modules end where CPython's build is of WASI.
const SUFFIX: &str = "cpython-314-wasm32-wasi.so";

/// What came of a package's native modules.
enum Outcome {
    /// They are in this library.
    Built(Vec<u8>),
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
    options: &[String],
    may: May,
) -> Result<()> {
    let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (module, distribution) in &packages.native {
        wanted.entry(distribution.clone()).or_default().push(module.clone());
    }
    if let Err(failure) = cargo::require(may.policy, site).await {
        let names: Vec<&str> = wanted.keys().map(String::as_str).collect();
        tracing::warn!("native code is not built ({}): {}", names.join(", "), told(&failure));
        return Ok(());
    }
    for (distribution, modules) in wanted {
        match find_or_build(toolchain, &distribution, &modules, options, may).await? {
            Outcome::Built(library) => {
                for module in &modules {
                    put(&library, site, module)?;
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
    options: &[String],
    may: May,
) -> Result<Outcome> {
    let digest = Digest::default()
        .add("extension")
        .add(distribution)
        .add(modules.join(" "))
        .add(options.join("\n"))
        .add(PYTHON)
        .add(cargo::FLAGS.join(" "));
    let name = uv::identified(digest).name();
    let place = cache::folder(cache::Kind::Python)?.join(&name);
    if let Ok(library) = sealed::read(&place.join(LIBRARY)) {
        drop(cache::hold(&place)?);
        return Ok(Outcome::Built(library));
    }
    if may.policy.offline {
        let message = anyhow!("the source of {distribution} is not there, and offline mode forbids fetching it");
        return Err(Failure::usage(message).hint("run once without `--offline`"));
    }
    let making = Staging::begin(&place)?;
    let folder = making.path();
    let work = Work::begin(format!("building {distribution} for WebAssembly"));
    let Some(source) = Source::find(&work, toolchain, distribution, options, folder, may).await? else {
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
    if !cargo::fetch(&work, &recipe, &unpacked, room.as_ref()).await? {
        let failure = Failure::usage(anyhow!("it has code in C"));
        return Ok(Outcome::Refused(failure.hint(cargo::C_HINT)));
    }
    let built = match cargo::build(&work, &recipe, &unpacked, folder, room.as_ref()).await {
        Ok(built) => sealed::read(&built).with_context(|| format!("cannot read {}", built.display()))?,
        Err(failure) => return Ok(Outcome::Refused(failure)),
    };
    if let Some(failure) = modules.iter().find_map(|module| library::check(&built, module).err()) {
        return Ok(Outcome::Refused(failure));
    }
    sealed::write(&folder.join(LIBRARY), &built)?;
    // What it was made of is many times as much.
    for made in [unpacked, folder.join(cargo::TARGET)] {
        let _ = std::fs::remove_dir_all(made);
    }
    making.finish(|place| place.join(LIBRARY).is_file())?;
    work.done();
    Ok(Outcome::Built(built))
}

/// Puts a module beside the Python of its package, whose code may have been at work there.
fn put(library: &[u8], site: &Path, module: &str) -> Result<()> {
    let path = site.join(module.replace('.', "/")).with_added_extension(SUFFIX);
    if !is_inside(site, &path) {
        return Err(anyhow!("{} is outside of the packages", path.display()).into());
    }
    sealed::write(&path, library)
}
