//! Watching a project: which files have another content than before.
//!
//! ```text
//!   notify (inotify, else polling) --events--> debounce --due--> tree: looks again --changes--> session
//! ```
//!
//! Folders are watched, one by one and without those that are ignored, so that every way of saving is seen and a big
//! folder of dependencies costs nothing. See `tree` for what counts as a change.

#![expect(clippy::disallowed_methods, reason = "held by an AbortOnDropHandle")]

mod debounce;
pub mod livereload;
mod repeats;
mod tree;
mod way;

pub use repeats::Repeats;
#[cfg(test)]
pub use tree::never_sources;
pub use tree::{Change, Scope};

use anyhow::{Context, anyhow};
use debounce::Debounce;
use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind, RenameMode};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use report::{Failure, Result};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};
use tokio_util::task::AbortOnDropHandle;
use tree::Tree;
use way::{Walked, Way};

/// How often files are looked at where the kernel cannot tell.
const POLL: Duration = Duration::from_millis(500);

/// Files that changed together.
#[derive(Debug)]
pub struct Changes {
    /// The first event of them.
    pub since: Instant,
    pub files: Vec<Change>,
    /// A path that was named leads elsewhere than before: what is watched is to be found anew.
    pub moved: bool,
}

/// A running watch; dropping it ends it.
pub struct Watch {
    changes: Receiver<Changes>,
    _task: AbortOnDropHandle<()>,
}

impl Watch {
    /// Reads everything in the scope and begins to watch. `quiet` ends a run of events.
    pub async fn start(scope: Scope, quiet: Duration) -> Result<Watch> {
        let (events, receiver) = unbounded_channel();
        let mut eyes = Eyes::open(events);
        let ways: Vec<Way> = scope.ways.iter().map(|path| Way::of(path)).collect();
        // Watched first and read then, so that nothing falls between; folders that come meanwhile are found by the first
        // update of their parents.
        let tree = tokio::task::spawn_blocking(move || Tree::read(scope))
            .await
            .context("cannot read the project")?
            .map_err(|error| Failure::usage(anyhow!("`[watch] ignore`: {error}")))?;
        eyes.follow(&all_folders(&tree, &ways));
        let (sender, changes) = channel(1);
        let everything = tree.folders().clone();
        let work = Work {
            tree: Some(tree),
            ways,
            ways_changed: false,
            eyes,
            events: receiver,
            debounce: Debounce::new(quiet),
            // What was written while the tree was read.
            dirty: everything,
        };
        Ok(Watch {
            changes,
            _task: AbortOnDropHandle::new(tokio::spawn(work.run(sender))),
        })
    }

    /// The next changes. Cancel-safe.
    pub async fn next(&mut self) -> Changes {
        match self.changes.recv().await {
            Some(changes) => changes,
            // The task ends with this value only.
            None => std::future::pending().await,
        }
    }
}

/// The kernel's notifications.
struct Eyes {
    /// None where the kernel has no more: then everything is looked at again and again.
    watcher: Option<RecommendedWatcher>,
    watched: HashSet<PathBuf>,
}

impl Eyes {
    fn open(events: UnboundedSender<notify::Result<Event>>) -> Eyes {
        // A receiver that is gone is a watch that has ended.
        let handler = move |event: notify::Result<Event>| drop(events.send(event));
        let watcher = RecommendedWatcher::new(handler, notify::Config::default())
            .inspect_err(|error| warn_of_limit("max_user_instances", error))
            .ok();
        Eyes {
            watcher,
            watched: HashSet::new(),
        }
    }

    /// Watches these folders and no others. Where the kernel has no watch left, none are.
    fn follow(&mut self, folders: &HashSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else { return };
        for gone in self.watched.difference(folders) {
            // A folder that is gone has taken its watch along.
            let _ = watcher.unwatch(gone);
        }
        self.watched.retain(|folder| folders.contains(folder));
        for folder in folders {
            if self.watched.contains(folder) {
                continue;
            }
            match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(folder.clone());
                }
                Err(error) if is_limit(&error) => {
                    warn_of_limit("max_user_watches", &error);
                    self.watcher = None;
                    return;
                }
                // Deleted since it was listed; its parent's event says so.
                Err(error) => tracing::debug!("not watched: {}: {error}", folder.display()),
            }
        }
    }

    /// A folder that was removed or renamed has taken its watch along; another of its name has none.
    fn forget(&mut self, folder: &Path) {
        if self.watched.remove(folder)
            && let Some(watcher) = &mut self.watcher
        {
            let _ = watcher.unwatch(folder);
        }
    }

    fn is_polling(&self) -> bool {
        self.watcher.is_none()
    }
}

