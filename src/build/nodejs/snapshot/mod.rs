//! Snapshots: the engine with a project's packages compiled into it, and what leads from one to the other. Nothing of them
//! has run; but to find, read and compile the files of a few packages is most of a start.
//!
//! One is made after a start, for the next ones, and only its code is kept, in the cache. A start takes it where all files and
//! folders that it depends on are as they were (`stamp`); where not, or where the cache has dropped it, the engine itself
//! does the same work more slowly.

mod graph;
mod record;
mod stamp;

use super::bundle::Bundle;
use super::packages;
use crate::build::component::{self, Component};
use crate::build::digest::Digest;
use crate::build::making::Making;
use crate::build::step;
use crate::code;
use crate::failure::Result;
use anyhow::{Context, anyhow};
use graph::{Graph, Packages};
use record::Record;
use stamp::Stamp;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The variable that says which folder has `node_modules`; `guest/src/main.js` reads it.
pub const BASE: &str = "WASMRUN_BASE";
/// What the engine is made of.
const ENGINE: &str = "engine.js";
const WORLD: &str = "engine.wit";
const COMPONENTIZE: &str = "node_modules/componentize-qjs/cli.mjs";

/// More than this is not for one snapshot, in bytes.
const LONGEST: usize = 64 << 20;

/// A program, and what there is to run it.
#[derive(Clone, Debug)]
pub struct Program {
    pub engine: PathBuf,
    pub folder: PathBuf,
    pub script: PathBuf,
    /// Packages that the project does not have itself.
    pub installed: Option<PathBuf>,
    /// What it became, where it is not run as it is.
    pub bundle: Option<Bundle>,
}

/// A snapshot for a start.
pub struct Snapshot {
    pub digest: blake3::Hash,
}

/// A snapshot for later starts.
pub struct Next {
    /// By what it is made of: to find out that it is there is not to make it again.
    pub digest: Option<blake3::Hash>,
    /// The folder of its component, which goes with it; none where its code is there.
    made: Option<Making>,
    record: Record,
    place: PathBuf,
}

/// The snapshot that is there for a program and fits, and whether it is all that there could be.
pub fn find(engine: &Component, script: &Path, is_bundle: bool) -> Result<(Option<Snapshot>, bool)> {
    let place = record::place(engine, script, is_bundle)?;
    let Some(record) = Record::read(&place).filter(|record| record.packages.iter().all(Stamp::holds)) else {
        return Ok((None, false));
    };
    let is_current = record.sources.iter().all(Stamp::holds);
    let Some(digest) = &record.digest else {
        return Ok((None, is_current));
    };
    let digest = blake3::Hash::from_hex(digest).context("a record of the cache is not valid")?;
    if !code::is_there(&digest) {
        return Ok((None, false));
    }
    Ok((Some(Snapshot { digest }), is_current))
}

impl Program {
    fn engine(&self) -> Result<Component> {
        Component::of(&self.engine)
    }

    /// Makes the snapshot for the next start; none where what is there is all that there could be.
    pub async fn next(&self) -> Result<Option<Next>> {
        let engine = self.engine()?;
        let is_bundle = self.bundle.is_some();
        if find(&engine, &self.script, is_bundle)?.1 {
            return Ok(None);
        }
        let place = record::place(&engine, &self.script, is_bundle)?;
        let making = Making::begin(&place)?;
        let (began, graph) = match &self.bundle {
            Some(bundle) => (bundle.began, Graph::of_bundle(bundle, &self.folder, self.base())?),
            None => (SystemTime::now(), Graph::of(self, making.path()).await?),
        };
        let stamp = |path: &PathBuf| Stamp::of(path).with_context(|| format!("cannot look at {}", path.display()));
        let mut packages: Vec<Stamp> = graph.depends_on.iter().map(stamp).collect::<Result<_, _>>()?;
        // What is found must not be older than the stamps that say so.
        if !packages.iter().all(|stamp| stamp.is_before(began)) {
            return Err(anyhow!("the files are being changed").into());
        }
        for product in &graph.products {
            packages.push(stamp(product)?);
        }
        let sources = graph.sources.iter().map(stamp).collect::<Result<_, _>>()?;
        let (mut digest, mut made) = (None, None);
        if !graph.packages.files.is_empty() {
            let call = call(&graph.packages)?;
            if call.len() > LONGEST {
                return Err(anyhow!("the packages are larger than {LONGEST} bytes").into());
            }
            let whole = Digest::default().add(engine.digest.as_bytes()).add(&call).whole();
            digest = Some(whole);
            if !code::is_there(&whole) {
                componentize(&engine, &call, making.path()).await?;
                made = Some(making);
            }
        }
        if !packages.iter().all(Stamp::holds) {
            return Err(anyhow!("the files have changed").into());
        }
        Ok(Some(Next {
            digest,
            made,
            record: Record {
                digest: digest.map(|digest| digest.to_hex().to_string()),
                packages,
                sources,
            },
            place,
        }))
    }

    /// The folder that has `node_modules`.
    fn base(&self) -> &Path {
        match &self.installed {
            Some(packages) => packages.parent().unwrap_or(packages),
            None => &self.folder,
        }
    }

    /// The same as the guest sees it, without a slash at its end.
    pub fn base_of_guest(&self, is_bundle: bool) -> String {
        match &self.installed {
            _ if is_bundle => String::new(),
            Some(_) => packages::PLACE.trim_end_matches("/node_modules").to_owned(),
            None => self.folder.to_string_lossy().into_owned(),
        }
    }
}

impl Next {
    /// The component to compile; none where its code is there.
    pub fn component(&self) -> Option<PathBuf> {
        self.made.as_ref().map(|folder| folder.path().join(component::NAME))
    }

    /// Its code is there: starts may take it from now on.
    pub fn finish(self) -> Result<()> {
        self.record.write(&self.place)
    }
}

/// What is run when the snapshot is taken: `guest/src/prepared.js` has the function.
fn call(packages: &Packages) -> Result<String> {
    let packages = serde_json::to_string(packages).context("cannot write down the packages")?;
    Ok(format!("\n__prepare({packages});\n"))
}

/// Makes the component in a folder.
async fn componentize(engine: &Component, call: &str, room: &Path) -> Result<()> {
    let source = engine.folder.join(ENGINE);
    let mut text = std::fs::read_to_string(&source).with_context(|| format!("cannot read {}", source.display()))?;
    text.push_str(call);
    let script = room.join(ENGINE);
    std::fs::write(&script, text).with_context(|| format!("cannot write {}", script.display()))?;
    let mut command = vec![OsString::from("node"), engine.folder.join(COMPONENTIZE).into()];
    command.extend(["--wit".into(), engine.folder.join(WORLD).into_os_string()]);
    command.extend(["--js".into(), script.into_os_string()]);
    command.extend(["-n", "engine", "-o", component::NAME].map(OsString::from));
    let (said, status) = step::background(&command, &[], room).await?;
    if !status.success() {
        return Err(anyhow!("componentize-qjs: {} ({})", said.trim_end(), step::describe(status)).into());
    }
    Ok(())
}
