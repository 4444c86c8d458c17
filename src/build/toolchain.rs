//! Toolchains that wasmrun fetches: pinned, one folder each in the user's cache, installed on first use.

use super::step::{self, Step};
use crate::failure::{Failure, Result};
use anyhow::{Context, anyhow};
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

/// What nobody finished and nobody is at work on any more.
const STALE: Duration = Duration::from_secs(3600);
/// What such folders are called.
const UNFINISHED: &str = ".making-";

/// The folder for toolchains: beside that of compiled code.
pub fn folder() -> Result<PathBuf> {
    let cache = crate::code::cache_folder_or_say()?;
    Ok(match (std::env::var_os("WASMRUN_CACHE_DIR"), cache.parent()) {
        (None, Some(parent)) => parent.join("toolchains"),
        _ => cache.join("toolchains"),
    })
}

/// A folder in the making, that becomes one of the cache's when it is whole; so a kill leaves no half of one.
pub struct Making {
    folder: TempDir,
    place: PathBuf,
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
        Ok(Making {
            folder,
            place: place.to_owned(),
        })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts it in its place. Where another has done the same meanwhile, the other's stays.
    pub fn finish(self) -> Result<PathBuf> {
        match std::fs::rename(self.folder.path(), &self.place) {
            Ok(()) => {
                // It has another name now, so there is nothing to remove.
                let _ = self.folder.keep();
            }
            Err(_) if self.place.exists() => {}
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
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.map(|time| SystemTime::now().duration_since(time).unwrap_or_default());
        if age.is_ok_and(|age| age > STALE) {
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
