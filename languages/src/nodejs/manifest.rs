//! package.json (<https://docs.npmjs.com/cli/configuring-npm/package-json>): each part of wasmrun reads what matters to it.

use anyhow::Context;
use files::regular;
use report::{Failure, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::{Path, PathBuf};

pub(super) const NAME: &str = "package.json";

/// Reads one.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text)
        .with_context(|| format!("{} is not valid", path.display()))
        .map_err(Failure::usage)
}

/// What one says that the files below it are: `module` or `commonjs`.
pub(super) fn module_type(path: &Path) -> Result<Option<String>> {
    let manifest: Value = read(path)?;
    Ok(manifest.get("type").and_then(Value::as_str).map(str::to_owned))
}

/// Whether a folder is the root of several packages
/// (<https://docs.npmjs.com/cli/using-npm/workspaces>, <https://pnpm.io/pnpm-workspace_yaml>).
pub(super) fn is_workspace(folder: &Path) -> bool {
    let of_npm = || read::<Value>(&folder.join(NAME)).is_ok_and(|manifest| manifest.get("workspaces").is_some());
    folder.join("pnpm-workspace.yaml").is_file() || of_npm()
}

/// The root of the workspace that a folder is a package of.
pub(super) fn workspace(folder: &Path) -> Option<PathBuf> {
    let root = folder.ancestors().skip(1).find(|parent| is_workspace(parent))?;
    let below = folder.strip_prefix(root).ok()?;
    let is_member = |patterns: Vec<String>| {
        let mut set = globset::GlobSetBuilder::new();
        let (mut without, mut any) = (globset::GlobSetBuilder::new(), false);
        for pattern in patterns {
            let (into, pattern) = match pattern.strip_prefix('!') {
                Some(pattern) => (&mut without, pattern.to_owned()),
                None => (&mut set, pattern.clone()),
            };
            let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
            if let Ok(glob) = globset::GlobBuilder::new(pattern).literal_separator(true).build() {
                into.add(glob);
                any = true;
            }
        }
        let matches = |set: globset::GlobSetBuilder| set.build().is_ok_and(|set| set.is_match(below));
        any && matches(set) && !matches(without)
    };
    (is_member(members(root)) && crate::home::refuse(root).is_ok()).then(|| root.to_owned())
}

/// The patterns of a workspace's packages.
fn members(root: &Path) -> Vec<String> {
    let manifest: Value = read(&root.join(NAME)).unwrap_or_default();
    let named = manifest.get("workspaces");
    let list = named
        .and_then(|named| named.get("packages"))
        .or(named)
        .and_then(Value::as_array);
    let of_npm = list
        .into_iter()
        .flatten()
        .filter_map(|pattern| pattern.as_str().map(str::to_owned));
    let text = regular::read_text(&root.join("pnpm-workspace.yaml"), regular::MANIFEST).unwrap_or_default();
    // A list of texts, as every such file has it.
    let of_pnpm = text
        .lines()
        .skip_while(|line| line.trim_end() != "packages:")
        .skip(1)
        .map_while(|line| match line.trim() {
            "" => Some(None),
            line if line.starts_with('#') => Some(None),
            line => line
                .strip_prefix("- ")
                .map(|pattern| Some(pattern.trim_matches(['"', '\'', ' ']).to_owned())),
        })
        .flatten();
    of_npm.chain(of_pnpm).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_workspaces_are_told_from_folders_below() {
        let root = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let folder = root.path().join(name);
            std::fs::create_dir_all(&folder).unwrap();
            folder
        };
        let (one, deep, other) = (folder("packages/one"), folder("packages/one/deep"), folder("other"));
        assert_eq!(workspace(&one), None);
        std::fs::write(root.path().join(NAME), r#"{"workspaces":["./packages/*"]}"#).unwrap();
        assert_eq!(workspace(&one).as_deref(), Some(root.path()));
        assert_eq!(
            (workspace(&deep), workspace(&other), workspace(root.path())),
            (None, None, None)
        );
        std::fs::write(root.path().join(NAME), "{}").unwrap();
        std::fs::write(
            root.path().join("pnpm-workspace.yaml"),
            "packages:\n  - 'oth*'\n  # no\n  - \"!packages/**\"\n",
        )
        .unwrap();
        assert_eq!(workspace(&other).as_deref(), Some(root.path()));
        assert_eq!(workspace(&one), None);
    }
}
