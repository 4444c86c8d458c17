//! Toolchains of this machine: where they are, what they are told, and where they keep what they fetch.

use crate::tools;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Folders that have more than a toolchain: of those on PATH that are in them no more is shown than is on PATH.
const WIDE: [&str; 3] = [".local", ".cargo", ".config"];
/// Folders of the home folder that are toolchains and nothing else.
const WHOLE: [&str; 7] = [".asdf", ".nvm", ".pyenv", ".rbenv", ".rustup", ".sdkman", ".volta"];
/// What of another folder of the home folder lies beside `bin` and belongs to its programs. Others keep keys there.
const BESIDE: [&str; 9] = [
    "include", "lib", "lib32", "lib64", "libexec", "pkg", "share", "src", "VERSION",
];
/// In the home folder: settings of tools without which they find no packages. What has only passwords is left out
/// (`.cargo/credentials.toml`, `.netrc`, `.docker`).
const SETTINGS: [&str; 8] = [
    ".cargo/bin",
    ".cargo/config",
    ".cargo/config.toml",
    ".cargo/env",
    ".config/go",
    ".local/share/uv/python",
    ".rustup",
    ".nvm",
];
/// In the home folder: what package managers are told, with the passwords of registries. For those alone, where they run
/// nobody's code.
const REGISTRIES: [&str; 4] = [".config/pip", ".config/uv", ".pip", ".npmrc"];
/// In the home folder: what tools have fetched. The tool, the folder, and the variable that names another.
const CACHES: [(&str, &str, Option<&str>); 7] = [
    ("cargo", ".cargo/registry", Some("CARGO_HOME/registry")),
    ("cargo", ".cargo/git", Some("CARGO_HOME/git")),
    ("go", "go/pkg/mod", Some("GOMODCACHE")),
    ("go", "go/pkg/mod", Some("GOPATH/pkg/mod")),
    ("go", ".cache/go-build", Some("GOCACHE")),
    ("zig", ".cache/zig", Some("ZIG_GLOBAL_CACHE_DIR")),
    ("tinygo", ".cache/tinygo", None),
];
/// Variables that name a toolchain's folder.
const ROOTS: [&str; 10] = [
    "CARGO_HOME/bin",
    "CARGO_HOME/config.toml",
    "RUSTUP_HOME",
    "GOROOT",
    "PYENV_ROOT",
    "NVM_DIR",
    "VIRTUAL_ENV",
    "WASI_SDK_PATH",
    "JAVA_HOME",
    "EMSDK",
];
/// Variables that name a program.
const PROGRAMS: [&str; 8] = ["RUSTC", "CARGO", "CC", "CXX", "AR", "LD", "RUSTC_WRAPPER", "GCC"];
/// Variables that name certificates, or a folder of packages.
const FILES: [&str; 9] = [
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "PIP_CONFIG_FILE",
    "PIP_FIND_LINKS",
    "UV_FIND_LINKS",
];

/// The user's home folder.
pub(crate) fn home() -> Option<PathBuf> {
    dirs::home_dir().and_then(|home| home.canonicalize().ok())
}

/// What `NAME/rest` says, where the variable is set to an absolute path.
fn variable(name: &str) -> Option<PathBuf> {
    let (name, rest) = name.split_once('/').unwrap_or((name, ""));
    let value = PathBuf::from(std::env::var_os(name)?);
    value
        .is_absolute()
        .then(|| if rest.is_empty() { value } else { value.join(rest) })
}

/// The folders of toolchains that PATH and their own variables lead to.
pub(super) fn on_path() -> BTreeSet<PathBuf> {
    let home = home();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    let programs = PROGRAMS.iter().filter_map(|name| variable(name));
    let programs = programs.filter_map(|program| program.parent().map(Path::to_owned));
    let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for folder in folders.chain(programs) {
        found.extend(toolchain(&folder, home.as_deref()));
        // /bin is /usr/bin by another name in most systems, and PATH often has a folder twice.
        if let Ok(whole) = folder.canonicalize()
            && seen.insert(whole.clone())
        {
            for program in linked_from(&whole) {
                match program.parent().filter(|folder| is_toolchain(folder, home.as_deref())) {
                    Some(folder) => found.extend(toolchain(folder, home.as_deref())),
                    None => drop(found.insert(program)),
                }
            }
        }
    }
    found.extend(ROOTS.iter().filter_map(|name| variable(name)));
    found
}

