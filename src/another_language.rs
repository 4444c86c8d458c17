//! A language of which nothing but this file knows is seen wherever languages are.

use crate::settings::{file, typed};
use crate::watch;
use clap::builder::TypedValueParser;
use clap::{Arg, Command};
use futures::future::LocalBoxFuture;
use languages::config;
use languages::language::Fit;
use languages::{Built, Language, Plan, Policy, Project, registry};
use report::Result;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

struct Brainfuck;

#[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Section {
    cells: Option<u32>,
}

impl Language for Brainfuck {
    fn id(&self) -> &'static str {
        "brainfuck"
    }

    fn name(&self) -> &'static str {
        "Brainfuck"
    }

    fn builder(&self) -> &'static str {
        "bf2wasm"
    }

    fn markers(&self) -> &'static [&'static str] {
        &["*.bf"]
    }

    fn fit(&self, folder: &Path) -> Fit {
        match folder.join("main.bf").is_file() {
            true => Fit::BuildFile,
            false => Fit::None,
        }
    }

    fn plan(&self, project: &Project<'_>) -> Result<Arc<dyn Plan>> {
        let Section { cells } = project.section(self.id())?;
        Ok(Arc::new(Interpreted {
            folder: project.folder.clone(),
            cells,
        }))
    }

    fn scripts(&self) -> &'static [&'static str] {
        &["bf"]
    }

    fn section(&self) -> Option<config::Section> {
        Some(config::Section::of::<Section>())
    }

    fn ignores(&self) -> &'static [&'static str] {
        &["*.tape"]
    }

    fn hint_of_silence(&self, _: &runtime::Traits) -> Option<&'static str> {
        Some("Brainfuck has no sockets")
    }
}

#[derive(Debug)]
struct Interpreted {
    folder: PathBuf,
    cells: Option<u32>,
}

impl Plan for Interpreted {
    fn describe(&self) -> String {
        format!("Brainfuck with {:?} cells", self.cells)
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn policy(&self) -> Policy {
        Policy::default()
    }

    fn is_interpreted(&self) -> bool {
        true
    }

    fn build(&self) -> LocalBoxFuture<'_, Result<Built>> {
        Box::pin(async { Ok(Built::file(self.folder.join("main.wasm"))) })
    }
}

const LANGUAGES: &[&dyn Language] = &[&Brainfuck];

#[test]
fn it_is_seen_everywhere() {
    // On the command line, with its help.
    let parser = typed::language(LANGUAGES);
    let values: Vec<String> = parser
        .possible_values()
        .into_iter()
        .flatten()
        .map(|value| {
            format!(
                "{}: {}",
                value.get_name(),
                value.get_help().cloned().unwrap_or_default()
            )
        })
        .collect();
    assert_eq!(values, ["brainfuck: bf2wasm"]);
    let (command, argument) = (Command::new("os"), Arg::new("language"));
    let named = parser
        .parse_ref(&command, Some(&argument), OsStr::new("brainfuck"))
        .unwrap();
    assert_eq!(named.0.name(), "Brainfuck");

    // In the file, with the place of a mistake.
    file::parse_with("[brainfuck]\ncells = 30000\n", LANGUAGES).unwrap();
    let error = file::parse_with("[brainfuck]\ncell = 1\n", LANGUAGES)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("line 2, column 1") && error.contains("unknown field `cell`"),
        "{error}"
    );
    let error = file::parse_with("[python]\n", LANGUAGES).unwrap_err().to_string();
    assert!(
        error.contains("line 1, column 2") && error.contains("`brainfuck`"),
        "{error}"
    );

    // By its files and scripts.
    let folder = tempfile::tempdir().unwrap();
    assert!(registry::detect(LANGUAGES, folder.path()).unwrap().is_none());
    std::fs::write(folder.path().join("main.bf"), "+").unwrap();
    assert_eq!(
        registry::detect(LANGUAGES, folder.path()).unwrap().unwrap().id(),
        "brainfuck"
    );
    assert!(registry::of_script(LANGUAGES, Path::new("other.bf")).is_some());

    // By --watch, in hints and in the documentation.
    assert!(watch::never_sources(LANGUAGES).any(|pattern| pattern == "*.tape"));
    let hint = registry::hint_of_silence(LANGUAGES, &runtime::Traits::default());
    assert_eq!(hint, Some("Brainfuck has no sockets"));
    assert!(registry::table(LANGUAGES).contains("| Brainfuck | `brainfuck` | `*.bf` | bf2wasm |"));
}
