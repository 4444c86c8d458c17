//! How one project is built, and what comes of it.

use files::Directory;
use futures::future::LocalBoxFuture;
use report::Result;
use std::fmt::Debug;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use crate::jail::Confinement;

/// What a build may do on this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Nothing is fetched.
    pub offline: bool,
    /// Whether its processes are jailed.
    pub confinement: Confinement,
}

/// How to build one project.
pub trait Plan: Debug + Send + Sync {
    /// For people.
    fn describe(&self) -> String;

    /// The project's folder.
    fn folder(&self) -> &Path;

    /// What the build may do.
    fn policy(&self) -> Policy;

    /// Whether the guest's file is an interpreter: it stays the same when the project changes, and nothing is written into
    /// the project.
    fn is_interpreted(&self) -> bool;

    /// Files that the build writes, as far as they are known before.
    fn outputs(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Runs the build. Dropping the future ends every process of it.
    fn build(&self) -> LocalBoxFuture<'_, Result<Built>>;
}

/// Two plans are the same when they show the same.
impl PartialEq for dyn Plan {
    fn eq(&self, other: &dyn Plan) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

/// What a build has made.
#[derive(Debug)]
pub struct Built {
    /// The guest's file.
    pub artifact: PathBuf,
    /// Of the file, where that never changes once it is there: so it need not be read.
    pub digest: Option<blake3::Hash>,
    /// What the guest runs, where its file is an interpreter.
    pub program: Option<Program>,
    /// What was made ahead for this start, and has to fit still if it starts again.
    pub snapshot: Option<Arc<dyn Snapshot>>,
    /// What is worth making for the next start.
    pub ahead: Option<Arc<dyn Ahead>>,
    /// What of the cache it runs from, which stays there as long.
    pub held: Vec<Arc<File>>,
}

impl Built {
    /// A file that is all there is.
    pub fn file(artifact: PathBuf) -> Built {
        Built {
            artifact,
            digest: None,
            program: None,
            snapshot: None,
            ahead: None,
            held: Vec::new(),
        }
    }
}

/// What a guest runs that is an interpreter.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// What it reads.
    pub directories: Vec<Directory>,
    /// What it is told.
    pub variables: Vec<Variable>,
    /// What comes before the user's own arguments.
    pub arguments: Vec<String>,
}

/// A variable of the guest's.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    name: String,
    value: String,
    /// It tells of this path in the guest, and is wrong where the user puts a directory there, in it or around it.
    tells_of: Option<PathBuf>,
}

impl Variable {
    /// One that always holds.
    pub fn new(name: &str, value: impl Into<String>) -> Variable {
        Variable {
            name: name.to_owned(),
            value: value.into(),
            tells_of: None,
        }
    }

    /// The same, as long as the user gives the guest nothing else at this path.
    pub fn telling_of(self, path: impl Into<PathBuf>) -> Variable {
        Variable {
            tells_of: Some(path.into()),
            ..self
        }
    }

    fn holds(&self, own: &[Directory]) -> bool {
        let hides = |path: &Path, directory: &Path| directory.starts_with(path) || path.starts_with(directory);
        let hidden = |path: &PathBuf| own.iter().any(|own| hides(path, Path::new(&own.guest)));
        !self.tells_of.as_ref().is_some_and(hidden)
    }
}

impl Program {
    /// What it is told where the user gives it these directories, too.
    pub fn variables(&self, own: &[Directory]) -> impl Iterator<Item = (String, String)> {
        let hold = self.variables.iter().filter(move |variable| variable.holds(own));
        hold.map(|variable| (variable.name.clone(), variable.value.clone()))
    }
}

/// Code that was made ahead for one state of a program's files.
pub trait Snapshot: Debug + Send + Sync {
    /// Whether it fits still.
    fn holds(&self) -> bool;
}

/// A program whose next start can be sooner.
pub trait Ahead: Debug + Send + Sync {
    /// Whether every edit of the program needs another.
    fn is_whole(&self) -> bool;

    /// Makes what the next start takes; none where that is there.
    fn next(&self) -> LocalBoxFuture<'_, Result<Option<Box<dyn Next>>>>;
}

/// What the next start takes, once its code is compiled.
pub trait Next: Send {
    /// The name of its code.
    fn digest(&self) -> Option<blake3::Hash>;

    /// The component to compile; none where its code is there.
    fn component(&self) -> Option<PathBuf>;

    /// Its code is there: starts may take it from now on.
    fn finish(self: Box<Self>) -> Result<()>;

    /// It cannot be compiled, and is not tried again.
    fn give_up(self: Box<Self>) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_hide_packages_in_and_around_them() {
        for (packages, directory, is_hidden) in [
            ("/web/node_modules", "/web/node_modules", true),
            ("/web/node_modules", "/web/node_modules/one", true),
            ("/web/node_modules", "/web", true),
            ("/web/node_modules", "/web/data", false),
            ("/node_modules", "/node_modules", true),
            ("/node_modules", "/data", false),
        ] {
            let variable = Variable::new("BASE", "").telling_of(packages);
            let own = [Directory::read_only(Path::new("/tmp"), directory)];
            assert_eq!(!variable.holds(&own), is_hidden, "{packages} {directory}");
        }
    }
}