fn is_limit(error: &notify::Error) -> bool {
    match &error.kind {
        notify::ErrorKind::MaxFilesWatch => true,
        notify::ErrorKind::Io(error) => error.raw_os_error() == Some(nix::libc::ENOSPC),
        _ => false,
    }
}

fn warn_of_limit(name: &str, error: &notify::Error) {
    tracing::warn!(
        hint = format!("sysctl -w fs.inotify.{name}=524288"),
        "cannot use inotify ({error}): polling for changes twice a second"
    );
}

fn all_folders(tree: &Tree, ways: &[Way]) -> HashSet<PathBuf> {
    tree.folders()
        .iter()
        .cloned()
        .chain(ways.iter().flat_map(Way::folders))
        .collect()
}

/// The task behind a watch.
struct Work {
    /// None while a blocking thread has it.
    tree: Option<Tree>,
    ways: Vec<Way>,
    /// Something on a way is another.
    ways_changed: bool,
    eyes: Eyes,
    events: UnboundedReceiver<notify::Result<Event>>,
    debounce: Debounce,
    dirty: HashSet<PathBuf>,
}

impl Work {
    async fn run(mut self, changes: tokio::sync::mpsc::Sender<Changes>) {
        self.debounce.event(Instant::now());
        loop {
            let due = self.debounce.due();
            tokio::select! {
                Some(event) = self.events.recv() => self.note(event),
                () = tokio::time::sleep(POLL), if self.eyes.is_polling() && due.is_none() => {
                    if let Some(tree) = &self.tree {
                        self.dirty.extend(tree.folders().iter().cloned());
                    }
                    self.debounce.complete(Instant::now());
                }
                () = until(due) => {
                    let since = self.debounce.take().unwrap_or_else(Instant::now);
                    let (files, moved) = self.update().await;
                    if (moved || !files.is_empty()) && changes.send(Changes { since, files, moved }).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Remembers where to look.
    fn note(&mut self, event: notify::Result<Event>) {
        let now = Instant::now();
        let Some(tree) = &self.tree else { return };
        let event = match event {
            Ok(event) if !event.need_rescan() => event,
            // Events were lost.
            _ => {
                self.dirty.extend(tree.folders().iter().cloned());
                return self.debounce.event(now);
            }
        };
        let written = matches!(event.kind, EventKind::Access(AccessKind::Close(AccessMode::Write)));
        let renamed = matches!(event.kind, EventKind::Modify(ModifyKind::Name(RenameMode::To)));
        let matters = match event.kind {
            EventKind::Access(_) => written,
            // Both names were told one by one.
            EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => false,
            EventKind::Modify(ModifyKind::Metadata(_)) => false,
            _ => true,
        };
        if event.kind.is_remove() || matches!(event.kind, EventKind::Modify(ModifyKind::Name(_))) {
            event.paths.iter().for_each(|path| self.eyes.forget(path));
        }
        let is_on_a_way = |path: &PathBuf| !tree.is_single(path) && self.ways.iter().any(|way| way.leads_over(path));
        if matters && event.paths.iter().any(is_on_a_way) {
            // What is named so may be another folder, with other watches.
            self.ways_changed = true;
            self.dirty.extend(tree.folders().iter().cloned());
            self.debounce.event(now);
        }
        for path in event.paths.iter().filter(|path| matters && tree.concerns(path)) {
            self.dirty.extend(path.parent().map(Path::to_owned));
            if (renamed || written) && tree.is_single(path) {
                self.debounce.complete(now);
            } else {
                self.debounce.event(now);
            }
        }
    }

    /// Looks at what is dirty, on a thread that may block.
    async fn update(&mut self) -> (Vec<Change>, bool) {
        let Some(mut tree) = self.tree.take() else {
            return (Vec::new(), false);
        };
        let dirty = std::mem::take(&mut self.dirty);
        let looked = tokio::task::spawn_blocking(move || {
            let changed = tree.update(&dirty);
            (tree, changed)
        });
        let Ok((tree, changed)) = looked.await else {
            return (Vec::new(), false);
        };
        let moved = self.walk();
        self.eyes.follow(&all_folders(&tree, &self.ways));
        self.tree = Some(tree);
        (changed, moved)
    }

    /// Goes all ways again. Whether one leads elsewhere; one that leads nowhere for now is said.
    fn walk(&mut self) -> bool {
        let (mut moved, mut gone) = (false, None);
        for way in &mut self.ways {
            match way.walk() {
                Walked::Moved => moved = true,
                Walked::Gone => gone = gone.or(Some(way.named().display())),
                Walked::Same => {}
            }
        }
        // A file alone may be between the two steps of a save.
        if let Some(gone) = gone.filter(|_| self.ways_changed) {
            tracing::info!("{gone} is gone: waiting for it");
        }
        self.ways_changed = false;
        moved
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
