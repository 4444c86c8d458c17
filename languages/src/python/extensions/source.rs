//! The source of a package: where the index has it, and what is in it.

use crate::jail::Room;
use crate::python::may::May;
use crate::python::requirements::pin;
use crate::python::toolchain::Toolchain;
use crate::python::uv;
use crate::tools::process::Step;
use crate::tools::progress::Work;
use crate::tools::sealed;
use anyhow::Context;
use report::Result;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What uv is asked, and its answer: a lock file (PEP 751).
const REQUEST: &str = "source.in";
const ANSWER: &str = "pylock.source.toml";
/// Where the source is unpacked.
const UNPACKED: &str = "source";
/// What its setup.py says, where it has one for setuptools-rust.
pub(super) const SETUP: &str = "setup.json";
/// Fetches, compares and unpacks: what is taken from a package index is told by its digest.
const FETCH: &str = include_str!("fetch.py");

/// A source distribution
/// (<https://packaging.python.org/en/latest/specifications/source-distribution-format/>).
#[derive(Debug, PartialEq)]
pub(super) struct Source {
    url: String,
    sha256: String,
}

impl Source {
    /// Asks the index for the source of an installed version, `NAME VERSION`; some packages have wheels alone. `options`: lines
    /// of a requirements file.
    pub(super) async fn find(
        work: &Work,
        toolchain: &Toolchain,
        distribution: &str,
        options: &[String],
        folder: &Path,
        may: May,
    ) -> Result<Option<Source>> {
        let Some(requirement) = requirement(distribution) else {
            return Ok(None);
        };
        let request = format!("{}\n{requirement}\n", options.join("\n"));
        sealed::write(&folder.join(REQUEST), request.as_bytes())?;
        let mut command = uv::pip(toolchain, "compile");
        let words = [
            "--no-deps",
            "--no-cache",
            "--quiet",
            "--no-header",
            "--format",
            "pylock.toml",
            "--output-file",
        ];
        command.extend(words.into_iter().chain([ANSWER, REQUEST]).map(OsString::from));
        let room = may.policy.confinement.around(|| toolchain.room(folder).and_fetches());
        run(work, &command, folder, room).await?;
        let answer = folder.join(ANSWER);
        let text = sealed::read(&answer).with_context(|| format!("cannot read {}", answer.display()))?;
        Ok(Source::of(&String::from_utf8_lossy(&text)))
    }

    fn of(lock: &str) -> Option<Source> {
        let lock: toml::Table = lock.parse().ok()?;
        let source = lock.get("packages")?.as_array()?.first()?.get("sdist")?;
        let text = |value: &toml::Value, key: &str| value.get(key)?.as_str().map(str::to_owned);
        Some(Source {
            url: text(source, "url")?,
            sha256: text(source.get("hashes")?, "sha256")?,
        })
    }

    /// Fetches and unpacks it; returns its folder.
    pub(super) async fn fetch(&self, work: &Work, toolchain: &Toolchain, folder: &Path, may: May) -> Result<PathBuf> {
        let mut command: Vec<OsString> = vec![toolchain.python().into()];
        // Isolated: no variable and no file beside it changes what is imported.
        command.extend(["-I", "-c", FETCH, &self.url, &self.sha256, UNPACKED, SETUP].map(OsString::from));
        run(
            work,
            &command,
            folder,
            may.policy.confinement.around(|| toolchain.room(folder)),
        )
        .await?;
        Ok(folder.join(UNPACKED))
    }
}

async fn run(work: &Work, command: &[OsString], folder: &Path, room: Option<Room>) -> Result<String> {
    let step = Step {
        command,
        variables: &[],
        folder,
        room: room.as_ref(),
    };
    work.step(&step).await
}

/// The name is that of a folder, which a package chooses.
fn requirement(distribution: &str) -> Option<String> {
    let (name, version) = distribution.split_once(' ')?;
    pin(name, version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_package_writes_the_request() {
        assert_eq!(
            requirement("rpds_py 2026.9.1+local").unwrap(),
            "rpds_py==2026.9.1+local"
        );
        for name in [
            "rpds_py",
            "-r /etc/passwd",
            "a 1\n--index-url https://evil",
            "a 1 ; x",
            " 1",
            "a @",
        ] {
            assert_eq!(requirement(name), None, "{name}");
        }
    }

    #[test]
    fn the_source_is_in_the_lock() {
        let lock = "lock-version = \"1.0\"\n[[packages]]\nname = \"rpds-py\"\nversion = \"1\"\n\
                    sdist = { url = \"https://h/rpds_py-1.tar.gz\", size = 1, hashes = { sha256 = \"ab\" } }\n";
        let source = Source::of(lock).unwrap();
        assert_eq!(
            (source.url.as_str(), source.sha256.as_str()),
            ("https://h/rpds_py-1.tar.gz", "ab")
        );
        assert_eq!(Source::of("[[packages]]\nname = \"a\"\nversion = \"1\"\n"), None);
        assert_eq!(Source::of("no lock"), None);
    }
}
