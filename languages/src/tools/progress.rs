//! Steps that take a while and say little.

use super::process::{self, Step};
use anyhow::anyhow;
use indicatif::HumanDuration;
use report::spinner::{self, Spinner};
use report::{Failure, Result};
use std::time::{Duration, Instant};

/// Runs them: a spinner on a terminal, one line at the end, and all that
/// was said when it fails.
pub(crate) struct Work {
    what: String,
    spinner: Spinner,
    started: Instant,
}

impl Work {
    pub(crate) fn begin(what: String) -> Work {
        let spinner = spinner::start(what.clone());
        Work {
            what,
            spinner,
            started: Instant::now(),
        }
    }

    /// One step; returns what it wrote.
    pub(crate) async fn step(&self, step: &Step<'_>) -> Result<String> {
        let (text, status) = process::captured(step).await?;
        if status.success() {
            return Ok(text);
        }
        Err(Failure::usage(anyhow!(
            "{} failed ({}):\n{}",
            self.what,
            process::describe(status),
            text.trim_end()
        )))
    }

    /// Says that it is done.
    pub(crate) fn done(self) {
        drop(self.spinner);
        let time = self.started.elapsed();
        let shown = if time < Duration::from_secs(60) {
            format!("{:.1} s", time.as_secs_f64())
        } else {
            HumanDuration(time).to_string()
        };
        tracing::info!("{}: done in {shown}", self.what);
    }
}
