//! Settings that are one of some words.

use clap::ValueEnum;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Listeners {
    /// Directories from descriptor 3, then listeners: C, Rust, CPython (wasi-libc)
    AfterDirectories,
    /// Listeners from descriptor 3, then directories: Go. The default for binaries that Go made
    BeforeDirectories,
}

/// How connections get from the host's ports to the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardPath {
    /// adopt, but with --watch splice
    Auto,
    /// The guest accepts from the host's listener; relayed for .cwasm guests and without kernel support
    Adopt,
    /// Through a relay
    Splice,
}

/// How connections leave the guest's network, where rules allow some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OutboundPath {
    /// given, but relay without kernel support
    Auto,
    /// The guest's process has the connection's own socket
    Given,
    /// Through a relay
    Relay,
}

/// When a guest starts with code that is there soon, and again with the best code when that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tiered {
    /// For large guests that lose nothing by a second start: with --watch, and wasi:http 0.2
    Auto,
    /// For every guest that is not in the cache
    Always,
    /// Optimize before the start
    Never,
}

impl From<Tiered> for supervisor::code::Tiered {
    fn from(tiered: Tiered) -> supervisor::code::Tiered {
        match tiered {
            Tiered::Auto => supervisor::code::Tiered::Auto,
            Tiered::Always => supervisor::code::Tiered::Always,
            Tiered::Never => supervisor::code::Tiered::Never,
        }
    }
}

/// When a guest that ended is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// The run ends with the guest
    Never,
    /// After a trap, a kill, or a nonzero exit code, with growing pauses
    OnFailure,
    /// After every end of the guest
    Always,
}
