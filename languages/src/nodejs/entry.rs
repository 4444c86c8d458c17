//! What of a Node project is run: what `npm start` would, or the file that is usual.

use super::command::{self, Refused, Scripts};
use super::manifest;
use super::program::{Entry, Program, resolved, unusable};
use crate::config;
use crate::project::Project;
use anyhow::anyhow;
use report::{Failure, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Files that are taken without being named, the first that is there.
const USUAL: [&str; 4] = ["index", "server", "app", "main"];
/// The part of package.json that matters here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Manifest {
    main: Option<String>,
    scripts: Scripts,
}

pub(super) fn find(project: &Project, named: Option<&Path>) -> Result<Entry> {
    let plain = |script: PathBuf| Entry {
        program: Program::Script(script),
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
    if let Some(start) = manifest.scripts.get("start") {
        return command::entry(&project.folder, &manifest.scripts, start).map_err(|refused| {
            let what = match refused {
                Refused::NoProgram => "it runs more than one program of JavaScript, or none".to_owned(),
                Refused::Option(option) => format!("`{option}` is not supported"),
            };
            unusable(start, &what)
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
        Failure::usage(message).hint(format!(
            "name the entry point: `script` under `[nodejs]` in {}",
            config::NAME
        ))
    })
}
