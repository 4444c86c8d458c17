//! Programs of packages: `bin` of their package.json (<https://docs.npmjs.com/cli/configuring-npm/package-json#bin>).

use super::manifest;
use super::packages::FOLDER;
use super::program;
use report::Result;
use serde_json::Value;
use std::path::{Component, Path, PathBuf};

/// The file of the program that a package of the project has by this name. Its packages are in `installed`, or in the project's
/// folder or the one that is `shown`.
///
/// # Errors
///
/// No dependency has a program of that name.
pub(super) fn find(name: &str, folder: &Path, shown: &Path, installed: Option<&Path>) -> Result<PathBuf> {
    let whole: Value = manifest::read(&folder.join(manifest::NAME))?;
    let places = match installed {
        Some(installed) => vec![installed.to_owned()],
        None => vec![folder.join(FOLDER), shown.join(FOLDER)],
    };
    let mut names = ["dependencies", "devDependencies", "optionalDependencies"]
        .iter()
        .filter_map(|kind| whole.get(kind)?.as_object())
        .flat_map(|packages| packages.keys());
    let found = names.find_map(|package| {
        places
            .iter()
            .find_map(|place| of_package(&place.join(package), package, name))
    });
    found.ok_or_else(|| {
        let start = whole.pointer("/scripts/start").and_then(Value::as_str).unwrap_or(name);
        program::unusable(
            start,
            &format!("`{name}` is neither Node.js nor a program of its packages"),
        )
    })
}

/// A package's own name, or the keys of an object.
fn of_package(folder: &Path, package: &str, name: &str) -> Option<PathBuf> {
    let manifest: Value = manifest::read(&folder.join(manifest::NAME)).ok()?;
    let file = match manifest.get("bin")? {
        Value::String(file) if package.rsplit('/').next() == Some(name) => file,
        Value::Object(programs) => programs.get(name)?.as_str()?,
        _ => return None,
    };
    let file = Path::new(file);
    // A package has no say in what lies beside it.
    let is_within = file
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let path: PathBuf = folder
        .components()
        .chain(file.components().filter(|part| *part != Component::CurDir))
        .collect();
    (is_within && path.is_file()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn programs_are_found_by_the_names_that_packages_give_them() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "package.json",
            r#"{"dependencies": {"one": "1", "@a/two": "1"}, "devDependencies": {"bad": "1"}}"#,
        );
        write(
            "node_modules/one/package.json",
            r#"{"bin": {"first": "./cli/a.js", "second": "b.js"}}"#,
        );
        write("node_modules/one/cli/a.js", "");
        write("node_modules/@a/two/package.json", r#"{"bin": "two.js"}"#);
        write("node_modules/@a/two/two.js", "");
        write(
            "node_modules/bad/package.json",
            r#"{"bin": {"out": "../one/cli/a.js"}}"#,
        );
        write("node_modules/stranger/package.json", r#"{"bin": "b.js"}"#);
        write("node_modules/stranger/b.js", "");
        let find = |name: &str| find(name, folder.path(), folder.path(), None).ok();
        let place = |path: &str| Some(folder.path().join("node_modules").join(path));
        assert_eq!(find("first"), place("one/cli/a.js"));
        assert_eq!(find("two"), place("@a/two/two.js"));
        for none in ["second", "one", "out", "stranger", ""] {
            assert_eq!(find(none), None, "{none}");
        }
        let elsewhere = folder.path().join("node_modules");
        fs::write(elsewhere.join("package.json"), r#"{"dependencies": {"one": "1"}}"#).unwrap();
        let found = super::find("first", &elsewhere, &elsewhere, Some(&elsewhere)).unwrap();
        assert_eq!(Some(found), place("one/cli/a.js"));
    }
}
