//! Compiled code on disk, found by content.
//!
//! A file's name is a digest of the source and of everything the code depends on, so nothing is ever stale, and a
//! finished file appears under its name in one step (rename(2)), so any number of processes may use the folder at once.
//! The code in it runs later, so nobody else may write there: the folder belongs to the user and is private.

use crate::code::engine::{Allocation, Tier, engine, fingerprint};
use rustix::fs::{AtFlags, CWD, MemfdFlags, Mode, OFlags, StatVfs, StatVfsMountFlags, linkat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, Metadata};
use std::io::{self, Seek};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;
use tempfile::TempDir;

/// What files of code are called.
const EXTENSION: &str = "cwasm";
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

/// Code that is not worth keeping.
pub struct ForNow {
    folder: Option<TempDir>,
    file: File,
}

/// Where such code lies; it goes with this value.
#[derive(Debug)]
pub enum Temporary {
    /// In a folder of its own.
    Folder(TempDir),
    /// In memory.
    Memory(File),
}

impl ForNow {
    /// Begins in the folder for temporary files.
    ///
    /// # Errors
    ///
    /// It cannot be written, or what lies there cannot be executed (mount(8), `noexec`).
    pub fn begin() -> io::Result<ForNow> {
        // Nobody else can put a file there.
        let folder = tempfile::tempdir()?;
        let file = tempfile::tempfile_in(folder.path())?;
        refuse_noexec(rustix::fs::fstatvfs(&file)?)?;
        let folder = Some(folder);
        Ok(ForNow { folder, file })
    }

    /// Begins in memory (memfd_create(2)), which such code costs until it is let go.
    ///
    /// # Errors
    ///
    /// There is none, or no descriptor.
    pub fn in_memory() -> io::Result<ForNow> {
        let file = rustix::fs::memfd_create("code", MemfdFlags::CLOEXEC)?.into();
        Ok(ForNow { folder: None, file })
    }

    /// Where the code is to be written.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Where the finished code lies, and its path in this process.
    ///
    /// # Errors
    ///
    /// The folder is full.
    pub fn finish(mut self) -> io::Result<(Temporary, PathBuf)> {
        let Some(folder) = self.folder else {
            let path = own_path(&self.file);
            return Ok((Temporary::Memory(self.file), path));
        };
        let path = folder.path().join("code.cwasm");
        name(&mut self.file, &path)?;
        Ok((Temporary::Folder(folder), path))
    }
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
        let on = rustix::fs::statvfs(folder).map_err(|error| failed(error.into()))?;
        refuse_noexec(on).map_err(failed)?;
        let metadata = fs::metadata(folder).map_err(failed)?;
        let ours = metadata.uid() == rustix::process::geteuid().as_raw();
        if !ours || metadata.mode() & 0o022 != 0 {
            return Err(CacheError::NotPrivate(folder.to_owned()));
        }
        Ok(Cache {
            folder: folder.to_owned(),
        })
    }

    /// The code's file, if it is there and is what was put there. Marks it as used, and keeps it from being evicted as long
    /// as the file is open. What is damaged is removed.
    pub fn find(&self, key: &Key) -> Found {
        let path = self.path(key);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(file) = rustix::fs::open(&path, flags, Mode::empty()).map(File::from) else {
            return Found::Nothing;
        };
        let _ = file.lock_shared();
        // As this program once left it, or another that was killed.
        if !seal_of(&path).exists() {
            let _ = fs::remove_file(&path);
            return Found::Nothing;
        }
        let is_whole = file.metadata().is_ok_and(|metadata| {
            let is_ours = metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0;
            metadata.is_file() && is_ours && self.is_whole(&path, &file, &metadata)
        });
        if is_whole {
            // Not the code itself: when it was changed says whether it was.
            let _ = File::open(seal_of(&path)).and_then(|seal| seal.set_modified(SystemTime::now()));
            return Found::Code { path, held: file };
        }
        let _ = fs::remove_file(&path);
        let _ = fs::remove_file(seal_of(&path));
        Found::Damaged(path)
    }

    /// Whether it is what was sealed: by when it was changed for the last time, or else by all that is in it.
    fn is_whole(&self, path: &Path, file: &File, metadata: &Metadata) -> bool {
        let Some(seal) = Seal::read(path) else { return false };
        if seal.stamp == Stamp::of(metadata) {
            return true;
        }
        let is_whole = seal.stamp.length == metadata.len()
            && blake3::Hasher::new()
                .update_reader(file)
                .is_ok_and(|hasher| hasher.finalize() == seal.digest);
        if is_whole {
            // It was copied, or its folder restored.
            let stamp = Stamp::of(metadata);
            let _ = Seal { stamp, ..seal }.write(path);
        }
        is_whole
    }

    /// A file to compile into. It has no name yet, so a process that is killed leaves nothing behind.
    ///
    /// # Errors
    ///
    /// The folder is full or gone.
    pub fn begin(&self) -> io::Result<File> {
        tempfile::tempfile_in(&self.folder)
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
        code.rewind()?;
        let digest = blake3::Hasher::new().update_reader(&*code)?.finalize();
        let seal = |file: &File| {
            let stamp = Stamp::of(&file.metadata()?);
            Seal { digest, stamp }.write(&path)
        };
        // First: code without a seal is nobody's. To get a name is a change, too.
        seal(code)?;
        name(code, &path)?;
        seal(&File::open(&path)?)?;
        self.evict(&path);
        Ok(path)
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.folder.join(&key.0).with_extension(EXTENSION)
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
                let metadata = entry.metadata().ok().filter(Metadata::is_file)?;
                let path = entry.path();
                // The seal says when it was used.
                let used = fs::metadata(seal_of(&path)).unwrap_or_else(|_| metadata.clone());
                let is_code = path.extension().is_some_and(|extension| extension == EXTENSION);
                is_code.then_some((used.modified().ok()?, metadata.len(), path))
            })
            .collect();
        files.sort();
        let mut total: u64 = files.iter().map(|(_, length, _)| length).sum();
        for (_, length, path) in files {
            if total <= CAPACITY {
                return;
            }
            // What runs is locked.
            let is_free = File::open(&path).is_ok_and(|file| file.try_lock().is_ok());
            if path != newest && is_free && fs::remove_file(&path).is_ok() {
                let _ = fs::remove_file(seal_of(&path));
                total -= length;
            }
        }
    }
}

