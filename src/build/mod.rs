//! Building a project: what makes the guest's file, and what the guest needs besides it.

mod command;
mod component;
mod digest;
mod fresh;
mod jail;
mod language;
mod making;
mod nodejs;
mod python;
mod step;
mod toolchain;
mod work;

pub use jail::Confinement;
pub use nodejs::snapshot::Snapshot;
pub use step::{BUILD, become_command};

use crate::settings::choices::Language;
use crate::settings::file::File;
use anyhow::{Context, anyhow};
use files::Directory;
use report::{Failure, Result};
use std::fs::File as Handle;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How to build a project.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// A command makes the guest's file.
    Command(command::Command),
    /// The guest is Python, and the project is what it runs.
    Python(python::Plan),
    /// The guest is an engine for JavaScript.
    Nodejs(nodejs::Plan),
}

/// What a build may do on this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Nothing is fetched.
    pub offline: bool,
    pub confinement: Confinement,
}

/// What was typed, for whoever finds out how it is built.
pub struct Project<'a> {
    /// Absolute.
    pub folder: PathBuf,
    /// The file that was named instead of its folder.
    pub script: Option<PathBuf>,
    pub file: Option<&'a File>,
    pub policy: Policy,
}

/// What a build has made.
#[derive(Debug)]
pub struct Built {
    /// The guest's file.
    pub artifact: PathBuf,
    /// Of the file, where that never changes once it is there: so it need not be read.
    pub digest: Option<blake3::Hash>,
    pub program: Option<Program>,
    /// What was made ahead for this start, and has to fit still if it starts again.
    pub snapshot: Option<Snapshot>,
    /// What is worth making for the next start.
    pub ahead: Option<Ahead>,
    /// What of the cache it runs from, which stays there as long.
    pub held: Vec<Arc<Handle>>,
}

/// A program whose next start can be sooner.
#[derive(Clone, Debug)]
pub struct Ahead(nodejs::snapshot::Program);

impl Ahead {
    /// Whether every edit of the program needs another.
    pub fn is_whole(&self) -> bool {
        self.0.bundle.is_some()
    }

    /// Makes what the next start takes; none where that is there.
    pub async fn next(&self) -> Result<Option<nodejs::snapshot::Next>> {
        self.0.next().await
    }
}

/// What a guest runs that is an interpreter.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// What it reads.
    pub directories: Vec<Directory>,
    /// What it is told.
    pub variables: Vec<(String, String)>,
    /// What comes before the user's own arguments.
    pub arguments: Vec<String>,
}

impl Program {
    /// What it is told where the user gives it these directories, too. Packages that were compiled ahead are not those of a
    /// folder that the user puts in their place.
    pub fn variables(&self, own: &[Directory]) -> impl Iterator<Item = (String, String)> {
        let hides = |(name, value): &&(String, String)| {
            name == nodejs::snapshot::BASE && own.iter().any(|own| nodejs::snapshot::is_hidden_by(value, &own.guest))
        };
        self.variables.iter().filter(move |variable| !hides(variable)).cloned()
    }
}

impl Plan {
    /// The plan for what was typed: the file's `[build] command`, else what the named language has, else the project's, else
    /// none.
    pub fn find(path: &Path, file: Option<&File>, language: Option<Language>, policy: Policy) -> Result<Option<Plan>> {
        if let (None, Some(file)) = (language, file)
            && let Some(command) = &file.config.build.command
        {
            let command = command::Command::of_config(path, file, command)?;
            return Ok(Some(Plan::Command(command.under(policy))));
        }
        let language = language.or(file.and_then(|file| file.config.build.language));
        let of_script = path.is_file().then(|| language::of_script(path)).flatten();
        let is_script = of_script.is_some();
        let named = file.is_some_and(|file| file.config.guest.artifact.is_some());
        if !is_script && (!path.is_dir() || (named && language.is_none())) {
            return Ok(None);
        }
        let whole = path
            .canonicalize()
            .with_context(|| format!("cannot use {}", path.display()))
            .map_err(Failure::usage)?;
        let (folder, script) = match whole.parent() {
            Some(parent) if is_script => (parent.to_owned(), Some(whole)),
            _ => (whole, None),
        };
        let language = match language {
            Some(language) => Some(language::named(language)),
            None => match of_script {
                Some(language) => Some(language::named(language)),
                None => language::detect(&folder)?,
            },
        };
        let Some(language) = language else { return Ok(None) };
        tracing::debug!("build: {}", language.name);
        let project = Project {
            folder,
            script,
            file,
            policy,
        };
        let plan = language.plan(&project)?;
        if plan.is_interpreted() {
            refuse_home(plan.folder())?;
        }
        Ok(Some(match plan {
            Plan::Command(command) => Plan::Command(command.under(policy)),
            other => other,
        }))
    }

    /// The folder of what is built.
    pub fn folder(&self) -> &Path {
        match self {
            Plan::Command(command) => &command.folder,
            Plan::Python(plan) => &plan.folder,
            Plan::Nodejs(plan) => &plan.folder,
        }
    }

    /// Whether its processes are confined.
    pub fn is_jailed(&self) -> bool {
        let policy = match self {
            Plan::Command(command) => command.policy,
            Plan::Python(plan) => plan.policy,
            Plan::Nodejs(plan) => plan.policy,
        };
        policy.confinement == Confinement::Jailed
    }

    /// Files that the build writes, as far as they are known before.
    pub fn outputs(&self) -> Vec<PathBuf> {
        match self {
            Plan::Command(command) => command.outputs(),
            Plan::Python(_) | Plan::Nodejs(_) => Vec::new(),
        }
    }

    /// Whether the guest's file stays the same when the project changes, and nothing is written into the project.
    pub fn is_interpreted(&self) -> bool {
        !matches!(self, Plan::Command(_))
    }

    /// What it does, for people.
    pub fn describe(&self) -> String {
        match self {
            Plan::Command(command) => command.describe(),
            Plan::Python(plan) => plan.describe(),
            Plan::Nodejs(plan) => plan.describe(),
        }
    }

    /// Runs the build. Dropping the future ends every process of it.
    pub async fn run(&self) -> Result<Built> {
        match self {
            Plan::Command(command) => Ok(Built {
                artifact: command.run().await?,
                digest: None,
                program: None,
                snapshot: None,
                ahead: None,
                held: Vec::new(),
            }),
            Plan::Python(plan) => plan.run().await,
            Plan::Nodejs(plan) => plan.run().await,
        }
    }
}

/// The guest of an interpreter reads the whole folder, and a build may write it: what is in a home folder is nothing for
/// either.
fn refuse_home(folder: &Path) -> Result<()> {
    let home = dirs::home_dir().and_then(|home| home.canonicalize().ok());
    if folder == Path::new("/") || home.is_some_and(|home| home.starts_with(folder)) {
        let message = anyhow!("the program would be shown all of {}", folder.display());
        return Err(Failure::usage(message).hint("put it into a folder of its own"));
    }
    Ok(())
}

/// Where a program is on PATH.
pub fn find(program: &str) -> Option<PathBuf> {
    which::which(program).ok()
}
