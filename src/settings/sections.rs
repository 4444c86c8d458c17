//! Sections of `.wasmrun.toml` as they are written, but those that `languages` reads.

use super::choices::{ForwardPath, Listeners, OutboundPath, Restart, Tiered};
use schemars::JsonSchema;
use serde::Deserialize;
use std::num::NonZeroU16;
use std::path::PathBuf;
use toml::Spanned;

/// What runs, and with what.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Guest {
    pub artifact: Option<PathBuf>,
    pub args: Vec<String>,
    #[schemars(with = "Vec<String>")]
    pub dirs: Vec<Spanned<String>>,
    pub stdin: Option<bool>,
    #[schemars(with = "Option<String>")]
    pub memory: Option<Spanned<String>>,
    pub cpus: Option<f64>,
    pub pids: Option<u64>,
    #[schemars(with = "Option<String>")]
    pub tmp_size: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    pub grace: Option<Spanned<String>>,
    pub restart: Option<Restart>,
    pub listeners: Option<Listeners>,
    pub tiered: Option<Tiered>,
}

/// What leads to it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Network {
    #[schemars(with = "Vec<String>")]
    pub forwards: Vec<Spanned<String>>,
    #[schemars(with = "Vec<String>")]
    pub allow: Vec<Spanned<String>>,
    #[schemars(with = "Vec<String>")]
    pub allow_private: Vec<Spanned<String>>,
    #[schemars(with = "Vec<String>")]
    pub links: Vec<Spanned<String>>,
    pub expose: Vec<NonZeroU16>,
    #[schemars(with = "Option<String>")]
    pub connect_timeout: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    pub udp_idle: Option<Spanned<String>>,
    pub max_connections: Option<usize>,
    pub max_outbound: Option<usize>,
    pub auto_forward: Option<bool>,
    pub path: Option<ForwardPath>,
    pub outbound_path: Option<OutboundPath>,
    #[schemars(with = "Option<String>")]
    pub proxy: Option<Spanned<String>>,
    #[schemars(with = "Vec<String>")]
    pub ca: Vec<Spanned<PathBuf>>,
}

/// What clients of a `wasi:http` guest may take of it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Http {
    #[schemars(with = "Option<String>")]
    pub header_timeout: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    pub body_timeout: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    pub send_timeout: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    pub idle_timeout: Option<Spanned<String>>,
    #[schemars(with = "Option<usize>")]
    pub max_requests: Option<Spanned<usize>>,
    #[schemars(with = "Option<u32>")]
    pub max_streams: Option<Spanned<u32>>,
}

/// What makes it anew.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Watch {
    pub paths: Vec<PathBuf>,
    pub ignore: Vec<String>,
    #[schemars(with = "Option<String>")]
    pub debounce: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    pub health: Option<Spanned<String>>,
    pub livereload: Option<Livereload>,
}

/// A switch, or the port to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Livereload {
    Switch(bool),
    Port(u16),
}
