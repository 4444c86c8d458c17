//! What of a Node project is run: what `npm start` would, or the file that is usual.

use super::manifest;
use crate::config;
use crate::project::Project;
use anyhow::anyhow;
use report::{Failure, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Files that are taken without being named, the first that is there.
const USUAL: [&str; 4] = ["index", "server", "app", "main"];
const EXTENSIONS: [&str; 4] = ["js", "mjs", "cjs", "ts"];
/// Programs that run the file that they are given.
const RUNNERS: [&str; 5] = ["node", "nodejs", "tsx", "ts-node", "nodemon"];
/// What makes a line one that only a shell understands.
const OF_SHELL: [char; 15] = [
    '|', '&', ';', '<', '>', '$', '`', '"', '\'', '*', '?', '(', ')', '\\', '#',
];
/// Options of theirs that change nothing in a guest, by their beginnings.
const HARMLESS: [&str; 17] = [
    "--enable-source-maps",
    "--expose-gc",
    "--experimental-",
    "--heap",
    "--inspect",
    "--max-",
    "--no-",
    "--disable-",
    "--preserve-symlinks",
    "--stack",
    "--throw-deprecation",
    "--title",
    "--trace-",
    "--unhandled-rejections",
    "--use-",
    "--watch",
    "--esm",
];
/// Options whose value is the next word, of runners that watch: wasmrun does it itself.
const OF_WATCHERS: [&str; 9] = ["-w", "--watch", "-e", "--ext", "-i", "--ignore", "-d", "--delay", "-P"];
/// Options that load something first.
const PRELOADS: [&str; 5] = ["-r", "--require", "--import", "--loader", "--experimental-loader"];
/// What is loaded first to read TypeScript, which is read anyway.
const OF_TYPESCRIPT: [&str; 8] = [
    "tsx",
    "tsx/cjs",
    "tsx/esm",
    "ts-node/register",
    "ts-node/esm",
    "@swc-node/register",
    "esbuild-register",
    "source-map-support/register",
];

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Entry {
    pub script: PathBuf,
    /// What the start script sets before it.
    pub variables: Vec<(String, String)>,
    /// Files of more (`--env-file`), as they are named in the project's folder.
    pub env_files: Vec<String>,
    /// What the start script has behind it.
    pub arguments: Vec<String>,
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
    pub(super) fn find(project: &Project, named: Option<&Path>) -> Result<Entry> {
        let plain = |script: PathBuf| Entry {
            script,
            ..Entry::default()
        };
        if let Some(script) = &project.script {
            return Ok(plain(script.clone()));
        }
        if let Some(script) = named {
            let script = project.folder.join(script);
            if !script.is_file() {
                let message = anyhow!("`[nodejs] script`: {} does not exist", script.display());
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
            return Entry::of_command(&project.folder, start).map_err(|refused| {
                let (what, hint) = match refused {
                    Refused::NoFile => ("it is not `node FILE`".to_owned(), None),
                    Refused::Preload(option, module) => (
                        format!("`{option}` is not supported"),
                        Some(format!("import {module} in the first line of the program")),
                    ),
                    Refused::Option(option) => (format!("`{option}` is not supported"), None),
                };
                let name = || format!("name the entry point: `script` under `[nodejs]` in {}", config::NAME);
                let message = anyhow!("cannot use the start script `{start}` of package.json: {what}");
                Failure::usage(message).hint(hint.unwrap_or_else(name))
            });
        }
        let main = manifest.main.and_then(|main| resolved(&project.folder, &main));
        let usual = || USUAL.iter().find_map(|name| resolved(&project.folder, name));
        main.or_else(usual).map(plain).ok_or_else(|| {
            let message = anyhow!(
                "no entry point in {}: package.json has neither `start` under `scripts` nor `main`, and there is no {}.js",
                project.folder.display(),
                USUAL.join(".js, ")
            );
            Failure::usage(message).hint(format!("name the entry point: `script` under `[nodejs]` in {}", config::NAME))
        })
    }

    /// `NAME=VALUE… node [OPTION…] FILE [ARGUMENT…]`.
    fn of_command(folder: &Path, command: &str) -> Result<Entry, Refused> {
        if command.contains(OF_SHELL) {
            return Err(Refused::NoFile);
        }
        let mut entry = Entry::default();
        let mut words = command.split_whitespace().peekable();
        words.next_if_eq(&"cross-env");
        while let Some((name, value)) = words.peek().and_then(|word| word.split_once('=')) {
            entry.variables.push((name.to_owned(), value.to_owned()));
            words.next();
        }
        let runner = words
            .next()
            .filter(|runner| RUNNERS.contains(runner))
            .ok_or(Refused::NoFile)?;
        if runner == "tsx" {
            words.next_if_eq(&"watch");
        }
        let mut file = None;
        while let Some(word) = words.next() {
            if !word.starts_with('-') {
                file = Some(word);
                break;
            }
            let (option, value) = word
                .split_once('=')
                .map_or((word, None), |(option, value)| (option, Some(value)));
            if PRELOADS.contains(&option) {
                let module = value.or_else(|| words.next()).unwrap_or_default();
                if !OF_TYPESCRIPT.contains(&module) {
                    return Err(Refused::Preload(option.to_owned(), module.to_owned()));
                }
            } else if option == "--env-file" || option == "--env-file-if-exists" {
                let name = value.or_else(|| words.next()).unwrap_or_default();
                if option == "--env-file" || folder.join(name).is_file() {
                    entry.env_files.push(name.to_owned());
                }
            } else if runner != "node" && OF_WATCHERS.contains(&option) {
                let _ = value.or_else(|| words.next());
            } else if !HARMLESS.iter().any(|harmless| option.starts_with(harmless)) {
                return Err(Refused::Option(option.to_owned()));
            }
        }
        entry.script = file.and_then(|file| resolved(folder, file)).ok_or(Refused::NoFile)?;
        entry.arguments = words.map(str::to_owned).collect();
        Ok(entry)
    }
}

/// Why a start script is not obeyed.
#[derive(Debug, PartialEq)]
enum Refused {
    NoFile,
    /// An option, and what it loads.
    Preload(String, String),
    Option(String),
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
        let preload = |option: &str, module: &str| Err(Refused::Preload(option.to_owned(), module.to_owned()));
        for (command, expected) in [
            ("node server.js", Ok(("server.js", [0, 0, 0]))),
            ("node ./server", Ok(("server.js", [0, 0, 0]))),
            (
                "NODE_ENV=production node --enable-source-maps ./bin/www",
                Ok(("bin/www", [1, 0, 0])),
            ),
            ("cross-env A=1 B=2 node server.js", Ok(("server.js", [2, 0, 0]))),
            (
                "node --env-file=.env --env-file .more server.js",
                Ok(("server.js", [0, 2, 0])),
            ),
            (
                "node --env-file-if-exists=.absent server.js",
                Ok(("server.js", [0, 0, 0])),
            ),
            ("node server.js --port 80", Ok(("server.js", [0, 0, 2]))),
            ("tsx app.ts", Ok(("app.ts", [0, 0, 0]))),
            ("tsx watch app.ts", Ok(("app.ts", [0, 0, 0]))),
            ("node --import tsx app.ts", Ok(("app.ts", [0, 0, 0]))),
            ("nodemon -w src --ext ts,js server.js", Ok(("server.js", [0, 0, 0]))),
            ("node -r dotenv/config server.js", preload("-r", "dotenv/config")),
            ("node --import=./first.js server.js", preload("--import", "./first.js")),
            (
                "node --conditions=x server.js",
                Err(Refused::Option("--conditions".to_owned())),
            ),
            ("node -e 1", Err(Refused::Option("-e".to_owned()))),
            ("node absent.js", Err(Refused::NoFile)),
            ("npm run build && node server.js", Err(Refused::NoFile)),
            ("node \"server.js\"", Err(Refused::NoFile)),
            ("next start", Err(Refused::NoFile)),
            ("", Err(Refused::NoFile)),
        ] {
            let found = Entry::of_command(folder.path(), command);
            let found = found.map(|entry| {
                let sizes = [entry.variables.len(), entry.env_files.len(), entry.arguments.len()];
                (entry.script, sizes)
            });
            let expected = expected.map(|(file, sizes)| (folder.path().join(file), sizes));
            assert_eq!(found, expected, "{command}");
        }
    }
}
