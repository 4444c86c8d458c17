//! Which dependencies are fetched: what a registry has, or an archive at an address. The rest of what npm takes
//! (<https://docs.npmjs.com/cli/configuring-npm/package-json#dependencies>) reads this machine or runs a repository's code.

use anyhow::anyhow;
use report::{Failure, Result};
use serde_json::{Map, Value};
use std::path::Path;

/// Checks what a package.json depends on.
pub(super) fn check(whole: &Value, manifest: &Path) -> Result<()> {
    for key in ["dependencies", "optionalDependencies", "peerDependencies", "overrides"] {
        if let Some(dependencies) = whole.get(key).and_then(Value::as_object) {
            check_all(dependencies, manifest)?;
        }
    }
    Ok(())
}

fn check_all(dependencies: &Map<String, Value>, manifest: &Path) -> Result<()> {
    for (name, wanted) in dependencies {
        // Overrides lie in each other, and may refer to a dependency (`$NAME`).
        if let Some(inner) = wanted.as_object() {
            check_all(inner, manifest)?;
            continue;
        }
        let Some(wanted) = wanted.as_str() else {
            return Err(Failure::usage(anyhow!(
                "{}: `{name}` has no version",
                manifest.display()
            )));
        };
        if let Some(why) = why_not(wanted) {
            let message = anyhow!("{}: `{name}` is `{wanted}`, {why}", manifest.display());
            let hint = "if you trust the project, run `npm install` in it: wasmrun uses the installed packages";
            return Err(Failure::usage(message).hint(hint));
        }
    }
    Ok(())
}

/// Checks where a package-lock.json has packages from.
pub(super) fn check_lock(lock: &str, folder: &Path) -> Result<()> {
    let lock: Value = serde_json::from_str(lock)
        .map_err(|error| Failure::usage(anyhow!("the lock file of {}: {error}", folder.display())))?;
    let packages = lock.get("packages").and_then(Value::as_object);
    // Before npm 7: by name, one in another.
    let mut old: Vec<&Value> = lock.get("dependencies").into_iter().collect();
    let mut places: Vec<(&String, &Value)> = packages.into_iter().flatten().collect();
    while let Some(level) = old.pop() {
        for (name, package) in level.as_object().into_iter().flatten() {
            places.push((name, package));
            old.extend(package.get("dependencies"));
        }
    }
    for (name, package) in places {
        let text = |key: &str| package.get(key).and_then(Value::as_str).unwrap_or_default();
        let is_link = package.get("link").is_some_and(|link| link == true);
        let resolved = text("resolved");
        let why = if is_link {
            Some("a folder of this machine")
        } else if resolved.is_empty() {
            why_not(text("version"))
        } else {
            why_not(resolved)
        };
        if let Some(why) = why {
            let message = anyhow!(
                "{}: the lock file has `{name}` from `{resolved}`, {why}",
                folder.display()
            );
            let hint = "if you trust the project, run `npm install` in it: wasmrun uses the installed packages";
            return Err(Failure::usage(message).hint(hint));
        }
    }
    Ok(())
}

/// The same of a yarn.lock.
pub(super) fn check_yarn(lock: &str, folder: &Path) -> Result<()> {
    let resolved = lock.lines().filter_map(|line| line.trim().strip_prefix("resolved "));
    for resolved in resolved.map(|resolved| resolved.trim_matches('"')) {
        if let Some(why) = why_not(resolved) {
            let message = anyhow!("{}: yarn.lock has a package from `{resolved}`, {why}", folder.display());
            return Err(Failure::usage(message).hint("if you trust the project, run `yarn install` in it"));
        }
    }
    Ok(())
}

/// Where repositories are.
const HOSTS: [&str; 5] = [
    "github.com",
    "gitlab.com",
    "bitbucket.org",
    "gist.github.com",
    "git.sr.ht",
];

