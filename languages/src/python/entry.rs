//! What of a project is run, and how.

use super::section::Section;
use crate::project::Project;
use crate::{artifact, config};
use anyhow::anyhow;
use files::regular;
use report::{Failure, Result};
use std::path::{Path, PathBuf};

/// Scripts that are taken without being named, the first that is there.
const USUAL: [&str; 8] = [
    "app.py",
    "main.py",
    "server.py",
    "run.py",
    "manage.py",
    "__main__.py",
    "wsgi.py",
    "asgi.py",
];
/// Where a project keeps its packages.
const SOURCES: [&str; 2] = ["", "src"];

/// What is run.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Entry {
    /// As `python SCRIPT`.
    Script(PathBuf),
    /// As `python -m MODULE`.
    Module(String),
    /// An application that a WSGI server calls: `module:attribute`.
    Wsgi(String),
    /// The same with ASGI.
    Asgi(String),
    /// A function that an installation would have made a script of: `module:function`.
    Call(String),
    /// A command that a package brings.
    Command(String),
}

impl Entry {
    pub(super) fn find(project: &Project, config: &Section) -> Result<Entry> {
        if let Some(script) = &project.script {
            return Ok(Entry::Script(script.clone()));
        }
        let of = |value: &Option<String>, entry: fn(String) -> Entry| value.clone().map(entry);
        let script = config
            .script
            .as_ref()
            .map(|script| script.to_string_lossy().into_owned());
        let named: Vec<Entry> = [
            of(&script, |script| Entry::Script(script.into())),
            of(&config.module, Entry::Module),
            of(&config.wsgi, Entry::Wsgi),
            of(&config.asgi, Entry::Asgi),
        ]
        .into_iter()
        .flatten()
        .collect();
        match &named[..] {
            [] => {}
            [Entry::Script(script)] => return script_of(&project.folder, script),
            [one] => return Ok(one.clone()),
            _ => {
                let message = anyhow!("`[python]` has more than one of `script`, `module`, `wsgi` and `asgi`");
                return Err(Failure::usage(message).hint("keep one of them"));
            }
        }
        let usual = USUAL.iter().map(|name| project.folder.join(name));
        if let Some(script) = usual.into_iter().find(|script| script.is_file()) {
            return Ok(Entry::Script(script));
        }
        if let Some(entry) = of_pyproject(&project.folder).or_else(|| of_package(&project.folder)) {
            return Ok(entry);
        }
        let mut scripts = artifact::files(&project.folder, &["py"]).unwrap_or_default();
        if scripts.len() == 1 {
            return Ok(Entry::Script(scripts.remove(0)));
        }
        let message = anyhow!(
            "no entry point in {}: none of {}, no single script under `[project.scripts]`, \
             no single package with `__main__`, `app` or `create_app`, and {} other scripts",
            project.folder.display(),
            USUAL.join(", "),
            scripts.len()
        );
        Err(Failure::usage(message).hint(format!(
            "name the entry point: `script`, `module`, `wsgi` or `asgi` under `[python]` in {}",
            config::NAME
        )))
    }

    pub(super) fn describe(&self) -> String {
        match self {
            Entry::Script(script) => script.display().to_string(),
            Entry::Module(module) => format!("-m {module}"),
            Entry::Wsgi(app) => format!("WSGI application {app}"),
            Entry::Asgi(app) => format!("ASGI application {app}"),
            Entry::Call(function) => format!("function {function}"),
            Entry::Command(name) => format!("command {name}"),
        }
    }

    /// What the guest is told, in lines: how, what, where.
    pub(super) fn told(&self, folder: &str) -> String {
        let (how, what) = match self {
            Entry::Script(script) => ("script", script.to_string_lossy().into_owned()),
            Entry::Module(module) => ("module", module.clone()),
            Entry::Wsgi(app) => ("wsgi", app.clone()),
            Entry::Asgi(app) => ("asgi", app.clone()),
            Entry::Call(function) => ("call", function.clone()),
            Entry::Command(name) => ("command", name.clone()),
        };
        format!("{how}\n{what}\n{folder}")
    }
}

/// The only one of `[project.scripts]` (PyPA's specification of pyproject.toml).
fn of_pyproject(folder: &Path) -> Option<Entry> {
    let text = regular::read_text(&folder.join("pyproject.toml"), regular::MANIFEST).ok()?;
    let table: toml::Table = text.parse().ok()?;
    let scripts = table.get("project")?.get("scripts")?.as_table()?;
    let mut functions = scripts.values().filter_map(toml::Value::as_str);
    let only = functions.next().filter(|_| scripts.len() == 1)?;
    Some(Entry::Call(only.to_owned()))
}

/// The only package that says how it is run: `__main__.py`, `app` or `create_app`.
fn of_package(folder: &Path) -> Option<Entry> {
    let mut found = SOURCES
        .iter()
        .flat_map(|source| packages(&folder.join(source)))
        .filter_map(|package| {
            let name = package.file_name()?.to_str()?;
            if package.join("__main__.py").is_file() {
                return Some(Entry::Module(name.to_owned()));
            }
            let text = regular::read_text(&package.join("__init__.py"), regular::MANIFEST).ok()?;
            let has = |start: &str| text.lines().any(|line| line.starts_with(start));
            let attribute = if has("def create_app(") {
                "create_app()"
            } else if has("app =") || has("app=") || has("app:") {
                "app"
            } else {
                return None;
            };
            let is_asynchronous = ["fastapi", "starlette", "quart", "litestar"]
                .iter()
                .any(|framework| text.contains(framework));
            let entry = if is_asynchronous { Entry::Asgi } else { Entry::Wsgi };
            Some(entry(format!("{name}:{attribute}")))
        });
    let only = found.next()?;
    found.next().is_none().then_some(only)
}

/// Folders with an `__init__.py`.
fn packages(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.map(|entry| entry.path());
    let mut packages: Vec<PathBuf> = folders.filter(|path| path.join("__init__.py").is_file()).collect();
    packages.retain(|path| path.file_name().is_some_and(|name| name != "tests" && name != "test"));
    packages.sort();
    packages
}

fn script_of(folder: &Path, name: &Path) -> Result<Entry> {
    let script = folder.join(name);
    let command = name.to_str().filter(|name| !name.contains(['/', '.']));
    if let Some(command) = command.filter(|_| !script.exists()) {
        return Ok(Entry::Command(command.to_owned()));
    }
    if !script.is_file() {
        return Err(Failure::usage(anyhow!(
            "`[python] script`: {} does not exist",
            script.display()
        )));
    }
    Ok(Entry::Script(script))
}
