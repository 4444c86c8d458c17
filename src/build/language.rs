//! What a project is built with, told by the files that it has. A language is added here and nowhere else.

use super::command::{Command, Hint, Output, Tool};
use super::digest::Digest;
use super::{Plan, Project, nodejs, python};
use crate::artifact;
use crate::settings::choices;
use anyhow::anyhow;
use report::{Failure, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// One way to build a project.
pub struct Language {
    pub name: &'static str,
    /// Whether a folder is such a project.
    is_here: fn(&Path) -> bool,
    /// How to build it.
    plan: fn(&Project) -> Result<Plan>,
}

/// The first that fits is taken: what names its own toolchain comes before what may belong to any.
pub const LANGUAGES: [Language; 8] = [
    Language {
        name: "Rust",
        is_here: |folder| folder.join("Cargo.toml").is_file(),
        plan: |project| {
            Ok(Plan::Command(Command {
                tool: Some(CARGO),
                command: words(&[
                    "cargo",
                    "build",
                    "--target",
                    "wasm32-wasip2",
                    "--release",
                    "--message-format=json-render-diagnostics",
                ]),
                variables: Vec::new(),
                folder: project.folder.clone(),
                output: Output::CargoMessages,
                writes: vec![project.out()?],
                policy: project.policy,
                hint: Some(RUST_HINT),
            }))
        },
    },
    Language {
        name: "Go",
        is_here: |folder| folder.join("go.mod").is_file(),
        plan: |project| {
            let output = project.out()?.join("app.wasm");
            Ok(Plan::Command(Command {
                tool: Some(GO),
                // The commit is nothing that the guest needs, and git does not say it in a checkout of another user.
                command: with(&["go", "build", "-buildvcs=false", "-o"], &[&output, Path::new(".")]),
                variables: vec![("GOOS", "wasip1"), ("GOARCH", "wasm")],
                folder: project.folder.clone(),
                output: Output::File(output),
                writes: vec![project.out()?],
                policy: project.policy,
                hint: Some(GO_HINT),
            }))
        },
    },
    Language {
        name: "AssemblyScript",
        is_here: |folder| folder.join("asconfig.json").is_file(),
        plan: |project| {
            let output = project.out()?.join("app.wasm");
            let entry = Path::new("assembly/index.ts");
            Ok(Plan::Command(Command {
                tool: Some(NPX),
                command: with(&["npx", "--no-install", "asc"], &[entry])
                    .into_iter()
                    .chain(with(&["--target", "release", "--outFile"], &[&output]))
                    .collect(),
                variables: Vec::new(),
                folder: project.folder.clone(),
                output: Output::File(output),
                writes: vec![project.out()?],
                policy: project.policy,
                hint: Some(NPX_HINT),
            }))
        },
    },
    Language {
        name: "Zig",
        is_here: |folder| folder.join("build.zig").is_file(),
        plan: |project| {
            let out = project.out()?;
            Ok(Plan::Command(Command {
                tool: Some(ZIG),
                command: with(&["zig", "build", "-Dtarget=wasm32-wasi", "--prefix"], &[&out]),
                variables: Vec::new(),
                folder: project.folder.clone(),
                output: Output::OnlyOneIn(out.join("bin")),
                writes: vec![project.out()?],
                policy: project.policy,
                hint: None,
            }))
        },
    },
    Language {
        name: "Node.js",
        is_here: nodejs::is_here,
        plan: |project| nodejs::Plan::of(project).map(Plan::Nodejs),
    },
    Language {
        name: "Python",
        is_here: python::is_here,
        plan: |project| python::Plan::of(project).map(Plan::Python),
    },
    Language {
        name: "make",
        is_here: |folder| {
            ["Makefile", "makefile", "GNUmakefile"]
                .iter()
                .any(|name| folder.join(name).is_file())
        },
        plan: |project| {
            Ok(Plan::Command(Command {
                tool: Some(MAKE),
                command: words(&["make"]),
                variables: Vec::new(),
                folder: project.folder.clone(),
                output: Output::OnlyOneIn(project.folder.clone()),
                writes: vec![project.out()?],
                policy: project.policy,
                hint: None,
            }))
        },
    },
    Language {
        name: "C",
        // A folder that has its .wasm beside the source was built by other means.
        is_here: |folder| !with_extension(folder, "c").is_empty() && with_extension(folder, "wasm").is_empty(),
        plan: c,
    },
];

const CARGO: Tool = Tool {
    program: "cargo",
    install: "install Rust: https://rustup.rs, then `rustup target add wasm32-wasip2`",
};
const GO: Tool = Tool {
    program: "go",
    install: "install Go 1.21 or later: https://go.dev/dl (Debian: `sudo apt-get install -t bookworm-backports golang-go`)",
};
const NPX: Tool = Tool {
    program: "npx",
    install: "install Node.js (`sudo apt-get install npm`), then `npm install --save-dev assemblyscript`",
};
const ZIG: Tool = Tool {
    program: "zig",
    install: "install Zig: `pip install ziglang` and put its folder on PATH, or https://ziglang.org/download",
};
const MAKE: Tool = Tool {
    program: "make",
    install: "sudo apt-get install make",
};

/// The language of a project's folder.
pub fn detect(folder: &Path) -> Result<Option<&'static Language>> {
    let found = LANGUAGES.iter().find(|language| (language.is_here)(folder));
    // Many a service in Python has a package.json for its pages, and the other way round.
    if found.is_some_and(|language| language.name == "Node.js") && python::says_so(folder) {
        let message = anyhow!("{} could be a Node.js or a Python project", folder.display());
        return Err(Failure::usage(message).hint("say which: `--language nodejs` or `--language python`"));
    }
    Ok(found)
}

