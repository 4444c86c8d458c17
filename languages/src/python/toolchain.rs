//! What makes components of Python: componentize-py, and uv for the dependencies. Both are pinned.

use crate::jail::Room;
use crate::plan::Policy;
use crate::tools::process::Step;
use crate::tools::progress::Work;
use crate::tools::staging::Staging;
use anyhow::anyhow;
use report::{Failure, Result};
use std::ffi::OsString;
use std::path::PathBuf;

/// It has CPython 3.14.
pub(super) const COMPONENTIZE_PY: &str = "componentize-py==0.25.1";
pub(super) const UV: &str = "uv==0.13.9";
/// The version of Python that guests have.
pub(super) const PYTHON: &str = "3.14";

/// The Python of a virtual environment that has both.
pub(super) struct Toolchain {
    python: PathBuf,
}

impl Toolchain {
    /// The one that is there, or a new one from PyPI.
    pub(super) async fn find_or_install(policy: Policy) -> Result<Toolchain> {
        let name = format!("python-{COMPONENTIZE_PY}-{UV}").replace("==", "-");
        let place = crate::tools::toolchains()?.join(name);
        let python = place.join("bin").join("python");
        if !python.is_file() {
            if policy.offline {
                let message = anyhow!("the Python toolchain is not installed, and offline mode forbids fetching it");
                return Err(Failure::usage(message).hint("run once without `--offline`"));
            }
            let host = ["python3", "python"].iter().find_map(|name| crate::tools::find(name));
            let Some(host) = host else {
                let message = anyhow!("Python projects are built with Python, which is not installed");
                return Err(Failure::usage(message).hint("sudo apt-get install python3-venv"));
            };
            let making = Staging::begin(&place)?;
            let work = Work::begin(format!("installing the Python toolchain ({COMPONENTIZE_PY}, {UV})"));
            let folder = making.path().to_owned();
            let room = policy.confinement.around(|| Room::writing(&folder).and_fetches());
            let run = |command: Vec<OsString>| {
                let (work, folder, room) = (&work, &folder, room.as_ref());
                async move {
                    let step = Step {
                        command: &command,
                        variables: &[],
                        folder,
                        room,
                    };
                    work.step(&step).await
                }
            };
            let made = run(words([
                host.as_os_str(),
                "-m".as_ref(),
                "venv".as_ref(),
                folder.as_os_str(),
            ]))
            .await;
            made.map_err(|failure| failure.hint("sudo apt-get install python3-venv"))?;
            let inside = folder.join("bin").join("python");
            let pip = [
                "-m",
                "pip",
                "install",
                "--disable-pip-version-check",
                "--no-cache-dir",
                "--only-binary=:all:",
                COMPONENTIZE_PY,
                UV,
            ];
            let pip = [inside.into_os_string()].into_iter().chain(pip.map(OsString::from));
            let fetched = run(pip.collect()).await;
            fetched.map_err(|failure| failure.hint("check the connection to PyPI: the first run installs from it"))?;
            making.finish(|place| place.join("bin").join("python").is_file())?;
            work.done();
        }
        Ok(Toolchain { python })
    }

    /// The command that runs uv.
    pub(super) fn uv(&self) -> Vec<OsString> {
        words([self.python.as_os_str(), "-m".as_ref(), "uv".as_ref()])
    }

    /// The command that runs componentize-py, which is a function of a module.
    pub(super) fn componentize_py(&self) -> Vec<OsString> {
        let start = "import sys, componentize_py; sys.argv[0] = 'componentize-py'; sys.exit(componentize_py.script())";
        words([self.python.as_os_str(), "-c".as_ref(), start.as_ref()])
    }

    /// What its programs are shown: the virtual environment with the Python that it is of, and a folder to write.
    pub(super) fn room(&self, writes: &std::path::Path) -> Room {
        let room = Room::writing(writes);
        let whole = self.python.canonicalize().unwrap_or_else(|_| self.python.clone());
        // PREFIX/bin/python
        let prefixes = [self.python.as_path(), &whole].map(|python| python.ancestors().nth(2));
        prefixes.into_iter().flatten().fold(room, Room::and_reads)
    }

    pub(super) fn python(&self) -> &std::path::Path {
        &self.python
    }
}

fn words<const N: usize>(words: [&std::ffi::OsStr; N]) -> Vec<OsString> {
    words.map(OsString::from).to_vec()
}
