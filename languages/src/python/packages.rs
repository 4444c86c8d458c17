//! What was installed: which modules there are, and which of them are native code.

use anyhow::Context;
use report::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What a folder of packages has.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Packages {
    /// Names that can be imported, of the packages' tops.
    pub imports: BTreeSet<String>,
    /// Modules that are native code, with the package that they belong to.
    pub native: BTreeMap<String, String>,
}

impl Packages {
    /// Reads the lists that installers leave
    /// (<https://packaging.python.org/en/latest/specifications/recording-installed-packages/>), and removes native code,
    /// which is for this machine and of no use to a guest.
    pub(super) fn read(site: &Path) -> Result<Packages> {
        let mut packages = Packages::default();
        let entries = std::fs::read_dir(site).with_context(|| format!("cannot read {}", site.display()))?;
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(distribution) = name.strip_suffix(".dist-info") else {
                continue;
            };
            let Ok(record) = std::fs::read_to_string(entry.path().join("RECORD")) else {
                continue;
            };
            let distribution = distribution.replacen('-', " ", 1);
            let files: BTreeSet<&str> = record.lines().filter_map(|line| line.split(',').next()).collect();
            for file in &files {
                packages.add(file, &distribution, &files);
                if is_native(file) {
                    remove(site, file);
                }
            }
        }
        Ok(packages)
    }

    fn add(&mut self, file: &str, distribution: &str, files: &BTreeSet<&str>) {
        if is_native(file) {
            // What comes before the first dot of the name is the module's; the rest says for which machine.
            let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
            let name = name.split('.').next().unwrap_or(name);
            let path = if folder.is_empty() {
                name.to_owned()
            } else {
                format!("{folder}/{name}")
            };
            // What was compiled from Python does the same without, a little slower.
            if files.contains(format!("{path}.py").as_str()) {
                return;
            }
            let module = path.replace('/', ".");
            self.native.insert(module, distribution.to_owned());
            return;
        }
        let top = match file.split_once('/') {
            Some((top, "__init__.py")) => top,
            None => match file.strip_suffix(".py") {
                Some(top) => top,
                None => return,
            },
            Some(_) => return,
        };
        if !top.starts_with('_') && !top.contains('.') {
            self.imports.insert(top.to_owned());
        }
    }
}

/// Removes a file of a package's. The list is the package's own text, and may name any file.
fn remove(site: &Path, file: &str) {
    let path = site.join(file);
    if is_inside(site, &path) {
        let _ = std::fs::remove_file(path);
    }
}

/// Whether a file lies among the packages, whatever links there are on its way.
pub(super) fn is_inside(site: &Path, path: &Path) -> bool {
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    site.canonicalize()
        .ok()
        .zip(folder)
        .is_some_and(|(site, folder)| folder.starts_with(site))
}

fn is_native(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.ends_with(".so") || name.contains(".so.")
}

/// Modules that a project's files import, with their dots: a guess for what the snapshot should have, where a wrong one
/// costs nothing but the time to import it.
pub(super) fn imports_of(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let walk = ignore::WalkBuilder::new(folder)
        .require_git(false)
        .max_depth(Some(4))
        .build();
    let sources = walk
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "py"))
        .take(1000);
    for source in sources {
        let Ok(text) = std::fs::read_to_string(source.path()) else {
            continue;
        };
        for line in text.lines() {
            let mut words = line.split([' ', '\t', ',']).filter(|word| !word.is_empty());
            match words.next() {
                Some("import") => found.extend(words.take_while(|word| *word != "as").filter_map(module)),
                Some("from") => found.extend(words.next().and_then(module)),
                _ => {}
            }
        }
    }
    found
}

fn module(word: &str) -> Option<String> {
    let is_name = |part: &str| {
        let mut letters = part.chars();
        letters
            .next()
            .is_some_and(|first| first.is_alphabetic() || first == '_')
            && letters.all(|letter| letter.is_alphanumeric() || letter == '_')
    };
    word.split('.').all(is_name).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_and_native_code_are_told_apart() {
        let mut packages = Packages::default();
        let files = BTreeSet::from([
            "flask/__init__.py",
            "flask/json/__init__.py",
            "six.py",
            "_hidden.py",
            "flask-3.1.dist-info/RECORD",
            "markupsafe/_speedups.cpython-314-x86_64-linux-gnu.so",
            "numpy.libs/libgfortran.so.5",
            "top.abi3.so",
            "../../bin/flask",
            "fast/cd.py",
            "fast/cd.cpython-314-x86_64-linux-gnu.so",
        ]);
        for file in &files {
            packages.add(file, "flask 3.1", &files);
        }
        let imports: Vec<&str> = packages.imports.iter().map(String::as_str).collect();
        assert_eq!(imports, ["flask", "six"]);
        let native: Vec<&str> = packages.native.keys().map(String::as_str).collect();
        assert_eq!(native, ["markupsafe._speedups", "numpy.libs.libgfortran", "top"]);
    }

    #[test]
    fn nothing_outside_is_removed_whatever_a_list_says() {
        let folder = tempfile::tempdir().unwrap();
        let (site, outside) = (folder.path().join("site"), folder.path().join("outside.so"));
        std::fs::create_dir_all(site.join("evil-1.dist-info")).unwrap();
        std::os::unix::fs::symlink(folder.path(), site.join("link")).unwrap();
        for file in [&outside, &site.join("own.so")] {
            std::fs::write(file, "").unwrap();
        }
        let list = format!(
            "own.so,,\n../outside.so,,\nlink/outside.so,,\n{},,\n",
            outside.display()
        );
        std::fs::write(site.join("evil-1.dist-info/RECORD"), list).unwrap();
        Packages::read(&site).unwrap();
        assert!(outside.exists() && !site.join("own.so").exists());
    }

    #[test]
    fn imports_are_found_in_the_text() {
        let folder = tempfile::tempdir().unwrap();
        let text = "import os, json as j\nfrom flask.views import View\n    import sqlalchemy.orm\nfrom . import x\nimported = 1\n";
        std::fs::write(folder.path().join("app.py"), text).unwrap();
        let found: Vec<String> = imports_of(folder.path()).into_iter().collect();
        assert_eq!(found, ["flask.views", "json", "os", "sqlalchemy.orm"]);
    }
}
