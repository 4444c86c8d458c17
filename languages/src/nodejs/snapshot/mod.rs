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
use super::{engine, manifest, packages};
use crate::nodejs::source::Source;
use crate::plan;
use crate::tools::component;
use crate::tools::digest::Digest;
use crate::tools::process::{self, Step};
use crate::tools::staging::Staging;
use anyhow::{Context, anyhow};
use futures::future::LocalBoxFuture;
use graph::{Graph, Packages};
use record::Record;
use report::Result;
use stamp::Stamp;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use supervisor::code;

/// The variable that says which folder has `node_modules`; `guest/src/main.js` reads it.
pub(super) const BASE: &str = "WASMRUN_BASE";
/// What the engine is made of.
const ENGINE: &str = "engine.js";
const WORLD: &str = "engine.wit";
const COMPONENTIZE: &str = "node_modules/componentize-qjs/cli.mjs";

/// More than this is not for one snapshot, in bytes.
const LONGEST: usize = 64 << 20;

/// A program, and what it became.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub source: Source,
    /// None: it is run as it is.
    pub bundle: Option<Bundle>,
}

/// A snapshot for a start.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub digest: blake3::Hash,
    place: PathBuf,
}

impl plan::Snapshot for Snapshot {
    fn holds(&self) -> bool {
        Record::read(&self.place).is_some_and(|record| record.digest().as_ref() == Some(&self.digest) && record.fits())
    }
}

/// A snapshot for later starts.
struct Next {
    /// By what it is made of: to find out that it is there is not to make it again.
    digest: Option<blake3::Hash>,
    /// The folder of its component, which goes with it; none where its code is there.
    made: Option<Staging>,
    record: Record,
    place: PathBuf,
}

impl Program {
    fn place(&self, is_bundle: bool) -> Result<PathBuf> {
        record::place(&self.source.engine, &self.source.script, self.source.base(), is_bundle)
    }

    /// The snapshot that is there and fits, and whether it is all that there could be.
    pub(super) fn snapshot(&self, is_bundle: bool) -> Result<(Option<Snapshot>, bool)> {
        let place = self.place(is_bundle)?;
        let Some(record) = Record::read(&place).filter(Record::fits) else {
            return Ok((None, false));
        };
        let is_current = record.sources.iter().all(Stamp::holds);
        Ok(match record.digest() {
            Some(digest) if code::is_there(&digest) => (Some(Snapshot { digest, place }), is_current),
            Some(_) => (None, false),
            None => (None, is_current),
        })
    }

    /// Makes the snapshot for the next start; none where what is there is all that there could be.
    async fn ahead(&self) -> Result<Option<Next>> {
        if self.snapshot(self.bundle.is_some())?.1 {
            return Ok(None);
        }
        let began = self.bundle.as_ref().map_or_else(SystemTime::now, |bundle| bundle.began);
        let next = self.make(began).await;
        if next.is_err() {
            self.give_up(began)?;
        }
        next.map(Some)
    }

    async fn make(&self, began: SystemTime) -> Result<Next> {
        let place = self.place(self.bundle.is_some())?;
        let making = Staging::begin(&place)?;
        let graph = match &self.bundle {
            Some(bundle) => Graph::of_bundle(bundle, &self.source.folder, self.source.base())?,
            None => Graph::of(&self.source, making.path()).await?,
        };
        let mut packages = stamps(&graph.depends_on)?;
        // What is found must not be older than the stamps that say so.
        if !packages.iter().all(|stamp| stamp.is_before(began)) {
            return Err(anyhow!("the files are being changed").into());
        }
        packages.extend(stamps(&graph.products)?);
        let sources = stamps(graph.sources.iter().chain([&self.packages()]))?;
        let (mut digest, mut made) = (None, None);
        if !graph.packages.files.is_empty() {
            let call = call(&graph.packages)?;
            if call.len() > LONGEST {
                return Err(anyhow!("the packages are larger than {LONGEST} bytes").into());
            }
            let whole = Digest::default()
                .add(self.source.engine.digest.as_bytes())
                .add(&call)
                .whole();
            digest = Some(whole);
            if !code::is_there(&whole) {
                self.componentize(&call, making.path()).await?;
                made = Some(making);
            }
        }
        if !packages.iter().all(Stamp::holds) {
            return Err(anyhow!("the files have changed").into());
        }
        Ok(Next {
            digest,
            made,
            record: Record::new(digest, packages, sources),
            place,
        })
    }

