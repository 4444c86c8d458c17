//! The files that a program loads, as esbuild finds them.

use crate::nodejs::bundle::{self, Bundle};
use crate::nodejs::esbuild::{self, Metafile};
use crate::nodejs::source::Source;
use crate::nodejs::{manifest, packages};
use crate::tools::process::{self, Step};
use anyhow::{Context, anyhow};
use report::Result;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What esbuild reads besides package.json.
const SETTINGS: [&str; 2] = ["tsconfig.json", "jsconfig.json"];

/// What in them leads to other files; or could hide such a word.
const FAR: [&str; 5] = ["\"extends\"", "\"paths\"", "\"baseUrl\"", "\"rootDirs\"", "\\"];
/// In esbuild's own function for an import of a pattern of names.
const GLOB: &str = "Module not found in bundle: ";

/// Packages and the program's own files.
#[derive(Default)]
pub(super) struct Graph {
    pub packages: Packages,
    /// All files of packages, and what else decides which they are: their folders, and each package.json of these.
    pub depends_on: BTreeSet<PathBuf>,
    pub sources: Vec<PathBuf>,
    /// What was made of all these.
    pub products: Vec<PathBuf>,
}

/// Files of packages that can be compiled ahead, for `guest/src/prepared.js`. They are called what they are called below the
/// folder that has `node_modules`, so the same packages are the same wherever they lie.
#[derive(Default, Serialize)]
pub(super) struct Packages {
    pub files: Vec<File>,
    /// What `require` of a name leads to: folder, name, file.
    wires: Vec<(String, String, String)>,
}

#[derive(Serialize)]
pub(super) struct File {
    name: String,
    text: String,
    /// Nothing in it has to be written otherwise for the engine.
    is_finished: bool,
}

impl Graph {
    /// Follows what a program loads; `room` is a folder for what esbuild writes.
    pub(super) async fn of(program: &Source, room: &Path) -> Result<Graph> {
        let metafile = room.join("meta.json");
        let esbuild = esbuild::program(&program.engine)?;
        let mut command = vec![esbuild.into_os_string(), program.script.clone().into()];
        // As the guest resolves them: `loader.js`.
        command.extend(
            [
                "--bundle",
                "--format=cjs",
                "--platform=node",
                "--conditions=node",
                "--main-fields=main",
                "--loader:.node=empty",
                "--log-limit=0",
                "--color=false",
            ]
            .map(OsString::from),
        );
        command.push(format!("--metafile={}", metafile.display()).into());
        command.push(format!("--outfile={}", room.join("out.js").display()).into());
        let variables = esbuild::variables(program.installed.as_deref());
        let room = program.room(room);
        let run = |command: Vec<OsString>| {
            let (folder, room, variables) = (&program.folder, room.as_ref(), &variables);
            async move {
                let step = Step {
                    command: &command,
                    variables,
                    folder,
                    room,
                };
                process::background(&step).await
            }
        };
        let (mut said, mut status) = run(command.clone()).await?;
        if !status.success() {
            // What is not installed may never be asked for.
            command.extend(missing(&said).map(|name| format!("--external:{name}").into()));
            (said, status) = run(command).await?;
        }
        if !status.success() {
            return Err(anyhow!("esbuild: {} ({})", said.trim_end(), process::describe(status)).into());
        }
        Graph::new(&Metafile::read(&metafile, &program.folder)?, program.base())
    }

    fn new(found: &Metafile, base: &Path) -> Result<Graph> {
        let mut graph = Graph::default();
        // First all files, because a wire has to lead to one of them.
        let mut names = HashMap::new();
        for path in found.inputs.keys() {
            let Some(name) = name(path, base) else {
                graph.sources.push(path.clone());
                continue;
            };
            if graph.is_module(path, base)? {
                continue;
            }
            // What is not UTF-8 is the engine's to read.
            let Ok(text) = std::fs::read_to_string(path) else {
                continue;
            };
            graph.packages.files.push(File {
                name: name.clone(),
                text,
                is_finished: false,
            });
            graph.depends_on.insert(path.clone());
            names.insert(path, name);
        }
        for (path, input) in &found.inputs {
            let Some((from, _)) = names.get(path).and_then(|name| name.rsplit_once('/')) else {
                continue;
            };
            // An ES module's imports are resolved otherwise here.
            let required = input
                .imports
                .iter()
                .filter(|import| import.kind == "require-call" && !import.external);
            for import in required {
                if let (Some(original), Some(to)) = (&import.original, names.get(&import.path)) {
                    let wire = (from.to_owned(), original.clone(), to.clone());
                    graph.packages.wires.push(wire);
                }
            }
        }
        graph.packages.wires.sort_unstable();
        graph.packages.wires.dedup();
        graph.add_nearer();
        Ok(graph)
    }

