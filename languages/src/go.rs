//! Go, built with its own compiler for wasip1.

use crate::command::{Command, Hint, Output, Tool, with};
use crate::language::Language;
use crate::plan::Plan;
use crate::project::Project;
use files::owner::refuse_others;
use report::Result;
use runtime::{Toolchain, Traits};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Go.
pub(crate) struct Go;

impl Language for Go {
    fn id(&self) -> &'static str {
        "go"
    }

    fn name(&self) -> &'static str {
        "Go"
    }

    fn builder(&self) -> &'static str {
        "`go build` for wasip1; Go 1.21 or later"
    }

    fn markers(&self) -> &'static [&'static str] {
        &["go.mod"]
    }

    fn plan(&self, project: &Project<'_>) -> Result<Arc<dyn Plan>> {
        let output = project.out()?.join("app.wasm");
        // The commit is nothing that the guest needs, and git does not say it in a checkout of another user.
        let command = with(&["go", "build", "-buildvcs=false", "-o"], &[&output, Path::new(".")]);
        let command = Command::new(project, GO, command, Output::File(output))?;
        let command = command.with(&[("GOOS", "wasip1"), ("GOARCH", "wasm")]);
        Ok(Arc::new(command.explained_by(Some(HINT))))
    }

    /// `go help environment`
    fn offline(&self) -> &'static [(&'static str, &'static str)] {
        &[("GOPROXY", "off")]
    }

    /// Go reads its go.work. One that is another user's is none.
    fn workspace(&self, folder: &Path) -> Option<PathBuf> {
        let mut all = folder.ancestors();
        let root = all.find(|root| {
            let work = root.join("go.work");
            work.is_file() && refuse_others(&work).is_ok()
        });
        root.map(Path::to_owned)
    }

    /// Go's `net` has a network in memory for wasip1: net.Listen succeeds and nobody can connect (net_fake.go).
    fn hint_of_silence(&self, traits: &Traits) -> Option<&'static str> {
        let is_go = traits.toolchain == Toolchain::Go;
        is_go.then_some("in Go a wasip1 listener is net.FileListener(os.NewFile(3, \"listener\")), not net.Listen")
    }
}

const GO: Tool = Tool {
    program: "go",
    install: "install Go 1.21 or later: https://go.dev/dl (Debian: `sudo apt-get install -t bookworm-backports golang-go`)",
};

/// Go has wasip1 since 1.21; Debian 12's is older.
const HINT: Hint = Hint {
    ask: |command| command.extend(["go", "version"].map(OsString::from)),
    hint: |said, _| is_old(said),
};

fn is_old(version: &str) -> Option<String> {
    let minor = version
        .split("go1.")
        .nth(1)?
        .split(|c: char| !c.is_ascii_digit())
        .next()?;
    let is_it = minor.parse::<u32>().ok()? < 21;
    is_it.then(|| format!("this is Go 1.{minor}: {}", GO.install))
}
