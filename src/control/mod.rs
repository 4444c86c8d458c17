//! Every running `wasmrun os` can be talked to from any terminal of its user: a socket in a folder that is private to the
//! user, named for the run.
//!
//! ```text
//!   wasmrun ps, logs, stop, forward, ...  --HTTP/1.1 over a unix socket--> server --Ask--> session
//! ```
//!
//! The protocol is HTTP under `/v1`, so that limits, streams and versions are those of a library, and
//! `curl --unix-socket` is a client. There is no daemon: the socket is the supervisor's, and who holds the lock on it is
//! alive. A socket whose supervisor was killed is removed by whoever looks next.

mod address;
mod client;
mod message;
pub mod metrics;
mod request;
mod server;

pub use client::Client;
pub use message::{Added, Complaint, Down, ForwardState, NewForward, Outbound, Source, State, Stop, Up};
pub use request::Request;
pub use server::{Answer, Ask, Asks, ask, asks, start};

use anyhow::{Context, anyhow};
use report::{Failure, Result};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// Longest name, in bytes.
pub const NAME: usize = 40;
/// What a run's socket ends with, and that of a `wasmrun up`.
const RUN: &str = "sock";
const UP: &str = "up";

/// The folder of all runs of this user, which whoever logs in by another way finds, too: `/tmp/wasmrun-UID`, or
/// `$XDG_RUNTIME_DIR/wasmrun` where that is not the login manager's own.
pub fn folder() -> Result<PathBuf> {
    let uid = rustix::process::geteuid().as_raw();
    let folder = place(std::env::var_os("XDG_RUNTIME_DIR").as_deref(), uid);
    let cannot = || format!("cannot use {} for control sockets", folder.display());
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .with_context(cannot)?;
    // In /tmp somebody else could have been first.
    let metadata = fs::symlink_metadata(&folder).with_context(cannot)?;
    if !metadata.is_dir() || metadata.uid() != uid || metadata.mode() & 0o077 != 0 {
        return Err(Failure::from(anyhow!(
            "{} is not private: it must belong to you and be closed to others (`chmod 700`)",
            folder.display()
        ))
        .hint("remove it, or set XDG_RUNTIME_DIR"));
    }
    Ok(folder)
}

/// `/run/user/UID` is not there for a login without pam_systemd, and is removed at the user's last logout, while what was left
/// running goes on (pam_systemd(8)).
fn place(runtime: Option<&OsStr>, uid: u32) -> PathBuf {
    let own = format!("/run/user/{uid}");
    match runtime.map(Path::new) {
        Some(folder) if folder.is_absolute() && folder != Path::new(&own) => folder.join("wasmrun"),
        _ => PathBuf::from(format!("/tmp/wasmrun-{uid}")),
    }
}

/// A name that nobody else has, and the socket under it. Dropping it removes the socket.
pub struct Claim {
    pub name: String,
    pub id: String,
    listener: Option<UnixListener>,
    path: PathBuf,
}

impl Claim {
    /// Takes a name in the folder of all runs.
    ///
    /// # Errors
    ///
    /// Another run has it.
    pub fn take(folder: &Path, name: &str) -> Result<Claim> {
        if name.is_empty() || name.len() > NAME || !name.chars().all(is_plain) || name.starts_with(['.', '-']) {
            return Err(Failure::usage(anyhow!("invalid run name `{name}`")).hint(format!(
                "use at most {NAME} letters, digits, `-`, `_` and `.`, without `-` or `.` at the start"
            )));
        }
        let _locked = lock(folder)?;
        let path = run_socket(folder, name);
        if is_alive(&path)? {
            return Err(
                Failure::usage(anyhow!("a run named `{name}` already exists")).hint(format!(
                    "choose another name with `--name`, or stop that run: `wasmrun stop {name}`"
                )),
            );
        }
        Claim::bind(path, name)
    }

    /// Takes a project for a `wasmrun up`.
    ///
    /// # Errors
    ///
    /// Another has it.
    pub fn take_project(folder: &Path, project: &str) -> Result<Claim> {
        let _locked = lock(folder)?;
        let path = project_socket(folder, project);
        if is_alive(&path)? {
            return Err(Failure::usage(anyhow!("the project `{project}` is up already"))
                .hint("see it with `wasmrun ps`, or end it: `wasmrun down`"));
        }
        Claim::bind(path, project)
    }

    /// Takes a name that nobody has chosen, or where another run has it the next one: `app`, `app-2`, `app-3`.
    pub fn take_like(folder: &Path, name: &str) -> Result<Claim> {
        let _locked = lock(folder)?;
        let mut taken = name.to_owned();
        for number in 2.. {
            let path = run_socket(folder, &taken);
            if !is_alive(&path)? {
                return Claim::bind(path, &taken);
            }
            let ending = format!("-{number}");
            // Plain names have one byte a character.
            taken = format!("{}{ending}", &name[..name.len().min(NAME - ending.len())]);
        }
        Err(anyhow!("no free run name like `{name}`").into())
    }

