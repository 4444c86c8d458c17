//! The environment that a project runs in: its dependencies, and the component whose snapshot has them. One folder for each
//! set of requirements, kept, and shared by all projects that have the same.

use super::packages::{self, Packages};
use super::requirements::Requirements;
use super::toolchain::{COMPONENTIZE_PY, PYTHON, Toolchain, UV};
use crate::build::component::{self, Component};
use crate::build::digest::Digest;
use crate::build::making::Making;
use crate::build::work::Work;
use crate::failure::Result;
use anyhow::{Context, anyhow};
use include_dir::{Dir, include_dir};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The part of a guest in Python.
static GUEST: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/build/python/guest");
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
}

/// What may be done on this machine to make one.
#[derive(Clone, Copy)]
pub struct May {
    pub fetch: bool,
    /// Build packages without a wheel, which runs their code.
    pub build: bool,
}

/// The environment for a project's requirements.
pub async fn find_or_make(project: &Path, requirements: &Requirements, may: May) -> Result<Component> {
    let folder = place(requirements)?;
    if let Some(environment) = Component::open(&folder) {
        return Ok(environment);
    }
    let toolchain = Toolchain::find_or_install(!may.fetch).await?;
    let making = Making::begin(&folder)?;
    let work = Work::begin("preparing Python and the project's packages".to_owned());
    install(&work, &toolchain, project, requirements, making.path(), may).await?;
    let packages = Packages::read(&making.path().join(SITE))?;
    componentize(&work, &toolchain, project, &packages, making.path()).await?;
    warn(making.path(), &packages);
    let folder = making.finish(|place| Component::open(place).is_some())?;
    work.done();
    Component::of(&folder)
}

/// By everything that it depends on.
fn place(requirements: &Requirements) -> Result<PathBuf> {
    let name = Digest::default()
        .add(COMPONENTIZE_PY)
        .add(UV)
        .add(PYTHON)
        .add(&requirements.text)
        .add_folder(&GUEST)
        .name();
    Ok(crate::code::cache_folder_or_say()?.join("python").join(name))
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
    let mut command = toolchain.uv();
    // Wheels are chosen for the guest's version of Python. Native ones come along with this machine's code, which is
    // removed; many have a part in Python that does the same.
    let options = [
        "pip",
        "install",
        "--python-version",
        PYTHON,
        "--python-platform",
        "x86_64-unknown-linux-gnu",
    ];
    command.extend(options.map(OsString::from));
    // As pip does: a company may have a certificate of its own between here and PyPI.
    command.extend(["--system-certs", "--link-mode", "copy", "--no-progress", "--python"].map(OsString::from));
    command.push(toolchain.python().into());
    command.extend(["--target".into(), site.into_os_string()]);
    if !may.fetch {
        command.push("--offline".into());
    }
    // To build a package is to run its code, here and not in a guest.
    if !may.build {
        command.extend(["--only-binary", ":all:"].map(OsString::from));
    }
    for file in &requirements.files {
        command.extend(["-r".into(), file.clone().into_os_string()]);
    }
    command.extend(requirements.packages.iter().map(OsString::from));
    let said = work.step(&command, &[], project).await.map_err(|failure| {
        let text = failure.error.to_string();
        if may.build || !(text.contains("wheel") || text.contains("building")) {
            return failure;
        }
        failure.hint(
            "to build a package runs its code on this machine, not in a guest: `build-packages = true` under `[python]` allows it",
        )
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
) -> Result<()> {
    GUEST
        .extract(folder)
        .with_context(|| format!("cannot write to {}", folder.display()))?;
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
    };
    let plan = folder.join(PLAN);
    std::fs::write(&plan, serde_json::to_vec(&told)?).with_context(|| format!("cannot write {}", plan.display()))?;
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
    // Otherwise it takes in what is installed for the Python of this machine.
    let none = [("VIRTUAL_ENV", OsStr::new("/nonexistent"))];
    work.step(&command, &none, folder).await.map_err(|mut failure| {
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
    let text = std::fs::read(folder.join(MISSING)).unwrap_or_default();
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
