//! What follows from a change of a file: a new generation, or new settings.

use super::Session;
use super::start::SETTLE;
use crate::session::generation::Generation;
use crate::settings::file::{self, File};
use crate::settings::{self, Settings};
use crate::trust;
use crate::watch::livereload::Livereload;
use crate::watch::{Change, Changes, Scope, Watch};
use anyhow::{Context, anyhow};
use languages::artifact;
use report::Result;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Notifications may come this late.
const NOTICE: Duration = Duration::from_millis(100);
/// The settings are read within this, or stay as they were.
const READ: Duration = Duration::from_secs(2);

impl Session {
    /// Begins to watch, or does it anew under other settings.
    pub(super) async fn watch(&mut self) -> Result<()> {
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

    pub(super) fn scope(&self, watch: &settings::Watch) -> Result<Scope> {
        let mut scope = Scope {
            ignore: watch.ignore.clone(),
            written: own_output(),
            ..Scope::default()
        };
        let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) =
            watch.paths.iter().cloned().partition(|path| path.is_dir());
        scope.folders = folders;
        scope.files = files;
        match &self.settings.build {
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
                let named = self.settings.artifact.clone().filter(|_| self.os.path.is_dir());
                let by_file = self.file.as_ref().and_then(|file| file.named());
                let artifact = named.map_or_else(|| artifact::find(&self.os.path, by_file.as_ref()), Ok)?;
                scope.files.push(absolute(&artifact)?);
            }
        }
        scope.files.push(self.config_path()?);
        let named = [self.os.path.clone()].into_iter().chain(watch.paths.iter().cloned());
        let artifact = scope.files.first().cloned().filter(|_| self.settings.build.is_none());
        let ways: BTreeSet<PathBuf> = named
            .chain(artifact)
            .filter_map(|path| std::path::absolute(path).ok())
            .collect();
        scope.ways = ways.into_iter().collect();
        // What the guest writes is not what it is made of, wherever it lies.
        let own = self
            .settings
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
    fn config_path(&self) -> Result<PathBuf> {
        absolute(&match &self.file {
            Some(file) => file.path.clone(),
            None if self.os.path.is_dir() => self.os.path.join(file::NAME),
            None => PathBuf::from(file::NAME),
        })
    }

    pub(super) async fn changed(&mut self, changes: Changes) {
        if changes.moved
            && let Err(failure) = self.watch().await
        {
            report::failure(&failure);
        }
        let config_path = self.config_path().ok();
        let (config, sources): (Vec<Change>, Vec<Change>) = changes
            .files
            .into_iter()
            .partition(|change| Some(&change.path) == config_path.as_ref());
        let sources: Vec<Change> = sources
            .into_iter()
            .filter(|change| !self.is_product(change, changes.since))
            .collect();
        for change in &sources {
            tracing::debug!("changed: {}", change.path.display());
        }
        self.say_of_a_loop(&sources);
        if let Some(cause) = self.cause(config.iter().chain(&sources)) {
            self.cause = Some(cause);
        }
        let anew = !config.is_empty() && self.reread().await;
        if anew || changes.moved || !sources.is_empty() {
            // What was starting is older than this.
            self.drop_candidate();
            self.restart = None;
            self.forget_code();
            self.make(changes.since, false);
        }
    }

