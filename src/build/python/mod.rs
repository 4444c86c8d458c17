//! Python projects as they are: an interpreter whose snapshot has the dependencies, and the project as files.
//!
//! What changes with an edit, the project's own files, is read when the guest starts. What takes long, the interpreter and
//! the dependencies, is made once for each set of requirements (`environment`), so a reload is a start and no build.

mod entry;
mod environment;
mod packages;
mod requirements;
mod toolchain;

use super::{Built, Policy, Program, Project};
use entry::Entry;
use environment::May;
use files::Directory;
use files::cache;
use report::Result;
use requirements::Requirements;
use std::path::{Path, PathBuf};

/// What the guest is told: how to run what, and where. `guest/wasmrun_guest/start.py` reads it.
const PLAN: &str = "WASMRUN_PYTHON";
/// Where the guest finds its dependencies: the name that componentize-py gives the first folder of modules.
const ENVIRONMENT: &str = "/0";

/// This machine's time zones, where `zoneinfo` looks for them (tzfile(5)).
const TIME_ZONES: &str = "/usr/share/zoneinfo";

/// How to run a Python project.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The project; the guest sees it by the same name, so that tracebacks have the user's own paths.
    pub folder: PathBuf,
    entry: Entry,
    pub policy: Policy,
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
        // That they can be read; what they are is asked at each build.
        Requirements::find(&project.folder)?;
        Ok(Plan {
            folder: project.folder.clone(),
            entry: Entry::find(project, config)?,
            policy: project.policy,
            may_build: config.is_some_and(|config| config.build_packages),
        })
    }

    pub fn describe(&self) -> String {
        format!("Python, {} (in {})", self.entry.describe(), self.folder.display())
    }

    pub async fn run(&self) -> Result<Built> {
        let requirements = Requirements::find(&self.folder)?.and_servers(&self.entry);
        let may = May {
            policy: self.policy,
            build: self.may_build,
        };
        let environment = environment::find_or_make(&self.folder, &requirements, may).await?;
        let folder = self.folder.to_string_lossy();
        let mut directories = vec![
            Directory::read_only(&environment.folder, ENVIRONMENT),
            Directory::read_only(&self.folder, &folder),
        ];
        if Path::new(TIME_ZONES).is_dir() {
            directories.push(Directory::read_only(Path::new(TIME_ZONES), TIME_ZONES));
        }
        Ok(Built {
            artifact: environment.path(),
            digest: Some(environment.digest),
            snapshot: None,
            ahead: None,
            held: vec![cache::hold(&environment.folder)?],
            program: Some(Program {
                directories,
                variables: vec![(PLAN.to_owned(), self.entry.told(&folder))],
                arguments: Vec::new(),
            }),
        })
    }
}
