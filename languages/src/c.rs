//! C without a Makefile, built with zig or clang.

use crate::artifact;
use crate::command::{Command, Hint, Output, Tool, with};
use crate::language::{Fit, Language};
use crate::plan::Plan;
use crate::project::Project;
use crate::tools;
use crate::zig::ZIG;
use report::Result;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// C.
pub(crate) struct C;

impl Language for C {
    fn id(&self) -> &'static str {
        "c"
    }

    fn name(&self) -> &'static str {
        "C"
    }

    fn builder(&self) -> &'static str {
        "`zig cc`, else `clang`, with `--target=wasm32-wasi -O2`"
    }

    fn markers(&self) -> &'static [&'static str] {
        &["*.c"]
    }

    fn fit(&self, folder: &Path) -> Fit {
        let sources = || artifact::files(folder, &["c"]).unwrap_or_default();
        // A folder that has its .wasm beside the source was built by other means.
        let is_built = || !artifact::files(folder, &["wasm"]).unwrap_or_default().is_empty();
        match !sources().is_empty() && !is_built() {
            true => Fit::Sources,
            false => Fit::None,
        }
    }

    fn plan(&self, project: &Project<'_>) -> Result<Arc<dyn Plan>> {
        let output = project.out()?.join("app.wasm");
        let is_clang = tools::find("zig").is_none() && tools::find("clang").is_some();
        let (tool, compiler) = if is_clang {
            (CLANG, ["clang", "--target=wasm32-wasi"].as_slice())
        } else {
            (ZIG, ["zig", "cc", "--target=wasm32-wasi"].as_slice())
        };
        let mut command = with(&[compiler, &["-O2", "-o"]].concat(), &[&output]);
        let sources = artifact::files(&project.folder, &["c"]).unwrap_or_default();
        command.extend(sources.into_iter().map(PathBuf::into_os_string));
        let command = Command::new(project, tool, command, Output::File(output))?;
        Ok(Arc::new(command.explained_by(is_clang.then_some(HINT))))
    }
}

const CLANG: Tool = Tool {
    program: "clang",
    install: "sudo apt-get install clang lld wasi-libc libclang-rt-dev-wasm32",
};

/// clang says of a missing library only its path.
const HINT: Hint = Hint {
    ask: |_| {},
    hint: |_, _| Some("sudo apt-get install wasi-libc libclang-rt-dev-wasm32 lld".to_owned()),
};
