//! A service of `wasmrun up`, as it is written: a project, and what holds of it here.

use super::sections::{Guest, Http, Network, Watch};
use languages::config::Build;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use toml::Spanned;

/// The keys that a project's file does not have, but `env`.
pub const KEYS: [&str; 5] = ["path", "links", "forwards", "allow", "allow-private"];

/// A table of `[services]`. The keys of `[network]` that most need have a short form; every other key of a project's file is
/// written by its own path.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Service {
    #[schemars(with = "String")]
    pub path: Spanned<PathBuf>,
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub links: Vec<Spanned<String>>,
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub forwards: Vec<Spanned<String>>,
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub allow: Vec<Spanned<String>>,
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub allow_private: Vec<Spanned<String>>,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    #[serde(default)]
    pub guest: Guest,
    #[serde(default)]
    pub network: Network,
    #[serde(default)]
    pub http: Http,
    #[serde(default)]
    pub build: Build,
    #[serde(default)]
    pub watch: Watch,
}