    fn bind(path: PathBuf, name: &str) -> Result<Claim> {
        let _ = fs::remove_file(&path);
        let listener = address::bind(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let seed = (std::process::id(), std::time::UNIX_EPOCH.elapsed().unwrap_or_default());
        let id = blake3::hash(format!("{seed:?}").as_bytes()).to_hex()[..8].to_owned();
        Ok(Claim {
            name: name.to_owned(),
            id,
            listener: Some(listener),
            path,
        })
    }

    /// The socket by which other runs reach the guest ([`netns::link`]).
    pub fn listen_for_links(&self) -> Result<OwnedFd> {
        let path = link(&self.path);
        let _ = fs::remove_file(&path);
        let listener = address::bind_for_messages(&path);
        Ok(listener.with_context(|| format!("cannot make {}", path.display()))?)
    }

    /// The listening socket, once.
    pub fn listener(&mut self) -> Option<UnixListener> {
        self.listener.take()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        forget(&self.path);
    }
}

/// Connects to another run of this user, by its name, to be linked to its guest; none where there is no such run. It does not wait.
pub fn link_to(run: &str) -> Option<OwnedFd> {
    let is_name = !run.is_empty() && run.chars().all(is_plain);
    let folder = folder().ok().filter(|_| is_name)?;
    address::connect_for_messages(&link(&run_socket(&folder, run))).ok()
}

/// A name out of a path: the folder's, or the file's without its ending.
pub fn name_of(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = if path.is_dir() {
        path.file_name()
    } else {
        path.file_stem()
    };
    let name: String = name
        .unwrap_or_default()
        .to_string_lossy()
        .chars()
        .map(|c| if is_plain(c) { c } else { '-' })
        .take(NAME)
        .collect();
    match name.trim_start_matches(['.', '-']) {
        "" => "guest".to_owned(),
        name => name.to_owned(),
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// The sockets of all runs that are alive, by name. Those of the dead are removed.
pub fn running() -> Result<Vec<(String, PathBuf)>> {
    alive(RUN)
}

/// The same of every `wasmrun up`, by its project.
pub fn projects() -> Result<Vec<(String, PathBuf)>> {
    alive(UP)
}

fn alive(kind: &str) -> Result<Vec<(String, PathBuf)>> {
    let folder = folder()?;
    let _locked = lock(&folder)?;
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let Some(ending) = path.extension().filter(|ending| *ending == RUN || *ending == UP) else {
            continue;
        };
        if !is_alive(&path).unwrap_or(true) {
            forget(&path);
        } else if ending == kind {
            let name = path.file_stem().unwrap_or_default();
            found.push((name.to_string_lossy().into_owned(), path));
        }
    }
    found.sort();
    Ok(found)
}

/// Whether somebody listens. A queue that is full is somebody's, too.
fn is_alive(path: &Path) -> Result<bool> {
    match address::connect(path).map_err(|error| (error.kind(), error)) {
        Ok(_) | Err((ErrorKind::WouldBlock, _)) => Ok(true),
        Err((ErrorKind::ConnectionRefused | ErrorKind::NotFound, _)) => Ok(false),
        // No socket.
        Err((_, error)) if error.raw_os_error() == Some(Errno::NOTSOCK.raw_os_error()) => Ok(false),
        Err((_, error)) => Err(error).with_context(|| format!("cannot connect to {}", path.display()))?,
    }
}

/// The socket for links, beside the one for control.
fn link(control: &Path) -> PathBuf {
    control.with_extension("link")
}

/// Removes what a run has left.
fn forget(control: &Path) {
    let _ = fs::remove_file(control);
    let _ = fs::remove_file(link(control));
}

/// The socket of a run.
pub fn run_socket(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.{RUN}"))
}

/// The socket of a project's `wasmrun up`.
fn project_socket(folder: &Path, project: &str) -> PathBuf {
    folder.join(format!("{project}.{UP}"))
}

/// One at a time claims a name or clears up. The lock ends with the file.
fn lock(folder: &Path) -> Result<File> {
    let file = File::open(folder).with_context(|| format!("cannot open {}", folder.display()))?;
    flock(&file, FlockOperation::LockExclusive).with_context(|| format!("cannot lock {}", folder.display()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logout_takes_no_folder_away() {
        let place = |runtime: Option<&str>| place(runtime.map(OsStr::new), 1000);
        assert_eq!(place(None), Path::new("/tmp/wasmrun-1000"));
        assert_eq!(place(Some("/run/user/1000")), Path::new("/tmp/wasmrun-1000"));
        assert_eq!(place(Some("/run/user/1000/")), Path::new("/tmp/wasmrun-1000"));
        assert_eq!(place(Some("here")), Path::new("/tmp/wasmrun-1000"));
        assert_eq!(place(Some("/srv/run")), Path::new("/srv/run/wasmrun"));
    }
}
