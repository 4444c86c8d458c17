//! Python projects as they are: an interpreter whose snapshot has the dependencies, and the project as files.
//!
//! What changes with an edit, the project's own files, is read when the guest starts. What takes long, the interpreter and
//! the dependencies, is made once for each set of requirements (`environment`), so a reload is a start and no build.

mod entry;
mod environment;
mod extensions;
mod may;
mod packages;
mod requirements;
mod section;
mod toolchain;
mod uv;

use crate::language::{Fit, Language};
use crate::plan::{self, Built, Policy, Program, Variable};
use crate::project::Project;
use crate::{artifact, config, zones};
use entry::Entry;
use files::Directory;
use files::cache;
use futures::future::LocalBoxFuture;
use may::May;
use report::Result;
use requirements::Requirements;
use section::Section;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the guest is told: how to run what, and where. `guest/wasmrun_guest/start.py` reads it.
const PLAN: &str = "WASMRUN_PYTHON";
/// Where the guest finds its dependencies: the name that componentize-py gives the first folder of modules.
const ENVIRONMENT: &str = "/0";

/// Python.
pub(crate) struct Python;

impl Language for Python {
    fn id(&self) -> &'static str {
        "python"
    }

    fn name(&self) -> &'static str {
        "Python"
    }

    fn builder(&self) -> &'static str {
        "componentize-py: unmodified Flask, Bottle, http.server, asyncio and others"
    }

    fn markers(&self) -> &'static [&'static str] {
        &["requirements.txt", "pyproject.toml", "*.py"]
    }

    fn fit(&self, folder: &Path) -> Fit {
        if ["requirements.txt", "pyproject.toml"]
            .iter()
            .any(|name| folder.join(name).is_file())
        {
            return Fit::Packages;
        }
        let sources = artifact::files(folder, &["py"]).unwrap_or_default();
        // A folder that has its .wasm beside the source was built by other means.
        let is_built = || !artifact::candidates(folder).unwrap_or_default().is_empty();
        match !sources.is_empty() && !is_built() {
            true => Fit::Sources,
            false => Fit::None,
        }
    }

    fn plan(&self, project: &Project<'_>) -> Result<Arc<dyn plan::Plan>> {
        // That they can be read; what they are is asked at each build.
        Requirements::find(&project.folder)?;
        let section: Section = project.section(self.id())?;
        Ok(Arc::new(Plan {
            folder: project.folder.clone(),
            entry: Entry::find(project, &section)?,
            policy: project.policy,
            may_build: section.build_packages,
        }))
    }

    fn scripts(&self) -> &'static [&'static str] {
        &["py"]
    }

    fn section(&self) -> Option<config::Section> {
        Some(config::Section::of::<Section>())
    }

    fn ignores(&self) -> &'static [&'static str] {
        &[
            "__pycache__",
            ".venv",
            "venv",
            ".tox",
            ".pytest_cache",
            ".mypy_cache",
            ".ruff_cache",
            "*.pyc",
        ]
    }
}

/// How to run a Python project.
#[derive(Clone, Debug)]
struct Plan {
    /// The project; the guest sees it by the same name, so that tracebacks have the user's own paths.
    folder: PathBuf,
    entry: Entry,
    policy: Policy,
    may_build: bool,
}

impl plan::Plan for Plan {
    fn describe(&self) -> String {
        format!("Python, {} (in {})", self.entry.describe(), self.folder.display())
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
        let requirements = Requirements::find(&self.folder)?.and_servers(matches!(self.entry, Entry::Asgi(_)));
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
        directories.extend(zones::directory());
        Ok(Built {
            artifact: environment.path(),
            digest: Some(environment.digest),
            snapshot: None,
            ahead: None,
            held: vec![cache::hold(&environment.folder)?],
            program: Some(Program {
                directories,
                variables: vec![Variable::new(PLAN, self.entry.told(&folder))],
                arguments: Vec::new(),
            }),
        })
    }
}