/// The programs outside the system that the links of a folder of programs lead to: a program that is a link belongs to the
/// toolchain that it leads to. The folder's path has no link in it.
fn linked_from(folder: &Path) -> BTreeSet<PathBuf> {
    let is_of_system = |path: &Path| ["/usr", "/opt", "/etc"].iter().any(|system| path.starts_with(system));
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let links = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()));
    // The system's own links, of which there are many, lead to the system.
    let elsewhere = links.filter(|link| {
        let target = std::fs::read_link(link.path()).unwrap_or_default();
        !is_of_system(folder) || (target.is_absolute() && !is_of_system(&target))
    });
    let programs = elsewhere.filter_map(|link| link.path().canonicalize().ok());
    programs.filter(|program| !is_of_system(program)).collect()
}

/// Whether the folder of a program is its toolchain's, and not one of everything: of the root, of a home, or open to all. A
/// folder in the home folder is one where something of a toolchain lies beside the program.
fn is_toolchain(folder: &Path, home: Option<&Path>) -> bool {
    let is_open = folder
        .metadata()
        .is_ok_and(|metadata| metadata.permissions().mode() & 0o002 != 0);
    let is_above_home = home.is_some_and(|home| home.starts_with(folder));
    let is_in_home = home.is_some_and(|home| folder.parent() == Some(home));
    let has_more = || has_programs(folder) || BESIDE.iter().any(|name| folder.join(name).exists());
    folder.components().count() > 2 && !is_open && !is_above_home && (!is_in_home || has_more())
}

/// Whether a folder has programs by its name.
fn has_programs(folder: &Path) -> bool {
    let name = folder.file_name().and_then(OsStr::to_str);
    matches!(name, Some("bin" | "sbin" | "shims"))
}

/// Programs in `bin` need what lies beside it.
fn toolchain(folder: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let around = folder.parent().filter(|_| has_programs(folder));
    let around = around.filter(|around| around.components().count() > 2);
    let is_wide = |around: &&Path| {
        let is_home = home.is_some_and(|home| home.starts_with(around));
        let name = around.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let is_named = |name: &&str| variable(name).as_deref() == Some(*around);
        is_home || WIDE.contains(&name) || ["CARGO_HOME", "GOPATH"].iter().any(is_named)
    };
    let Some(around) = around.filter(|around| !is_wide(around)) else {
        return vec![folder.to_owned()];
    };
    let below_home = home.and_then(|home| around.strip_prefix(home).ok());
    let is_whole = below_home.is_none_or(|below| WHOLE.iter().any(|whole| below.starts_with(whole)));
    if is_whole {
        return vec![around.to_owned()];
    }
    let beside = BESIDE.iter().map(|name| around.join(name));
    [folder.to_owned()].into_iter().chain(beside).collect()
}

/// What tools are told by the user.
pub(super) fn settings() -> Vec<PathBuf> {
    let own = home().into_iter().flat_map(|home| SETTINGS.map(|name| home.join(name)));
    let named = FILES.iter().filter_map(|name| variable(name));
    own.chain(named).collect()
}

/// What package managers are told besides.
pub(crate) fn registries() -> Vec<PathBuf> {
    home()
        .into_iter()
        .flat_map(|home| REGISTRIES.map(|name| home.join(name)))
        .collect()
}

/// What tools have fetched. A folder that is not there is one of a tool that is: it will fetch.
pub(super) fn caches() -> Vec<PathBuf> {
    let home = home();
    let place = |(tool, usual, name): &(&str, &str, Option<&str>)| {
        let named = name.and_then(variable);
        let place = named.or_else(|| home.as_ref().map(|home| home.join(usual)))?;
        (place.is_dir() || tools::find(tool).is_some()).then_some(place)
    };
    // Behind a link is another place, which is not shown.
    let real = |path: PathBuf| path.canonicalize().unwrap_or(path);
    let mut caches: Vec<PathBuf> = CACHES.iter().filter_map(place).map(real).collect();
    caches.dedup();
    caches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_shows_a_toolchain_and_no_folder_of_everything() {
        let place = tempfile::tempdir().unwrap();
        let home = place.path().canonicalize().unwrap();
        let shown = |folder: &str| is_toolchain(&home.join(folder), Some(&home));
        for folder in ["Downloads", "zig/lib", "bin", "tools/one"] {
            std::fs::create_dir_all(home.join(folder)).unwrap();
        }
        assert!(shown("zig") && shown("bin") && shown("tools/one"));
        assert!(!shown("Downloads") && !shown(""));
        assert!(!is_toolchain(Path::new("/srv"), Some(&home)));
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(home.join("tools/one"), open).unwrap();
        assert!(!shown("tools/one"));
    }
}
