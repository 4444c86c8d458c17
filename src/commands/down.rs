//! `wasmrun down`: the end of a `wasmrun up`.

use crate::control::{self, Client, Down, Up};
use crate::settings::file;
use anyhow::anyhow;
use clap::{Args, ValueHint};
use report::{Failure, Result};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Services [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// File with the services, or its folder [default: .wasmrun.toml]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub file: Option<PathBuf>,
}

/// `wasmrun down`
pub async fn run(down: &Arguments) -> Result<u8> {
    // The file itself may be gone, or be wrong.
    let folder = match down.file.as_deref() {
        None => Path::new("."),
        Some(path) if path.file_name().is_some_and(|name| name == file::NAME) || path.is_file() => path
            .parent()
            .filter(|folder| *folder != Path::new(""))
            .unwrap_or(Path::new(".")),
        Some(folder) => folder,
    };
    let project = control::name_of(folder);
    let projects = control::projects()?;
    let Some((_, path)) = projects.iter().find(|(name, _)| *name == project) else {
        let up: Vec<&str> = projects.iter().map(|(name, _)| name.as_str()).collect();
        let hint = match up.as_slice() {
            [] => "no project is; start one with `wasmrun up`".to_owned(),
            up => format!("up: {}; name its folder with `--file`", up.join(", ")),
        };
        return Err(Failure::usage(anyhow!("the project `{project}` is not up")).hint(hint));
    };
    let up = Client::at(path);
    let is: Up = up.get("state").await?;
    if folder.canonicalize().is_ok_and(|folder| folder != is.folder) {
        let message = anyhow!("the project `{project}` that is up is {}", is.folder.display());
        return Err(Failure::usage(message).hint("name that folder with `--file`"));
    }
    let services = down.names.clone();
    up.post::<()>("down", &Down { services }).await?;
    if down.names.is_empty() {
        up.ended().await;
        tracing::info!("down: {project}");
        return Ok(0);
    }
    let folder = control::folder()?;
    for name in &down.names {
        Client::at(&control::run_socket(&folder, &format!("{project}.{name}")))
            .ended()
            .await;
        tracing::info!("down: {project}.{name}");
    }
    Ok(0)
}
