//! The parts of `.wasmrun.toml` that say how a project is built: `[build]`, and a section for each language that wants one.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// The file's name.
pub const NAME: &str = ".wasmrun.toml";

/// `[build]`: what makes the guest's file.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Build {
    /// A line for the shell.
    pub command: Option<String>,
    /// What it makes.
    pub output: Option<PathBuf>,
    /// Where it runs.
    pub dir: Option<PathBuf>,
    /// In the place of what the files say; [`crate::registry::written`] finds it.
    pub language: Option<String>,
    /// Whether there is a jail around it.
    pub jail: Option<bool>,
}

/// A file that was read.
#[derive(Clone)]
pub struct Written<'a> {
    /// That relative paths in it start from.
    pub folder: &'a Path,
    /// The whole of it.
    pub text: &'a str,
    /// Its `[build]`.
    pub build: &'a Build,
    /// The guest's file, where it is named; it need not be there.
    pub artifact: Option<PathBuf>,
}

/// The section of a language.
#[derive(Clone, Copy)]
pub struct Section {
    /// Reads the section of this name in a file of this text, and forgets it.
    pub check: fn(text: &str, name: &str) -> Result<(), toml::de::Error>,
    /// Its form, for editors.
    pub schema: fn(generator: &mut SchemaGenerator) -> Schema,
}

impl Section {
    /// The section that has the form of a type.
    pub fn of<T: DeserializeOwned + Default + JsonSchema>() -> Section {
        Section {
            check: |text, name| section::<T>(text, name).map(drop),
            schema: |generator| generator.subschema_for::<T>(),
        }
    }
}

/// One section of a file; its default where there is none.
///
/// # Errors
///
/// It has another form; the error shows line, column and the line itself.
pub fn section<T: DeserializeOwned + Default>(text: &str, name: &str) -> Result<T, toml::de::Error> {
    struct Only<'a, T>(&'a str, PhantomData<T>);

    impl<'de, T: DeserializeOwned + Default> Visitor<'de> for Only<'_, T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
            let mut found = T::default();
            while let Some(key) = map.next_key::<String>()? {
                if key == self.0 {
                    found = map.next_value()?;
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(found)
        }
    }

    toml::Deserializer::parse(text)?.deserialize_map(Only(name, PhantomData))
}
