//! The environment that a project runs in: its dependencies, and the component whose snapshot has them. One folder for each
//! set of requirements, kept, and shared by all projects that have the same.

use super::packages::{self, Packages};
use super::requirements::Requirements;
use super::toolchain::{COMPONENTIZE_PY, PYTHON, Toolchain, UV};
use crate::build::toolchain::{Making, Work};
use crate::failure::Result;
use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The Python part of a guest, by name in its folder.
const GUEST: [(&str, &str); 12] = [
    ("wasmrun_main.py", include_str!("guest/wasmrun_main.py")),
    (
        "wasmrun_guest/__init__.py",
        include_str!("guest/wasmrun_guest/__init__.py"),
    ),
    (
        "wasmrun_guest/scheduler.py",
        include_str!("guest/wasmrun_guest/scheduler.py"),
    ),
    (
        "wasmrun_guest/threads.py",
        include_str!("guest/wasmrun_guest/threads.py"),
    ),
    (
        "wasmrun_guest/sockets.py",
        include_str!("guest/wasmrun_guest/sockets.py"),
    ),
    (
        "wasmrun_guest/servers.py",
        include_str!("guest/wasmrun_guest/servers.py"),
    ),
    ("wasmrun_guest/loops.py", include_str!("guest/wasmrun_guest/loops.py")),
    ("wasmrun_guest/stdlib.py", include_str!("guest/wasmrun_guest/stdlib.py")),
    (
        "wasmrun_guest/packages.py",
        include_str!("guest/wasmrun_guest/packages.py"),
    ),
    ("wasmrun_guest/start.py", include_str!("guest/wasmrun_guest/start.py")),
    (WORLD, include_str!("guest/world.wit")),
    ("wit/deps/cli/cli.wit", include_str!("guest/cli.wit")),
];
const WORLD: &str = "wit/world.wit";
const SITE: &str = "site-packages";
/// What the guest's part is to import, and what it is to know.
const PLAN: &str = "environment.json";
/// What could not be imported; the guest's part writes it.
const MISSING: &str = "missing.json";
/// The digest of the component.
const DIGEST: &str = "component.blake3";

/// Written for the guest's part.
#[derive(Serialize)]
struct Told<'a> {
    imports: BTreeSet<String>,
    native: &'a BTreeMap<String, String>,
}

/// An environment that is whole.
pub struct Environment {
    pub folder: PathBuf,
    pub digest: blake3::Hash,
}

impl Environment {
    pub fn component(&self) -> PathBuf {
        self.folder.join("component.wasm")
    }

    fn open(folder: PathBuf) -> Option<Environment> {
        let digest = std::fs::read_to_string(folder.join(DIGEST)).ok()?;
        let digest = blake3::Hash::from_hex(digest.trim()).ok()?;
        Some(Environment { folder, digest })
    }
}

/// The environment for a project's requirements.
pub async fn find_or_make(project: &Path, requirements: &Requirements, offline: bool) -> Result<Environment> {
    let folder = place(requirements)?;
    if let Some(environment) = Environment::open(folder.clone()) {
        return Ok(environment);
    }
    let toolchain = Toolchain::find_or_install(offline).await?;
    let making = Making::begin(&folder)?;
    let work = Work::begin("preparing Python and the project's packages".to_owned());
    install(&work, &toolchain, project, requirements, making.path(), offline).await?;
    let packages = Packages::read(&making.path().join(SITE))?;
    componentize(&work, &toolchain, project, &packages, making.path()).await?;
    warn(making.path(), &packages);
    let folder = making.finish()?;
    work.done();
    Environment::open(folder).ok_or_else(|| anyhow!("the Python environment is not whole").into())
}

/// By everything that it depends on.
fn place(requirements: &Requirements) -> Result<PathBuf> {
    let mut hasher = blake3::Hasher::new();
    let parts = [COMPONENTIZE_PY, UV, PYTHON, &requirements.text];
    let guest = GUEST.iter().flat_map(|(name, text)| [*name, *text]);
    for part in parts.into_iter().chain(guest) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let name = hasher.finalize().to_hex();
    Ok(crate::code::cache_folder_or_say()?.join("python").join(&name[..16]))
}

async fn install(
    work: &Work,
    toolchain: &Toolchain,
    project: &Path,
    requirements: &Requirements,
    folder: &Path,
    offline: bool,
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
    command.extend(["--link-mode", "copy", "--no-progress", "--python"].map(OsString::from));
    command.push(toolchain.python().into());
    command.extend(["--target".into(), site.into_os_string()]);
    if offline {
        command.push("--offline".into());
    }
    for file in &requirements.files {
        command.extend(["-r".into(), file.clone().into_os_string()]);
    }
    command.extend(requirements.packages.iter().map(OsString::from));
    let said = work.step(&command, &[], project).await?;
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
    for (name, text) in GUEST {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&path, text))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
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
    command.push("component.wasm".into());
    // Otherwise it takes in what is installed for the Python of this machine.
    let none = [("VIRTUAL_ENV", "/nonexistent")];
    work.step(&command, &none, folder).await.map_err(|mut failure| {
        // It adds the stack of its own code.
        let text = failure.error.to_string();
        if let Some((useful, _)) = text.split_once("\n\nStack backtrace:") {
            failure.error = anyhow!("{useful}");
        }
        failure
    })?;
    let bytes = std::fs::read(folder.join("component.wasm")).context("cannot read the component")?;
    let digest = folder.join(DIGEST);
    std::fs::write(&digest, blake3::hash(&bytes).to_hex().as_str())
        .with_context(|| format!("cannot write {}", digest.display()))?;
    Ok(())
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
