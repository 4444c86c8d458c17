//! Toolchains that wasmrun fetches: pinned, one folder each in the user's cache, installed on first use.

use super::step::{self, Step};
use crate::failure::{Failure, Result};
use anyhow::{Context, anyhow};
use include_dir::Dir;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use std::ffi::OsString;
use std::fs::File;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What folders are called that are not finished.
const UNFINISHED: &str = ".making-";

/// The folder for toolchains: beside that of compiled code.
pub fn folder() -> Result<PathBuf> {
    let cache = crate::code::cache_folder_or_say()?;
    Ok(match (std::env::var_os("WASMRUN_CACHE_DIR"), cache.parent()) {
        (None, Some(parent)) => parent.join("toolchains"),
        _ => cache.join("toolchains"),
    })
}

/// Adds a folder of files to a digest.
pub fn digest(folder: &Dir<'_>, hasher: &mut blake3::Hasher) {
    for file in folder.files() {
        for part in [file.path().as_os_str().as_encoded_bytes(), file.contents()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    folder.dirs().for_each(|folder| digest(folder, hasher));
}

/// A folder in the making, that becomes one of the cache's when it is whole; so a kill leaves no half of one.
pub struct Making {
    folder: TempDir,
    place: PathBuf,
    /// Locked (flock(2)) as long as somebody is at work on it: until it is closed, however its process ends.
    _lock: File,
}

impl Making {
    /// Begins.
    pub fn begin(place: &Path) -> Result<Making> {
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
        Ok(Making {
            folder,
            place: place.to_owned(),
            _lock: lock,
        })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts it in its place. Where another has done the same meanwhile, the other's stays; what is there and is not whole
    /// (any more) goes.
    pub fn finish(self, is_whole: impl Fn(&Path) -> bool) -> Result<PathBuf> {
        if self.place.exists() && !is_whole(&self.place) {
            let _ = std::fs::remove_dir_all(&self.place);
        }
        match std::fs::rename(self.folder.path(), &self.place) {
            Ok(()) => {
                // It has another name now, so there is nothing to remove.
                let _ = self.folder.keep();
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
        // One that was made this moment may not be locked yet, but is empty.
        let is_empty = std::fs::read_dir(entry.path()).is_ok_and(|mut files| files.next().is_none());
        let is_left = File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok());
        if is_left && !is_empty {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Runs the steps of something that takes a while and says little: a spinner on a terminal, one line at the end, and all that
/// was said when it fails.
pub struct Work {
    what: String,
    spinner: ProgressBar,
    started: Instant,
}

impl Work {
    pub fn begin(what: String) -> Work {
        let shown = std::io::stderr().is_terminal() && tracing::enabled!(tracing::Level::INFO);
        let spinner = if shown {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            spinner.set_style(style);
        }
        spinner.set_message(what.clone());
        spinner.enable_steady_tick(Duration::from_millis(100));
        Work {
            what,
            spinner,
            started: Instant::now(),
        }
    }

    /// One step; returns what it wrote.
    pub async fn step(
        &self,
        command: &[OsString],
        variables: &[(&'static str, &'static str)],
        folder: &Path,
    ) -> Result<String> {
        tracing::debug!("runs: {}", command.join(std::ffi::OsStr::new(" ")).display());
        // Both streams into one pipe, in order.
        let mut whole: Vec<OsString> = ["sh", "-c", "exec \"$@\" 2>&1", "sh"].map(OsString::from).to_vec();
        whole.extend_from_slice(command);
        let step = Step {
            command: &whole,
            variables,
            folder,
        };
        let (text, status) = step.start(true)?.output().await?;
        if status.success() {
            return Ok(text);
        }
        Err(Failure::usage(anyhow!(
            "{} failed ({}):\n{}",
            self.what,
            step::describe(status),
            text.trim_end()
        )))
    }

    /// Says that it is done.
    pub fn done(self) {
        self.spinner.finish_and_clear();
        let time = self.started.elapsed();
        let shown = if time < Duration::from_secs(60) {
            format!("{:.1} s", time.as_secs_f64())
        } else {
            HumanDuration(time).to_string()
        };
        tracing::info!("{}: done in {shown}", self.what);
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.spinner.finish_and_clear();
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
        let first = Making::begin(&folder.path().join("place")).unwrap();
        assert!(!left.exists());
        std::fs::write(first.path().join("whole"), "one").unwrap();
        let second = Making::begin(&folder.path().join("place")).unwrap();
        std::fs::write(second.path().join("whole"), "two").unwrap();
        // The first that is finished stays.
        let place = first.finish(Path::exists).unwrap();
        assert_eq!(second.finish(Path::exists).unwrap(), place);
        assert_eq!(std::fs::read_to_string(place.join("whole")).unwrap(), "one");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
