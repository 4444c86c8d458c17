//! Versions that a project has settled on: uv.lock, poetry.lock, pdm.lock, and pylock.toml (PEP 751).

use report::Result;
use std::collections::BTreeMap;
use std::path::Path;

/// The first that is there counts. Each has a list of packages, with name and version.
const LOCKS: [(&str, &str); 4] = [
    ("uv.lock", "package"),
    ("poetry.lock", "package"),
    ("pdm.lock", "package"),
    ("pylock.toml", "packages"),
];

/// The versions of all packages that a lock file has once. Of those that it has in several versions, for several machines,
/// the resolver takes what fits.
pub(super) fn pins(folder: &Path) -> Result<Vec<String>> {
    let found = LOCKS.iter().map(|(name, list)| (folder.join(name), list));
    let Some((file, list)) = found.into_iter().find(|(file, _)| file.is_file()) else {
        return Ok(Vec::new());
    };
    let lock = super::table(&file)?;
    let packages = lock.get(*list).and_then(toml::Value::as_array);
    let mut pins: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for package in packages.into_iter().flatten() {
        let text = |key: &str| package.get(key).and_then(toml::Value::as_str);
        if let (Some(name), Some(version)) = (text("name"), text("version"))
            && let Some(pin) = pin(name, version)
        {
            pins.entry(name).or_default().push(pin);
        }
    }
    let single = pins.into_values().filter(|pins| pins.len() == 1);
    Ok(single.flatten().collect())
}

/// `NAME==VERSION`; none where these are more than a name and a version.
pub(in crate::python) fn pin(name: &str, version: &str) -> Option<String> {
    let is_plain = |text: &str| {
        text.chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "._-+!".contains(letter))
    };
    let is_name = is_plain(name) && name.starts_with(|first: char| first.is_ascii_alphanumeric());
    (is_name && is_plain(version)).then(|| format!("{name}=={version}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        assert!(pins(folder.path()).unwrap().is_empty());
        let text = "version = 1\n[[package]]\nname = \"flask\"\nversion = \"3.0.0\"\n\
                    [[package]]\nname = \"two\"\nversion = \"1\"\n[[package]]\nname = \"two\"\nversion = \"2\"\n\
                    [[package]]\nname = \"bad name\"\nversion = \"1\"\n[[package]]\nname = \"own\"\n";
        std::fs::write(folder.path().join("uv.lock"), text).unwrap();
        assert_eq!(pins(folder.path()).unwrap(), ["flask==3.0.0"]);
    }
}
