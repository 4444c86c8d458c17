//! The engine: QuickJS with Node's modules, made by componentize-qjs from `guest/`, an npm project of our own. One for all
//! projects, because it has none of their code.

use super::stack;
use crate::jail::Room;
use crate::plan::Policy;
use crate::tools::component::{self, Component};
use crate::tools::digest::Digest;
use crate::tools::process::Step;
use crate::tools::progress::Work;
use crate::tools::sealed;
use crate::tools::staging::Staging;
use anyhow::{Context, anyhow};
use include_dir::{Dir, include_dir};
use report::{Failure, Result};
use std::ffi::OsString;
use std::path::Path;

static GUEST: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/nodejs/guest");

/// The engine that is there, or a new one with packages from npm.
pub(super) async fn find_or_make(policy: Policy) -> Result<Component> {
    // By everything that it is made of.
    let name = Digest::default().add_folder(&GUEST).add(stack::VERSION).name();
    let place = crate::tools::toolchains()?.join(format!("nodejs-{name}"));
    if let Some(engine) = Component::open(&place) {
        return Ok(engine);
    }
    if policy.offline {
        let message = anyhow!("the Node.js toolchain is not installed, and offline mode forbids fetching it");
        return Err(Failure::usage(message).hint("run once without `--offline`"));
    }
    let making = Staging::begin(&place)?;
    let work = Work::begin(
        "installing the Node.js toolchain (componentize-qjs, esbuild, Node.js's library) and making the engine"
            .to_owned(),
    );
    GUEST
        .extract(making.path())
        .with_context(|| format!("cannot write to {}", making.path().display()))?;
    npm(&work, &["install", "--ignore-scripts"], &making, policy).await?;
    npm(&work, &["run", "build"], &making, policy).await?;
    bound_stack(making.path())?;
    Component::seal(making.path())?;
    let place = making.finish(|place| Component::open(place).is_some())?;
    work.done();
    Component::of(&place)
}

/// Bounds the stack of the engine that componentize-qjs has made in a folder.
pub(super) fn bound_stack(folder: &Path) -> Result<()> {
    let path = folder.join(component::NAME);
    let bytes = sealed::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    std::fs::remove_file(&path).with_context(|| format!("cannot replace {}", path.display()))?;
    sealed::write(&path, &stack::bound(&bytes)?)
}

/// Runs npm in a folder that is being made.
pub(super) async fn npm(work: &Work, arguments: &[&str], making: &Staging, policy: Policy) -> Result<()> {
    if crate::tools::find("npm").is_none() {
        let message = anyhow!("Node projects are built with npm, which is not installed");
        return Err(Failure::usage(message).hint("sudo apt-get install nodejs npm"));
    }
    let options = [
        "npm",
        // What a repository has in its own .npmrc is obeyed while it is fetched, and may name programs.
        "--git=false",
        "--no-audit",
        "--no-fund",
        "--no-progress",
        "--loglevel=error",
    ];
    // Our own package has one.
    let scripts = if arguments.first() == Some(&"run") {
        "false"
    } else {
        "true"
    };
    let command: Vec<OsString> = options.iter().chain(arguments).map(OsString::from).collect();
    // Only npm itself writes there: no script of any package runs.
    let cache = crate::tools::toolchains()?.join("npm-cache");
    std::fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
    let _held = files::cache::hold(&cache)?;
    let room = policy
        .confinement
        .around(|| Room::writing(making.path()).and_writes(&cache).and_fetches());
    let step = Step {
        command: &command,
        // As variables they hold for an npm that npm starts, too, before what a package says.
        variables: &[
            ("npm_config_cache", cache.as_os_str()),
            ("npm_config_git", "false".as_ref()),
            ("npm_config_ignore_scripts", scripts.as_ref()),
            ("npm_config_node_options", "--no-warnings".as_ref()),
        ],
        folder: making.path(),
        room: room.as_ref(),
    };
    work.step(&step).await.map(drop)
}
