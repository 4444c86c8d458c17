//! `.wasmrun.toml` as it is written. Meaning is given in `settings`.

use super::choices::{ForwardPath, Listeners, Restart, Tiered};
use anyhow::{Context, anyhow};
use files::regular;
use languages::artifact::Named;
use languages::config::{Build, Written};
use languages::{Language, registry};
use report::{Failure, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use toml::Spanned;

pub use languages::config::NAME;

/// Longest file, in bytes.
const LONGEST: u64 = 1 << 20;

/// Every section that the file may have, but those of languages, which read their own.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct Config {
    pub guest: Guest,
    pub network: Network,
    pub http: Http,
    pub build: Build,
    pub watch: Watch,
    pub env: BTreeMap<String, String>,
}

/// What runs, and with what.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Guest {
    pub artifact: Option<PathBuf>,
    pub args: Vec<String>,
    #[schemars(with = "Vec<String>")]
    pub dirs: Vec<Spanned<String>>,
    pub stdin: Option<bool>,
    #[schemars(with = "Option<String>")]
    pub memory: Option<Spanned<String>>,
    pub cpus: Option<f64>,
    pub pids: Option<u64>,
    #[schemars(with = "Option<String>")]
    pub tmp_size: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    pub grace: Option<Spanned<String>>,
    pub restart: Option<Restart>,
    pub listeners: Option<Listeners>,
    pub tiered: Option<Tiered>,
}

/// What leads to it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Network {
    #[schemars(with = "Vec<String>")]
    pub forwards: Vec<Spanned<String>>,
    #[schemars(with = "Vec<String>")]
    pub allow: Vec<Spanned<String>>,
    #[schemars(with = "Vec<String>")]
    pub allow_private: Vec<Spanned<String>>,
    #[schemars(with = "Vec<String>")]
    pub links: Vec<Spanned<String>>,
    pub expose: Vec<NonZeroU16>,
    #[schemars(with = "Option<String>")]
    pub connect_timeout: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    pub udp_idle: Option<Spanned<String>>,
    pub max_connections: Option<usize>,
    pub max_outbound: Option<usize>,
    pub auto_forward: Option<bool>,
    pub path: Option<ForwardPath>,
}

/// What clients of a `wasi:http` guest may take of it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Http {
    #[schemars(with = "Option<String>")]
    pub header_timeout: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    pub body_timeout: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    pub send_timeout: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    pub idle_timeout: Option<Spanned<String>>,
    #[schemars(with = "Option<usize>")]
    pub max_requests: Option<Spanned<usize>>,
    #[schemars(with = "Option<u32>")]
    pub max_streams: Option<Spanned<u32>>,
}

/// What makes it anew.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Watch {
    pub paths: Vec<PathBuf>,
    pub ignore: Vec<String>,
    #[schemars(with = "Option<String>")]
    pub debounce: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    pub health: Option<Spanned<String>>,
    pub livereload: Livereload,
}

/// A switch, or the port to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Livereload {
    Switch(bool),
    Port(u16),
}

impl Default for Livereload {
    fn default() -> Livereload {
        Livereload::Switch(false)
    }
}

/// A file that was read, with its text for pointing into it.
#[derive(Debug)]
pub struct File {
    pub path: PathBuf,
    pub config: Config,
    text: String,
}

impl File {
    /// Reads the file that applies: the one named, else the project's, else the current directory's where the project lies
    /// below it, else none. One that was not named has to be the user's own.
    pub fn find(named: Option<&Path>, project: &Path) -> Result<Option<File>> {
        if let Some(path) = named {
            return File::read(path).map(Some);
        }
        let own = project.is_dir().then(|| project.join(NAME));
        let is_below = || {
            let (project, here) = (project.canonicalize().ok()?, Path::new(".").canonicalize().ok()?);
            project.starts_with(here).then(|| PathBuf::from(NAME))
        };
        if let Some(path) = own.filter(|path| path.exists()) {
            files::owner::refuse_others(&path)?;
            return File::read(&path).map(Some);
        }
        match is_below().filter(|path| path.exists()) {
            // One that others have left where the project lies somewhere below must not stop everybody.
            Some(path) if files::owner::refuse_others(&path).is_err() => {
                tracing::warn!("ignoring {}: other users can write it", path.display());
                Ok(None)
            }
            Some(path) => File::read(&path).map(Some),
            None => Ok(None),
        }
    }

    pub fn read(path: &Path) -> Result<File> {
        let text = regular::read_text(path, LONGEST)
            .with_context(|| format!("cannot read {}", path.display()))
            .map_err(Failure::usage)?;
        let config = parse(&text).map_err(|error| {
            // toml's message shows line, column and the line itself.
            let message = error.to_string();
            Failure::usage(anyhow!("{}: {}", path.display(), message.trim_end()))
        })?;
        Ok(File {
            path: path.to_owned(),
            config,
            text,
        })
    }