    /// What cannot be made is not tried again until the program changes, or its packages.
    fn give_up(&self, began: SystemTime) -> Result<()> {
        let own = [
            self.source.script.clone(),
            self.source.folder.join(manifest::NAME),
            self.packages(),
        ];
        let inputs = self.bundle.iter().flat_map(|bundle| &bundle.inputs);
        let sources = stamps(own.iter().chain(inputs))?;
        // What changes meanwhile is tried again.
        if sources.iter().all(|stamp| stamp.is_before(began)) {
            Record::new(None, Vec::new(), sources).write(&self.place(self.bundle.is_some())?)?;
        }
        Ok(())
    }

    /// Makes the component in a folder.
    async fn componentize(&self, call: &str, place: &Path) -> Result<()> {
        let tools = &self.source.engine.folder;
        let source = tools.join(ENGINE);
        let mut text = std::fs::read_to_string(&source).with_context(|| format!("cannot read {}", source.display()))?;
        text.push_str(call);
        let script = place.join(ENGINE);
        std::fs::write(&script, text).with_context(|| format!("cannot write {}", script.display()))?;
        let mut command = vec![OsString::from("node"), tools.join(COMPONENTIZE).into()];
        command.extend(["--wit".into(), tools.join(WORLD).into_os_string()]);
        command.extend(["--js".into(), script.into_os_string()]);
        command.extend(["-n", "engine", "-o", component::NAME].map(OsString::from));
        let room = self.source.room(place);
        let step = Step {
            command: &command,
            variables: &[],
            folder: place,
            room: room.as_ref(),
        };
        let (said, status) = process::background(&step).await?;
        if !status.success() {
            return Err(anyhow!("componentize-qjs: {} ({})", said.trim_end(), process::describe(status)).into());
        }
        engine::bound_stack(place)
    }

    fn packages(&self) -> PathBuf {
        self.source.base().join(packages::FOLDER)
    }
}

impl plan::Ahead for Program {
    fn is_whole(&self) -> bool {
        self.bundle.is_some()
    }

    fn next(&self) -> LocalBoxFuture<'_, Result<Option<Box<dyn plan::Next>>>> {
        Box::pin(async {
            let next = self.ahead().await?;
            Ok(next.map(|next| Box::new(next) as Box<dyn plan::Next>))
        })
    }
}

impl plan::Next for Next {
    fn digest(&self) -> Option<blake3::Hash> {
        self.digest
    }

    fn component(&self) -> Option<PathBuf> {
        self.made.as_ref().map(|folder| folder.path().join(component::NAME))
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.record.write(&self.place)
    }

    fn give_up(self: Box<Self>) -> Result<()> {
        let Record { packages, sources, .. } = self.record;
        let sources = packages.into_iter().chain(sources).collect();
        Record::new(None, Vec::new(), sources).write(&self.place)
    }
}

fn stamps<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Result<Vec<Stamp>> {
    let stamp = |path: &PathBuf| Stamp::of(path).with_context(|| format!("cannot look at {}", path.display()));
    Ok(paths.into_iter().map(stamp).collect::<Result<_, _>>()?)
}

/// What is run when the snapshot is taken: `guest/src/prepared.js` has the function.
fn call(packages: &Packages) -> Result<String> {
    let packages = serde_json::to_string(packages).context("cannot write down the packages")?;
    Ok(format!("\n__prepare({packages});\n"))
}
