//! What a project depends on, as it says itself: read here and handed on as data, line by line, because a stranger's file
//! may name options that run code.

mod file;
mod lock;

pub(super) use lock::pin;

use anyhow::{Context, anyhow};
use files::regular;
use report::{Failure, Result};
use std::path::{Path, PathBuf};

/// What serves ASGI applications. Pure Python, as everything here has to be.
const ASGI_SERVER: &str = "uvicorn";

/// What is to be installed. Nothing in it is an option of a program, but what `options` has.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Requirements {
    /// As PEP 508 has them, or names of the project's own packages and wheels.
    pub packages: Vec<String>,
    /// What versions of packages may be, which are not asked for by this.
    pub constraints: Vec<String>,
    /// Where packages are, and which may be taken.
    pub options: Vec<String>,
    /// Other than PyPI, for the user to know.
    pub indexes: Vec<String>,
    /// Folders of the project that are packages; to install them is to run their code.
    pub local: Vec<PathBuf>,
}

impl Requirements {
    /// requirements.txt, else the dependencies of pyproject.toml, else nothing.
    pub(super) fn find(folder: &Path) -> Result<Requirements> {
        let file = folder.join("requirements.txt");
        if file.is_file() {
            return file::read(&file, folder);
        }
        let file = folder.join("pyproject.toml");
        if !file.is_file() {
            return Ok(Requirements::default());
        }
        let project = table(&file)?;
        let project = project.get("project").and_then(toml::Value::as_table);
        // A file that only configures tools says nothing of dependencies (PEP 621).
        let dependencies = project
            .and_then(|project| project.get("dependencies"))
            .and_then(toml::Value::as_array);
        let mut requirements = Requirements::default();
        for package in dependencies.into_iter().flatten().filter_map(toml::Value::as_str) {
            let place = format!("{}: `dependencies`", file.display());
            requirements.add(package, &place, folder)?;
        }
        if !requirements.is_empty() {
            requirements.constraints = lock::pins(folder)?;
        }
        Ok(requirements)
    }

    /// With what runs an entry that does not serve itself.
    pub(super) fn and_servers(mut self, is_asgi: bool) -> Requirements {
        if is_asgi {
            self.packages.push(ASGI_SERVER.to_owned());
        }
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }

    /// Everything that they say, by which they are told apart. What a path means depends on the project.
    pub(super) fn text(&self, project: &Path) -> String {
        let mut lines = self.options.clone();
        lines.extend(self.packages.iter().cloned());
        lines.extend(self.constraints.iter().map(|line| format!("-c {line}")));
        if !self.local.is_empty() {
            lines.push(project.to_string_lossy().into_owned());
            // Edited, it is another.
            let stamp = |path: &PathBuf| path.metadata().and_then(|found| Ok((found.len(), found.modified()?)));
            lines.extend(self.local.iter().map(|path| format!("{:?}", stamp(path).ok())));
        }
        lines.join("\n")
    }

    /// One package as PEP 508 writes it, or a path of the project's.
    fn add(&mut self, text: &str, place: &str, project: &Path) -> Result<()> {
        let text = text.trim();
        let refused = |why: &str| Err(Failure::usage(anyhow!("{place}: `{text}` {why}")));
        if text.is_empty() || text.starts_with('-') || text.contains(['\n', '\r', '\0']) || text.contains("${") {
            return refused("is not a requirement");
        }
        if is_path(text) {
            let (path, rest) = text
                .split_once([' ', '[', ';'])
                .map_or((text, ""), |(path, _)| (path, &text[path.len()..]));
            let path = path
                .strip_prefix("file://")
                .or(path.strip_prefix("file:"))
                .unwrap_or(path);
            let whole = project.join(path).canonicalize();
            let whole = whole
                .with_context(|| format!("{place}: cannot use `{path}`"))
                .map_err(Failure::usage)?;
            if !project.canonicalize().is_ok_and(|project| whole.starts_with(project)) {
                return refused("is outside of the project");
            }
            self.packages.push(format!("{}{rest}", whole.display()));
            self.local.push(whole);
            return Ok(());
        }
        if !text.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            return refused("is not a requirement");
        }
        // A name and where it is, or the place alone.
        let place_of = match (text.split_once('@'), text.find("://")) {
            (Some((name, url)), at) if at.is_none_or(|at| name.len() < at) => Some(url),
            (_, Some(_)) => Some(text),
            _ => None,
        };
        if let Some(url) = place_of {
            let url = url.trim();
            if url.starts_with(['.', '/', '~']) {
                return refused("names a local file: write only its path");
            }
            let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
            match scheme {
                "http" | "https" | "git+https" | "git+http" | "git+ssh" | "git+git" => {}
                "file" | "git+file" => return refused("names a local file"),
                // A version with a local part, or a marker's text.
                _ if !url.contains("://") => {}
                _ => return refused("has an unsupported URL scheme"),
            }
        }
        self.packages.push(text.to_owned());
        Ok(())
    }
}

/// Whether pip would look for a file (<https://pip.pypa.io/en/stable/reference/requirement-specifiers/>).
fn is_path(text: &str) -> bool {
    let first = text.split([' ', ';', '@', '[']).next().unwrap_or(text);
    text.starts_with(['.', '/']) || text.starts_with("file:") || (first.contains('/') && !first.contains("://"))
}

fn table(file: &Path) -> Result<toml::Table> {
    let text =
        regular::read_text(file, regular::MANIFEST).with_context(|| format!("cannot read {}", file.display()))?;
    let table = text.parse::<toml::Table>();
    table.map_err(|error| Failure::usage(anyhow!("{}: {}", file.display(), error.to_string().trim_end())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str) {
        std::fs::write(folder.join(name), text).unwrap();
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
        assert_eq!(found.packages, ["flask>=3"]);
        write(folder.path(), "pyproject.toml", "[tool.ruff]\nline-length = 100\n");
        assert!(Requirements::find(folder.path()).unwrap().is_empty());
        write(folder.path(), "pyproject.toml", "[project\n");
        assert!(Requirements::find(folder.path()).is_err());
    }

    #[test]
    fn dependencies_are_packages_and_no_options() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("pkg")).unwrap();
        for (dependency, is_package) in [
            ("flask", true),
            ("flask[async]>=3 ; python_version > '3.8'", true),
            ("thing @ https://example.org/thing-1-py3-none-any.whl", true),
            ("local==1+abc", true),
            ("git+file:///home/you/x", false),
            ("file:///etc", false),
            ("thing @ /etc", false),
            ("thing@../x", false),
            ("https://example.org/thing-1-py3-none-any.whl", true),
            ("./pkg", true),
            ("--editable=./pkg", false),
            ("-e ./pkg", false),
            ("--index-url=https://example.org", false),
            ("--config-file=/tmp/uv.toml", false),
            ("../elsewhere", false),
            ("/etc", false),
            ("thing @ file:///etc", false),
            ("thing @ git+file:///home/you/secret", false),
            ("https://example.org/${HOME}/x.whl", false),
            ("flask\n--index-url https://example.org", false),
        ] {
            let text = format!("[project]\nname = \"x\"\ndependencies = [{dependency:?}]\n");
            write(folder.path(), "pyproject.toml", &text);
            assert_eq!(Requirements::find(folder.path()).is_ok(), is_package, "{dependency}");
        }
    }
}