    /// The folder that relative paths in the file start from.
    pub fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }

    /// The guest's file, where it is named; it need not be there.
    pub fn artifact(&self) -> Option<PathBuf> {
        let named = self.config.guest.artifact.as_ref();
        named.map(|artifact| self.folder().join(artifact))
    }

    /// The same, with this file as the one that names it.
    pub fn named(&self) -> Option<Named> {
        self.artifact().map(|artifact| Named {
            artifact,
            by: self.path.clone(),
        })
    }

    /// What languages read of it.
    pub fn written(&self) -> Written<'_> {
        Written {
            folder: self.folder(),
            text: &self.text,
            build: &self.config.build,
            artifact: self.artifact(),
        }
    }

    /// `FILE:LINE:COLUMN` of a value.
    pub fn place<T>(&self, value: &Spanned<T>) -> String {
        let before = &self.text[..value.span().start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("{}:{line}:{column}", self.path.display())
    }
}

/// Reads a file's text.
///
/// # Errors
///
/// It is no TOML, a key is unknown, or a value has another form: with line and column.
pub fn parse(text: &str) -> Result<Config, toml::de::Error> {
    parse_with(text, registry::ALL)
}

/// The same with other languages.
pub fn parse_with(text: &str, languages: &[&'static dyn Language]) -> Result<Config, toml::de::Error> {
    check_names(text, languages)?;
    registry::check_sections(languages, text)?;
    toml::from_str(text)
}

/// The sections that are not a language's.
const SECTIONS: [&str; 6] = ["guest", "network", "http", "build", "watch", "env"];

/// Refuses a section that nobody reads. The error is that of a key that serde does not know, and has its place.
fn check_names(text: &str, languages: &[&'static dyn Language]) -> Result<(), toml::de::Error> {
    struct Names<'a>(Vec<&'a str>);

    impl<'de> Visitor<'de> for &Names<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while map.next_key_seed(self)?.is_some() {
                map.next_value::<IgnoredAny>()?;
            }
            Ok(())
        }

        fn visit_str<E: de::Error>(self, name: &str) -> Result<(), E> {
            if self.0.contains(&name) {
                return Ok(());
            }
            let known: Vec<String> = self.0.iter().map(|name| format!("`{name}`")).collect();
            Err(E::custom(format!(
                "unknown field `{name}`, expected one of {}",
                known.join(", ")
            )))
        }
    }

    impl<'de> DeserializeSeed<'de> for &Names<'_> {
        type Value = ();

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
            deserializer.deserialize_str(self)
        }
    }

    let names = Names(SECTIONS.into_iter().chain(registry::sections(languages)).collect());
    toml::Deserializer::parse(text)?.deserialize_map(&names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_has_every_key_commented_out_with_its_default() {
        let example = super::super::schema::EXAMPLE;
        parse(example).expect("the example is valid as it stands");
        let set: String = example
            .lines()
            .map(|line| line.strip_prefix("#: ").unwrap_or(line))
            .fold(String::new(), |text, line| text + line + "\n");
        let config = parse(&set).expect("the example is valid with every key set");
        assert!(config.guest.artifact.is_some());
        assert!(config.guest.memory.is_some() && config.guest.grace.is_some());
        assert!(config.guest.stdin.is_some() && config.guest.listeners.is_some());
        assert!(!config.guest.args.is_empty() && !config.guest.dirs.is_empty());
        assert!(config.guest.restart.is_some());
        let build = &config.build;
        assert!(build.command.is_some() && build.output.is_some() && build.dir.is_some() && build.jail.is_some());
        assert!(build.language.is_some());
        let mut sections = registry::sections(registry::ALL);
        assert!(
            sections.all(|name| set.contains(&format!("[{name}]"))),
            "the example has every language's section"
        );
        let watch = &config.watch;
        assert!(!watch.paths.is_empty() && !watch.ignore.is_empty());
        assert!(watch.debounce.is_some() && watch.health.is_some());
        assert!(!config.network.forwards.is_empty() && !config.env.is_empty());
        assert!(config.network.connect_timeout.is_some());
        assert!(!config.network.allow.is_empty() && !config.network.allow_private.is_empty());
        assert!(!config.network.links.is_empty() && !config.network.expose.is_empty());
        assert!(
            config.network.max_connections.is_some()
                && config.network.max_outbound.is_some()
                && config.network.auto_forward.is_some()
        );
        let http = &config.http;
        assert!(http.header_timeout.is_some() && http.body_timeout.is_some());
        assert!(http.send_timeout.is_some() && http.idle_timeout.is_some());
        assert!(http.max_requests.is_some() && http.max_streams.is_some());
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place() {
        let error = parse("[network]\nforward = [\"8080:3000\"]\n").unwrap_err().to_string();
        assert!(error.contains("line 2, column 1"), "{error}");
        assert!(
            error.contains("unknown field `forward`, expected one of `forwards`"),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_a_config_or_an_error(text in "\\PC*") {
            let _ = parse(&text);
        }

        #[test]
        fn config_like_text_never_panics(text in "(\\[(guest|network|http|build|watch|env|x)\\]\n|[a-z-]{1,16} = (\"[^\"\n]{0,20}\"|[0-9]{1,20}|\\[\"a\"\\]|true)\n){0,12}") {
            let _ = parse(&text);
        }
    }
}
