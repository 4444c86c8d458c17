//! What is watched, and the settings that hold: what was typed, the configuration file, and what came of both.

use super::later::or_never;
use super::state::Rules;
use crate::settings::typed::Os;
use crate::settings::{self, Layers, Settings, file, layers};
use crate::trust;
use crate::watch::livereload::Livereload;
use crate::watch::{Change, Changes, Repeats, Scope, Watch};
use anyhow::{Context, anyhow};
use languages::artifact;
use netns::Protocol;
use report::Result;
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Notifications may come this late.
const NOTICE: Duration = Duration::from_millis(100);
/// The settings are read within this, or stay as they were.
const READ: Duration = Duration::from_secs(2);

/// The project that a session runs.
pub struct Project {
    pub os: Os,
    pub layers: Layers,
    pub settings: Settings,
    watch: Option<Watch>,
    livereload: Option<Livereload>,
    repeats: Repeats,
    /// Files that builds write into the project.
    products: HashSet<PathBuf>,
}

/// Whether a build writes files now, or when one did.
#[derive(Clone, Copy)]
pub struct Building {
    pub is_under_way: bool,
    pub ended: Option<Instant>,
}

/// Changes, as far as they matter.
pub struct Sorted {
    /// The first of them.
    pub since: Instant,
    /// What has changed, in few words.
    pub cause: Option<String>,
    /// The configuration file is among them.
    pub has_config: bool,
    /// Something else is, so that a new generation is needed.
    pub has_sources: bool,
}

/// The settings as they are now.
pub type Read = (Layers, Settings);

impl Project {
    pub fn new(os: Os, layers: Layers, settings: Settings) -> Project {
        Project {
            os,
            layers,
            settings,
            watch: None,
            livereload: None,
            repeats: Repeats::default(),
            products: HashSet::new(),
        }
    }

    /// The next changes; never, where nothing is watched. Cancel-safe.
    pub async fn changes(&mut self) -> Changes {
        or_never(self.watch.as_mut().map(Watch::next)).await
    }

    pub fn unwatch(&mut self) {
        self.watch = None;
    }

    /// Has pages that show the guest load again.
    pub fn refresh(&self, generation: u64) {
        if let Some(livereload) = &self.livereload {
            livereload.tell(generation);
        }
    }

    /// Begins to watch, or does it anew under other settings.
    pub async fn watch(&mut self) -> Result<()> {
        let Some(settings) = self.settings.watch.clone() else {
            return Ok(());
        };
        // A scope that cannot be had leaves the old one, which has the file that can be corrected.
        let scope = self.scope(&settings)?;
        self.watch = None;
        self.watch = Some(Watch::start(scope, settings.debounce).await?);
        let wanted = settings.livereload;
        let is_there = |livereload: &Livereload| wanted == Some(livereload.address().port());
        if !self.livereload.as_ref().is_some_and(is_there) {
            self.livereload = None;
            if let Some(port) = wanted {
                let livereload = Livereload::start(port).await?;
                tracing::info!("livereload: http://{}/", livereload.address());
                self.livereload = Some(livereload);
            }
        }
        Ok(())
    }

