//! The compiler of extensions: cargo, with a target whose standard library is position-independent.

use super::library;
use super::recipe::{Recipe, TARGET_TRIPLE};
use crate::jail::Room;
use crate::plan::Policy;
use crate::python::toolchain::PYTHON;
use crate::rust;
use crate::tools::process::{self, Step};
use crate::tools::progress::Work;
use crate::tools::sealed;
use anyhow::{Context, anyhow};
use report::{Failure, Result};
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Cargo's output.
pub(super) const TARGET: &str = "target";
/// How rustc makes a library that componentize-py links. What is not in it, libc and CPython, is imported.
pub(super) const FLAGS: [&str; 10] = [
    "-Crelocation-model=pic",
    "-Clink-self-contained=no",
    "-Cpanic=abort",
    "-Cstrip=symbols",
    "-Clink-arg=-shared",
    "-Clink-arg=--experimental-pic",
    "-Clink-arg=--unresolved-symbols=import-dynamic",
    // Otherwise all of the standard library is exported, and kept.
    "-Clink-arg=--no-export-dynamic",
    "-Clink-arg=--gc-sections",
    "-Clink-arg=--no-entry",
];
/// Where the linker finds `-lc`: in CPython's own, so nothing of it is linked here.
const EMPTY: &str = "empty";
/// An ar(1) archive without members.
const NO_MEMBERS: &[u8] = b"!<arch>\n";
/// What comes of it, for us.
const LIBRARY: &str = "library.wasm";
const STUB: &str = "task.o";
const CONFIGURATION: &str = "pyo3.txt";
/// The crate by which others compile C, as `cargo tree` lists it.
const C_COMPILER: &str = "cc v";
/// Where that crate finds one.
const WASI_SDK: &str = "WASI_SDK_PATH";
pub(super) const C_HINT: &str = "C needs the WASI SDK, and WASI_SDK_PATH: https://github.com/WebAssembly/wasi-sdk";
/// What rustc says of `std::os::wasi` on this target.
const UNSTABLE: &str = "unstable library feature `wasip2`";
/// A compiler that allows it, to PyO3 alone: crates without the standard library do not know the feature.
const WRAPPER: &str = "rustc-wrapper";
const ALLOWS: &str = "#!/bin/sh
case \" $* \" in
  *\" --crate-name pyo3 \"*) RUSTC_BOOTSTRAP=1 exec \"$@\" '-Zcrate-attr=feature(wasip2)' ;;
esac
exec \"$@\"
";
/// Errors of a build that are shown; `--verbose` shows all.
const SHOWN: usize = 4;

/// Asks the compiler that cargo would use for the target.
pub(super) async fn require(policy: Policy, folder: &Path) -> Result<()> {
    if crate::tools::find(rust::CARGO.program).is_none() {
        let message = anyhow!("it is Rust in many packages, and Rust is not installed");
        return Err(Failure::usage(message).hint(rust::CARGO.install));
    }
    let mut command = Vec::new();
    (rust::HINT.ask)(&mut command);
    let room = policy.confinement.around(|| Room::writing(folder));
    let step = Step {
        command: &command,
        variables: &[],
        folder,
        room: room.as_ref(),
    };
    let (said, status) = process::captured(&step).await?;
    match (rust::HINT.hint)(&said, status.success()) {
        Some(hint) => Err(Failure::usage(anyhow!("the Rust compiler has no {TARGET_TRIPLE}")).hint(hint)),
        None => Ok(()),
    }
}

/// Fetches the crates that a package's is made of. Whether there is a compiler for all of them: without one for C a build
/// would fail after minutes.
pub(super) async fn fetch(work: &Work, recipe: &Recipe, source: &Path, room: Option<&Room>) -> Result<bool> {
    let step = Step {
        command: &recipe.dependencies(source),
        variables: &[],
        folder: source,
        room,
    };
    let dependencies = work.step(&step).await?;
    Ok(std::env::var_os(WASI_SDK).is_some() || !dependencies.lines().any(|line| line.starts_with(C_COMPILER)))
}