/// What was found under a key.
#[derive(Debug)]
pub enum Found {
    /// There is none.
    Nothing,
    /// There was one that is not what was put there; it is gone.
    Damaged(PathBuf),
    /// Its file, which is not evicted while `held` is open.
    Code {
        /// Where it is.
        path: PathBuf,
        /// The same, locked.
        held: File,
    },
}

/// What of a file changes when somebody writes to it (inode(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    length: u64,
    inode: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Stamp {
        Stamp {
            length: metadata.len(),
            inode: metadata.ino(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// What a file of code was when it was finished, in a file beside it. To read all of it at each start would take as long as
/// the start.
#[derive(Debug, Serialize, Deserialize)]
struct Seal {
    #[serde(with = "hexadecimal")]
    digest: blake3::Hash,
    stamp: Stamp,
}

impl Seal {
    fn read(code: &Path) -> Option<Seal> {
        serde_json::from_slice(&fs::read(seal_of(code)).ok()?).ok()
    }

    fn write(&self, code: &Path) -> io::Result<()> {
        let folder = code.parent().unwrap_or(Path::new("."));
        let file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer(&file, self)?;
        file.persist(seal_of(code)).map_err(|error| error.error)?;
        Ok(())
    }
}

fn seal_of(code: &Path) -> PathBuf {
    code.with_extension("seal")
}

mod hexadecimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(digest: &blake3::Hash, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&digest.to_hex())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<blake3::Hash, D::Error> {
        blake3::Hash::from_hex(String::deserialize(from)?).map_err(D::Error::custom)
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
    linkat(CWD, own_path(file), CWD, path, AtFlags::SYMLINK_FOLLOW)
}

/// Code is mapped to be executed, which a file system may not allow (mmap(2), EPERM).
fn refuse_noexec(on: StatVfs) -> io::Result<()> {
    match on.f_flag.contains(StatVfsMountFlags::NOEXEC) {
        true => Err(io::Error::other("it is mounted with `noexec`")),
        false => Ok(()),
    }
}

/// A path of a file that has no name (proc_pid_fd(5)), for this process and those of its user, as long as the file is open.
fn own_path(file: &File) -> PathBuf {
    format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()).into()
}
