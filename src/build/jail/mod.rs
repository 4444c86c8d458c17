//! The jail of a build, from outside: which folders of this machine a build's process is shown, and which it may change.
//!
//! A build runs the project's own code (`build.rs`, a Makefile, a macro, a package's installer), and a project may be a
//! stranger's. So it has the project, the toolchains and nothing else of the user's: no keys, no other project, no
//! process. The network stays this machine's, because packages have to come.

mod environment;
mod tools;

pub use environment::variables;
pub use tools::registries;

use super::digest::Digest;
use crate::cache;
use crate::failure::{Failure, Result};
use anyhow::{Context, anyhow};
use netns::jail::build::View;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Of the system: what programs are made of.
const SYSTEM: [&str; 11] = [
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix", "/gnu", "/snap",
];
/// Of /etc: what programs need to find libraries, names and certificates. Keys and passwords are not in it.
const SETTINGS: [&str; 35] = [
    "alternatives",
    "apk",
    "bash.bashrc",
    "ca-certificates",
    "ca-certificates.conf",
    "crypto-policies",
    "debian_version",
    "gai.conf",
    "group",
    "host.conf",
    "hosts",
    "java-17-openjdk",
    "ld-musl-x86_64.path",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "magic",
    "mime.types",
    "networks",
    "nsswitch.conf",
    "os-release",
    "passwd",
    "pip.conf",
    "pki",
    "protocols",
    "python3",
    "resolv.conf",
    "rpc",
    "services",
    "shells",
    "ssl",
    "terminfo",
    "timezone",
    "uv",
];
/// What of a project a build may read and not change, although it may change the project: programs outside of any jail
/// obey them (git's hooks and `core.fsmonitor`, editors' tasks, direnv, wasmrun itself).
const CONTROL: [&str; 9] = [
    ".git",
    ".hg",
    ".svn",
    ".jj",
    ".wasmrun.toml",
    ".wasmrunignore",
    ".envrc",
    ".vscode",
    ".idea",
];

/// How builds are confined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Confinement {
    /// In a jail of their own.
    #[default]
    Jailed,
    /// As any program of the user: what was typed (`--no-build-jail`), or trusted (`[build] jail = false`).
    Open,
}

impl Confinement {
    /// The room, where there is a jail.
    pub fn around(self, room: impl FnOnce() -> Room) -> Option<Room> {
        (self == Confinement::Jailed).then(room)
    }
}

/// What one process of a build needs besides the system and the toolchains on PATH.
#[derive(Clone, Debug, Default)]
pub struct Room {
    reads: Vec<PathBuf>,
    writes: Vec<PathBuf>,
    /// Folder of the host, and one for what the build changes in it.
    layers: Vec<(PathBuf, PathBuf)>,
    /// Held while the layers are in use.
    lock: Option<PathBuf>,
    /// It runs a package manager and nobody's code, and is told where packages are, with passwords.
    pub fetches: bool,
}

impl Room {
    /// One that is shown this and may change nothing but it.
    pub fn writing(folder: &Path) -> Room {
        Room::default().and_writes(folder)
    }

    pub fn and_writes(mut self, path: &Path) -> Room {
        self.writes.push(path.to_owned());
        self
    }

    pub fn and_reads(mut self, path: &Path) -> Room {
        self.reads.push(path.to_owned());
        self
    }

    pub fn and_fetches(mut self) -> Room {
        self.fetches = true;
        self
    }

    /// One for a project's own build tool: it may change the project, with the workspace that it is a part of, and its
    /// outputs. The caches of package managers are shown as they are; what a build changes in them is seen by builds of
    /// the same project alone, because they have the code of everything that is built later.
    pub fn of_project(folder: &Path, outputs: &[PathBuf]) -> Result<Room> {
        super::refuse_home(folder)?;
        let mut room = Room::writing(folder);
        let is_own = |folder: &&Path| super::refuse_home(folder).is_ok();
        if let Some(workspace) = folder.ancestors().find(|folder| is_workspace(folder)).filter(is_own) {
            room.writes.push(workspace.to_owned());
        }
        // Packages that are named by a path are often of the same repository.
        if let Some(repository) = folder
            .ancestors()
            .find(|folder| folder.join(".git").exists())
            .filter(is_own)
        {
            room.reads.push(repository.to_owned());
        }
        let name = Digest::default().add(folder.as_os_str().as_encoded_bytes()).name();
        let changes = cache::folder(cache::Kind::Layers)?.join(name);
        for (number, cache) in tools::caches().into_iter().enumerate() {
            room.layers.push((cache, changes.join(number.to_string())));
        }
        room.lock = Some(changes);
        room.writes.extend(outputs.iter().cloned());
        Ok(room)
    }

