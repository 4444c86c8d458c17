//! ES modules and TypeScript become one CommonJS file, by esbuild.

use super::esbuild::{self, Metafile};
use super::source::Source;
use super::{manifest, packages, positions};
use crate::home;
use crate::tools::digest::Digest;
use crate::tools::process::{self, Step};
use anyhow::{Context, anyhow};
use files::regular;
use report::{Failure, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
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

/// Whether a line at the top of a module waits.
fn awaits_at_top(text: &str) -> bool {
    text.lines().any(|line| {
        let declares = ["const ", "let ", "var ", "export const ", "export default "];
        let is_declaration = declares.iter().any(|word| line.starts_with(word)) && line.contains("= await ");
        line.starts_with("await ")
            || line.starts_with("for await ")
            || line.starts_with("export default await ")
            || is_declaration
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
    // The engine cannot see what becomes of its own async functions; of generators that do the same it can. An `import()`
    // that is left to it ends it.
    let plain = ["async-await", "for-await", "async-generator", "dynamic-import"]
        .map(|feature| format!("--supported:{feature}=false"));
    let mut command: Vec<OsString> = vec![esbuild::program(&program.engine)?.into_os_string(), script.into()];
    command.extend(
        [
            "--bundle",
            "--format=cjs",
            "--platform=node",
            "--target=es2022",
            "--keep-names",
            "--sourcemap=external",
            // The guest has them with the runtime's own bcrypt (guest/src/crypto-bcrypt.js).
            "--external:bcrypt",
            "--external:bcryptjs",
            "--sources-content=false",
        ]
        .map(OsString::from),
    );
    command.extend(["--log-level=warning", "--color=false"].map(OsString::from));
    command.extend(plain.map(OsString::from));
    command.extend(OWN.map(|(what, is)| format!("--define:{what}={is}").into()));
    let made = tempfile::Builder::new()
        .suffix(".cjs")
        .tempfile_in(out)
        .with_context(|| format!("cannot write to {}", out.display()))?
        .into_temp_path();
    let metafile = made.with_added_extension("json");
    command.push(format!("--outfile={}", made.display()).into());
    command.push(format!("--metafile={}", metafile.display()).into());
    let room = program.room(out);
    let step = Step {
        command: &command,
        variables: &esbuild::variables(installed),
        folder,
        room: room.as_ref(),
    };
    let status = step.start(false).await?.ended().await?;
    if !status.success() {
        let failure = Failure::usage(anyhow!("the build failed ({})", process::describe(status)));
        let awaits = regular::read_text(script, regular::MANIFEST).is_ok_and(|text| awaits_at_top(&text));
        return Err(if awaits {
            failure.hint("top-level `await` is not supported: use `async function main() { … } main()`")
        } else {
            failure
        });
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
    let inputs: Vec<PathBuf> = found?.inputs.into_keys().collect();
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
