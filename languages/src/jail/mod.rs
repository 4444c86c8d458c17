//! The jail of a build, from outside: which folders of this machine a build's process is shown, and which it may change.
//!
//! A build runs the project's own code (`build.rs`, a Makefile, a macro, a package's installer), and a project may be a
//! stranger's. So it has the project, the toolchains and nothing else of the user's: no keys, no other project, no
//! process. The network stays this machine's, because packages have to come.

mod environment;
mod tools;

pub(crate) use environment::variables;
pub(crate) use tools::{home, registries};

use crate::tools::digest::Digest;
use anyhow::{Context, anyhow};
use files::cache;
use netns::jail::build::View;
use report::{Failure, Result};
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
    pub fn of_project(folder: &Path, workspace: Option<&Path>, outputs: &[PathBuf]) -> Result<Room> {
        crate::home::refuse(folder)?;
        let mut room = Room::writing(folder);
        let is_own = |folder: &&Path| crate::home::refuse(folder).is_ok();
        room.writes.extend(workspace.filter(is_own).map(Path::to_owned));
        // Packages that are named by a path are often of the same repository.
        if let Some(repository) = folder
            .ancestors()
            .find(|folder| folder.join(".git").exists())
            .filter(is_own)
        {
            room.reads.push(repository.to_owned());
        }
        room.writes.extend(outputs.iter().cloned());
        room.and_caches(&Digest::default().add(folder.as_os_str().as_encoded_bytes()).name())
    }

    /// The same with the caches of package managers. What is changed in them is seen by rooms of the same name.
    pub fn and_caches(mut self, name: &str) -> Result<Room> {
        let changes = cache::folder(cache::Kind::Layers)?.join(name);
        for cache in tools::caches() {
            let name = Digest::default().add(cache.as_os_str().as_encoded_bytes()).name();
            self.layers.push((cache, changes.join(name)));
        }
        self.lock = Some(changes);
        Ok(self)
    }

    /// Everything that the process is shown.
    pub fn views(&self) -> Result<Vec<View>> {
        let home = tools::home();
        let mut views: Vec<View> = SYSTEM.iter().filter_map(|path| as_it_is(Path::new(path))).collect();
        views.extend(SETTINGS.iter().flat_map(|name| settings(&Path::new("/etc").join(name))));
        // As root these can be read; elsewhere they may not be there.
        let secret = ["/etc/ssl/private", "/etc/pki/tls/private", "/nix/var/nix/daemon-socket"];
        views.extend(
            secret
                .iter()
                .filter(|path| Path::new(path).is_dir())
                .map(|path| memory(path)),
        );
        for folder in ["/tmp", "/var/tmp", "/run"] {
            views.push(memory(folder));
        }
        if let Some(home) = &home {
            views.push(View::Memory { path: home.clone() });
        }
        let mut shown = Shown { views };
        // First: what is in there is shown as it is, also where PATH leads there.
        for path in &self.writes {
            shown.write(path)?;
        }
        for (host, changes) in &self.layers {
            shown.views.push(View::Layered {
                path: host.clone(),
                changes: changes.clone(),
            });
        }
        for tool in tools::on_path() {
            shown.read(&tool);
        }
        let registries = if self.fetches { tools::registries() } else { Vec::new() };
        for path in tools::settings().iter().chain(&registries).chain(&self.reads) {
            shown.read(path);
        }
        Ok(shown.views)
    }

    /// What programs outside obey and is not there yet. The value looks again when it is dropped: what a build has made of it
    /// gets another name, because the next `git status` in that folder would run what it says.
    pub fn absent(&self) -> Absent {
        let controls = self
            .writes
            .iter()
            .flat_map(|folder| CONTROL.map(|name| folder.join(name)));
        Absent(controls.filter(|path| path.symlink_metadata().is_err()).collect())
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

/// Names that a build must not take.
pub struct Absent(Vec<PathBuf>);

impl Drop for Absent {
    fn drop(&mut self) {
        for path in self.0.iter().filter(|path| path.symlink_metadata().is_ok()) {
            let other = path.with_added_extension("made-by-a-build");
            let _ = std::fs::remove_dir_all(&other).or_else(|_| std::fs::remove_file(&other));
            if std::fs::rename(path, &other).is_ok() {
                tracing::warn!(
                    "the build created {}; renamed it to {}",
                    path.display(),
                    other.display()
                );
            }
        }
    }
}

struct Shown {
    views: Vec<View>,
}

impl Shown {
    fn read(&mut self, path: &Path) {
        // What is not there is not needed, and no toolchain is all of a home folder.
        let Ok(whole) = path.canonicalize() else { return };
        if crate::home::refuse(&whole).is_err() {
            return;
        }
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

    /// The path has no link in it, and a build must not have put one there since.
    fn write(&mut self, path: &Path) -> Result<()> {
        std::fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        let whole = path
            .canonicalize()
            .with_context(|| format!("cannot use {}", path.display()))?;
        if whole != path {
            return Err(anyhow!("{} leads to {} now", path.display(), whole.display()).into());
        }
        crate::home::refuse(&whole)?;
        let view = View::Host {
            path: whole.clone(),
            writable: true,
        };
        // A project is often named more than once: as what is built, and as what its file or its output lies in.
        if self.views.contains(&view) {
            return Ok(());
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
        self.views.push(view);
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

/// Files that a folder of /etc may have to be copied one by one, which takes less time than a mount.
const FEW: usize = 8;

/// A file of /etc, or a folder as a whole or file by file.
fn settings(path: &Path) -> Vec<View> {
    let files = || {
        let entries = std::fs::read_dir(path).ok()?.flatten().take(FEW + 1);
        let paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        (paths.len() <= FEW && paths.iter().all(|path| path.is_file())).then_some(paths)
    };
    match files() {
        Some(files) => files.iter().filter_map(|path| setting(path)).collect(),
        None => setting(path).into_iter().collect(),
    }
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

/// Says how a build could run that this machine gives no jail.
pub(crate) fn no_jail() -> Failure {
    Failure::from(anyhow!("cannot start the build jail"))
        .hint("check this machine with `wasmrun doctor`, or build without the build jail: `--no-build-jail`")
}