/// The language of a script, by its name.
pub fn of_script(path: &Path) -> Option<choices::Language> {
    match path.extension()?.to_str()? {
        "py" => Some(choices::Language::Python),
        "js" | "mjs" | "cjs" | "ts" => Some(choices::Language::Nodejs),
        _ => None,
    }
}

/// The language that was named.
pub fn named(language: choices::Language) -> &'static Language {
    let name = language.name();
    LANGUAGES
        .iter()
        .find(|language| language.name == name)
        .expect("every name is in the list: there is a test")
}

impl Language {
    /// How to build the project.
    pub fn plan(&self, project: &Project) -> Result<Plan> {
        (self.plan)(project)
    }
}

impl Project<'_> {
    /// A folder for what the build writes, outside the project.
    pub(super) fn out(&self) -> Result<PathBuf> {
        out(&self.folder)
    }
}

/// A folder for what the build of a project's folder writes.
pub(super) fn out(folder: &Path) -> Result<PathBuf> {
    let name = Digest::default().add(folder.as_os_str().as_encoded_bytes()).name();
    Ok(files::cache::folder(files::cache::Kind::Build)?.join(name))
}

fn c(project: &Project) -> Result<Plan> {
    let output = project.out()?.join("app.wasm");
    let clang = super::find("zig").is_none() && super::find("clang").is_some();
    let (tool, compiler) = if clang {
        (CLANG, ["clang", "--target=wasm32-wasi"].as_slice())
    } else {
        (ZIG, ["zig", "cc", "--target=wasm32-wasi"].as_slice())
    };
    let mut command = with(&[compiler, &["-O2", "-o"]].concat(), &[&output]);
    command.extend(
        with_extension(&project.folder, "c")
            .into_iter()
            .map(PathBuf::into_os_string),
    );
    Ok(Plan::Command(Command {
        tool: Some(tool),
        command,
        variables: Vec::new(),
        folder: project.folder.clone(),
        output: Output::File(output),
        writes: vec![project.out()?],
        policy: project.policy,
        hint: clang.then_some(CLANG_HINT),
    }))
}

const CLANG: Tool = Tool {
    program: "clang",
    install: "sudo apt-get install clang lld wasi-libc libclang-rt-dev-wasm32",
};

/// A Rust toolchain without the target says so in many lines; the fix is one.
const RUST_HINT: Hint = Hint {
    // Which toolchain it is the project may decide (rust-toolchain.toml), so it is asked as it was used.
    ask: |command| {
        // Cargo's own variable for another compiler.
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        command.push(rustc);
        command.extend(["--print", "target-libdir", "--target", "wasm32-wasip2"].map(OsString::from));
    },
    hint: |said, is_well| {
        let is_there = is_well && Path::new(said.trim()).is_dir();
        (!is_there).then(|| "the target is not installed: `rustup target add wasm32-wasip2`".to_owned())
    },
};

