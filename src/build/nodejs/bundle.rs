//! ES modules and TypeScript become one CommonJS file, by esbuild.

use super::manifest;
use crate::build::component::Component;
use crate::build::digest::Digest;
use crate::build::step::{self, Step};
use crate::failure::{Failure, Result};
use anyhow::{Context, anyhow};
use serde_json::Value;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Where the guest finds it.
pub const PLACE: &str = "/bundle";
const NAME: &str = "main.cjs";

/// Whether a file is not CommonJS (<https://nodejs.org/api/packages.html#determining-module-system>).
pub fn is_needed(folder: &Path, script: &Path) -> Result<bool> {
    match script.extension().and_then(|extension| extension.to_str()) {
        Some("mjs" | "ts" | "mts" | "tsx" | "jsx") => return Ok(true),
        Some("cjs") => return Ok(false),
        _ => {}
    }
    // The nearest package.json decides.
    let nearest = script
        .ancestors()
        .skip(1)
        .take_while(|parent| parent.starts_with(folder))
        .map(|parent| parent.join(manifest::NAME))
        .find(|path| path.is_file());
    let Some(nearest) = nearest else { return Ok(false) };
    let manifest: Value = manifest::read(&nearest)?;
    Ok(manifest.get("type").is_some_and(|kind| kind == "module"))
}

/// Makes it; returns the folder, and its name in the guest.
pub async fn make(
    engine: &Component,
    folder: &Path,
    script: &Path,
    packages: Option<&Path>,
    out: &Path,
) -> Result<(PathBuf, String)> {
    // Two scripts of one folder may run side by side, and one may start while another is made.
    let out = &out.join(Digest::default().add(script.as_os_str().as_encoded_bytes()).name());
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let parent = script.parent().unwrap_or(folder).to_string_lossy();
    let json = |text: &str| Value::from(text).to_string();
    let name = script.to_string_lossy();
    // The engine cannot see what becomes of its own async functions; of generators that do the same it can.
    let plain = ["async-await", "for-await", "async-generator"].map(|feature| format!("--supported:{feature}=false"));
    let mut command: Vec<OsString> = vec![esbuild(engine)?.into_os_string(), script.into()];
    command.extend(
        [
            "--bundle",
            "--format=cjs",
            "--platform=node",
            "--target=es2022",
            "--keep-names",
        ]
        .map(OsString::from),
    );
    command.extend(["--log-level=warning", "--color=false"].map(OsString::from));
    command.extend(plain.map(OsString::from));
    for (what, is) in [
        ("import.meta.url", format!("file://{name}")),
        ("import.meta.filename", name.clone().into_owned()),
        ("import.meta.dirname", parent.clone().into_owned()),
        ("__filename", name.clone().into_owned()),
        ("__dirname", parent.into_owned()),
    ] {
        command.push(format!("--define:{what}={}", json(&is)).into());
    }
    let made = tempfile::Builder::new()
        .suffix(".cjs")
        .tempfile_in(out)
        .with_context(|| format!("cannot write to {}", out.display()))?
        .into_temp_path();
    command.push(format!("--outfile={}", made.display()).into());
    let variables: Vec<_> = packages
        .map(|packages| ("NODE_PATH", packages.as_os_str()))
        .into_iter()
        .collect();
    let step = Step {
        command: &command,
        variables: &variables,
        folder,
    };
    let status = step.start(false)?.ended().await?;
    if !status.success() {
        return Err(Failure::usage(anyhow!("the build failed ({})", step::describe(status))));
    }
    made.persist(out.join(NAME))
        .with_context(|| format!("cannot write to {}", out.display()))?;
    Ok((out.clone(), format!("{PLACE}/{NAME}")))
}

/// The program itself: the one in `.bin` is Node's and takes a start of that.
fn esbuild(engine: &Component) -> Result<PathBuf> {
    let machine = match std::env::consts::ARCH {
        "aarch64" => "linux-arm64",
        _ => "linux-x64",
    };
    let path = engine
        .folder
        .join("node_modules/@esbuild")
        .join(machine)
        .join("bin/esbuild");
    if !path.is_file() {
        return Err(anyhow!("there is no {}", path.display()).into());
    }
    Ok(path)
}
