//! `wasmrun init`: a `.wasmrun.toml` to start from.

use crate::cli::Init;
use crate::config;
use anyhow::{Context, anyhow};
use report::{Failure, Result};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};

const TEXT: &str = include_str!("../.wasmrun.toml.example");

/// Writes every key with its default, commented out.
pub fn run(init: &Init) -> Result<u8> {
    let path = init.path.join(config::NAME);
    let mut options = OpenOptions::new();
    options.write(true);
    if init.force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let mut file = options.open(&path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Failure::usage(anyhow!("{} exists", path.display())).hint("edit it, or write over it with --force")
        }
        _ => Failure::from(anyhow::Error::new(error).context(format!("cannot write {}", path.display()))),
    })?;
    file.write_all(TEXT.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    tracing::info!("wrote {}; `wasmrun check` says what it means", path.display());
    Ok(0)
}