    /// Everything that the process is shown.
    pub fn views(&self) -> Result<Vec<View>> {
        let home = tools::home();
        let mut views: Vec<View> = SYSTEM.iter().filter_map(|path| as_it_is(Path::new(path))).collect();
        views.extend(
            SETTINGS
                .iter()
                .filter_map(|name| setting(&Path::new("/etc").join(name))),
        );
        views.push(memory("/etc/ssl/private"));
        for folder in ["/tmp", "/var/tmp", "/run"] {
            views.push(memory(folder));
        }
        if let Some(home) = &home {
            views.push(View::Memory { path: home.clone() });
        }
        let mut shown = Shown { views };
        for tool in tools::on_path() {
            shown.read(&tool);
        }
        let registries = if self.fetches { tools::registries() } else { Vec::new() };
        for path in tools::settings().iter().chain(&registries).chain(&self.reads) {
            shown.read(path);
        }
        for (host, changes) in &self.layers {
            shown.views.push(View::Layered {
                path: host.clone(),
                changes: changes.clone(),
            });
        }
        for path in &self.writes {
            shown.write(path)?;
        }
        Ok(shown.views)
    }

    /// Waits for other builds that have changed the same layers.
    pub async fn lock(&self) -> Result<Option<File>> {
        let Some(folder) = &self.lock else { return Ok(None) };
        let cannot = || format!("cannot use {}", folder.display());
        std::fs::create_dir_all(folder).with_context(cannot)?;
        let file = File::open(folder).with_context(cannot)?;
        cache::touch(&file);
        if file.try_lock().is_ok() {
            return Ok(Some(file));
        }
        tracing::info!("waiting for another build of this project");
        let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file));
        Ok(Some(locked.await?.with_context(cannot)?))
    }
}

struct Shown {
    views: Vec<View>,
}

impl Shown {
    fn read(&mut self, path: &Path) {
        // What is not there is not needed.
        let Ok(whole) = path.canonicalize() else { return };
        if !self.has(&whole) {
            self.views.push(View::Host {
                path: whole.clone(),
                writable: false,
            });
        }
        if whole != path && !self.has(path) {
            self.views.push(View::Link {
                path: path.to_owned(),
                target: whole,
            });
        }
    }

    fn write(&mut self, path: &Path) -> Result<()> {
        super::refuse_home(path)?;
        std::fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        let whole = path
            .canonicalize()
            .with_context(|| format!("cannot use {}", path.display()))?;
        if whole != path {
            self.read(path);
        }
        for name in CONTROL {
            let control = whole.join(name);
            // A link leads to what is shown elsewhere, or is not shown.
            if control.symlink_metadata().is_ok_and(|metadata| !metadata.is_symlink()) {
                self.views.push(View::Host {
                    path: control,
                    writable: false,
                });
            }
        }
        self.views.push(View::Host {
            path: whole,
            writable: true,
        });
        Ok(())
    }

    /// Whether it is shown already, as a part of the host.
    fn has(&self, path: &Path) -> bool {
        // The nearest decides: one in memory hides what is below it.
        let around = self.views.iter().filter(|view| path.starts_with(view.path()));
        let nearest = around.max_by_key(|view| view.path().components().count());
        matches!(
            nearest,
            Some(View::Host { .. } | View::As { .. } | View::Layered { .. })
        )
    }
}

fn memory(path: &str) -> View {
    View::Memory { path: path.into() }
}

/// A folder of the system, or the link that is in its place where /usr has everything.
fn as_it_is(path: &Path) -> Option<View> {
    let metadata = path.symlink_metadata().ok()?;
    Some(if metadata.is_symlink() {
        View::Link {
            path: path.to_owned(),
            target: std::fs::read_link(path).ok()?,
        }
    } else {
        View::Host {
            path: path.to_owned(),
            writable: false,
        }
    })
}

/// A file or folder of /etc by its own name, wherever it really is (resolv.conf is often in /run).
fn setting(path: &Path) -> Option<View> {
    let host = path.canonicalize().ok()?;
    // What only root reads has no business in a build.
    let is_readable = host.metadata().is_ok_and(|metadata| metadata.mode() & 0o004 != 0);
    is_readable.then(|| View::As {
        path: path.to_owned(),
        host,
    })
}

/// Whether a folder is the root of packages that are built together: cargo writes into its `target`, go reads go.work.
fn is_workspace(folder: &Path) -> bool {
    let text = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    let is_cargo = text.lines().any(|line| line.trim_start().starts_with("[workspace"));
    is_cargo || folder.join("go.work").is_file() || super::nodejs::manifest::is_workspace(folder)
}

/// Says how a build could run that this machine gives no jail.
pub fn no_jail() -> Failure {
    Failure::from(anyhow!("the build could not be jailed"))
        .hint("`wasmrun doctor` says what this machine lacks; `--no-build-jail` builds as any program of yours")
}
