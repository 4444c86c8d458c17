//! The user's cache: compiled code, environments of interpreters, packages, toolchains, and what builds write. One rule for all
//! of it: what is in there runs later, so it is the user's alone.
//!
//! It is bounded by size and age. What runs is held (flock(2)) and never taken.

use anyhow::{Context, anyhow};
use report::{Failure, Result};
use rustix::fs::{Timestamps, UTIME_NOW, UTIME_OMIT};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// All of it together may have this many bytes; the least recently used goes first.
pub const CAPACITY: u64 = 20 << 30;
/// What was not used for this long goes.
pub const LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// How the names of folders begin that are not finished.
pub const UNFINISHED: &str = ".making-";

/// What a folder of the cache has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Code of guests, a file each.
    Code,
    /// Toolchains that wasmrun has fetched, and the caches of their package managers.
    Toolchains,
    /// Environments of Python.
    Python,
    /// Packages of Node.js.
    Nodejs,
    /// What builds write outside of projects.
    Build,
    /// What builds have changed in the caches of their tools.
    Layers,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 6] = [
        Kind::Code,
        Kind::Toolchains,
        Kind::Python,
        Kind::Nodejs,
        Kind::Build,
        Kind::Layers,
    ];

    /// As it is listed and typed.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Code => "code",
            Kind::Toolchains => "toolchains",
            Kind::Python => "python",
            Kind::Nodejs => "nodejs",
            Kind::Build => "build",
            Kind::Layers => "layers",
        }
    }

    fn place(self, code: &Path) -> PathBuf {
        match (self, code.parent()) {
            (Kind::Code, _) => code.to_owned(),
            // Beside the code, where the folder is ours to divide.
            (Kind::Toolchains, Some(parent)) if std::env::var_os(VARIABLE).is_none() => parent.join("toolchains"),
            _ => code.join(self.name()),
        }
    }
}

/// Beside each file of code (`runtime::Cache`).
const SEAL: &str = "seal";
const VARIABLE: &str = "WASMRUN_CACHE_DIR";

/// Where the cache is: `WASMRUN_CACHE_DIR`, else the user's cache folder.
pub fn place() -> Option<PathBuf> {
    match std::env::var_os(VARIABLE) {
        Some(folder) => Some(folder.into()),
        None => dirs::cache_dir().map(|folder| folder.join("wasmrun").join("code")),
    }
}

/// The folder of a kind, which need not be there.
///
/// # Errors
///
/// There is none, or others could put something into it.
pub fn folder(kind: Kind) -> Result<PathBuf> {
    const HINT: &str = "set WASMRUN_CACHE_DIR to a folder of your own";
    let code = place().ok_or_else(|| Failure::from(anyhow!("no cache folder")).hint(HINT))?;
    let folder = kind.place(&code);
    for shared in [&code, &folder] {
        runtime::Cache::open(shared).map_err(|error| Failure::from(error).hint(HINT))?;
    }
    // Wherever the user has it: from here on no link is followed.
    Ok(folder
        .canonicalize()
        .with_context(|| format!("cannot use {}", folder.display()))?)
}

/// Keeps a file or folder of the cache from being taken as long as the value is there.
pub fn lock(path: &Path) -> Result<File> {
    let cannot = || format!("cannot use {}", path.display());
    let file = File::open(path).with_context(cannot)?;
    file.lock_shared().with_context(cannot)?;
    Ok(file)
}

/// The same, and says that it was used.
pub fn hold(path: &Path) -> Result<Arc<File>> {
    let file = lock(path)?;
    touch(&file);
    Ok(Arc::new(file))
}

/// Says that a file or folder of the cache was used.
pub fn touch(file: &File) {
    let now = rustix::fs::Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_NOW,
    };
    let unchanged = rustix::fs::Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_OMIT,
    };
    // Where the cache is read-only nothing is taken, either.
    let _ = rustix::fs::futimens(
        file,
        &Timestamps {
            last_access: unchanged,
            last_modification: now,
        },
    );
}

