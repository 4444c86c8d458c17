//! How a package's extension is built: what its pyproject.toml tells maturin or setuptools-rust.

use files::regular;
use report::Result;
use std::ffi::OsString;
use std::path::Path;

/// The compilation target.
pub(super) const TARGET_TRIPLE: &str = "wasm32-wasip2";

/// The crate of an extension.
#[derive(Debug, PartialEq)]
pub(super) struct Recipe {
    /// Its Cargo.toml, from the source's folder.
    pub manifest: String,
    pub features: Vec<String>,
    pub default_features: bool,
    /// Whether the versions of its dependencies are settled.
    pub is_locked: bool,
}

/// What a build backend is told: <https://www.maturin.rs/config>,
/// <https://setuptools-rust.readthedocs.io/en/latest/reference.html>.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Told {
    #[serde(alias = "manifest-path")]
    path: Option<String>,
    /// Names; maturin's may have conditions, too, which are left out.
    features: Vec<toml::Value>,
    no_default_features: bool,
}

impl Recipe {
    /// Reads it; none where the source has no crate. `setup`: what setup.py gives `RustExtension`, in JSON.
    pub(super) fn read(source: &Path, setup: Option<&[u8]>) -> Result<Option<Recipe>> {
        let project = source.join("pyproject.toml");
        let table: toml::Table = match project.is_file() {
            true => regular::read_text(&project, regular::MANIFEST)?
                .parse()
                .unwrap_or_default(),
            false => toml::Table::default(),
        };
        let tool = |name: &str| table.get("tool").and_then(|tools| tools.get(name));
        let of_setuptools = tool("setuptools-rust").and_then(|tool| tool.get("ext-modules")?.as_array()?.first());
        let told: Option<Told> = match (tool("maturin").or(of_setuptools), setup) {
            (Some(told), _) => told.clone().try_into().ok(),
            (None, Some(setup)) => serde_json::from_slice(setup).ok(),
            (None, None) => None,
        };
        let told = told.unwrap_or_default();
        let manifest = told.path.unwrap_or_else(|| "Cargo.toml".to_owned());
        let crate_of = source.join(&manifest);
        if !crate_of.is_file() {
            return Ok(None);
        }
        let features = told.features.iter().filter_map(toml::Value::as_str);
        let lock = crate_of
            .ancestors()
            .skip(1)
            .take_while(|folder| folder.starts_with(source));
        Ok(Some(Recipe {
            features: features.map(str::to_owned).collect(),
            default_features: !told.no_default_features,
            is_locked: lock.map(|folder| folder.join("Cargo.lock")).any(|file| file.is_file()),
            manifest,
        }))
    }

    /// Cargo's words to build the crate as a library.
    pub(super) fn command(&self, source: &Path, target: &Path) -> Vec<OsString> {
        let words = ["rustc", "--release", "--lib", "--crate-type=cdylib", "--target-dir"];
        let mut command = self.cargo(source, &words);
        command.push(target.into());
        command
    }

    /// Cargo's words to list all crates that are compiled for it: `NAME vVERSION` in each line.
    pub(super) fn dependencies(&self, source: &Path) -> Vec<OsString> {
        self.cargo(source, &["tree", "--edges=normal,build", "--prefix=none"])
    }

    fn cargo(&self, source: &Path, words: &[&str]) -> Vec<OsString> {
        let mut command = crate::command::words(&["cargo"]);
        command.extend([words[0], "--target", TARGET_TRIPLE, "--manifest-path"].map(OsString::from));
        command.push(source.join(&self.manifest).into());
        if self.is_locked {
            command.push("--locked".into());
        }
        if !self.default_features {
            command.push("--no-default-features".into());
        }
        if !self.features.is_empty() {
            command.extend(["--features".into(), self.features.join(",").into()]);
        }
        command.extend(words[1..].iter().map(OsString::from));
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(files: &[(&str, &str)], setup: Option<&str>) -> Option<Recipe> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Recipe::read(folder.path(), setup.map(str::as_bytes)).unwrap()
    }

    #[test]
    fn crates_are_where_their_builder_looks() {
        let maturin =
            "[build-system]\nbuild-backend = 'maturin'\n[tool.maturin]\nfeatures = ['pyo3/abi3', {feature = 'x'}]\n";
        let plain = recipe(
            &[("pyproject.toml", maturin), ("Cargo.toml", ""), ("Cargo.lock", "")],
            None,
        )
        .unwrap();
        assert_eq!(
            (plain.manifest.as_str(), plain.is_locked, plain.default_features),
            ("Cargo.toml", true, true)
        );
        assert_eq!(plain.features, ["pyo3/abi3"]);
        let other = "[tool.maturin]\nmanifest-path = 'rust/core/Cargo.toml'\nno-default-features = true\n";
        let files = [
            ("pyproject.toml", other),
            ("rust/core/Cargo.toml", ""),
            ("rust/Cargo.lock", ""),
        ];
        let other = recipe(&files, None).unwrap();
        assert_eq!((other.is_locked, other.default_features), (true, false));
        let setuptools =
            "[[tool.setuptools-rust.ext-modules]]\ntarget = 'bcrypt._bcrypt'\npath = 'src/_bcrypt/Cargo.toml'\n";
        let files = [("pyproject.toml", setuptools), ("src/_bcrypt/Cargo.toml", "")];
        let setuptools = recipe(&files, None).unwrap();
        assert_eq!(
            (setuptools.manifest.as_str(), setuptools.is_locked),
            ("src/_bcrypt/Cargo.toml", false)
        );
        let setup = recipe(
            &[("setup.py", ""), ("Cargo.toml", "")],
            Some(r#"{"features": ["python"]}"#),
        )
        .unwrap();
        assert_eq!(setup.features, ["python"]);
        assert_eq!(recipe(&[("setup.py", ""), ("src/speedups.c", "")], None), None);
    }
}
