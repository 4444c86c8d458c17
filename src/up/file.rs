//! From a file and what was typed to the services that are to run, with every error that can be had before one starts.

use super::order::Order;
use super::state::Service;
use crate::control;
use crate::settings::choices::Restart;
use crate::settings::file::{File, NAME};
use crate::settings::layers::{self, Layers};
use crate::settings::typed::{Os, ServiceOf};
use crate::settings::{self, Settings};
use crate::trust::{self, Asks};
use anyhow::anyhow;
use languages::artifact;
use netns::link::Link;
use report::{Failure, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What was typed of which services, and of all of them.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    pub file: Option<PathBuf>,
    /// Empty for all.
    pub names: Vec<String>,
    /// Those alone, and not what they link to.
    pub only: bool,
    pub watch: bool,
    pub abort_on_exit: bool,
    pub trust: bool,
    pub offline: bool,
    pub restart: Option<Restart>,
}

/// The services of a project.
#[derive(Debug)]
pub struct Project {
    pub name: String,
    pub file: File,
    pub services: BTreeMap<String, Planned>,
}

/// A service that is to run.
#[derive(Debug)]
pub struct Planned {
    /// What its run is named.
    pub run: String,
    pub service: Service,
    pub settings: Settings,
}

/// The file that is meant: the one that was named, or the one of that folder or of this.
///
/// # Errors
///
/// There is none.
fn place(typed: Option<&Path>) -> Result<PathBuf> {
    let path = typed.unwrap_or(Path::new("."));
    let path = match path.is_dir() {
        true if path == Path::new(".") => PathBuf::from(NAME),
        true => path.join(NAME),
        false => path.to_owned(),
    };
    if !path.exists() {
        return Err(Failure::usage(anyhow!("{} does not exist", path.display())).hint(
            "write a table `[services.NAME]` with `path = \"./NAME\"` for each service, or name the file with `--file`",
        ));
    }
    Ok(path)
}

/// Reads the file, and asks for the trust that it needs.
///
/// # Errors
///
/// It is wrong, or not trusted.
pub fn agree(choice: &Choice) -> Result<Project> {
    let project = Project::read(choice)?;
    if !choice.trust {
        trust::require_or_ask_all(&project.asks()?, true)?;
    }
    Ok(project)
}

impl Project {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// It is wrong, or a service of it could not be started.
    pub fn read(choice: &Choice) -> Result<Project> {
        let path = place(choice.file.as_deref())?;
        if choice.file.as_deref() != Some(&path) {
            trust::refuse_others(&path)?;
        }
        let file = File::read(&path)?;
        let name = control::name_of(file.folder());
        let all = &file.config.services;
        if all.is_empty() {
            return Err(Failure::usage(anyhow!("{} has no services", file.path.display()))
                .hint("write a table `[services.NAME]` with `path = \"./NAME\"` for each"));
        }
        let mut layers = BTreeMap::new();
        for (key, service) in all {
            check_name(&name, key.get_ref()).map_err(|failure| at(failure, &file.place(key)))?;
            let path = layers::service_path(&file, key.get_ref());
            if !path.exists() {
                let place = file.place(&service.path);
                return Err(
                    Failure::usage(anyhow!("{place}: {} does not exist", path.display())).hint(format!(
                        "name the project of `{}`, from the file's folder",
                        key.get_ref()
                    )),
                );
            }
            check_links(&file, key.get_ref())?;
            if let Some(files) = Layers::of_service(&file, key.get_ref())? {
                layers.insert(key.get_ref().clone(), files);
            }
        }
        let chosen = chosen(choice, &file, &layers)?;
        let mut services = BTreeMap::new();
        for (service, layers) in layers.iter().filter(|(service, _)| chosen.contains(*service)) {
            let planned = Planned::resolve(choice, &file, service, layers);
            let planned = planned.map_err(|failure| at(failure, &format!("service `{service}`")))?;
            let run = format!("{name}.{service}");
            services.insert(service.clone(), Planned { run, ..planned });
        }
        Ok(Project { name, file, services })
    }

