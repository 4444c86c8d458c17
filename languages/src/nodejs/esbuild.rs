//! The engine's own esbuild.

use crate::tools::component::Component;
use anyhow::{Context, anyhow};
use report::Result;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{self, Path, PathBuf};

/// What it says with `--metafile` (<https://esbuild.github.io/api/#metafile>), as far as it matters here.
#[derive(Deserialize)]
pub(super) struct Metafile {
    /// By path.
    pub inputs: BTreeMap<PathBuf, Input>,
}

#[derive(Deserialize)]
pub(super) struct Input {
    pub imports: Vec<Import>,
}

#[derive(Deserialize)]
pub(super) struct Import {
    pub path: PathBuf,
    pub kind: String,
    /// As it stands in the file.
    pub original: Option<String>,
    #[serde(default)]
    pub external: bool,
}

impl Metafile {
    /// Reads one of a run in `folder`.
    pub(super) fn read(path: &Path, folder: &Path) -> Result<Metafile> {
        let text = std::fs::read(path).context("cannot read what esbuild found")?;
        let found: Metafile = serde_json::from_slice(&text).context("cannot read what esbuild found")?;
        // It names them from there.
        let whole = |path: PathBuf| plain(&folder.join(path));
        let inputs = found.inputs.into_iter().map(|(path, mut input)| {
            for import in input.imports.iter_mut().filter(|import| !import.external) {
                import.path = whole(std::mem::take(&mut import.path));
            }
            (whole(path), input)
        });
        Ok(Metafile {
            inputs: inputs.collect(),
        })
    }
}

/// The program itself: the one in `.bin` is Node's and takes a start of that.
pub(super) fn program(engine: &Component) -> Result<PathBuf> {
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

/// The variable by which it finds packages that were installed elsewhere; the user's own has no place in the guest.
pub(super) fn variables(installed: Option<&Path>) -> [(&'static str, &OsStr); 1] {
    [("NODE_PATH", installed.map_or(OsStr::new(""), Path::as_os_str))]
}

/// A path as it says them without `..`; what is a link it has resolved.
pub(super) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            path::Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}
