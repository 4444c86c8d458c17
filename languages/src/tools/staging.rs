//! A folder of the cache in the making.

use anyhow::Context;
use files::cache::UNFINISHED;
use report::Result;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Longer than it takes to lock a folder.
const MOMENT: Duration = Duration::from_secs(60);

/// A folder in the making, that becomes one of the cache's when it is whole; so a kill leaves no half of one.
pub(crate) struct Staging {
    folder: TempDir,
    place: PathBuf,
    /// Locked (flock(2)) as long as somebody is at work on it: until it is closed, however its process ends.
    _lock: File,
}

impl Staging {
    /// Begins.
    pub(crate) fn begin(place: &Path) -> Result<Staging> {
        let parent = place.parent().unwrap_or(Path::new("."));
        let cannot = || format!("cannot write to {}", parent.display());
        std::fs::create_dir_all(parent).with_context(cannot)?;
        sweep(parent);
        let folder = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempdir_in(parent)
            .with_context(cannot)?;
        let lock = File::open(folder.path()).with_context(cannot)?;
        lock.lock().with_context(cannot)?;
        Ok(Staging {
            folder,
            place: place.to_owned(),
            _lock: lock,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts it in its place. Where another has done the same meanwhile, the other's stays; what is there and is not whole
    /// (any more) goes.
    pub(crate) fn finish(self, is_whole: impl Fn(&Path) -> bool) -> Result<PathBuf> {
        if self.place.exists() && !is_whole(&self.place) {
            let _ = std::fs::remove_dir_all(&self.place);
        }
        match std::fs::rename(self.folder.path(), &self.place) {
            Ok(()) => {
                // It has another name now, so there is nothing to remove.
                let _ = self.folder.keep();
                files::cache::prune_soon();
            }
            Err(_) if is_whole(&self.place) => {}
            Err(error) => {
                return Err(anyhow::Error::new(error)
                    .context(format!("cannot make {}", self.place.display()))
                    .into());
            }
        }
        Ok(self.place)
    }
}

/// Removes what was left by somebody who was killed.
fn sweep(folder: &Path) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(UNFINISHED)) {
        // One that was made this moment may not be locked yet.
        let age = entry.metadata().and_then(|metadata| metadata.modified()).ok();
        let is_new = age.is_none_or(|time| time.elapsed().is_ok_and(|age| age < MOMENT));
        let is_empty = std::fs::read_dir(entry.path()).is_ok_and(|mut files| files.next().is_none());
        let is_left = File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok());
        if is_left && !(is_new && is_empty) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_is_removed_and_what_is_being_made_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join(".making-left");
        std::fs::create_dir(&left).unwrap();
        std::fs::write(left.join("half"), "").unwrap();
        let first = Staging::begin(&folder.path().join("place")).unwrap();
        assert!(!left.exists());
        std::fs::write(first.path().join("whole"), "one").unwrap();
        let second = Staging::begin(&folder.path().join("place")).unwrap();
        std::fs::write(second.path().join("whole"), "two").unwrap();
        // The first that is finished stays.
        let place = first.finish(Path::exists).unwrap();
        assert_eq!(second.finish(Path::exists).unwrap(), place);
        assert_eq!(std::fs::read_to_string(place.join("whole")).unwrap(), "one");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