/// Why a dependency is not fetched; none where it is.
fn why_not(wanted: &str) -> Option<&'static str> {
    let wanted = wanted.trim();
    if let Some(alias) = wanted.strip_prefix("npm:") {
        return alias.contains(':').then_some("which is not a registry package");
    }
    let (before, after) = wanted.split_once("://").unwrap_or(("", wanted));
    match before {
        "http" | "https" => {
            let path = after.split(['#', '?']).next().unwrap_or_default();
            // Whatever the path is called, npm takes these for repositories (hosted-git-info).
            let host = path.split(['/', ':']).next().unwrap_or_default();
            let host = path
                .split('/')
                .next()
                .and_then(|host| host.rsplit('@').next())
                .unwrap_or(host);
            if HOSTS
                .iter()
                .any(|known| host == *known || host.ends_with(&format!(".{known}")))
            {
                return Some("a repository, whose own settings run programs");
            }
            let is_archive = [".tgz", ".tar.gz", ".tar"].iter().any(|ending| path.ends_with(ending));
            (!is_archive).then_some("which is not a package archive")
        }
        "" if ["file:", "link:", "portal:"]
            .iter()
            .any(|kind| wanted.starts_with(kind)) =>
        {
            Some("a folder of this machine")
        }
        "" if wanted.starts_with('.') || (wanted.starts_with(['/', '~']) && wanted.contains('/')) => {
            Some("a folder of this machine")
        }
        "" if wanted.starts_with("workspace:") || wanted.starts_with("catalog:") => {
            Some("which is only valid in its workspace")
        }
        // A version, a range or a tag.
        "" if !wanted.contains(['/', ':']) => None,
        _ => Some("a repository, whose own settings run programs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_registry_has_is_told_from_the_rest() {
        for (wanted, is_fetched) in [
            ("^4.18.0", true),
            ("", true),
            ("*", true),
            ("latest", true),
            (">=1 <2 || ~3", true),
            ("npm:other@^1", true),
            ("npm:@scope/other@1", true),
            ("https://registry.example/one/-/one-1.0.0.tgz", true),
            ("git+https://example.org/one.git", false),
            ("git+file:///home/you/one", false),
            ("git://example.org/one", false),
            ("git@github.com:one/two.git", false),
            ("github:one/two", false),
            ("one/two", false),
            ("one/two#branch", false),
            ("https://github.com/one/two", false),
            (
                "https://github.com/one/two.tgz#0123456789012345678901234567890123456789",
                false,
            ),
            ("https://user@gitlab.com/one/two.tgz", false),
            ("..", false),
            (".", false),
            ("https://github.com/one/two.git", false),
            ("npm:git+https://example.org/x", false),
            ("file:../private", false),
            ("link:../private", false),
            ("../private", false),
            ("/home/you/private", false),
            ("~/private", false),
            ("workspace:*", false),
        ] {
            assert_eq!(why_not(wanted).is_none(), is_fetched, "{wanted}");
        }
    }

    #[test]
    fn locks_are_looked_through() {
        let folder = Path::new("/web");
        let with = |package: &str| format!(r#"{{"packages":{{"":{{"name":"web"}},"node_modules/one":{package}}}}}"#);
        for (package, is_fetched) in [
            (
                r#"{"version":"1.0.0","resolved":"https://registry.npmjs.org/one/-/one-1.0.0.tgz"}"#,
                true,
            ),
            (r#"{"version":"1.0.0"}"#, true),
            (
                r#"{"version":"1.0.0","resolved":"git+ssh://git@github.com/one/two.git#abc"}"#,
                false,
            ),
            (r#"{"resolved":"../private","link":true}"#, false),
            (r#"{"version":"1.0.0","resolved":"file:../private.tgz"}"#, false),
        ] {
            assert_eq!(check_lock(&with(package), folder).is_ok(), is_fetched, "{package}");
        }
        let old = r#"{"dependencies":{"one":{"version":"1.0.0","dependencies":{"two":{"version":"git+https://x.example/y.git"}}}}}"#;
        assert!(check_lock(old, folder).is_err());
        let yarn =
            |resolved: &str| format!("# yarn lockfile v1\n\none@^1:\n  version \"1\"\n  resolved \"{resolved}\"\n");
        assert!(check_yarn(&yarn("https://registry.yarnpkg.com/one/-/one-1.tgz#abc"), folder).is_ok());
        assert!(check_yarn(&yarn("git+https://example.org/one.git#abc"), folder).is_err());
    }
}