/// Builds a package's crate; returns the library. `folder`: for what is made on the way.
pub(super) async fn build(
    work: &Work,
    recipe: &Recipe,
    source: &Path,
    folder: &Path,
    room: Option<&Room>,
) -> Result<PathBuf> {
    let empty = folder.join(EMPTY);
    std::fs::create_dir(&empty).with_context(|| format!("cannot make {}", empty.display()))?;
    sealed::write(&empty.join("libc.a"), NO_MEMBERS)?;
    sealed::write(&folder.join(STUB), &library::stub())?;
    // <https://pyo3.rs/main/building-and-distribution.html#advanced-config-files>
    let configuration = format!(
        "implementation=CPython\nversion={PYTHON}\nshared=true\nabi3=false\npointer_width=32\nbuild_flags=\nsuppress_build_script_link_lines=true\n"
    );
    sealed::write(&folder.join(CONFIGURATION), configuration.as_bytes())?;
    let mut flags = FLAGS.map(OsString::from).to_vec();
    flags.push(joined("-Lnative=", &empty));
    flags.push(joined("-Clink-arg=", &folder.join(STUB)));
    // For the target alone, because it is named (cargo's reference, `build.rustflags`).
    let flags = flags.join(OsStr::new("\x1f"));
    let configuration = folder.join(CONFIGURATION);
    let mut variables: Vec<(&str, &OsStr)> = vec![
        ("CARGO_ENCODED_RUSTFLAGS", &flags),
        ("PYO3_CONFIG_FILE", configuration.as_os_str()),
        // Packages that promise the stable interface may be older than this Python.
        ("PYO3_USE_ABI3_FORWARD_COMPATIBILITY", OsStr::new("1")),
        // Whole-program optimization of a large extension takes longer than a user waits.
        ("CARGO_PROFILE_RELEASE_LTO", OsStr::new("off")),
        ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", OsStr::new("16")),
        ("CARGO_PROFILE_RELEASE_DEBUG", OsStr::new("0")),
    ];
    let target = folder.join(TARGET);
    let command = recipe.command(source, &target);
    let run = async |variables: &[(&str, &OsStr)]| {
        let step = Step {
            command: &command,
            variables,
            folder: source,
            room,
        };
        work.step(&step).await
    };
    let built = run(&variables).await;
    // PyO3 before 0.27 converts paths with what is stable on wasm32-wasip1 alone.
    if built
        .as_ref()
        .is_err_and(|failure| failure.error.to_string().contains(UNSTABLE))
    {
        let wrapper = folder.join(WRAPPER);
        sealed::write(&wrapper, ALLOWS.as_bytes())?;
        let mode = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(&wrapper, mode).with_context(|| format!("cannot use {}", wrapper.display()))?;
        variables.push(("RUSTC_WRAPPER", wrapper.as_os_str()));
        run(&variables).await.map_err(reason)?;
    } else {
        built.map_err(reason)?;
    }
    // The package's code was at work there, so it is copied where nothing but the package is seen. Cargo's own file has two
    // names, as one of somebody else's could have.
    let library = folder.join(LIBRARY);
    let outputs = target.join(TARGET_TRIPLE).join("release");
    let mut command = crate::command::words(&["sh", "-c", "exec cp -- \"$1\"/*.wasm \"$2\"", "sh"]);
    command.extend([outputs.into_os_string(), library.clone().into_os_string()]);
    let step = Step {
        command: &command,
        variables: &[],
        folder,
        room,
    };
    work.step(&step).await?;
    Ok(library)
}

/// Changes when a compiler, or a target of one, comes or goes: what could not be built may be built then.
pub(in crate::python) fn marks() -> Vec<u8> {
    let mut marks = Vec::new();
    for program in [Some(rust::CARGO.program.into()), std::env::var_os("RUSTC")]
        .into_iter()
        .flatten()
    {
        let path = which::which(program).unwrap_or_default();
        marks.extend_from_slice(path.as_os_str().as_encoded_bytes());
    }
    // rustup's, one folder each (<https://rust-lang.github.io/rustup/concepts/toolchains.html>).
    let home = std::env::var_os("RUSTUP_HOME").map(PathBuf::from);
    let home = home.or_else(|| dirs::home_dir().map(|home| home.join(".rustup")));
    let toolchains = home.and_then(|home| std::fs::read_dir(home.join("toolchains")).ok());
    let mut libraries: Vec<PathBuf> = toolchains
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("lib/rustlib"))
        .collect();
    libraries.sort();
    for folder in libraries {
        let changed = std::fs::metadata(&folder).and_then(|metadata| metadata.modified());
        marks.extend_from_slice(format!("{}{changed:?}", folder.display()).as_bytes());
    }
    marks
}

fn joined(option: &str, path: &Path) -> OsString {
    let mut whole = OsString::from(option);
    whole.push(path);
    whole
}

/// The errors of what cargo said, and what may help.
fn reason(failure: Failure) -> Failure {
    let whole = failure.error.to_string();
    tracing::debug!("{whole}");
    let errors = whole.lines().map(str::trim).filter(|line| line.starts_with("error"));
    let shown: Vec<&str> = errors.take(SHOWN).collect();
    let shortened = Failure::usage(anyhow!("{}", shown.join("\n")));
    if whole.contains("recompile with -fPIC") {
        return shortened.hint("the standard library of this Rust is too old for it: `rustup update`");
    }
    if whole.contains("failed to find tool") {
        return shortened.hint(C_HINT);
    }
    shortened
}
