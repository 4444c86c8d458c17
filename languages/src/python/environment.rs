//! The environment that a project runs in: its dependencies, and the component whose snapshot has them. One folder for each
//! set of requirements, kept, and shared by all projects that have the same.

use super::extensions;
use super::may::May;
use super::packages::{self, Packages};
use super::requirements::Requirements;
use super::toolchain::{COMPONENTIZE_PY, PYTHON, Toolchain, UV};
use super::uv;
use crate::tools::component::{self, Component};
use crate::tools::digest::Digest;
use crate::tools::process::Step;
use crate::tools::progress::Work;
use crate::tools::sealed;
use crate::tools::staging::Staging;
use anyhow::{Context, anyhow};
use files::cache;
use include_dir::{Dir, include_dir};
use report::{Failure, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The part of a guest in Python.
static GUEST: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/python/guest");
const SITE: &str = "site-packages";
/// What the guest's part is to import, and what it is to know.
const PLAN: &str = "environment.json";
/// What could not be imported; the guest's part writes it.
const MISSING: &str = "missing.json";
/// Written for the guest's part.
#[derive(Serialize)]
struct Told<'a> {
    imports: BTreeSet<String>,
    native: &'a BTreeMap<String, String>,
    /// For who misses one of these.
    hint: Option<&'static str>,
}

/// The requirements, and what versions of others may be, in files of our own.
const REQUIREMENTS: &str = "requirements.in";
const CONSTRAINTS: &str = "constraints.in";

/// The environment for a project's requirements.
pub(super) async fn find_or_make(project: &Path, requirements: &Requirements, may: May) -> Result<Component> {
    let folder = place(project, requirements, may)?;
    if let Some(environment) = Component::open(&folder) {
        return Ok(environment);
    }
    let local = requirements.local.first().filter(|_| !may.build);
    if let Some(local) = local.filter(|local| local.is_dir()) {
        let message = anyhow!("the package {} must be built from source", local.display());
        return Err(Failure::usage(message).hint(BUILD_HINT));
    }
    let toolchain = Toolchain::find_or_install(may.policy).await?;
    let making = Staging::begin(&folder)?;
    for index in &requirements.indexes {
        tracing::info!("using the package index {index} of requirements.txt");
    }
    let begin = || Work::begin("preparing Python and the project's packages".to_owned());
    let mut work = begin();
    // All that is ours first: later there may be links of a package's in its place.
    GUEST
        .extract(making.path())
        .with_context(|| format!("cannot write to {}", making.path().display()))?;
    install(&work, &toolchain, project, requirements, making.path(), may).await?;
    let site = making.path().join(SITE);
    let mut packages = Packages::read(&site)?;
    if may.build && !packages.native.is_empty() {
        drop(work);
        extensions::build(&toolchain, &mut packages, &site, &requirements.options, may).await?;
        work = begin();
    }
    componentize(&work, &toolchain, project, &packages, making.path(), may).await?;
    warn(making.path(), &packages);
    let folder = making.finish(|place| Component::open(place).is_some())?;
    work.done();
    Component::of(&folder)
}

const BUILD_HINT: &str =
    "to allow the build, which runs the package's code in the build jail, set `build-packages = true` under `[python]`";

const EXTENSION_HINT: &str =
    "native code in Rust is built for the guest, in the build jail, with `build-packages = true` under `[python]`";

/// By everything that it depends on.
fn place(project: &Path, requirements: &Requirements, may: May) -> Result<PathBuf> {
    let mut digest = Digest::default()
        .add(COMPONENTIZE_PY)
        .add(UV)
        .add(PYTHON)
        .add(requirements.text(project))
        .add([u8::from(may.build)])
        .add_folder(&GUEST);
    if may.build {
        digest = digest.add(extensions::marks()).add(env!("CARGO_PKG_VERSION"));
    }
    Ok(cache::folder(cache::Kind::Python)?.join(uv::identified(digest).name()))
}

