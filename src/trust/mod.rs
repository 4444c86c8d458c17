//! What of a project's file runs on this machine as the user, or reaches what is the user's: only in folders that the user
//! trusts. Everything else of a project runs in a jail, and is nobody's question.
//!
//! Trust is in a folder and in the very lines (`demands`), so a guest that may write the project, or the next `git pull`,
//! cannot change what was agreed to. What was typed needs none: who types it has decided.

mod demands;
mod store;

pub use demands::{Demand, of as demands};
pub use files::owner::refuse_others;
pub use store::Store;

use crate::settings::Layers;
use crate::settings::file::File;
use crate::settings::layers;
use crate::settings::typed::Os;
use anyhow::anyhow;
use report::{Failure, Result};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// What one file asks for.
#[derive(Clone, Debug)]
pub struct Asks {
    /// The file.
    pub path: PathBuf,
    /// Its folder, by its only name.
    pub folder: PathBuf,
    pub demands: Vec<Demand>,
}

/// What the files of a run ask for, those that ask for nothing left out.
pub fn asks(os: &Os, layers: &Layers) -> Result<Vec<Asks>> {
    let mut all = Vec::new();
    for file in layers.files() {
        let demands = demands::of(os, file, |run| layers.is_sibling(run))?;
        add(&mut all, file, demands)?;
    }
    Ok(all)
}

/// Adds what a file asks for to what others do: of one folder it is one question.
pub fn add(all: &mut Vec<Asks>, file: &File, demands: Vec<Demand>) -> Result<()> {
    if demands.is_empty() {
        return Ok(());
    }
    let folder = folder(file)?;
    match all.iter_mut().find(|asks| asks.folder == folder) {
        Some(asks) => {
            let new = demands.into_iter().filter(|demand| !asks.demands.contains(demand));
            let new: Vec<Demand> = new.collect();
            asks.demands.extend(new);
        }
        None => all.push(Asks {
            path: file.path.clone(),
            folder,
            demands,
        }),
    }
    Ok(())
}

/// Adds what all services of a file ask for, and the projects of some.
pub fn add_services<'a>(all: &mut Vec<Asks>, file: &File, some: impl Iterator<Item = &'a str>) -> Result<()> {
    let is_sibling = |run: &str| file.config.services.contains_key(run);
    for name in file.config.services.keys() {
        let path = layers::service_path(file, name.get_ref());
        if let Some(table) = file.of_service(name.get_ref()) {
            add(all, file, demands::of(&Os::of_path(&path)?, &table, is_sibling)?)?;
        }
    }
    for name in some {
        let path = layers::service_path(file, name);
        if let Some(own) = File::of_project(&path)? {
            add(all, &own, demands::of(&Os::of_path(&path)?, &own, is_sibling)?)?;
        }
    }
    Ok(())
}

/// Checks that what the files of a run ask for is trusted.
///
/// # Errors
///
/// It is not; with the command that changes it.
pub fn require(os: &Os, layers: &Layers) -> Result<()> {
    if os.trust {
        return Ok(());
    }
    require_all(&asks(os, layers)?)
}

/// The same, and asks where somebody can be asked.
pub fn require_or_ask(os: &Os, layers: &Layers) -> Result<()> {
    if os.trust {
        return Ok(());
    }
    // What is typed is the guest's.
    require_or_ask_all(&asks(os, layers)?, !os.stdin)
}

/// Checks that all of it is trusted.
///
/// # Errors
///
/// As of [`require`].
pub fn require_all(asks: &[Asks]) -> Result<()> {
    let unmet = unmet(asks)?;
    if unmet.is_empty() {
        return Ok(());
    }
    let commands = unmet
        .iter()
        .map(|asks| format!("`wasmrun trust {}`", asks.folder.display()));
    let commands = commands.collect::<Vec<_>>().join(" and ");
    Err(Failure::usage(anyhow!(listed(&unmet)))
        .hint(format!("allow them with {commands}; in a script, set WASMRUN_TRUST=1")))
}

/// The same, and asks once for everything where somebody can be asked.
pub fn require_or_ask_all(asks: &[Asks], may_ask: bool) -> Result<()> {
    let Err(failure) = require_all(asks) else {
        return Ok(());
    };
    if !(may_ask && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Err(failure);
    }
    let unmet = unmet(asks)?;
    let folders = unmet.iter().map(|asks| asks.folder.display().to_string());
    let folders = folders.collect::<Vec<_>>().join(" and ");
    let question = format!("{}\n  trust {folders} with these settings?", listed(&unmet));
    if !report::ask(&question)? {
        return Err(failure);
    }
    Store::change(|store| unmet.iter().for_each(|asks| store.add(&asks.folder, &asks.demands)))
}

/// Those that are not trusted yet.
fn unmet(asks: &[Asks]) -> Result<Vec<&Asks>> {
    if asks.is_empty() {
        return Ok(Vec::new());
    }
    let store = Store::read()?;
    Ok(asks
        .iter()
        .filter(|asks| !store.has(&asks.folder, &asks.demands))
        .collect())
}

fn listed(asks: &[&Asks]) -> String {
    let of = |asks: &&Asks| {
        format!(
            "{} has settings that need your trust:{}",
            asks.path.display(),
            lines(&asks.demands)
        )
    };
    asks.iter().map(of).collect::<Vec<_>>().join("\n")
}

/// Demands as they are listed.
pub fn lines(demands: &[Demand]) -> String {
    demands.iter().map(|demand| format!("\n  {demand}")).collect()
}

/// The folder of a file, by its only name.
pub fn folder(file: &File) -> Result<PathBuf> {
    canonical(file.folder())
}

/// The same of any folder.
pub fn canonical(folder: &Path) -> Result<PathBuf> {
    folder
        .canonicalize()
        .map_err(|error| Failure::usage(anyhow!("cannot use {}: {error}", folder.display())))
}