/// One thing that can be taken away.
#[derive(Debug)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Where it lies.
    pub path: PathBuf,
    /// In bytes.
    pub size: u64,
    /// When it was used last.
    pub used: SystemTime,
}

/// Everything that is there, the least recently used first.
pub fn entries() -> Vec<Entry> {
    let Some(code) = place() else { return Vec::new() };
    let mut found = Vec::new();
    for kind in Kind::ALL {
        let entries = fs::read_dir(kind.place(&code)).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let Ok(metadata) = entry.metadata() else { continue };
            let path = entry.path();
            // The folder of code has those of the others in it, and a seal beside each file, which says when it was used.
            let is_code = path.extension().is_some_and(|extension| extension == "cwasm");
            if name.to_string_lossy().starts_with(UNFINISHED) || (kind == Kind::Code) != (metadata.is_file() && is_code)
            {
                continue;
            }
            let seal = fs::metadata(path.with_extension(SEAL)).ok().filter(|_| is_code);
            found.push(Entry {
                kind,
                size: size(&path),
                used: seal.unwrap_or(metadata).modified().unwrap_or(SystemTime::UNIX_EPOCH),
                path,
            });
        }
    }
    found.sort_by_key(|entry| entry.used);
    found
}

fn size(path: &Path) -> u64 {
    let Ok(metadata) = path.symlink_metadata() else {
        return 0;
    };
    if !metadata.is_dir() {
        return metadata.len();
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| size(&entry.path())).sum()
}

/// What was taken away, and what could not be.
#[derive(Debug, Default)]
pub struct Pruned {
    /// Entries that were removed.
    pub entries: usize,
    /// What they took, in bytes.
    pub bytes: u64,
    /// Entries that stay because they are in use.
    pub in_use: usize,
}

/// Takes away what was not used for a time, and of the rest what is beyond a size.
pub fn prune(capacity: u64, lifetime: Duration) -> Pruned {
    let entries = entries();
    let mut total: u64 = entries.iter().map(|entry| entry.size).sum();
    let mut pruned = Pruned::default();
    for entry in entries {
        let is_old = entry.used.elapsed().is_ok_and(|age| age >= lifetime);
        if total <= capacity && !is_old {
            continue;
        }
        if take(&entry.path) {
            pruned.entries += 1;
            pruned.bytes += entry.size;
            total -= entry.size;
        } else {
            pruned.in_use += 1;
        }
    }
    pruned
}

/// Removes one unless somebody holds it.
fn take(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    if file.try_lock().is_err() {
        return false;
    }
    // Under another name nobody finds it while it goes.
    let aside = path.with_file_name(format!("{UNFINISHED}{}", std::process::id()));
    if !path.is_dir() {
        let _ = fs::remove_file(path.with_extension(SEAL));
        return fs::remove_file(path).is_ok();
    }
    if fs::rename(path, &aside).is_err() {
        return false;
    }
    remove(&aside)
}

/// As `fs::remove_dir_all`, for folders without permissions, too: the kernel's own folder of a layer has none
/// (fs/overlayfs/super.c).
fn remove(folder: &Path) -> bool {
    let _ = rustix::fs::chmod(folder, rustix::fs::Mode::RWXU);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&path);
        } else {
            let _ = fs::remove_file(&path);
        }
    }
    fs::remove_dir(folder).is_ok()
}

/// Takes away what is too much, on a thread of its own: for after something new has come.
pub fn prune_soon() {
    let _ = std::thread::Builder::new().name("cache".to_owned()).spawn(|| {
        let pruned = prune(CAPACITY, LIFETIME);
        if pruned.entries > 0 {
            tracing::debug!("cache: {} removed, {} bytes", pruned.entries, pruned.bytes);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (held, free) = (folder.path().join("held"), folder.path().join("free"));
        for path in [&held, &free] {
            fs::create_dir_all(path.join("in/it")).unwrap();
            fs::write(path.join("in/it/file"), "text").unwrap();
        }
        fs::set_permissions(free.join("in"), std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
        let holder = hold(&held).unwrap();
        assert!(!take(&held) && held.exists());
        assert!(take(&free) && !free.exists());
        drop(holder);
        assert!(take(&held));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
