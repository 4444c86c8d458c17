//! What of a project is run, and how.

use super::Project;
use crate::config;
use crate::failure::{Failure, Result};
use anyhow::anyhow;
use std::path::{Path, PathBuf};

/// Scripts that are taken without being named, the first that is there.
const USUAL: [&str; 6] = ["app.py", "main.py", "server.py", "run.py", "manage.py", "__main__.py"];
/// What is run.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// As `python SCRIPT`.
    Script(PathBuf),
    /// As `python -m MODULE`.
    Module(String),
    /// An application that a WSGI server calls: `module:attribute`.
    Wsgi(String),
    /// The same with ASGI.
    Asgi(String),
}

impl Entry {
    pub fn find(project: &Project, config: Option<&config::Python>) -> Result<Entry> {
        if let Some(script) = &project.script {
            return Ok(Entry::Script(script.clone()));
        }
        if let Some(config) = config {
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
                    let message = anyhow!("`[python]` says more than one of script, module, wsgi and asgi");
                    return Err(Failure::usage(message).hint("leave the one that is meant"));
                }
            }
        }
        let usual = USUAL.iter().map(|name| project.folder.join(name));
        if let Some(script) = usual.into_iter().find(|script| script.is_file()) {
            return Ok(Entry::Script(script));
        }
        let mut scripts = crate::artifact::files(&project.folder, &["py"]).unwrap_or_default();
        if scripts.len() == 1 {
            return Ok(Entry::Script(scripts.remove(0)));
        }
        let message = anyhow!(
            "{} has none of {} and {} other scripts",
            project.folder.display(),
            USUAL.join(", "),
            scripts.len()
        );
        Err(Failure::usage(message).hint(format!(
            "name what to run: `script`, `module`, `wsgi` or `asgi` under `[python]` in {}",
            config::NAME
        )))
    }

    pub fn describe(&self) -> String {
        match self {
            Entry::Script(script) => script.display().to_string(),
            Entry::Module(module) => format!("-m {module}"),
            Entry::Wsgi(app) => format!("WSGI application {app}"),
            Entry::Asgi(app) => format!("ASGI application {app}"),
        }
    }

    /// What the guest is told, in lines: how, what, where.
    pub fn told(&self, folder: &str) -> String {
        let (how, what) = match self {
            Entry::Script(script) => ("script", script.to_string_lossy().into_owned()),
            Entry::Module(module) => ("module", module.clone()),
            Entry::Wsgi(app) => ("wsgi", app.clone()),
            Entry::Asgi(app) => ("asgi", app.clone()),
        };
        format!("{how}\n{what}\n{folder}")
    }
}

fn script_of(folder: &Path, script: &Path) -> Result<Entry> {
    let script = folder.join(script);
    if !script.is_file() {
        return Err(Failure::usage(anyhow!(
            "`[python] script`: there is no {}",
            script.display()
        )));
    }
    Ok(Entry::Script(script))
}
