//! `wasmrun trust`: whose projects may have what no jail makes harmless.

use crate::settings::file::{self, File};
use crate::settings::typed::Os;
use crate::trust::{self, Store};
use anyhow::anyhow;
use clap::{Args, ValueHint};
use report::{Failure, Result};
use std::io::Write;
use std::path::{Path, PathBuf};

pub const HELP: &str = "\
These settings need trust: `[build] jail = false`, paths outside the project in `[guest] dirs` and
`[build]`, and forwards that other machines can reach. Builds in the build jail and options on the
command line need none.

Examples:
  wasmrun trust ./app             trust the present settings of ./app/.wasmrun.toml, no later ones
  wasmrun trust --list
  wasmrun trust ./app --revoke";

#[derive(Debug, Args)]
pub struct Arguments {
    /// Project directory [default: the current one]
    #[arg(value_hint = ValueHint::DirPath)]
    pub path: Option<PathBuf>,
    /// Read this file instead of .wasmrun.toml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["list", "revoke"])]
    pub config: Option<PathBuf>,
    /// List trusted folders with their settings
    #[arg(long, conflicts_with_all = ["path", "revoke"])]
    pub list: bool,
    /// Revoke the trust in the directory
    #[arg(long)]
    pub revoke: bool,
}

/// `wasmrun trust`
pub fn run(typed: &Arguments) -> Result<u8> {
    if typed.list {
        let mut out = std::io::stdout().lock();
        for (folder, lines) in Store::read()?.all() {
            writeln!(out, "{}", folder.display())?;
            for line in lines {
                writeln!(out, "  {}", report::line(&line))?;
            }
        }
        return Ok(0);
    }
    let path = typed.path.as_deref().unwrap_or(Path::new("."));
    if typed.revoke {
        // The folder may be gone.
        let folder = trust::canonical(path).or_else(|_| std::path::absolute(path).map_err(Failure::from))?;
        let mut had = false;
        Store::change(|store| had = store.remove(&folder))?;
        if had {
            tracing::info!("revoked the trust in {}", folder.display());
        } else {
            tracing::info!("{} was not trusted", folder.display());
        }
        return Ok(0);
    }
    let Some(file) = File::find(typed.config.as_deref(), path)? else {
        let message = anyhow!("no {} in {}", file::NAME, path.display());
        return Err(
            Failure::usage(message).hint("pass the project's directory; a project without this file needs no trust")
        );
    };
    let mut all = Vec::new();
    let os = Os::of_path(path)?;
    trust::add(&mut all, &file, trust::demands(&os, &file, |_| false)?)?;
    trust::add_services(
        &mut all,
        &file,
        file.config.services.keys().map(|name| name.get_ref().as_str()),
    )?;
    if all.is_empty() {
        tracing::info!("no setting in {} needs trust", file.path.display());
        return Ok(0);
    }
    Store::change(|store| all.iter().for_each(|asks| store.add(&asks.folder, &asks.demands)))?;
    for asks in all {
        tracing::info!("trusted in {}:{}", asks.folder.display(), trust::lines(&asks.demands));
    }
    Ok(0)
}
