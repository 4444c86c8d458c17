//! Where a project says that packages are: lines of its .npmrc (<https://docs.npmjs.com/cli/configuring-npm/npmrc>). All
//! others are left out: they name programs, files and options of Node.

use files::regular;
use std::path::Path;

/// The lines, and what they name.
#[derive(Debug, Default)]
pub(super) struct Registries {
    text: String,
    names: Vec<String>,
}

impl Registries {
    pub(super) fn read(folder: &Path) -> Registries {
        let text = regular::read_text(&folder.join(".npmrc"), regular::MANIFEST).unwrap_or_default();
        let mut found = Registries::default();
        for line in text.lines() {
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            let (key, value) = (key.trim(), value.trim().trim_matches(['"', '\'']));
            let is_registry = key == "registry" || (key.starts_with('@') && key.ends_with(":registry"));
            let is_address = ["https://", "http://"].iter().any(|scheme| value.starts_with(scheme));
            // npm puts the user's variables into `${…}`.
            if is_registry && is_address && !format!("{key}{value}").contains(['$', ' ', '\0']) {
                found.text += &format!("{key}={value}\n");
                found.names.push(value.to_owned());
            }
        }
        found
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The user should know whom packages come from.
    pub(super) fn tell(&self) {
        for name in &self.names {
            tracing::info!("using the registry {name} of the project's .npmrc");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let text = "registry=https://one.example/\n@two:registry = \"https://two.example/\"\ngit=./evil.sh\n\
                    node-options=--require ./evil.js\ninstall-links=true\n//one.example/:_authToken=${TOKEN}\n\
                    registry=https://${TOKEN}.example/\nscript-shell=./evil\nregistry=file:///tmp\n";
        std::fs::write(folder.path().join(".npmrc"), text).unwrap();
        let found = Registries::read(folder.path());
        assert_eq!(
            found.text(),
            "registry=https://one.example/\n@two:registry=https://two.example/\n"
        );
    }
}
