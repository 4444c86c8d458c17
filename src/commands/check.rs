//! `wasmrun check`: what a run would do, without doing it.

use crate::settings::typed::{Os, ServiceOf};
use crate::settings::{
    self, Layers,
    file::{self, File},
    layers,
};
use crate::trust;
use anyhow::anyhow;
use clap::{Args, ValueHint};
use languages::artifact;
use netns::Bind;
use netns::link::Link;
use report::{Failure, Result};
use std::io::Write;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The project's directory, or a guest file
    #[arg(default_value = ".", value_hint = ValueHint::AnyPath)]
    pub path: PathBuf,
    /// Read this file instead of .wasmrun.toml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, env = "WASMRUN_CONFIG")]
    pub config: Option<PathBuf>,
}

/// Reads the file as a run would and prints what comes of it.
pub fn run(check: &Arguments) -> Result<u8> {
    let Some(file) = File::find(check.config.as_deref(), &check.path)? else {
        let message = anyhow!("no {} in {} or the current directory", file::NAME, check.path.display());
        return Err(Failure::usage(message).hint("create one with `wasmrun init`"));
    };
    let mut os = Os::of_path(&check.path).map_err(Failure::usage)?;
    os.config.clone_from(&check.config);
    let mut out = std::io::stdout().lock();
    writeln!(out, "file:      {}", file.path.display())?;
    let names = file.services();
    if names.is_empty() {
        explain(&mut out, &os, &Layers::of(&os)?)?;
        return Ok(0);
    }
    for name in names {
        let path = layers::service_path(&file, name);
        let service = ServiceOf {
            file: file.path.clone(),
            name: name.to_owned(),
        };
        let os = Os::of_service(&path, service).map_err(Failure::usage)?;
        writeln!(out, "service:   {name} ({})", path.display())?;
        explain(&mut out, &os, &Layers::of(&os)?)?;
    }
    Ok(0)
}

/// What one run would do. Of a service that is what differs from the defaults.
fn explain(out: &mut impl Write, os: &Os, layers: &Layers) -> Result<()> {
    let settings = settings::resolve(os, layers)?;
    let artifact = match &settings.source.build {
        // What is built need not be there yet.
        Some(_) => None,
        None => Some(artifact::find(&os.path, layers.named().as_ref())?),
    };
    if let Some(artifact) = artifact {
        writeln!(out, "guest:     {}", artifact.display())?;
    }
    if let Some(plan) = &settings.source.build {
        writeln!(out, "build:     {}", plan.describe())?;
    }
    for mapping in &settings.network.mappings {
        let host = match mapping.bind {
            Bind::Loopback => "localhost".to_owned(),
            Bind::Address(address) if address.is_ipv6() => format!("[{address}]"),
            Bind::Address(address) => address.to_string(),
        };
        writeln!(
            out,
            "forward:   {host}:{} -> guest:{}/{}",
            mapping.host, mapping.guest, mapping.protocol
        )?;
    }
    for rule in &settings.network.allow {
        writeln!(out, "allow:     {rule}: {}", rule.meaning())?;
        if rule.is_everything() {
            tracing::warn!("`{rule}` lets the guest connect to every public host");
        }
    }
    for network in &settings.network.allow_private {
        writeln!(out, "allow:     names may lead to {network}")?;
    }
    for port in &settings.network.expose {
        writeln!(out, "expose:    guest:{port}/tcp, to other runs")?;
    }
    for link in &settings.network.links {
        let Link {
            alias,
            port,
            run,
            to,
            protocol,
        } = link;
        writeln!(
            out,
            "link:      {alias}:{port} -> guest:{to}/{protocol} of the run {run}"
        )?;
    }
    for directory in &settings.guest.directories {
        let access = if directory.read_only {
            "read only"
        } else {
            "read and write"
        };
        writeln!(
            out,
            "directory: {} as {} ({access})",
            directory.host.display(),
            directory.guest
        )?;
    }
    for (name, value) in &settings.guest.environment {
        writeln!(out, "env:       {name}={value}")?;
    }
    let is_told = |from: &str| os.service.is_none() || from != "default";
    for (name, value, from) in settings::explain(os, layers, &settings) {
        if is_told(&from) {
            writeln!(out, "setting:   {name} = {value} ({from})")?;
        }
    }
    match trust::require(os, layers) {
        Ok(()) => writeln!(out, "ok")?,
        Err(failure) => writeln!(out, "needs trust: {}", failure.hint.unwrap_or_default())?,
    }
    Ok(())
}
