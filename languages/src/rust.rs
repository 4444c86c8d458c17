//! Rust, built with cargo.

use crate::command::{Command, Hint, Output, Tool, words};
use crate::language::Language;
use crate::plan::Plan;
use crate::project::Project;
use files::owner::refuse_others;
use files::regular;
use report::Result;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rust.
pub(crate) struct Rust;

impl Language for Rust {
    fn id(&self) -> &'static str {
        "rust"
    }

    fn name(&self) -> &'static str {
        "Rust"
    }

    fn builder(&self) -> &'static str {
        "`cargo build --target wasm32-wasip2 --release`"
    }

    fn markers(&self) -> &'static [&'static str] {
        &["Cargo.toml"]
    }

    fn plan(&self, project: &Project<'_>) -> Result<Arc<dyn Plan>> {
        let command = words(&[
            "cargo",
            "build",
            "--target",
            "wasm32-wasip2",
            "--release",
            "--message-format=json-render-diagnostics",
        ]);
        let command = Command::new(project, CARGO, command, Output::CargoMessages)?;
        Ok(Arc::new(command.explained_by(Some(HINT))))
    }

    fn ignores(&self) -> &'static [&'static str] {
        &["target"]
    }

    /// <https://doc.rust-lang.org/cargo/reference/config.html>
    fn offline(&self) -> &'static [(&'static str, &'static str)] {
        &[("CARGO_NET_OFFLINE", "true")]
    }

    /// Cargo writes into the workspace's `target`. One that is another user's, or does not count this one in, is none.
    fn workspace(&self, folder: &Path) -> Option<PathBuf> {
        let mut above = folder.ancestors().skip(1);
        let root = above.find(|root| {
            let manifest = root.join("Cargo.toml");
            counts_in(&manifest, root, folder) && refuse_others(&manifest).is_ok()
        });
        root.map(Path::to_owned)
    }
}

/// What builds it.
pub(crate) const CARGO: Tool = Tool {
    program: "cargo",
    install: "install Rust: https://rustup.rs, then `rustup target add wasm32-wasip2`",
};

/// A Rust toolchain without the target says so in many lines; the fix is one.
pub(crate) const HINT: Hint = Hint {
    // Which toolchain it is the project may decide (rust-toolchain.toml), so it is asked as it was used.
    ask: |command| {
        // Cargo's own variable for another compiler.
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        command.push(rustc);
        command.extend(["--print", "target-libdir", "--target", "wasm32-wasip2"].map(OsString::from));
    },
    hint: |said, is_well| {
        let is_there = is_well && Path::new(said.trim()).is_dir();
        (!is_there).then(|| "the target is not installed: `rustup target add wasm32-wasip2`".to_owned())
    },
};

/// Whether a Cargo.toml has a folder as a member of its workspace
/// (<https://doc.rust-lang.org/cargo/reference/workspaces.html#the-members-and-exclude-fields>).
fn counts_in(manifest: &Path, root: &Path, folder: &Path) -> bool {
    let text = regular::read_text(manifest, regular::MANIFEST).unwrap_or_default();
    let table: toml::Table = text.parse().unwrap_or_default();
    let Some(workspace) = table.get("workspace") else {
        return false;
    };
    let Ok(below) = folder.strip_prefix(root) else {
        return false;
    };
    let has = |key: &str| {
        let patterns = workspace.get(key).and_then(toml::Value::as_array);
        let mut patterns = patterns.into_iter().flatten().filter_map(toml::Value::as_str);
        patterns.any(|pattern| {
            let pattern = globset::GlobBuilder::new(pattern.trim_end_matches('/'))
                .literal_separator(true)
                .build();
            pattern.is_ok_and(|pattern| pattern.compile_matcher().is_match(below))
        })
    };
    has("members") && !has("exclude")
}