/// Go has wasip1 since 1.21; Debian 12's is older.
const GO_HINT: Hint = Hint {
    ask: |command| command.extend(["go", "version"].map(OsString::from)),
    hint: |said, _| go_hint(said),
};

/// npx says of a package only that it is not there.
const NPX_HINT: Hint = Hint {
    ask: |_| {},
    hint: |_, _| Some("npm install --save-dev assemblyscript".to_owned()),
};

/// clang says of a missing library only its path.
const CLANG_HINT: Hint = Hint {
    ask: |_| {},
    hint: |_, _| Some("sudo apt-get install wasi-libc libclang-rt-dev-wasm32 lld".to_owned()),
};

fn go_hint(version: &str) -> Option<String> {
    let minor = version
        .split("go1.")
        .nth(1)?
        .split(|c: char| !c.is_ascii_digit())
        .next()?;
    let is_old = minor.parse::<u32>().ok()? < 21;
    is_old.then(|| format!("this is Go 1.{minor}: {}", GO.install))
}

/// Files with this extension; a folder that cannot be read has none.
fn with_extension(folder: &Path, extension: &str) -> Vec<PathBuf> {
    artifact::files(folder, &[extension]).unwrap_or_default()
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

fn with(first: &[&str], paths: &[&Path]) -> Vec<OsString> {
    let mut command = words(first);
    command.extend(paths.iter().map(OsString::from));
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        folder
    }

    fn whole(folder: &Path) -> Project<'static> {
        Project {
            folder: folder.to_owned(),
            script: None,
            file: None,
            policy: crate::build::Policy::default(),
        }
    }

    #[test]
    fn every_language_can_be_named() {
        use clap::ValueEnum;
        let mut all: Vec<&str> = choices::Language::value_variants()
            .iter()
            .map(|value| named(*value).name)
            .collect();
        let mut known: Vec<&str> = LANGUAGES.iter().map(|language| language.name).collect();
        all.sort_unstable();
        known.sort_unstable();
        assert_eq!(all, known);
    }

    #[test]
    fn projects_are_told_by_their_files() {
        for (files, name) in [
            (&["Cargo.toml", "Makefile"] as &[&str], Some("Rust")),
            (&["go.mod", "main.go"], Some("Go")),
            (&["asconfig.json", "package.json"], Some("AssemblyScript")),
            (&["build.zig"], Some("Zig")),
            (&["Makefile", "main.c"], Some("make")),
            (&["main.c", "util.c"], Some("C")),
            (&["main.c", "main.wasm"], None),
            (&["requirements.txt", "Makefile"], Some("Python")),
            (&["pyproject.toml"], Some("Python")),
            (&["app.py"], Some("Python")),
            (&["package.json", "tool.py"], Some("Node.js")),
            (&["app.py", "app.wasm"], None),
            (&["app.wasm"], None),
            (&[], None),
        ] {
            let folder = project(files);
            assert_eq!(
                detect(folder.path()).unwrap().map(|language| language.name),
                name,
                "{files:?}"
            );
        }
    }

    #[test]
    fn nothing_is_guessed_where_two_languages_are_at_home() {
        let folder = project(&["package.json", "pyproject.toml"]);
        let failure = detect(folder.path()).err().unwrap();
        assert_eq!(
            failure.hint.unwrap(),
            "say which: `--language nodejs` or `--language python`"
        );
    }

    #[test]
    fn what_is_built_lies_outside_the_project_and_apart_from_others() {
        let (one, two) = (project(&["go.mod"]), project(&["go.mod"]));
        let output = |folder: &tempfile::TempDir| match detect(folder.path())
            .unwrap()
            .unwrap()
            .plan(&whole(folder.path()))
            .unwrap()
        {
            Plan::Command(Command {
                output: Output::File(path),
                ..
            }) => path,
            other => panic!("{other:?}"),
        };
        assert!(!output(&one).starts_with(one.path()));
        assert_ne!(output(&one), output(&two));
        assert_eq!(output(&one), output(&one));
    }
}
