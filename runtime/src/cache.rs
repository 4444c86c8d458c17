//! Compiled code on disk, found by content.
//!
//! A file's name is a digest of the source and of everything the code depends on, so nothing is ever stale, and a
//! finished file appears under its name in one step (rename(2)), so any number of processes may use the folder at once.
//! The code in it runs later, so nobody else may write there: the folder belongs to the user and is private.

use crate::engine::{Allocation, Tier, engine, fingerprint};
use rustix::fs::{AtFlags, CWD, linkat};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io::{self, Seek};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;
use tempfile::TempDir;

/// The oldest files go when the folder is larger than this, in bytes.
const CAPACITY: u64 = 4 << 30;

/// Why the cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The folder cannot be made or looked at.
    #[error("cannot use the cache folder {}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// There is no compiler for this processor.
    #[error("cannot set up the compiler: {0}")]
    Compiler(String),
    /// Somebody else could put code into it.
    #[error("the cache folder {} is not private: it must belong to you and be closed to others (`chmod 700`)", .0.display())]
    NotPrivate(PathBuf),
}

/// The name of a piece of compiled code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// The key for the optimised code of a source with this digest, under this program's compiler settings.
    ///
    /// # Errors
    ///
    /// The compiler cannot be set up on this processor.
    pub fn of(source: &blake3::Hash) -> Result<Key, CacheError> {
        let mut digest = blake3::Hasher::new();
        digest.update(
            Key::settings()
                .as_ref()
                .map_err(|text| CacheError::Compiler(text.clone()))?,
        );
        digest.update(source.as_bytes());
        Ok(Key(digest.finalize().to_hex().to_string()))
    }

    /// What all keys of this program have in common. It takes a millisecond to find out, once, and may be asked for
    /// early, on a thread that has nothing else to do.
    pub fn settings() -> &'static Result<[u8; 32], String> {
        static SETTINGS: OnceLock<Result<[u8; 32], String>> = OnceLock::new();
        SETTINGS.get_or_init(|| {
            let engine = engine(Allocation::OnDemand, Tier::Optimized);
            engine
                .map(|engine| fingerprint(&engine))
                .map_err(|error| format!("{error:#}"))
        })
    }
}

/// A folder of compiled code.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Opens the folder, making it where it does not exist.
    ///
    /// # Errors
    ///
    /// It cannot be made, or others may write to it.
    pub fn open(folder: &Path) -> Result<Cache, CacheError> {
        let failed = |source| CacheError::Folder {
            path: folder.to_owned(),
            source,
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(failed)?;
        let metadata = fs::metadata(folder).map_err(failed)?;
        let ours = metadata.uid() == rustix::process::geteuid().as_raw();
        if !ours || metadata.mode() & 0o022 != 0 {
            return Err(CacheError::NotPrivate(folder.to_owned()));
        }
        Ok(Cache {
            folder: folder.to_owned(),
        })
    }

    /// The code's file, if it is there. Marks it as used.
    pub fn find(&self, key: &Key) -> Option<PathBuf> {
        let path = self.path(key);
        let file = File::open(&path).ok()?;
        let _ = file.set_modified(SystemTime::now());
        Some(path)
    }

    /// A file to compile into. It has no name yet, so a process that is killed leaves nothing behind.
    ///
    /// # Errors
    ///
    /// The folder is full or gone.
    pub fn begin(&self) -> io::Result<File> {
        tempfile::tempfile_in(&self.folder)
    }

    /// Puts finished code that is not worth keeping into a folder of its own, which goes with the value, and returns its
    /// path as well.
    ///
    /// # Errors
    ///
    /// The folder for temporary files is full or gone.
    pub fn keep_for_now(code: &mut File) -> io::Result<(TempDir, PathBuf)> {
        // Nobody else can put a file of that name there.
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("code.cwasm");
        name(code, &path)?;
        Ok((folder, path))
    }

    /// Puts finished code under its key and returns its path.
    ///
    /// # Errors
    ///
    /// The folder is full or gone.
    pub fn keep(&self, key: &Key, code: &mut File) -> io::Result<PathBuf> {
        let path = self.path(key);
        // On disk before it has a name: after a power cut there is all of it or nothing.
        code.sync_data()?;
        name(code, &path)?;
        self.evict(&path);
        Ok(path)
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.folder.join(format!("{}.cwasm", key.0))
    }

    /// Removes what was not used for longest until the folder is within its capacity. A guest that runs from a removed
    /// file keeps it open.
    fn evict(&self, newest: &Path) {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return;
        };
        let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let metadata = entry.metadata().ok()?;
                Some((metadata.modified().ok()?, metadata.len(), entry.path()))
            })
            .collect();
        files.sort();
        let mut total: u64 = files.iter().map(|(_, length, _)| length).sum();
        for (_, length, path) in files {
            if total <= CAPACITY {
                return;
            }
            if path != newest && fs::remove_file(&path).is_ok() {
                total -= length;
            }
        }
    }
}

/// Gives a file without a name this one, if nobody has it.
fn name(file: &mut File, path: &Path) -> io::Result<()> {
    match link(file, path) {
        // Another process was faster: the content is the same.
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        // Not every file system can name a nameless file.
        Err(_) => {
            let folder = path.parent().unwrap_or(Path::new("."));
            let mut named = tempfile::NamedTempFile::new_in(folder)?;
            file.rewind()?;
            io::copy(file, &mut named)?;
            named.persist(path).map_err(|error| error.error)?;
            Ok(())
        }
    }
}

/// Gives an open file a name (open(2), `O_TMPFILE`).
fn link(file: &File, path: &Path) -> rustix::io::Result<()> {
    let nameless = format!("/proc/self/fd/{}", file.as_raw_fd());
    linkat(CWD, nameless, CWD, path, AtFlags::SYMLINK_FOLLOW)
}
