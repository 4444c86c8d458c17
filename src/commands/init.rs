//! `wasmrun init`: a `.wasmrun.toml` to start from.

use crate::settings::file;
use crate::settings::schema::EXAMPLE;
use anyhow::{Context, anyhow};
use clap::{Args, ValueHint};
use report::{Failure, Result};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The project's directory
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    pub path: PathBuf,
    /// Overwrite an existing file
    #[arg(long)]
    pub force: bool,
}

/// Writes every key with its default, commented out.
pub fn run(init: &Arguments) -> Result<u8> {
    let path = init.path.join(file::NAME);
    let mut options = OpenOptions::new();
    options.write(true);
    if init.force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let mut written = options.open(&path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Failure::usage(anyhow!("{} already exists", path.display())).hint("edit it, or overwrite it with `--force`")
        }
        _ => Failure::from(anyhow::Error::new(error).context(format!("cannot write {}", path.display()))),
    })?;
    written
        .write_all(EXAMPLE.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    tracing::info!("wrote {}; check it with `wasmrun check`", path.display());
    Ok(0)
}
