//! Node programs as they are: one component that is a JavaScript engine with Node's own modules, and the project as files.
//!
//! The engine is made once for all projects (`engine`). CommonJS is read as it is when the guest starts; ES modules and
//! TypeScript become one file first (`bundle`).

mod binary;
mod bundle;
mod command;
mod engine;
mod entry;
mod esbuild;
mod manifest;
mod packages;
mod positions;
mod program;
mod snapshot;
mod source;
mod stack;

use crate::config;
use crate::language::{Fit, Language};
use crate::plan::{self, Ahead, Built, Policy, Program, Snapshot, Variable};
use crate::project::Project;
use crate::tools::digest::Digest;
use crate::zones;
use anyhow::anyhow;
use files::Directory;
use files::cache;
use futures::future::LocalBoxFuture;
use packages::Packages;
use report::{Failure, Result};
use source::Source;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the guest is to run, and where; `guest/src/main.js` reads them.
const MAIN: &str = "WASMRUN_MAIN";
const FOLDER: &str = "WASMRUN_FOLDER";
/// Files of variables, one in each line.
const ENV_FILES: &str = "WASMRUN_ENV_FILES";
/// Modules that are loaded first, one in each line.
const PRELOADS: &str = "WASMRUN_PRELOADS";

/// Node.js.
pub(crate) struct Nodejs;

impl Language for Nodejs {
    fn id(&self) -> &'static str {
        "nodejs"
    }

    fn name(&self) -> &'static str {
        "Node.js"
    }

    fn builder(&self) -> &'static str {
        "QuickJS with Node's modules: unmodified Express, Fastify, Koa, Hono and others"
    }

    fn markers(&self) -> &'static [&'static str] {
        &[manifest::NAME]
    }

    fn fit(&self, folder: &Path) -> Fit {
        match folder.join(manifest::NAME).is_file() {
            true => Fit::Packages,
            false => Fit::None,
        }
    }

    fn plan(&self, project: &Project<'_>) -> Result<Arc<dyn plan::Plan>> {
        let section: Section = project.section(self.id())?;
        Ok(Arc::new(Plan {
            folder: project.folder.clone(),
            entry: entry::find(project, section.script.as_deref())?,
            // Apart from what builds write: code of a project was never at work there.
            out: cache::folder(cache::Kind::Build)?.join(
                Digest::default()
                    .add("nodejs")
                    .add(project.folder.as_os_str().as_encoded_bytes())
                    .name(),
            ),
            policy: project.policy,
        }))
    }

    fn scripts(&self) -> &'static [&'static str] {
        &["js", "mjs", "cjs", "ts"]
    }

    fn section(&self) -> Option<config::Section> {
        Some(config::Section::of::<Section>())
    }

    fn ignores(&self) -> &'static [&'static str] {
        &["node_modules"]
    }

    /// <https://docs.npmjs.com/cli/using-npm/config>
    fn offline(&self) -> &'static [(&'static str, &'static str)] {
        &[("npm_config_offline", "true")]
    }

    fn workspace(&self, folder: &Path) -> Option<PathBuf> {
        manifest::workspace(folder)
    }
}

/// `[nodejs]`.
#[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Section {
    /// The entry point.
    script: Option<PathBuf>,
}

/// How to run a Node project.
#[derive(Clone, Debug)]
struct Plan {
    /// The project; the guest sees it by the same name, so that stacks have the user's own paths.
    folder: PathBuf,
    entry: program::Entry,
    out: PathBuf,
    policy: Policy,
}

impl plan::Plan for Plan {
    fn describe(&self) -> String {
        let program = match &self.entry.program {
            program::Program::Script(script) => script.display().to_string(),
            program::Program::OfPackage(name) => name.clone(),
        };
        format!("Node.js, {program} (in {})", self.folder.display())
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn policy(&self) -> Policy {
        self.policy
    }

    fn is_interpreted(&self) -> bool {
        true
    }

    fn build(&self) -> LocalBoxFuture<'_, Result<Built>> {
        Box::pin(self.make())
    }
}

