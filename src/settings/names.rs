//! Names of the file's sections: one that nobody reads is an error with its place.

use super::service;
use languages::{Language, registry};
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::fmt;

/// The sections that are not a language's.
const SECTIONS: [&str; 6] = ["guest", "network", "http", "build", "watch", "env"];
/// The section of services, each of which has sections of its own.
const SERVICES: &str = "services";

/// Refuses a section that nobody reads. The error is that of a key that serde does not know, and has its place.
pub fn check(text: &str, languages: &[&'static dyn Language]) -> Result<(), toml::de::Error> {
    let sections = || SECTIONS.into_iter().chain(registry::sections(languages));
    let of_service = Names {
        known: service::KEYS.into_iter().chain(sections()).collect(),
        below: None,
    };
    let services = Below::Each(&of_service);
    let of_file = Names {
        known: sections().chain([SERVICES]).collect(),
        below: Some(services),
    };
    toml::Deserializer::parse(text)?.deserialize_map(&of_file)
}

/// The names that a table may have.
struct Names<'a> {
    known: Vec<&'a str>,
    /// What is below [`SERVICES`], where that is one of them.
    below: Option<Below<'a>>,
}

/// Tables of any name.
#[derive(Clone, Copy)]
enum Below<'a> {
    /// Each of which may have these.
    Each(&'a Names<'a>),
    /// One of them.
    One(&'a Names<'a>),
}

impl<'de> Visitor<'de> for &Names<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(self)? {
            match self.below.filter(|_| name == SERVICES) {
                Some(below) => map.next_value_seed(below)?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// A key.
impl<'de> DeserializeSeed<'de> for &Names<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(Name(&self.known))
    }
}

struct Name<'a>(&'a [&'a str]);

impl<'de> Visitor<'de> for Name<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<String, E> {
        if self.0.contains(&name) {
            return Ok(name.to_owned());
        }
        let known: Vec<String> = self.0.iter().map(|name| format!("`{name}`")).collect();
        Err(E::custom(format!(
            "unknown field `{name}`, expected one of {}",
            known.join(", ")
        )))
    }
}

/// A value.
impl<'de> DeserializeSeed<'de> for Below<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self {
            Below::Each(_) => deserializer.deserialize_map(self),
            Below::One(names) => deserializer.deserialize_map(names),
        }
    }
}

impl<'de> Visitor<'de> for Below<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of services")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (Below::Each(names) | Below::One(names)) = self;
        while map.next_key::<String>()?.is_some() {
            map.next_value_seed(Below::One(names))?;
        }
        Ok(())
    }
}
