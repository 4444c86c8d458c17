//! Every language, and what follows from which there are.

use crate::language::{Fit, Language};
use crate::{assemblyscript, c, config, go, make, nodejs, python, rust, zig};
use anyhow::anyhow;
use report::{Failure, Result};
use runtime::Traits;
use serde::de::{Deserialize, Deserializer, Error};
use std::fmt;
use std::path::{Path, PathBuf};

/// Of those that fit equally well the first is taken.
pub const ALL: &[&dyn Language] = &[
    &rust::Rust,
    &go::Go,
    &assemblyscript::AssemblyScript,
    &zig::Zig,
    &nodejs::Nodejs,
    &python::Python,
    &make::Make,
    &c::C,
];

/// A language that was named.
#[derive(Clone, Copy)]
pub struct Named(pub &'static dyn Language);

impl Named {
    /// The one of this id among some.
    pub fn among(languages: &[&'static dyn Language], id: &str) -> Option<Named> {
        languages
            .iter()
            .find(|language| language.id() == id)
            .copied()
            .map(Named)
    }
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.id())
    }
}

impl PartialEq for Named {
    fn eq(&self, other: &Named) -> bool {
        self.0.id() == other.0.id()
    }
}

impl Eq for Named {}

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Named, D::Error> {
        let id = String::deserialize(deserializer)?;
        Named::among(ALL, &id).ok_or_else(|| {
            let ids: Vec<String> = ALL.iter().map(|language| format!("`{}`", language.id())).collect();
            D::Error::custom(format!("unknown variant `{id}`, expected one of {}", ids.join(", ")))
        })
    }
}

/// The language of a project's folder.
///
/// # Errors
///
/// The lists of packages of two are there. Many a service in Python has a package.json for its pages, and the other way
/// round.
pub fn detect(languages: &[&'static dyn Language], folder: &Path) -> Result<Option<&'static dyn Language>> {
    let mut fits = Vec::new();
    for language in languages {
        match language.fit(folder) {
            // No other says it better.
            Fit::BuildFile => return Ok(Some(*language)),
            Fit::None => {}
            fit => fits.push((fit, *language)),
        }
    }
    let Some(best) = fits.iter().map(|(fit, _)| *fit).max() else {
        return Ok(None);
    };
    let mut found = fits
        .iter()
        .filter(|(fit, _)| *fit == best)
        .map(|(_, language)| *language);
    match (best, found.next(), found.next()) {
        (Fit::Packages, Some(one), Some(other)) => {
            let message = anyhow!(
                "{} could be a {} or a {} project",
                folder.display(),
                one.name(),
                other.name()
            );
            let hint = format!("pass `--language {}` or `--language {}`", one.id(), other.id());
            Err(Failure::usage(message).hint(hint))
        }
        (_, first, _) => Ok(first),
    }
}

/// The language of a script, by its name.
pub fn of_script(languages: &[&'static dyn Language], path: &Path) -> Option<&'static dyn Language> {
    let extension = path.extension()?.to_str()?;
    languages
        .iter()
        .copied()
        .find(|language| language.scripts().contains(&extension))
}

/// The language that `[build]` of a file, or of a table below these names, gives.
///
/// # Errors
///
/// As of [`config::section`]: there is none of that name.
pub fn written(text: &str, within: &[&str]) -> Result<Option<Named>, toml::de::Error> {
    #[derive(Default, serde::Deserialize)]
    struct Build {
        language: Option<Named>,
    }
    config::section::<Build>(text, &[within, &["build"]].concat()).map(|build| build.language)
}

/// Names of the sections that languages have in the file.
pub fn sections(languages: &[&'static dyn Language]) -> impl Iterator<Item = &'static str> {
    let with = languages.iter().filter(|language| language.section().is_some());
    with.map(|language| language.id())
}

/// Checks every such section of a file, or of a table below these names.
///
/// # Errors
///
/// As of [`crate::config::section`].
pub fn check_sections(languages: &[&'static dyn Language], text: &str, within: &[&str]) -> Result<(), toml::de::Error> {
    written(text, within)?;
    let with = |language: &&dyn Language| Some((language.section()?, language.id()));
    let mut sections = languages.iter().filter_map(with);
    sections.try_for_each(|(section, name)| (section.check)(text, &[within, &[name]].concat()))
}

/// What the tools of all languages leave in a project: one may have parts in several.
pub fn ignores(languages: &[&'static dyn Language]) -> impl Iterator<Item = &'static str> {
    languages.iter().flat_map(|language| language.ignores().iter().copied())
}

/// What tells all tools to fetch nothing: the command of a configuration may be any of them.
pub fn offline(languages: &[&'static dyn Language]) -> Vec<(&'static str, &'static str)> {
    languages
        .iter()
        .flat_map(|language| language.offline().iter().copied())
        .collect()
}

/// The folder of packages that are built together with a project.
pub fn workspace(languages: &[&'static dyn Language], folder: &Path) -> Option<PathBuf> {
    languages.iter().find_map(|language| language.workspace(folder))
}

/// What to do about a guest that runs and does not listen.
pub fn hint_of_silence(languages: &[&'static dyn Language], traits: &Traits) -> Option<&'static str> {
    languages.iter().find_map(|language| language.hint_of_silence(traits))
}

/// A table of languages, for documentation in Markdown.
pub fn table(languages: &[&'static dyn Language]) -> String {
    let rows = languages.iter().map(|language| {
        let markers: Vec<String> = language.markers().iter().map(|marker| format!("`{marker}`")).collect();
        format!(
            "| {} | `{}` | {} | {} |\n",
            language.name(),
            language.id(),
            markers.join(", "),
            language.builder()
        )
    });
    let head = "| language | `--language` | told by | built with |\n|---|---|---|---|\n".to_owned();
    rows.fold(head, |table, row| table + &row)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        folder
    }

    #[test]
    fn projects_are_told_by_their_files() {
        for (files, name) in [
            (&["Cargo.toml", "Makefile"] as &[&str], Some("Rust")),
            (&["go.mod", "main.go"], Some("Go")),
            (&["Cargo.toml", "go.mod"], Some("Rust")),
            (&["Cargo.toml", "package.json", "requirements.txt"], Some("Rust")),
            (&["asconfig.json", "package.json"], Some("AssemblyScript")),
            (&["build.zig"], Some("Zig")),
            (&["Makefile", "main.c"], Some("make")),
            (&["main.c", "util.c"], Some("C")),
            (&["main.c", "main.wasm"], None),
            (&["requirements.txt", "Makefile"], Some("Python")),
            (&["pyproject.toml"], Some("Python")),
            (&["app.py"], Some("Python")),
            (&["package.json", "tool.py"], Some("Node.js")),
            (&["app.py", "app.wasm"], None),
            (&["app.wasm"], None),
            (&[], None),
        ] {
            let folder = project(files);
            let found = detect(ALL, folder.path()).unwrap().map(|language| language.name());
            assert_eq!(found, name, "{files:?}");
        }
    }

    #[test]
    fn nothing_is_guessed_where_two_languages_are_at_home() {
        let folder = project(&["package.json", "pyproject.toml"]);
        let failure = detect(ALL, folder.path()).err().unwrap();
        assert_eq!(failure.hint.unwrap(), "pass `--language nodejs` or `--language python`");
    }

    #[test]
    fn ids_and_scripts_are_of_one_language_each() {
        let mut ids: Vec<&str> = ALL.iter().map(|language| language.id()).collect();
        let mut scripts: Vec<&str> = ALL.iter().flat_map(|language| language.scripts()).copied().collect();
        for names in [&mut ids, &mut scripts] {
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all);
        }
    }
}