    fn scope(&self, watch: &settings::Watch) -> Result<Scope> {
        let mut scope = Scope {
            ignore: watch.ignore.clone(),
            written: own_output(),
            ..Scope::default()
        };
        let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) =
            watch.paths.iter().cloned().partition(|path| path.is_dir());
        scope.folders = folders;
        scope.files = files;
        match &self.settings.source.build {
            Some(plan) => {
                if watch.paths.is_empty() {
                    let folder = if self.os.path.is_dir() {
                        self.os.path.as_path()
                    } else {
                        plan.folder()
                    };
                    let folder = folder
                        .canonicalize()
                        .with_context(|| format!("cannot use {}", folder.display()))?;
                    scope.folders.push(folder);
                }
                for output in plan.outputs() {
                    scope.outputs.push(absolute(&output)?);
                }
            }
            None => {
                // One that is named is waited for.
                let named = self.settings.source.artifact.clone().filter(|_| self.os.path.is_dir());
                let by_file = self.layers.named();
                let artifact = named.map_or_else(|| artifact::find(&self.os.path, by_file.as_ref()), Ok)?;
                scope.files.push(absolute(&artifact)?);
            }
        }
        scope.files.extend(self.config_paths());
        let named = [self.os.path.clone()].into_iter().chain(watch.paths.iter().cloned());
        let artifact = scope
            .files
            .first()
            .cloned()
            .filter(|_| self.settings.source.build.is_none());
        let ways: BTreeSet<PathBuf> = named
            .chain(artifact)
            .filter_map(|path| std::path::absolute(path).ok())
            .collect();
        scope.ways = ways.into_iter().collect();
        // What the guest writes is not what it is made of, wherever it lies.
        let own = self
            .settings
            .guest
            .directories
            .iter()
            .filter(|directory| !directory.read_only);
        for directory in own {
            let is_below = |folder: &PathBuf| directory.host.starts_with(folder) && directory.host != *folder;
            if scope.folders.iter().any(is_below) {
                scope
                    .ignore
                    .push(format!("{}/", globset::escape(&directory.host.to_string_lossy())));
            }
        }
        Ok(scope)
    }

    /// Where the configuration is, or would be.
    fn config_paths(&self) -> Vec<PathBuf> {
        let own = match self.layers.project() {
            Some(file) => file.path.clone(),
            None if self.os.path.is_dir() => self.os.path.join(file::NAME),
            None => PathBuf::from(file::NAME),
        };
        let service = self.os.service.as_ref().map(|service| service.file.clone());
        let paths = [own].into_iter().chain(service);
        paths.filter_map(|path| absolute(&path).ok()).collect()
    }

    /// Tells changes of the configuration and of sources from those that a build has made itself.
    pub fn sort(&mut self, changes: Changes, building: Building) -> Sorted {
        let config_paths = self.config_paths();
        let (config, sources): (Vec<Change>, Vec<Change>) = changes
            .files
            .into_iter()
            .partition(|change| config_paths.contains(&change.path));
        let sources: Vec<Change> = sources
            .into_iter()
            .filter(|change| !self.is_product(change, changes.since, building))
            .collect();
        for change in &sources {
            tracing::debug!("changed: {}", change.path.display());
        }
        self.say_of_a_loop(&sources);
        Sorted {
            since: changes.since,
            cause: cause(config.iter().chain(&sources)),
            has_config: !config.is_empty(),
            has_sources: changes.moved || !sources.is_empty(),
        }
    }

    /// Names the file that is written by what its changes start.
    fn say_of_a_loop(&mut self, sources: &[Change]) {
        let Some(file) = self.repeats.note(sources, Instant::now()) else {
            return;
        };
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        tracing::warn!(
            hint = format!(
                "to ignore the file, write `ignore = [\"{}\"]` under `[watch]` in .wasmrun.toml",
                report::line(&name)
            ),
            "{} keeps changing, and each change reloads the guest",
            shown(&file)
        );
    }

    /// Whether a change is a build's own: a file that first came while something was built, and changes with builds.
    fn is_product(&mut self, change: &Change, since: Instant, building: Building) -> bool {
        let building = building.is_under_way || building.ended.is_some_and(|ended| since <= ended + NOTICE);
        let writes = self
            .settings
            .source
            .build
            .as_ref()
            .is_some_and(|plan| !plan.is_interpreted());
        let product = writes && building && (change.is_new || self.products.contains(&change.path));
        if product {
            tracing::debug!("built: {}", change.path.display());
            self.products.insert(change.path.clone());
        }
        product
    }

    /// Reads the files as they are now; the answer may take as long as [`READ`]. None where a service's own table cannot be had:
    /// `wasmrun up` says why, or ends this run.
    pub fn read(&self) -> impl Future<Output = Result<Option<Read>>> + use<> {
        let os = self.os.clone();
        async {
            let read = tokio::task::spawn_blocking(move || {
                if os.service.as_ref().is_some_and(|service| !layers::has(service)) {
                    return Ok(None);
                }
                let layers = Layers::of(&os)?;
                trust::require(&os, &layers)?;
                let settings = settings::resolve(&os, &layers)?;
                Ok(Some((layers, settings)))
            });
            match tokio::time::timeout(READ, read).await {
                Ok(read) => read.unwrap_or_else(|error| Err(error.into())),
                Err(_) => Err(anyhow!("the file system does not respond").into()),
            }
        }
    }

    /// Has other settings hold; returns those that did.
    pub fn replace(&mut self, (layers, settings): Read) -> Settings {
        self.layers = layers;
        std::mem::replace(&mut self.settings, settings)
    }
}

/// What of the settings the machine decides by.
pub fn rules(settings: &Settings) -> Rules {
    let health = settings.watch.as_ref().and_then(|watch| watch.health.clone());
    let mut tcp = settings
        .network
        .mappings
        .iter()
        .filter(|mapping| mapping.protocol == Protocol::Tcp);
    Rules {
        watch: settings.watch.is_some(),
        builds: settings.source.build.is_some(),
        restart: settings.life.restart,
        auto_forward: settings.network.auto_forward,
        connect_timeout: settings.network.connect_timeout,
        grace: settings.life.grace,
        health: tcp.next().map(|mapping| mapping.guest).zip(health),
    }
}

/// What has changed, in few words.
fn cause<'a>(changes: impl Iterator<Item = &'a Change>) -> Option<String> {
    let mut changes = changes.peekable();
    let first = shown(&changes.next()?.path);
    let more = changes.count();
    Some(match more {
        0 => format!("{first} changed"),
        more => format!("{first} and {more} more changed"),
    })
}

/// A path from where the user stands, where it is below.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let path = path.strip_prefix(&here).unwrap_or(path);
    report::line(&path.to_string_lossy())
}

/// Where our own lines and the guest's go, where that is a file: what is written there is no change of the project's.
fn own_output() -> Vec<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let files = ["/proc/self/fd/1", "/proc/self/fd/2"].map(std::fs::metadata);
    let files = files.into_iter().flatten().filter(std::fs::Metadata::is_file);
    files.map(|file| (file.dev(), file.ino())).collect()
}

/// The path as notifications have it: its folder has to be there, the file need not.
fn absolute(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path).with_context(|| format!("cannot use {}", path.display()))?;
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    Ok(match (folder, path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => path,
    })
}
