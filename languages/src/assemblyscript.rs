//! AssemblyScript, built with the project's own asc.

use crate::command::{Command, Hint, Output, Tool, with};
use crate::language::Language;
use crate::plan::Plan;
use crate::project::Project;
use report::Result;
use std::path::Path;
use std::sync::Arc;

/// AssemblyScript.
pub(crate) struct AssemblyScript;

impl Language for AssemblyScript {
    fn id(&self) -> &'static str {
        "assemblyscript"
    }

    fn name(&self) -> &'static str {
        "AssemblyScript"
    }

    fn builder(&self) -> &'static str {
        "`npx --no-install asc assembly/index.ts --target release`"
    }

    fn markers(&self) -> &'static [&'static str] {
        &["asconfig.json"]
    }

    fn plan(&self, project: &Project<'_>) -> Result<Arc<dyn Plan>> {
        let output = project.out()?.join("app.wasm");
        let mut command = with(&["npx", "--no-install", "asc"], &[Path::new("assembly/index.ts")]);
        command.extend(with(&["--target", "release", "--outFile"], &[&output]));
        let command = Command::new(project, NPX, command, Output::File(output))?;
        Ok(Arc::new(command.explained_by(Some(HINT))))
    }
}

const NPX: Tool = Tool {
    program: "npx",
    install: "install Node.js (`sudo apt-get install npm`), then `npm install --save-dev assemblyscript`",
};

/// npx says of a package only that it is not there.
const HINT: Hint = Hint {
    ask: |_| {},
    hint: |_, _| Some("npm install --save-dev assemblyscript".to_owned()),
};
