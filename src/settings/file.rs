//! `.wasmrun.toml` as it is written. Meaning is given in `settings`.

use super::names;
use super::sections::{Guest, Http, Network, Watch};
use super::service::Service;
use anyhow::{Context, anyhow};
use files::regular;
use languages::config::Build;
use languages::{Language, registry};
use report::{Failure, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::Spanned;

pub use languages::config::NAME;

/// Longest file, in bytes.
const LONGEST: u64 = 1 << 20;

/// Every section that the file may have, but those of languages, which read their own.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct Config {
    pub guest: Guest,
    pub network: Network,
    pub http: Http,
    pub build: Build,
    pub watch: Watch,
    pub env: BTreeMap<String, String>,
    #[schemars(with = "BTreeMap<String, Service>")]
    pub services: BTreeMap<Spanned<String>, Service>,
}

/// What a service's table says, as a file of its own would have it.
impl From<&Service> for Config {
    fn from(service: &Service) -> Config {
        let mut network = service.network.clone();
        for (short, long) in [
            (&service.links, &mut network.links),
            (&service.forwards, &mut network.forwards),
            (&service.allow, &mut network.allow),
            (&service.allow_private, &mut network.allow_private),
        ] {
            long.splice(0..0, short.iter().cloned());
        }
        Config {
            guest: service.guest.clone(),
            network,
            http: service.http.clone(),
            build: service.build.clone(),
            watch: service.watch.clone(),
            env: service.env.clone(),
            services: BTreeMap::new(),
        }
    }
}

/// A file that was read, or the table of a service in one, with its text for pointing into it.
#[derive(Clone, Debug)]
pub struct File {
    pub path: PathBuf,
    pub config: Config,
    /// The service whose table this is.
    pub service: Option<String>,
    text: String,
}

impl File {
    /// Reads the file that applies: the one named, else the project's, else the current directory's where the project lies
    /// below it, else none. One that was not named has to be the user's own.
    pub fn find(named: Option<&Path>, project: &Path) -> Result<Option<File>> {
        if let Some(path) = named {
            return File::read(path).map(Some);
        }
        let is_below = || {
            let (project, here) = (project.canonicalize().ok()?, Path::new(".").canonicalize().ok()?);
            project.starts_with(here).then(|| PathBuf::from(NAME))
        };
        if let Some(file) = File::of_project(project)? {
            return Ok(Some(file));
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

    /// Reads the one in the project's own folder.
    pub fn of_project(project: &Path) -> Result<Option<File>> {
        let Some(path) = project
            .is_dir()
            .then(|| project.join(NAME))
            .filter(|path| path.exists())
        else {
            return Ok(None);
        };
        files::owner::refuse_others(&path)?;
        File::read(&path).map(Some)
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
            service: None,
            text,
        })
    }

    /// The table of one of its services, as a file of its own.
    pub fn of_service(&self, name: &str) -> Option<File> {
        let service = self.config.services.get(name)?;
        Some(File {
            path: self.path.clone(),
            config: service.into(),
            service: Some(name.to_owned()),
            text: self.text.clone(),
        })
    }

    /// As `inspect` shows where a setting was given: the file, and the service whose table it is.
    pub fn shown(&self) -> String {
        match &self.service {
            Some(service) => format!("{}#{service}", self.path.display()),
            None => self.path.display().to_string(),
        }
    }

    /// The names of its services.
    pub fn services(&self) -> Vec<&str> {
        let services = self.config.services.keys();
        services.map(|name| name.get_ref().as_str()).collect()
    }

    /// The folder that relative paths in the file start from.
    pub fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }

    /// The sections that languages read, each below the name of its language, and `[build]`.
    pub fn sections(&self) -> toml::Table {
        // It was read before.
        let mut whole: toml::Table = toml::from_str(&self.text).unwrap_or_default();
        if let Some(service) = &self.service {
            let mut below = |name: &str| match whole.remove(name) {
                Some(toml::Value::Table(table)) => whole = table,
                _ => whole = toml::Table::new(),
            };
            below("services");
            below(service);
        }
        let is_read = |name: &str| name == "build" || registry::sections(registry::ALL).any(|section| section == name);
        whole.retain(|name, _| is_read(name));
        whole
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
    names::check(text, languages)?;
    registry::check_sections(languages, text, &[])?;
    let config: Config = toml::from_str(text)?;
    for name in config.services.keys() {
        registry::check_sections(languages, text, &["services", name.get_ref()])?;
    }
    Ok(config)
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
        assert!(!config.network.ca.is_empty());
        assert!(
            config.network.max_connections.is_some()
                && config.network.max_outbound.is_some()
                && config.network.auto_forward.is_some()
                && config.network.path.is_some()
                && config.network.outbound_path.is_some()
                && config.network.proxy.is_some()
        );
        let http = &config.http;
        assert!(http.header_timeout.is_some() && http.body_timeout.is_some());
        assert!(http.send_timeout.is_some() && http.idle_timeout.is_some());
        assert!(http.max_requests.is_some() && http.max_streams.is_some());
        assert!(config.services.values().any(|service| !service.links.is_empty()));
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
        fn config_like_text_never_panics(text in "(\\[(guest|network|http|build|watch|env|services|services.a|x)\\]\n|[a-z-]{1,16} = (\"[^\"\n]{0,20}\"|[0-9]{1,20}|\\[\"a\"\\]|true)\n){0,12}") {
            let _ = parse(&text);
        }
    }
}
