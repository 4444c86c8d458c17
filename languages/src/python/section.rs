//! `[python]` of `.wasmrun.toml`.

use std::path::PathBuf;

/// `[python]`: the entry point, one of four, and how packages are had.
#[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Section {
    pub script: Option<PathBuf>,
    pub module: Option<String>,
    pub wsgi: Option<String>,
    pub asgi: Option<String>,
    pub build_packages: bool,
}
