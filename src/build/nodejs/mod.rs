//! Node programs as they are: one component that is a JavaScript engine with Node's own modules, and the project as files.
//!
//! The engine is made once for all projects (`engine`). CommonJS is read as it is when the guest starts; ES modules and
//! TypeScript become one file first (`bundle`).

mod bundle;
mod engine;
mod entry;
mod esbuild;
pub mod manifest;
mod packages;
mod positions;
pub mod snapshot;
mod stack;

use super::digest::Digest;
use super::{Ahead, Built, Policy, Program, Project};
use entry::Entry;
use files::Directory;
use files::cache;
use packages::Packages;
use report::Result;
use std::path::{Path, PathBuf};

/// What the guest is to run, and where; `guest/src/main.js` reads them.
const MAIN: &str = "WASMRUN_MAIN";
const FOLDER: &str = "WASMRUN_FOLDER";
/// Files of variables, one in each line.
const ENV_FILES: &str = "WASMRUN_ENV_FILES";

/// How to run a Node project.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The project; the guest sees it by the same name, so that stacks have the user's own paths.
    pub folder: PathBuf,
    entry: Entry,
    out: PathBuf,
    pub policy: Policy,
}

/// Whether a folder is a Node project.
pub fn is_here(folder: &Path) -> bool {
    folder.join(manifest::NAME).is_file()
}

impl Plan {
    pub fn of(project: &Project) -> Result<Plan> {
        Ok(Plan {
            folder: project.folder.clone(),
            entry: Entry::find(project)?,
            // Apart from what builds write: code of a project was never at work there.
            out: files::cache::folder(files::cache::Kind::Build)?.join(
                Digest::default()
                    .add("nodejs")
                    .add(project.folder.as_os_str().as_encoded_bytes())
                    .name(),
            ),
            policy: project.policy,
        })
    }

    pub fn describe(&self) -> String {
        format!(
            "Node.js, {} (in {})",
            self.entry.script.display(),
            self.folder.display()
        )
    }

    pub async fn run(&self) -> Result<Built> {
        let engine = engine::find_or_make(self.policy).await?;
        let packages = packages::find_or_install(&self.folder, self.policy).await?;
        let folder = self.folder.to_string_lossy().into_owned();
        // Whose packages lie above it is shown from there.
        let shown = match &packages {
            Packages::Workspace(root) => root.as_path(),
            _ => self.folder.as_path(),
        };
        let mut directories = vec![Directory::read_only(shown, &shown.to_string_lossy())];
        let packages = match packages {
            Packages::Installed(folder) => Some(folder),
            Packages::Own | Packages::Workspace(_) => None,
        };
        directories.extend(
            packages
                .as_deref()
                .map(|folder| Directory::read_only(folder, packages::PLACE)),
        );
        let script = &self.entry.script;
        let is_bundle = bundle::is_needed(&self.folder, script)?;
        let mut program = snapshot::Program {
            engine: engine.clone(),
            folder: self.folder.clone(),
            script: script.clone(),
            installed: packages,
            confinement: self.policy.confinement,
            bundle: None,
        };
        let (snapshot, is_current) = program.snapshot(is_bundle)?;
        let main = match is_bundle {
            true => bundle::main_of_guest(),
            false => script.to_string_lossy().into_owned(),
        };
        if is_bundle {
            let out = bundle::folder(&self.out, script);
            if snapshot.is_none() {
                program.bundle = Some(bundle::make(&program, &out).await?);
            }
            directories.push(Directory::read_only(&out, bundle::PLACE));
        }
        let installed = program.installed.as_deref().and_then(Path::parent);
        let bundled = is_bundle.then_some(self.out.as_path());
        let held = [Some(engine.folder.as_path()), installed, bundled]
            .into_iter()
            .flatten();
        let held = held.map(cache::hold).collect::<Result<_>>()?;
        let mut variables = self.entry.variables.clone();
        if snapshot.is_some() {
            tracing::debug!("packages: compiled before");
            variables.push((snapshot::BASE.to_owned(), program.base_of_guest(is_bundle)));
        }
        if !self.entry.env_files.is_empty() {
            variables.push((ENV_FILES.to_owned(), self.entry.env_files.join("\n")));
        }
        variables.push((MAIN.to_owned(), main));
        variables.push((FOLDER.to_owned(), folder));
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
            snapshot: snapshot.filter(|_| !is_bundle),
            ahead: (!is_current).then_some(Ahead(program)),
        })
    }
}
