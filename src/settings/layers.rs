//! What is written about a run, one file above another: a setting is that of the topmost that has it, and lists add up.
//!
//! ```text
//!   command line > environment >    [services.NAME] of a services file > the project's .wasmrun.toml    > default
//!   (typed)                         (the topmost layer)                  (the layer below)
//! ```

use super::file::{Config, File};
use super::typed::{Os, ServiceOf};
use crate::control;
use anyhow::anyhow;
use languages::artifact::Named;
use languages::config::{Build, Written};
use netns::link::Link;
use report::{Failure, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The files that apply to a run, from the bottom.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    files: Vec<File>,
    /// What languages read: the text of the only file, or one that was put together.
    text: String,
    build: Build,
    /// Of the build's relative paths.
    folder: PathBuf,
    /// The services beside this one, and the name of their project.
    siblings: Option<(String, Vec<String>)>,
    /// Ports that these link to.
    linked: BTreeSet<u16>,
}

impl Layers {
    /// Reads the files that apply to what was typed.
    ///
    /// # Errors
    ///
    /// One cannot be read, or the services file has no such service.
    pub fn of(os: &Os) -> Result<Layers> {
        let Some(ServiceOf { file, name }) = &os.service else {
            let file = File::find(os.config.as_deref(), &os.path)?;
            return Ok(Layers::new(&os.path, file.into_iter().collect()));
        };
        let file = File::read(file)?;
        Layers::of_service(&file, name)?.ok_or_else(|| {
            let message = anyhow!("{} has no service `{name}`", file.path.display());
            Failure::usage(message).hint("start services with `wasmrun up`")
        })
    }

    /// Those of a service of a file, whose project has its own; none where there is no such service.
    pub fn of_service(file: &File, name: &str) -> Result<Option<Layers>> {
        let Some(table) = file.of_service(name) else {
            return Ok(None);
        };
        let path = service_path(file, name);
        let own = File::of_project(&path)?;
        let mut layers = Layers::new(&path, own.into_iter().chain([table]).collect());
        let names = file.config.services.keys().map(|name| name.get_ref().clone());
        layers.siblings = Some((control::name_of(file.folder()), names.collect()));
        layers.linked = linked(file, name);
        Ok(Some(layers))
    }

    fn new(path: &Path, files: Vec<File>) -> Layers {
        let folder = match files.first() {
            Some(file) if file.service.is_none() => file.folder(),
            _ if path.is_dir() => path,
            _ => path.parent().unwrap_or(path),
        };
        let folder = folder.to_owned();
        let mut sections = toml::Table::new();
        for (section, keys) in files.iter().flat_map(File::sections) {
            match (sections.get_mut(&section), keys) {
                (Some(toml::Value::Table(below)), toml::Value::Table(above)) => below.extend(above),
                (_, keys) => drop(sections.insert(section, keys)),
            }
        }
        Layers {
            // It came from text.
            text: toml::to_string(&sections).unwrap_or_default(),
            build: build(&files),
            folder,
            files,
            siblings: None,
            linked: BTreeSet::new(),
        }
    }

    /// From the bottom.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// The project's own file, and not a service's table.
    pub fn project(&self) -> Option<&File> {
        self.files.iter().find(|file| file.service.is_none())
    }

    /// The topmost value, with the file that has it.
    pub fn top<T>(&self, value: impl Fn(&Config) -> Option<&T>) -> Option<(&T, &File)> {
        let mut files = self.files.iter().rev();
        files.find_map(|file| value(&file.config).map(|value| (value, file)))
    }

    /// The same without its file.
    pub fn value<T: Clone>(&self, value: impl Fn(&Config) -> Option<&T>) -> Option<T> {
        self.top(value).map(|(value, _)| value.clone())
    }

    /// The topmost list that says anything.
    pub fn list<T>(&self, values: impl Fn(&Config) -> &Vec<T>) -> Option<(&[T], &File)> {
        let found = self.top(|config| Some(values(config)).filter(|values| !values.is_empty()));
        found.map(|(values, file)| (values.as_slice(), file))
    }

    /// The values of all files, from the bottom, each with the file that has it.
    pub fn all<'a, T: 'a>(&'a self, values: fn(&Config) -> &[T]) -> impl Iterator<Item = (&'a T, &'a File)> {
        let files = self.files.iter();
        files.flat_map(move |file| values(&file.config).iter().map(move |value| (value, file)))
    }

    /// What languages read; none where nothing is written.
    pub fn written(&self) -> Option<Written<'_>> {
        (!self.files.is_empty()).then(|| Written {
            folder: &self.folder,
            text: &self.text,
            build: &self.build,
            artifact: self.artifact(),
        })
    }

    /// The guest's file, where it is named; it need not be there.
    pub fn artifact(&self) -> Option<PathBuf> {
        self.named().map(|named| named.artifact)
    }

    /// The same, with the file that names it.
    pub fn named(&self) -> Option<Named> {
        let (artifact, file) = self.top(|config| config.guest.artifact.as_ref())?;
        Some(Named {
            artifact: file.folder().join(artifact),
            by: file.path.clone(),
        })
    }

    /// The link as it is meant: a service of the same file is the run of that service.
    pub fn meant(&self, link: Link) -> Link {
        match &self.siblings {
            Some((project, names)) if names.contains(&link.run) => Link {
                run: format!("{project}.{}", link.run),
                ..link
            },
            _ => link,
        }
    }

    /// The name of the project that the service is one of.
    pub fn of_project(&self) -> Option<&str> {
        self.siblings.as_ref().map(|(project, _)| project.as_str())
    }

    /// Ports that other services of the file link to.
    pub fn linked(&self) -> Vec<u16> {
        self.linked.iter().copied().collect()
    }

    /// Whether a run of this name is a service of the same file.
    pub fn is_sibling(&self, run: &str) -> bool {
        self.siblings
            .as_ref()
            .is_some_and(|(_, names)| names.iter().any(|name| name == run))
    }
}

