//! Notices that files have changed, also files that are not there yet.

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Who writes a file does so in steps.
const SETTLES: Duration = Duration::from_millis(100);
/// Where the kernel tells nothing, files are looked at this often.
const LOOKS: Duration = Duration::from_millis(500);

/// Watches files by the folders that they are in, or will be.
pub(crate) struct Eyes {
    files: Vec<PathBuf>,
    changed: Arc<Notify>,
    /// None where inotify(7) is not to be had: its limits are the user's as a whole.
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
}

impl Eyes {
    pub(crate) fn new(files: Vec<PathBuf>) -> Eyes {
        let changed = Arc::new(Notify::new());
        let (notifies, wanted) = (changed.clone(), files.clone());
        let handler = move |event: notify::Result<notify::Event>| {
            if event.is_err() || event.is_ok_and(|event| concerns(&wanted, &event)) {
                notifies.notify_one();
            }
        };
        let watcher = RecommendedWatcher::new(handler, notify::Config::default());
        let mut eyes = Eyes {
            files,
            changed,
            watcher: watcher.ok(),
            watched: BTreeSet::new(),
        };
        eyes.look();
        eyes
    }

    /// Waits until something may have changed. Before it is called again, what is there has to be read.
    pub(crate) async fn changed(&mut self) {
        match self.watcher {
            Some(_) => {
                self.changed.notified().await;
                tokio::time::sleep(SETTLES).await;
                // A folder that has come to be has the file in it, or will have it.
                self.look();
            }
            None => tokio::time::sleep(LOOKS).await,
        }
    }

    /// Watches the nearest folder of each file that is there.
    fn look(&mut self) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let nearest = |file: &PathBuf| {
            file.ancestors()
                .skip(1)
                .find(|folder| folder.is_dir())
                .map(Path::to_owned)
        };
        let wanted: BTreeSet<PathBuf> = self.files.iter().filter_map(nearest).collect();
        for folder in self.watched.difference(&wanted) {
            let _ = watcher.unwatch(folder);
        }
        let mut works = true;
        for folder in &wanted {
            // Also those that are watched: a folder that was made anew is another one.
            works &= watcher.watch(folder, RecursiveMode::NonRecursive).is_ok();
        }
        self.watched = wanted;
        if !works {
            self.watcher = None;
        }
    }
}

fn concerns(files: &[PathBuf], event: &notify::Event) -> bool {
    let is_change = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        // Our own reading is no change.
        EventKind::Access(_) => false,
        _ => true,
    };
    let is_near = |path: &PathBuf| {
        let beside = |file: &PathBuf| file.parent() == path.parent() || file.starts_with(path);
        files.iter().any(beside)
    };
    is_change && (event.paths.is_empty() || event.paths.iter().any(is_near))
}