    /// Adds where a package could come to be that is found before another, or a link be changed: `node_modules` of each
    /// folder, there or not, and the scopes in it.
    fn add_nearer(&mut self) {
        let folders: Vec<PathBuf> = self.depends_on.iter().filter(|path| path.is_dir()).cloned().collect();
        let nearer = folders.iter().map(|folder| match folder.ends_with(packages::FOLDER) {
            true => folder.clone(),
            false => folder.join(packages::FOLDER),
        });
        for packages in nearer.collect::<BTreeSet<_>>() {
            let entries = std::fs::read_dir(&packages).into_iter().flatten().flatten();
            let scopes = entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"@"));
            self.depends_on.extend(scopes.map(|entry| entry.path()));
            self.depends_on.insert(packages);
        }
    }

    /// The one file that a bundle is. What it depends on is all that esbuild looks at.
    pub(super) fn of_bundle(bundle: &Bundle, folder: &Path, base: &Path) -> Result<Graph> {
        let mut graph = Graph::default();
        for path in &bundle.inputs {
            graph.depends_on.insert(path.clone());
            let top = if name(path, base).is_some() { base } else { folder };
            if !path.starts_with(top) {
                return Err(anyhow!("{} is not of the project", path.display()).into());
            }
            let folders = path.ancestors().skip(1).take_while(|folder| folder.starts_with(top));
            graph.depends_on.extend(folders.map(Path::to_owned));
        }
        let folders: Vec<PathBuf> = graph.depends_on.iter().filter(|path| path.is_dir()).cloned().collect();
        for folder in folders.iter().map(PathBuf::as_path).chain(folder.ancestors()) {
            let found = SETTINGS.map(|name| folder.join(name));
            // esbuild does not read those of packages.
            let is_own = !folder.components().any(|part| part.as_os_str() == packages::FOLDER);
            for settings in found.iter().filter(|path| is_own && path.is_file()) {
                let text = std::fs::read_to_string(settings).unwrap_or_default();
                if FAR.iter().any(|word| text.contains(word)) {
                    return Err(anyhow!("{} names other places, which may change", settings.display()).into());
                }
            }
            graph.depends_on.extend(found);
            graph.depends_on.insert(folder.join(manifest::NAME));
            graph.depends_on.insert(folder.join(packages::FOLDER));
        }
        graph.add_nearer();
        let main = bundle.main();
        let text = std::fs::read_to_string(&main).with_context(|| format!("cannot read {}", main.display()))?;
        if text.contains(GLOB) {
            return Err(anyhow!("what it imports depends on which files there are").into());
        }
        graph.packages.files.push(File {
            name: bundle::main_of_guest(),
            text,
            is_finished: true,
        });
        graph.products = vec![main, bundle.positions()];
        Ok(graph)
    }

    /// Whether a package's file is no CommonJS, by its name or by the nearest package.json
    /// (<https://nodejs.org/api/packages.html#determining-module-system>).
    fn is_module(&mut self, path: &Path, base: &Path) -> Result<bool> {
        let mut nearest = None;
        for folder in path.ancestors().skip(1).take_while(|folder| *folder != base) {
            let manifest = folder.join(manifest::NAME);
            if manifest.is_file() {
                nearest.get_or_insert_with(|| manifest.clone());
                self.depends_on.insert(manifest);
            }
            self.depends_on.insert(folder.to_owned());
        }
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("cjs" | "json") => Ok(false),
            Some("js") => match nearest {
                Some(nearest) => Ok(manifest::module_type(&nearest)?.is_some_and(|kind| kind == "module")),
                None => Ok(false),
            },
            _ => Ok(true),
        }
    }
}

/// The names in what esbuild says of names that lead nowhere.
fn missing(said: &str) -> impl Iterator<Item = &str> {
    said.lines()
        .filter_map(|line| line.split_once("Could not resolve \"")?.1.strip_suffix('"'))
}

/// What a package's file is called; none for a file of the program's own.
fn name(path: &Path, base: &Path) -> Option<String> {
    let below = path.strip_prefix(base).ok()?.to_str()?;
    below.starts_with("node_modules/").then(|| format!("/{below}"))
}
