//! What a language is to the rest of wasmrun.

use crate::config::Section;
use crate::plan::Plan;
use crate::project::Project;
use report::Result;
use runtime::Traits;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How well a project's files say that they are of a language, from the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// Nothing does.
    None,
    /// There are sources, which may be there for another purpose.
    Sources,
    /// There is a list of packages, which may be that of a part.
    Packages,
    /// There is a file of the language's own build tool.
    BuildFile,
}

/// A language of projects. It is added to [`crate::registry::ALL`], and to nothing else.
pub trait Language: Sync {
    /// As it is typed, and the name of its section in the file.
    fn id(&self) -> &'static str;

    /// As people write it.
    fn name(&self) -> &'static str;

    /// What builds it, in a few words for `--help`.
    fn builder(&self) -> &'static str;

    /// The files that tell it, as documentation lists them.
    fn markers(&self) -> &'static [&'static str];

    /// Whether a folder is such a project; without another answer, whether one of the markers is there, which then are files of
    /// its own build tool.
    fn fit(&self, folder: &Path) -> Fit {
        match self.markers().iter().any(|marker| folder.join(marker).is_file()) {
            true => Fit::BuildFile,
            false => Fit::None,
        }
    }

    /// How to build one.
    ///
    /// # Errors
    ///
    /// It lacks something, or its section is wrong.
    fn plan(&self, project: &Project<'_>) -> Result<Arc<dyn Plan>>;

    /// Extensions of files that run as they are, and may be named in the place of their folder.
    fn scripts(&self) -> &'static [&'static str] {
        &[]
    }

    /// Its section of the file; none where it has none.
    fn section(&self) -> Option<Section> {
        None
    }

    /// What its tools leave in a project, in the form of .gitignore: no edit of it is a change.
    fn ignores(&self) -> &'static [&'static str] {
        &[]
    }

    /// Variables that tell its tools to fetch nothing.
    fn offline(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// The folder of packages that are built together with one: its build may write there.
    fn workspace(&self, _folder: &Path) -> Option<PathBuf> {
        None
    }

    /// What to do where a guest of this language runs and does not listen.
    fn hint_of_silence(&self, _traits: &Traits) -> Option<&'static str> {
        None
    }
}
