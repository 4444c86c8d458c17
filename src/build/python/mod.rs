//! Python projects as they are: an interpreter whose snapshot has the dependencies, and the project as files.
//!
//! What changes with an edit, the project's own files, is read when the guest starts. What takes long, the interpreter and
//! the dependencies, is made once for each set of requirements (`environment`), so a reload is a start and no build.

mod entry;
mod environment;
mod packages;
mod requirements;
mod toolchain;

use super::{Built, Program, Project};
use crate::failure::Result;
use crate::settings::Directory;
use entry::Entry;
use requirements::Requirements;
use std::path::{Path, PathBuf};

/// What the guest is told: how to run what, and where. `guest/wasmrun_guest/start.py` reads it.
const PLAN: &str = "WASMRUN_PYTHON";
/// Where the guest finds its dependencies: the name that componentize-py gives the first folder of modules.
const ENVIRONMENT: &str = "/0";

/// How to run a Python project.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The project; the guest sees it by the same name, so that tracebacks have the user's own paths.
    pub folder: PathBuf,
    entry: Entry,
    requirements: Requirements,
    offline: bool,
    may_build: bool,
}

/// Whether a folder is a Python project. One that has its .wasm beside the source was built by other means.
pub fn is_here(folder: &Path) -> bool {
    let sources = || crate::artifact::files(folder, &["py"]).unwrap_or_default();
    says_so(folder) || (!sources().is_empty() && crate::artifact::candidates(folder).unwrap_or_default().is_empty())
}

/// Whether it says so with a file of its own.
pub fn says_so(folder: &Path) -> bool {
    ["requirements.txt", "pyproject.toml"]
        .iter()
        .any(|name| folder.join(name).is_file())
}

impl Plan {
    pub fn of(project: &Project) -> Result<Plan> {
        let config = project.file.map(|file| &file.config.python);
        Ok(Plan {
            folder: project.folder.clone(),
            entry: Entry::find(project, config)?,
            requirements: Requirements::find(&project.folder)?,
            offline: project.offline,
            may_build: config.is_some_and(|config| config.build_packages),
        })
    }

    pub fn describe(&self) -> String {
        format!("Python, {} (in {})", self.entry.describe(), self.folder.display())
    }

    pub async fn run(&self) -> Result<Built> {
        // They may be others than when the plan was made.
        let requirements = Requirements::find(&self.folder)?;
        let mut needs = requirements.and_servers(&self.entry);
        needs.may_build = self.may_build;
        let environment = environment::find_or_make(&self.folder, &needs, self.offline).await?;
        let directory = |host: &Path, guest: &str| Directory {
            host: host.to_owned(),
            guest: guest.to_owned(),
            read_only: true,
        };
        let folder = self.folder.to_string_lossy();
        Ok(Built {
            artifact: environment.path(),
            digest: Some(environment.digest),
            program: Some(Program {
                directories: vec![
                    directory(&environment.folder, ENVIRONMENT),
                    directory(&self.folder, &folder),
                ],
                variables: vec![(PLAN.to_owned(), self.entry.told(&folder))],
            }),
        })
    }
}