    /// What needs trust: of all services in the file, and of the projects that are to run.
    pub fn asks(&self) -> Result<Vec<Asks>> {
        let mut asks = Vec::new();
        let names = self.services.keys().map(String::as_str);
        trust::add_services(&mut asks, &self.file, names)?;
        Ok(asks)
    }
}

impl Planned {
    fn resolve(choice: &Choice, file: &File, name: &str, layers: &Layers) -> Result<Planned> {
        let path = layers::service_path(file, name);
        let service = ServiceOf {
            file: file.path.clone(),
            name: name.to_owned(),
        };
        let mut os = Os::of_service(&path, service).map_err(Failure::usage)?;
        (os.watch, os.offline, os.restart) = (choice.watch, os.offline || choice.offline, choice.restart);
        let settings = settings::resolve(&os, layers)?;
        if settings.source.build.is_none() {
            artifact::find(&os.path, layers.named().as_ref())?;
        }
        Ok(Planned {
            run: String::new(),
            service: Service {
                path,
                links: links(layers),
                restarts_never: settings.life.restart == Restart::Never,
            },
            settings,
        })
    }
}

/// The services that are to run.
fn chosen(choice: &Choice, file: &File, layers: &BTreeMap<String, Layers>) -> Result<BTreeSet<String>> {
    let all = || layers.keys().cloned().collect::<Vec<_>>();
    if choice.names.is_empty() {
        return Ok(all().into_iter().collect());
    }
    if let Some(unknown) = choice.names.iter().find(|name| !layers.contains_key(*name)) {
        let message = anyhow!("{} has no service `{unknown}`", file.path.display());
        return Err(Failure::usage(message).hint(format!("it has {}", all().join(", "))));
    }
    if choice.only {
        return Ok(choice.names.iter().cloned().collect());
    }
    let links = layers
        .iter()
        .map(|(name, layers)| (name.clone(), links(layers).into_keys().collect()));
    Ok(Order::new(links.collect()).with_linked(choice.names.iter().map(String::as_str)))
}

/// The services that one links to, and on which ports.
fn links(layers: &Layers) -> BTreeMap<String, BTreeSet<u16>> {
    let mut links: BTreeMap<String, BTreeSet<u16>> = BTreeMap::new();
    let written = layers.all(|config| &config.network.links);
    // A wrong one is an error elsewhere.
    for link in written.filter_map(|(link, _)| link.get_ref().parse::<Link>().ok()) {
        if layers.is_sibling(&link.run) {
            links.entry(link.run).or_default().insert(link.to);
        }
    }
    links
}

/// Links of a service's table are to services of the file.
fn check_links(file: &File, name: &str) -> Result<()> {
    let Some(table) = file.of_service(name) else {
        return Ok(());
    };
    for written in &table.config.network.links {
        let place = file.place(written);
        let link: Link = written
            .get_ref()
            .parse()
            .map_err(|error| Failure::usage(anyhow!("{place}: {error}")))?;
        if !file.config.services.contains_key(link.run.as_str()) {
            let message = anyhow!(
                "{place}: `{}` links to `{}`, which is no service of this file",
                name,
                link.run
            );
            return Err(Failure::usage(message).hint(format!(
                "it has {}; link to another run in the project's own file",
                file.services().join(", ")
            )));
        }
    }
    Ok(())
}

/// A service's name is a part of its run's.
fn check_name(project: &str, name: &str) -> Result<()> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.starts_with('-') || !name.chars().all(is_plain) {
        return Err(Failure::usage(anyhow!("`{name}` is no name of a service"))
            .hint("use letters, digits, `-` and `_`, without `-` at the start"));
    }
    let length = project.len() + 1 + name.len();
    if length > control::NAME {
        let message = anyhow!("`{project}.{name}` is too long for the name of a run: {length} bytes");
        return Err(Failure::usage(message).hint(format!(
            "a project and a service have at most {} together: shorten one, or rename the folder",
            control::NAME - 1
        )));
    }
    Ok(())
}

/// The same with its place before it.
fn at(failure: Failure, place: &str) -> Failure {
    let text = failure.to_string();
    Failure {
        error: match text.contains('\n') {
            true => failure.error.context(place.to_owned()),
            false => anyhow!("{place}: {text}"),
        },
        ..failure
    }
}