    /// What has changed, in few words.
    fn cause<'a>(&self, changes: impl Iterator<Item = &'a Change>) -> Option<String> {
        let mut changes = changes.peekable();
        let first = self.shown(&changes.next()?.path);
        let more = changes.count();
        Some(match more {
            0 => format!("{first} changed"),
            more => format!("{first} and {more} more changed"),
        })
    }

    /// A path from where the user stands, where it is below.
    fn shown(&self, path: &Path) -> String {
        let here = std::env::current_dir().unwrap_or_default();
        let path = path.strip_prefix(&here).unwrap_or(path);
        report::line(&path.to_string_lossy())
    }

    /// Names the file that is written by what its changes start.
    fn say_of_a_loop(&mut self, sources: &[Change]) {
        let Some(file) = self.repeats.note(sources, std::time::Instant::now()) else {
            return;
        };
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        tracing::warn!(
            hint = format!(
                "if nobody edits it, write `ignore = [\"{}\"]` under [watch] in .wasmrun.toml",
                report::line(&name)
            ),
            "{} changes again and again, and each time the guest is made anew",
            self.shown(&file)
        );
    }

    /// Whether a change is a build's own: a file that first came while something was built, and changes with builds.
    pub(super) fn is_product(&mut self, change: &Change, since: std::time::Instant) -> bool {
        let building = self.making.is_some() || self.build_ended.is_some_and(|ended| since <= ended + NOTICE);
        let writes = self.settings.build.as_ref().is_some_and(|plan| !plan.is_interpreted());
        let product = writes && building && (change.is_new || self.products.contains(&change.path));
        if product {
            tracing::debug!("built: {}", change.path.display());
            self.products.insert(change.path.clone());
        }
        product
    }

    /// Applies the file as it is now. True when a new generation is needed.
    pub(super) async fn reread(&mut self) -> bool {
        let os = self.os.clone();
        let read = tokio::task::spawn_blocking(move || {
            let file = File::find(os.config.as_deref(), &os.path)?;
            trust::require(&os, file.as_ref())?;
            let settings = settings::resolve(&os, file.as_ref())?;
            Ok((file, settings))
        });
        let read = match tokio::time::timeout(READ, read).await {
            Ok(read) => read.unwrap_or_else(|error| Err(error.into())),
            Err(_) => Err(anyhow!("the file system does not answer").into()),
        };
        let (file, settings) = match read {
            Ok(read) => read,
            Err(failure) => {
                report::failure(&failure);
                tracing::warn!("the settings stay as they were");
                return false;
            }
        };
        let old = std::mem::replace(&mut self.settings, settings);
        self.file = file.map(Arc::new);
        let new = &self.settings;
        if old == *new {
            return false;
        }
        tracing::info!("the settings have changed");
        let limits = |settings: &Settings| (settings.connect_timeout, settings.udp_idle, settings.max_connections);
        if limits(&old) != limits(new) {
            let limits = super::limits(new, new.mappings.len());
            self.connections = limits.connections;
            self.forwarder.limit(limits);
        }
        let old_ports = self.forwards.guest_ports_in_order();
        self.forwards.change(&self.settings.mappings);
        let new = &self.settings;
        let another = |settings: &Settings| (settings.artifact.clone(), settings.build.clone());
        let another_guest = another(&old) != another(new);
        if (another_guest || old.watch != new.watch)
            && let Err(failure) = self.watch().await
        {
            report::failure(&failure);
        }
        self.told.clear();
        self.look = Some(Instant::now() + SETTLE);
        let new = &self.settings;
        let given_listeners = self.serving.as_ref().is_none_or(Generation::is_given_listeners);
        another_guest
            || what_a_guest_gets(&old) != what_a_guest_gets(new)
            || (given_listeners && old_ports != self.forwards.guest_ports_in_order())
    }

    /// Whether the serving guest was started under other settings than those that hold now.
    pub(super) fn is_outdated(&self) -> bool {
        self.serving.as_ref().is_none_or(|live| {
            let start = self.what_to_start(&live.made);
            live.given != start
        })
    }
}

/// What of the settings a guest is started with, besides its ports.
fn what_a_guest_gets(settings: &Settings) -> impl PartialEq {
    (
        settings.arguments.clone(),
        settings.environment.clone(),
        settings.directories.clone(),
        settings.http,
        (settings.memory, settings.cpus, settings.pids, settings.tmp_size),
        settings.stdin,
        settings.listeners,
        settings.adopts().then_some(settings.max_connections),
    )
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