/// Whether a file can be read, and has the service.
pub fn has(service: &ServiceOf) -> bool {
    File::read(&service.file).is_ok_and(|file| file.config.services.contains_key(service.name.as_str()))
}

/// The project of a service.
pub fn service_path(file: &File, name: &str) -> PathBuf {
    let service = file.config.services.get(name);
    let path = service.map(|service| service.path.get_ref().as_path());
    match (path, file.folder()) {
        (None, folder) => folder.to_owned(),
        (Some(path), folder) if folder == Path::new(".") => path.to_owned(),
        (Some(path), folder) => folder.join(path),
    }
}

/// The ports of a service that others of the file link to, in its tables or in their projects' own files. What is wrong with
/// those is their error.
fn linked(file: &File, name: &str) -> BTreeSet<u16> {
    let services = file.config.services.keys();
    let files = services.flat_map(|other| {
        let own = File::of_project(&service_path(file, other.get_ref())).ok().flatten();
        [file.of_service(other.get_ref()), own]
    });
    let links = files.flatten().flat_map(|file| file.config.network.links);
    let links = links.filter_map(|link| link.get_ref().parse::<Link>().ok());
    links.filter(|link| link.run == name).map(|link| link.to).collect()
}

/// `[build]`, key by key. A path of a service's is that of its file's folder.
fn build(files: &[File]) -> Build {
    let mut whole = Build::default();
    for file in files {
        let Build {
            command,
            output,
            dir,
            language,
            jail,
        } = file.config.build.clone();
        let path = |path: Option<PathBuf>| match file.service {
            Some(_) => path.map(|path| absolute(&file.folder().join(path))),
            None => path,
        };
        whole = Build {
            command: command.or(whole.command),
            output: path(output).or(whole.output),
            dir: path(dir).or(whole.dir),
            language: language.or(whole.language),
            jail: jail.or(whole.jail),
        };
    }
    whole
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The layers of a service `a`, and the folder that they are in.
    fn layers(services: &str, own: &str) -> (Layers, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("shop/a");
        std::fs::create_dir_all(&project).unwrap();
        std::fs::write(project.join(".wasmrun.toml"), own).unwrap();
        let path = folder.path().join("shop/.wasmrun.toml");
        std::fs::write(&path, services).unwrap();
        let file = File::read(&path).unwrap();
        (Layers::of_service(&file, "a").unwrap().unwrap(), folder)
    }

    #[test]
    fn the_topmost_value_has_its_place_and_lists_add_up() {
        let (layers, folder) = layers(
            "[services.a]\npath = 'a'\nforwards = ['1:1']\nnetwork.forwards = ['2:2']\nguest.grace = '2s'\n",
            "[guest]\ngrace = '1s'\npids = 20\nargs = ['x']\n[network]\nforwards = ['3:3']\n",
        );
        let (grace, file) = layers.top(|config| config.guest.grace.as_ref()).unwrap();
        let place = folder.path().join("shop/.wasmrun.toml");
        assert_eq!(file.place(grace), format!("{}:5:15", place.display()));
        assert_eq!(file.shown(), format!("{}#a", place.display()));
        assert_eq!(layers.value(|config| config.guest.pids.as_ref()), Some(20));
        assert_eq!(layers.list(|config| &config.guest.args).unwrap().0, ["x"]);
        let forwards: Vec<&str> = layers
            .all(|config| &config.network.forwards)
            .map(|(rule, _)| rule.get_ref().as_str())
            .collect();
        assert_eq!(forwards, ["3:3", "1:1", "2:2"]);
    }

    #[test]
    fn builds_and_sections_of_languages_win_key_by_key() {
        let (layers, folder) = layers(
            "[services.a]\npath = 'a'\nbuild.output = 'x.wasm'\npython.build-packages = true\n[services.a.guest]\nartifact = 'b.wasm'\n",
            "[build]\ncommand = 'make'\noutput = 'y.wasm'\ndir = 'src'\n[python]\nscript = 'main.py'\n[env]\nA = 'b'\n",
        );
        let shop = folder.path().join("shop");
        let written = layers.written().unwrap();
        assert_eq!(written.folder, shop.join("a"));
        assert_eq!(written.build.command.as_deref(), Some("make"));
        assert_eq!(written.build.output, Some(shop.join("x.wasm")));
        assert_eq!(written.build.dir, Some("src".into()));
        assert_eq!(written.artifact, Some(shop.join("b.wasm")));
        let sections: toml::Table = toml::from_str(written.text).unwrap();
        assert_eq!(sections["python"]["script"].as_str(), Some("main.py"));
        assert_eq!(sections["python"]["build-packages"].as_bool(), Some(true));
        assert!(!sections.contains_key("env") && !sections.contains_key("services"));
    }

    #[test]
    fn a_link_to_a_service_of_the_file_is_one_to_its_run() {
        let (layers, _folder) = layers(
            "services.a.path = 'a'\nservices.b = { path = 'b', links = ['a:80', 'x=a:81', 'c:82'] }\n",
            "network.links = ['b:1', 'elsewhere:2']\n",
        );
        let meant = |text: &str| layers.meant(text.parse().unwrap()).to_string();
        assert_eq!(meant("b:1"), "b=shop.b:1");
        assert_eq!(meant("db=b:1"), "db=shop.b:1");
        assert_eq!(meant("elsewhere:2"), "elsewhere:2");
        assert_eq!(layers.linked(), [80, 81]);
        assert!(layers.is_sibling("a") && !layers.is_sibling("c"));
        assert_eq!(layers.of_project(), Some("shop"));
    }
}