impl Plan {
    async fn make(&self) -> Result<Built> {
        let engine = engine::find_or_make(self.policy).await?;
        let packages = packages::find_or_install(&self.folder, self.policy).await?;
        let folder = self.folder.to_string_lossy().into_owned();
        // Whose packages lie above it is shown from there.
        let shown = match &packages {
            Packages::Workspace(root) => root.clone(),
            _ => self.folder.clone(),
        };
        let mut directories = vec![Directory::read_only(&shown, &shown.to_string_lossy())];
        directories.extend(zones::directory());
        let packages = match packages {
            Packages::Installed(folder) => Some(folder),
            Packages::Own | Packages::Workspace(_) => None,
        };
        directories.extend(
            packages
                .as_deref()
                .map(|folder| Directory::read_only(folder, packages::PLACE)),
        );
        let script = &match &self.entry.program {
            program::Program::Script(script) => script.clone(),
            program::Program::OfPackage(name) => binary::find(name, &self.folder, &shown, packages.as_deref())?,
        };
        let is_bundle = bundle::is_needed(&self.folder, script)?;
        if let (true, Some(first)) = (is_bundle, self.entry.preloads.first()) {
            let message = anyhow!("the start script loads {first} before the program, which is no CommonJS");
            return Err(Failure::usage(message).hint(format!("import {first} in the first line of the program")));
        }
        let mut program = snapshot::Program {
            source: Source {
                engine: engine.clone(),
                folder: self.folder.clone(),
                script: script.clone(),
                installed: packages,
                confinement: self.policy.confinement,
            },
            bundle: None,
        };
        let (snapshot, is_current) = program.snapshot(is_bundle)?;
        let main = match is_bundle {
            true => bundle::main_of_guest(),
            false => {
                let installed = program.source.installed.as_deref();
                let within = installed.and_then(|installed| script.strip_prefix(installed).ok());
                let path = within.map(|within| Path::new(packages::PLACE).join(within));
                path.unwrap_or_else(|| script.clone()).to_string_lossy().into_owned()
            }
        };
        if is_bundle {
            let out = bundle::folder(&self.out, script);
            if snapshot.is_none() {
                program.bundle = Some(bundle::make(&program.source, &out).await?);
            }
            directories.push(Directory::read_only(&out, bundle::PLACE));
        }
        let installed = program.source.installed.as_deref().and_then(Path::parent);
        let bundled = is_bundle.then_some(self.out.as_path());
        let held = [Some(engine.folder.as_path()), installed, bundled]
            .into_iter()
            .flatten();
        let held = held.map(cache::hold).collect::<Result<_>>()?;
        let own = self.entry.variables.iter();
        let mut variables: Vec<Variable> = own.map(|(name, value)| Variable::new(name, value)).collect();
        if snapshot.is_some() {
            tracing::debug!("packages: compiled before");
            // Packages that were compiled ahead are not those of a folder that the user puts in their place.
            let base = program.source.base_of_guest(is_bundle);
            let packages = format!("{base}/{}", packages::FOLDER);
            variables.push(Variable::new(snapshot::BASE, base).telling_of(packages));
        }
        if !self.entry.env_files.is_empty() {
            variables.push(Variable::new(ENV_FILES, self.entry.env_files.join("\n")));
        }
        if !self.entry.preloads.is_empty() {
            variables.push(Variable::new(PRELOADS, self.entry.preloads.join("\n")));
        }
        variables.push(Variable::new(MAIN, main));
        variables.push(Variable::new(FOLDER, folder));
        Ok(Built {
            artifact: engine.path(),
            digest: Some(snapshot.as_ref().map_or(engine.digest, |snapshot| snapshot.digest)),
            program: Some(Program {
                directories,
                variables,
                arguments: self.entry.arguments.clone(),
            }),
            held,
            // A bundle is what it is, whatever becomes of its sources.
            snapshot: snapshot
                .filter(|_| !is_bundle)
                .map(|snapshot| Arc::new(snapshot) as Arc<dyn Snapshot>),
            ahead: (!is_current).then(|| Arc::new(program) as Arc<dyn Ahead>),
        })
    }
}
