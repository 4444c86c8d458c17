//! The parts of `.wasmrun.toml` that say how a project is built: `[build]`, and a section for each language that wants one.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// The file's name.
pub const NAME: &str = ".wasmrun.toml";

/// `[build]`: what makes the guest's file.
#[derive(Clone, Debug, Default, serde::Deserialize, JsonSchema)]
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
    /// A text with the sections that languages read.
    pub text: &'a str,
    /// Its `[build]`.
    pub build: &'a Build,
    /// The guest's file, where it is named; it need not be there.
    pub artifact: Option<PathBuf>,
}

/// The section of a language.
#[derive(Clone, Copy)]
pub struct Section {
    /// Reads the section that lies below these names in a file of this text, and forgets it.
    pub check: fn(text: &str, names: &[&str]) -> Result<(), toml::de::Error>,
    /// Its form, for editors.
    pub schema: fn(generator: &mut SchemaGenerator) -> Schema,
}

impl Section {
    /// The section that has the form of a type.
    pub fn of<T: DeserializeOwned + Default + JsonSchema>() -> Section {
        Section {
            check: |text, names| section::<T>(text, names).map(drop),
            schema: |generator| generator.subschema_for::<T>(),
        }
    }
}

/// One section of a file, which lies below these names; its default where there is none.
///
/// # Errors
///
/// It has another form; the error shows line, column and the line itself.
pub fn section<T: DeserializeOwned + Default>(text: &str, names: &[&str]) -> Result<T, toml::de::Error> {
    struct Only<'a, T>(&'a [&'a str], PhantomData<T>);

    impl<'de, T: DeserializeOwned + Default> DeserializeSeed<'de> for Only<'_, T> {
        type Value = T;

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
            match self.0 {
                [] => T::deserialize(deserializer),
                _ => deserializer.deserialize_map(self),
            }
        }
    }

    impl<'de, T: DeserializeOwned + Default> Visitor<'de> for Only<'_, T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
            let mut found = T::default();
            while let Some(key) = map.next_key::<String>()? {
                match self.0 {
                    [first, rest @ ..] if key == *first => found = map.next_value_seed(Only(rest, PhantomData))?,
                    _ => drop(map.next_value::<IgnoredAny>()?),
                }
            }
            Ok(found)
        }
    }

    Only(names, PhantomData).deserialize(toml::Deserializer::parse(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_found_below_others() {
        let text = "[a]\nx = 1\n[s.one.a]\nx = 2\n[s]\ntwo.a.x = 3\n";
        let x = |names: &[&str]| section::<toml::Table>(text, names).unwrap().get("x").cloned();
        assert_eq!(x(&["a"]), Some(1.into()));
        assert_eq!(x(&["s", "one", "a"]), Some(2.into()));
        assert_eq!(x(&["s", "two", "a"]), Some(3.into()));
        assert_eq!(x(&["s", "three", "a"]), None);
    }
}
