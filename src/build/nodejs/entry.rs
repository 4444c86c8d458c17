//! What of a Node project is run: what `npm start` would, or the file that is usual.

use super::manifest;
use crate::build::Project;
use crate::config;
use crate::failure::{Failure, Result};
use anyhow::anyhow;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Files that are taken without being named, the first that is there.
const USUAL: [&str; 4] = ["index", "server", "app", "main"];
const EXTENSIONS: [&str; 4] = ["js", "mjs", "cjs", "ts"];
/// Programs that run the file that they are given.
const RUNNERS: [&str; 5] = ["node", "nodejs", "tsx", "ts-node", "nodemon"];

#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub script: PathBuf,
    /// What the start script sets before it.
    pub variables: Vec<(String, String)>,
}

/// The part of package.json that matters here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Manifest {
    main: Option<String>,
    scripts: Scripts,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Scripts {
    start: Option<String>,
}

impl Entry {
    pub fn find(project: &Project) -> Result<Entry> {
        let plain = |script: PathBuf| Entry {
            script,
            variables: Vec::new(),
        };
        if let Some(script) = &project.script {
            return Ok(plain(script.clone()));
        }
        if let Some(script) = project.file.and_then(|file| file.config.nodejs.script.as_ref()) {
            let script = project.folder.join(script);
            if !script.is_file() {
                let message = anyhow!("`[nodejs] script`: there is no {}", script.display());
                return Err(Failure::usage(message));
            }
            return Ok(plain(script));
        }
        let manifest = project.folder.join(manifest::NAME);
        let manifest = if manifest.is_file() {
            manifest::read(&manifest)?
        } else {
            Manifest::default()
        };
        if let Some(start) = &manifest.scripts.start {
            return Entry::of_command(&project.folder, start).ok_or_else(|| {
                let message = anyhow!("package.json starts with `{start}`, which is not `node FILE`");
                Failure::usage(message).hint(format!("name the file: `script` under `[nodejs]` in {}", config::NAME))
            });
        }
        let main = manifest.main.and_then(|main| resolved(&project.folder, &main));
        let usual = || USUAL.iter().find_map(|name| resolved(&project.folder, name));
        main.or_else(usual).map(plain).ok_or_else(|| {
            let message = anyhow!(
                "{} says nowhere what to run: package.json has neither `start` under `scripts` nor `main`, and there is no {}.js",
                project.folder.display(),
                USUAL.join(".js, ")
            );
            Failure::usage(message).hint(format!("name the file: `script` under `[nodejs]` in {}", config::NAME))
        })
    }

    /// `NAME=VALUE… node [OPTION…] FILE`.
    fn of_command(folder: &Path, command: &str) -> Option<Entry> {
        let mut words = command.split_whitespace().peekable();
        let mut variables = Vec::new();
        while let Some((name, value)) = words.peek().and_then(|word| word.split_once('=')) {
            variables.push((name.to_owned(), value.to_owned()));
            words.next();
        }
        words.next().filter(|runner| RUNNERS.contains(runner))?;
        let file = words.find(|word| !word.starts_with('-'))?;
        // Anything more is a shell's to understand.
        if words.next().is_some() {
            return None;
        }
        Some(Entry {
            script: resolved(folder, file)?,
            variables,
        })
    }
}

/// A file as it may be named without its extension.
fn resolved(folder: &Path, name: &str) -> Option<PathBuf> {
    let path = folder.join(name.trim_start_matches("./"));
    let endings = EXTENSIONS.iter().map(|extension| {
        let mut path = path.clone().into_os_string();
        path.push(".");
        path.push(extension);
        PathBuf::from(path)
    });
    let index = EXTENSIONS
        .iter()
        .map(|extension| path.join("index").with_extension(extension));
    [path.clone()]
        .into_iter()
        .chain(endings)
        .chain(index)
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_scripts_that_run_a_file_are_understood() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("bin")).unwrap();
        for file in ["server.js", "bin/www", "app.ts"] {
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        for (command, expected) in [
            ("node server.js", Some(("server.js", 0))),
            ("node ./server", Some(("server.js", 0))),
            (
                "NODE_ENV=production node --enable-source-maps ./bin/www",
                Some(("bin/www", 1)),
            ),
            ("tsx app.ts", Some(("app.ts", 0))),
            ("node absent.js", None),
            ("npm run build && node server.js", None),
            ("node server.js --port 80", None),
            ("", None),
        ] {
            let found = Entry::of_command(folder.path(), command);
            let found = found.map(|entry| (entry.script, entry.variables.len()));
            let expected = expected.map(|(file, variables)| (folder.path().join(file), variables));
            assert_eq!(found, expected, "{command}");
        }
    }
}
