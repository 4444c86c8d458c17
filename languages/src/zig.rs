//! Zig, built with its own build system.

use crate::command::{Command, Output, Tool, with};
use crate::language::Language;
use crate::plan::Plan;
use crate::project::Project;
use report::Result;
use std::sync::Arc;

/// Zig.
pub(crate) struct Zig;

impl Language for Zig {
    fn id(&self) -> &'static str {
        "zig"
    }

    fn name(&self) -> &'static str {
        "Zig"
    }

    fn builder(&self) -> &'static str {
        "`zig build -Dtarget=wasm32-wasi`"
    }

    fn markers(&self) -> &'static [&'static str] {
        &["build.zig"]
    }

    fn plan(&self, project: &Project<'_>) -> Result<Arc<dyn Plan>> {
        let out = project.out()?;
        let command = with(&["zig", "build", "-Dtarget=wasm32-wasi", "--prefix"], &[&out]);
        let output = Output::OnlyOneIn(out.join("bin"));
        Ok(Arc::new(Command::new(project, ZIG, command, output)?))
    }

    fn ignores(&self) -> &'static [&'static str] {
        &["zig-out", ".zig-cache", "zig-cache"]
    }
}

pub(crate) const ZIG: Tool = Tool {
    program: "zig",
    install: "install Zig: `pip install ziglang` and put its folder on PATH, or https://ziglang.org/download",
};
