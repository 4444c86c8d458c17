//! What a project depends on, as it says itself.

use super::entry::Entry;
use crate::failure::{Failure, Result};
use anyhow::{Context, anyhow};
use std::path::{Path, PathBuf};

/// Files that requirements.txt may name one after another; more is a circle.
const NESTED: usize = 16;
/// What serves ASGI applications. Pure Python, as everything here has to be.
const ASGI_SERVER: &str = "uvicorn";

/// What is to be installed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Requirements {
    /// Files as `uv pip install -r` takes them.
    pub files: Vec<PathBuf>,
    pub packages: Vec<String>,
    /// Everything that the files say, by which they are told apart.
    pub text: String,
}

impl Requirements {
    /// requirements.txt, else the dependencies of pyproject.toml, else nothing.
    pub fn find(folder: &Path) -> Result<Requirements> {
        let file = folder.join("requirements.txt");
        if file.is_file() {
            let mut text = String::new();
            read(&file, &mut text, NESTED)?;
            // The same words mean other files in another project.
            let is_local = |line: &str| line.trim_start().starts_with(['.', '/', '-']) || line.contains("file:");
            if text.lines().any(is_local) {
                text += &folder.to_string_lossy();
            }
            return Ok(Requirements {
                files: vec![file],
                packages: Vec::new(),
                text,
            });
        }
        let file = folder.join("pyproject.toml");
        if !file.is_file() {
            return Ok(Requirements::default());
        }
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let project: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            Failure::usage(anyhow!("{}: {}", file.display(), error.to_string().trim_end()))
        })?;
        let project = project.get("project").and_then(toml::Value::as_table);
        // A file that only configures tools says nothing of dependencies (PEP 621).
        let dependencies = project
            .and_then(|project| project.get("dependencies"))
            .and_then(toml::Value::as_array);
        let packages: Vec<String> = dependencies
            .into_iter()
            .flatten()
            .filter_map(|package| package.as_str().map(str::to_owned))
            .collect();
        Ok(Requirements {
            files: Vec::new(),
            text: packages.join("\n"),
            packages,
        })
    }

    /// With what runs an entry that does not serve itself.
    pub fn and_servers(mut self, entry: &Entry) -> Requirements {
        if matches!(entry, Entry::Asgi(_)) {
            self.packages.push(ASGI_SERVER.to_owned());
            self.text += "\n";
            self.text += ASGI_SERVER;
        }
        self
    }

    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.packages.is_empty()
    }
}

/// The text of a requirements file with those that it names
/// (<https://pip.pypa.io/en/stable/reference/requirements-file-format/>).
fn read(file: &Path, text: &mut String, depth: usize) -> Result<()> {
    let own = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read {}", file.display()))
        .map_err(Failure::usage)?;
    text.push_str(&own);
    text.push('\n');
    let named = own.lines().filter_map(|line| {
        let line = line.trim();
        let name = ["-r", "--requirement", "-c", "--constraint"]
            .iter()
            .find_map(|option| line.strip_prefix(option))?;
        let name = name.strip_prefix('=').or(name.strip_prefix([' ', '\t']))?;
        Some(name.trim())
    });
    for name in named.filter(|name| !name.contains("://")) {
        if depth == 0 {
            return Err(Failure::usage(anyhow!("{} names itself, by others", file.display())));
        }
        read(&file.parent().unwrap_or(Path::new(".")).join(name), text, depth - 1)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str) {
        std::fs::write(folder.join(name), text).unwrap();
    }

    #[test]
    fn files_that_a_file_names_count() {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path(),
            "requirements.txt",
            "flask\n-r more.txt\n  -c limits.txt\n",
        );
        write(folder.path(), "more.txt", "bottle\n");
        write(folder.path(), "limits.txt", "flask<4\n");
        let text = Requirements::find(folder.path()).unwrap().text;
        let expected = "flask\n-r more.txt\n  -c limits.txt\n\nbottle\n\nflask<4\n\n";
        assert_eq!(text, format!("{expected}{}", folder.path().display()));
    }

    #[test]
    fn a_circle_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "requirements.txt", "-r requirements.txt\n");
        assert!(Requirements::find(folder.path()).is_err());
    }

    #[test]
    fn a_pyproject_counts_by_its_dependencies_alone() {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path(),
            "pyproject.toml",
            "[project]\nname = \"x\"\ndependencies = [\"flask>=3\"]\n",
        );
        let found = Requirements::find(folder.path()).unwrap();
        assert_eq!(
            (found.packages, found.text.as_str()),
            (vec!["flask>=3".to_owned()], "flask>=3")
        );
        write(folder.path(), "pyproject.toml", "[tool.ruff]\nline-length = 100\n");
        assert!(Requirements::find(folder.path()).unwrap().is_empty());
        write(folder.path(), "pyproject.toml", "[project\n");
        assert!(Requirements::find(folder.path()).is_err());
    }
}
