//! Anything that a Makefile builds.

use crate::command::{Command, Output, Tool, words};
use crate::language::{Fit, Language};
use crate::plan::Plan;
use crate::project::Project;
use report::Result;
use std::path::Path;
use std::sync::Arc;

/// make.
pub(crate) struct Make;

impl Language for Make {
    fn id(&self) -> &'static str {
        "make"
    }

    fn name(&self) -> &'static str {
        "make"
    }

    fn builder(&self) -> &'static str {
        "`make`"
    }

    fn markers(&self) -> &'static [&'static str] {
        &["Makefile"]
    }

    fn fit(&self, folder: &Path) -> Fit {
        let names = ["Makefile", "makefile", "GNUmakefile"];
        match names.iter().any(|name| folder.join(name).is_file()) {
            // Of a project in any language.
            true => Fit::Sources,
            false => Fit::None,
        }
    }

    fn plan(&self, project: &Project<'_>) -> Result<Arc<dyn Plan>> {
        let output = Output::OnlyOneIn(project.folder.clone());
        Ok(Arc::new(Command::new(project, MAKE, words(&["make"]), output)?))
    }
}

const MAKE: Tool = Tool {
    program: "make",
    install: "sudo apt-get install make",
};
