//! ES modules and TypeScript become one CommonJS file, by esbuild.

use super::esbuild::{self, Metafile};
use super::source::Source;
use super::{manifest, packages, positions};
use crate::command::words;
use crate::home;
use crate::tools::digest::Digest;
use crate::tools::process::{self, Step};
use anyhow::{Context, anyhow};
use files::regular;
use report::{Failure, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::SystemTime;

/// Where the guest finds it.
pub(super) const PLACE: &str = "/bundle";
const NAME: &str = "main.cjs";
/// What is behind its name in that of its table (`positions`).
const POSITIONS: &str = "positions";
/// What only the guest knows of each file, from the place in the bundle that asks (`guest/src/origin.js`).
const OWN: [(&str, &str); 5] = [
    ("import.meta.url", "__origin.url"),
    ("import.meta.filename", "__origin.filename"),
    ("import.meta.dirname", "__origin.dirname"),
    ("__filename", "__origin.filename"),
    ("__dirname", "__origin.dirname"),
];

/// The engine cannot see what becomes of its own async functions; of generators that do the same it can. An `import()` that is
/// left to it ends it.
const LOWERED: [&str; 4] = [
    "--supported:async-await=false",
    "--supported:for-await=false",
    "--supported:async-generator=false",
    "--supported:dynamic-import=false",
];
/// What esbuild says of a module that awaits at its top. It makes no such of CommonJS, but functions that await, and these are
/// lowered then.
const AWAITS: &str = "Top-level await is ";
const ENTRY: &str = "entry.mjs";

/// A bundle that was made.
#[derive(Clone, Debug)]
pub(super) struct Bundle {
    folder: PathBuf,
    /// All files that are in it.
    pub inputs: Vec<PathBuf>,
    pub began: SystemTime,
}

impl Bundle {
    pub(super) fn main(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    pub(super) fn positions(&self) -> PathBuf {
        self.main().with_added_extension(POSITIONS)
    }
}

/// Its name in the guest.
pub(super) fn main_of_guest() -> String {
    format!("{PLACE}/{NAME}")
}

/// Its folder. Two scripts of one project may run side by side.
pub(super) fn folder(out: &Path, script: &Path) -> PathBuf {
    out.join(Digest::default().add(script.as_os_str().as_encoded_bytes()).name())
}

/// Whether a file is not CommonJS (<https://nodejs.org/api/packages.html#determining-module-system>).
pub(super) fn is_needed(folder: &Path, script: &Path) -> Result<bool> {
    match script.extension().and_then(|extension| extension.to_str()) {
        Some("mjs" | "ts" | "mts" | "tsx" | "jsx") => return Ok(true),
        Some("cjs") => return Ok(false),
        _ => {}
    }
    // The nearest package.json decides.
    let nearest = script
        .ancestors()
        .skip(1)
        .take_while(|parent| parent.starts_with(folder))
        .map(|parent| parent.join(manifest::NAME))
        .find(|path| path.is_file());
    match nearest.map(|nearest| manifest::module_type(&nearest)).transpose()? {
        Some(Some(kind)) => Ok(kind == "module"),
        // Nothing says so but the file itself (<https://nodejs.org/api/packages.html#syntax-detection>).
        _ => Ok(regular::read_text(script, regular::MANIFEST).is_ok_and(|text| has_module_syntax(&text))),
    }
}

/// Whether a text has a line that only an ES module has. CommonJS that has it in a literal is bundled without harm.
fn has_module_syntax(text: &str) -> bool {
    text.lines().any(|line| {
        let words = |start: &str| line.strip_prefix(start).map(str::trim_start);
        let imports = words("import").is_some_and(|rest| {
            let is_binding = line.starts_with("import ") && rest.contains(" from ");
            rest.starts_with(['"', '\'']) || is_binding || (rest.starts_with(['{', '*']) && !rest.contains('('))
        });
        let exports = words("export ").is_some_and(|rest| {
            let declares = ["default ", "const ", "let ", "var ", "function", "async ", "class "];
            rest.starts_with(['{', '*']) || declares.iter().any(|word| rest.starts_with(word))
        });
        imports || exports
    })
}

/// What is bundled the guest has, so it must not be more than the guest would be shown: an import may name any file of the
/// host. In a workspace the other packages are shown as well.
fn refuse_far(inputs: &[PathBuf], folder: &Path, installed: Option<&Path>) -> Result<()> {
    let installed = installed.and_then(|packages| packages.canonicalize().ok());
    let workspace = folder.ancestors().find(|parent| manifest::is_workspace(parent));
    let workspace = workspace.filter(|workspace| home::refuse(workspace).is_ok());
    let shown = [Some(folder), workspace, installed.as_deref()];
    let is_shown = |path: &PathBuf| shown.iter().flatten().any(|shown| path.starts_with(shown));
    match inputs.iter().find(|path| !is_shown(path)) {
        Some(far) => {
            let message = anyhow!("the program imports {}, which is outside of the project", far.display());
            let hint = "run the folder that contains both, and name the entry point: `script` under `[nodejs]`";
            Err(Failure::usage(message).hint(hint))
        }
        None => Ok(()),
    }
}

/// Makes it in its folder. One may start while another is made.
pub(super) async fn make(program: &Source, out: &Path) -> Result<Bundle> {
    let Source { folder, script, .. } = program;
    let installed = program.installed.as_deref();
    let began = SystemTime::now();
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let temporary = |ending: &str| {
        let file = tempfile::Builder::new().suffix(ending).tempfile_in(out);
        let file = file.with_context(|| format!("cannot write to {}", out.display()));
        file.map(tempfile::NamedTempFile::into_temp_path)
    };
    let made = temporary(".cjs")?;
    let metafile = made.with_added_extension("json");
    let bundler = Bundler {
        program,
        out,
        metafile: &metafile,
    };
    let entry = out.join(ENTRY);
    let (mut said, mut status) = bundler.bundle(script, "cjs", &LOWERED, "external", &made).await?;
    if !status.success() && said.contains(AWAITS) {
        std::fs::write(&entry, waiting_for(script)).with_context(|| format!("cannot write {}", entry.display()))?;
        let whole = temporary(".mjs")?;
        (said, status) = bundler.bundle(&entry, "esm", &[], "inline", &whole).await?;
        if status.success() {
            let (more, ended) = bundler.lower(&whole, &made).await?;
            (said, status) = (said + &more, ended);
        }
    }
    process::tell(&said);
    if !status.success() {
        let message = anyhow!("the build failed ({})", process::describe(status));
        return Err(Failure::usage(message));
    }
    let mut map = made.to_path_buf();
    map.add_extension("map");
    let table = positions::table(&map, |file| match installed.map(|folder| file.strip_prefix(folder)) {
        Some(Ok(file)) => Path::new(packages::PLACE).join(file),
        _ => file,
    });
    let found = Metafile::read(&metafile, folder);
    for file in [map, metafile] {
        let _ = std::fs::remove_file(&file);
    }
    let inputs = found?.inputs.into_keys().filter(|path| *path != entry);
    let inputs: Vec<PathBuf> = inputs.collect();
    refuse_far(&inputs, folder, installed)?;
    let bundle = Bundle {
        folder: out.to_owned(),
        inputs,
        began,
    };
    let place = bundle.main();
    let cannot = || format!("cannot write {}", place.display());
    let near = made.with_extension(POSITIONS);
    std::fs::write(&near, table?).with_context(cannot)?;
    // One that starts between the two has wrong lines in its stacks until the next is live.
    std::fs::rename(&near, bundle.positions()).with_context(cannot)?;
    made.persist(&place).with_context(cannot)?;
    Ok(bundle)
}

/// Imports a module that awaits at its top, so that it becomes a function and no other has to wait for the bundle's own text.
/// What it never gets over ends the program as in Node.js (<https://nodejs.org/api/process.html#exit-codes>).
fn waiting_for(script: &Path) -> String {
    let script = serde_json::Value::from(script.to_string_lossy());
    format!(
        "let waits = true;
process.on('exit', (code) => {{
  if (!waits || code !== 0) return;
  console.error('Warning: Detected unsettled top-level await');
  process.exitCode = 13;
}});
import({script}).finally(() => {{ waits = false; }});
"
    )
}

/// Runs esbuild for a program.
struct Bundler<'a> {
    program: &'a Source,
    out: &'a Path,
    metafile: &'a Path,
}

impl Bundler<'_> {
    /// One file of an entry point and all that it imports.
    async fn bundle(
        &self,
        entry: &Path,
        format: &str,
        lowered: &[&str],
        map: &str,
        to: &Path,
    ) -> Result<(String, ExitStatus)> {
        let mut words = words(&[
            "--bundle",
            "--platform=node",
            "--keep-names",
            // The guest has them with native code of the runtime's (guest/src/hosted.js).
            "--external:bcrypt",
            "--external:bcryptjs",
            "--external:bindings",
        ]);
        words.push(entry.into());
        words.extend([format!("--format={format}").into(), format!("--sourcemap={map}").into()]);
        words.extend(lowered.iter().map(OsString::from));
        words.extend(OWN.map(|(what, is)| format!("--define:{what}={is}").into()));
        words.push(format!("--metafile={}", self.metafile.display()).into());
        self.run(words, to).await
    }

    /// The same file for the engine.
    async fn lower(&self, whole: &Path, to: &Path) -> Result<(String, ExitStatus)> {
        let mut words = words(&["--platform=node", "--format=cjs", "--sourcemap=external"]);
        words.push(whole.into());
        words.extend(LOWERED.map(OsString::from));
        self.run(words, to).await
    }

    async fn run(&self, words: Vec<OsString>, to: &Path) -> Result<(String, ExitStatus)> {
        let mut command: Vec<OsString> = vec![esbuild::program(&self.program.engine)?.into_os_string()];
        command.extend(words);
        let common = [
            "--target=es2022",
            "--sources-content=false",
            "--log-level=warning",
            "--color=false",
        ];
        command.extend(common.map(OsString::from));
        command.push(format!("--outfile={}", to.display()).into());
        let room = self.program.room(self.out);
        let step = Step {
            command: &command,
            variables: &esbuild::variables(self.program.installed.as_deref()),
            folder: &self.program.folder,
            room: room.as_ref(),
        };
        process::captured(&step).await
    }
}

#[cfg(test)]
mod tests {
    use super::has_module_syntax;

    #[test]
    fn modules_are_told_by_their_syntax() {
        for (text, expected) in [
            ("import http from 'http';", true),
            ("import 'dotenv/config'", true),
            ("import\"x\"", true),
            ("'use strict';\nimport {\n  a,\n} from 'a';", true),
            ("import * as path from \"path\";", true),
            ("export default app;", true),
            ("export const a = 1;", true),
            ("export { a };", true),
            ("const a = require('a');", false),
            ("import('a').then(run);", false),
            ("import.meta", false),
            ("// import a from 'a';\nmodule.exports = 1;", false),
            ("exports.a = 1;", false),
            ("importScripts('a from b');", false),
        ] {
            assert_eq!(has_module_syntax(text), expected, "{text}");
        }
    }
}