async fn install(
    work: &Work,
    toolchain: &Toolchain,
    project: &Path,
    requirements: &Requirements,
    folder: &Path,
    may: May,
) -> Result<()> {
    let site = folder.join(SITE);
    std::fs::create_dir(&site).with_context(|| format!("cannot make {}", site.display()))?;
    if requirements.is_empty() {
        return Ok(());
    }
    let lines = [requirements.options.join("\n"), requirements.packages.join("\n")].join("\n");
    sealed::write(&folder.join(REQUIREMENTS), lines.as_bytes())?;
    sealed::write(
        &folder.join(CONSTRAINTS),
        requirements.constraints.join("\n").as_bytes(),
    )?;
    let mut command = uv::pip(toolchain, "install");
    command.extend(["--link-mode", "copy", "--no-progress"].map(OsString::from));
    command.extend(["--target".into(), site.clone().into_os_string()]);
    if may.policy.offline {
        command.push("--offline".into());
    }
    // To build a package is to run its code.
    if !may.build {
        command.extend(["--only-binary", ":all:"].map(OsString::from));
    }
    command.extend(["-r".into(), folder.join(REQUIREMENTS).into_os_string()]);
    command.extend(["-c".into(), folder.join(CONSTRAINTS).into_os_string()]);
    // uv's cache is shared by all projects, so what builds may not write it.
    let cache = crate::tools::toolchains()?.join("uv-cache");
    std::fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
    let _held = cache::hold(&cache)?;
    let room = may.policy.confinement.around(|| {
        let room = toolchain
            .room(&site)
            .and_reads(&folder.join(REQUIREMENTS))
            .and_reads(&folder.join(CONSTRAINTS))
            .and_fetches();
        let room = if requirements.local.is_empty() {
            room
        } else {
            room.and_reads(project)
        };
        if may.build { room } else { room.and_writes(&cache) }
    });
    if may.build {
        command.push("--no-cache".into());
    }
    let step = Step {
        command: &command,
        variables: &[("UV_CACHE_DIR", cache.as_os_str())],
        folder: &site,
        room: room.as_ref(),
    };
    let said = work.step(&step).await.map_err(|failure| {
        let text = failure.error.to_string();
        if may.build || !(text.contains("wheel") || text.contains("building")) {
            return failure;
        }
        failure.hint(BUILD_HINT)
    })?;
    tracing::debug!("{}", said.trim_end());
    Ok(())
}

async fn componentize(
    work: &Work,
    toolchain: &Toolchain,
    project: &Path,
    packages: &Packages,
    folder: &Path,
    may: May,
) -> Result<()> {
    let mut imports = packages.imports.clone();
    imports.extend(packages::imports_of(project));
    // What is the project's own is read when it starts.
    imports.retain(|name| {
        let top = name.split('.').next().unwrap_or(name);
        packages.imports.contains(top) || !is_own(project, top)
    });
    let told = Told {
        imports,
        native: &packages.native,
        hint: (!may.build).then_some(EXTENSION_HINT),
    };
    sealed::write(&folder.join(PLAN), &serde_json::to_vec(&told)?)?;
    let mut command = toolchain.componentize_py();
    let words = [
        "--quiet",
        "-d",
        "wit",
        "-w",
        "program",
        "componentize",
        "wasmrun_main",
        "-p",
        ".",
        "-o",
    ];
    command.extend(words.map(OsString::from));
    command.push(component::NAME.into());
    // The packages are imported: their code can change what is in the folder, and leave links there.
    let room = may.policy.confinement.around(|| toolchain.room(folder));
    let step = Step {
        command: &command,
        // Otherwise it takes in what is installed for the Python of this machine.
        variables: &[("VIRTUAL_ENV", OsStr::new("/nonexistent"))],
        folder,
        room: room.as_ref(),
    };
    work.step(&step).await.map_err(|mut failure| {
        // It adds the stack of its own code.
        let text = failure.error.to_string();
        if let Some((useful, _)) = text.split_once("\n\nStack backtrace:") {
            failure.error = anyhow!("{useful}");
        }
        failure
    })?;
    Component::seal(folder)
}

fn is_own(project: &Path, top: &str) -> bool {
    project.join(top).is_dir() || project.join(format!("{top}.py")).is_file()
}

/// Names packages that cannot be imported because they are native code. The program may do without.
fn warn(folder: &Path, packages: &Packages) {
    #[derive(Deserialize)]
    struct Missing(BTreeMap<String, String>);
    let text = sealed::read(&folder.join(MISSING)).unwrap_or_default();
    let Ok(Missing(missing)) = serde_json::from_slice(&text) else {
        return;
    };
    // Several fail for the same reason, and some say much more than that.
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, error) in &missing {
        let reason = error.lines().find(|line| line.contains(" is native code ("));
        match reason.filter(|_| packages.imports.contains(name)) {
            Some(reason) => reasons.entry(reason).or_default().push(name),
            None => tracing::debug!("not in the snapshot: {name}: {error}"),
        }
    }
    for (reason, names) in reasons {
        tracing::warn!("{} cannot be imported: {reason}", names.join(", "));
    }
}
