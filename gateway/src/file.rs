//! Files that decide what others may: read only where nobody else could have written them.

use rustix::fs::{Mode, OFlags};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Longest file, in bytes.
const LONGEST: u64 = 1 << 20;

/// Why a file is not used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is there and cannot be read. It may forbid something, so that is not the same as none.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
    /// A folder or a device stands there.
    #[error("{} is no regular file", .0.display())]
    Kind(PathBuf),
    /// It, or the folder that it is in, belongs to somebody else.
    #[error("{} belongs to user {owner}, not to {wanted}", .path.display())]
    Owner {
        /// The file or folder.
        path: PathBuf,
        /// Who has it.
        owner: u32,
        /// Who should.
        wanted: String,
    },
    /// Others may do with it what they should not.
    #[error("{} has the mode {mode:04o}, which lets others {what} it", .path.display())]
    Mode {
        /// The file or folder.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// `read` or `change`.
        what: &'static str,
    },
    /// It is longer than any sensible one.
    #[error("{} has more than {LONGEST} bytes", .0.display())]
    Long(PathBuf),
    /// Its bytes are no text.
    #[error("{} is no UTF-8 text", .0.display())]
    Text(PathBuf),
}

impl FileError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            FileError::Mode { path, what: "read", .. } => Some(format!("`chmod 600 {}`", path.display())),
            FileError::Mode { path, .. } => Some(format!("`chmod go-w {}`", path.display())),
            FileError::Owner { path, wanted, .. } => Some(format!("`chown {wanted} {}`", path.display())),
            _ => None,
        }
    }
}

/// Whose a file has to be, and what others may not.
#[derive(Clone, Debug)]
pub struct Trust {
    owners: Vec<u32>,
    is_secret: bool,
}

impl Trust {
    /// Of one of these users, and nobody else may change it.
    pub fn owned(owners: Vec<u32>) -> Trust {
        Trust {
            owners,
            is_secret: false,
        }
    }

    /// Of this process's user, and nobody else may read or change it.
    pub fn secret() -> Trust {
        Trust {
            owners: vec![rustix::process::geteuid().as_raw()],
            is_secret: true,
        }
    }

    fn check(&self, path: &Path, owner: u32, mode: u32, is_folder: bool) -> Result<(), FileError> {
        let path = path.to_owned();
        // A folder may also be root's, who could do anything anyway.
        let is_theirs = self.owners.contains(&owner) || is_folder && owner == 0;
        if !is_theirs {
            let wanted = self.owners.first().map_or_else(String::new, u32::to_string);
            return Err(FileError::Owner { path, owner, wanted });
        }
        let mode = mode & 0o7777;
        // In a sticky folder nobody replaces what is another's.
        let is_sticky = is_folder && mode & 0o1000 != 0;
        if mode & 0o022 != 0 && !is_sticky {
            let what = "change";
            return Err(FileError::Mode { path, mode, what });
        }
        if self.is_secret && !is_folder && mode & 0o077 != 0 {
            let what = "read";
            return Err(FileError::Mode { path, mode, what });
        }
        Ok(())
    }
}

/// Reads a file's bytes; none where there is no such file.
///
/// # Errors
///
/// It is there, and cannot be read or trusted.
pub fn read(path: &Path, trust: &Trust) -> Result<Option<Vec<u8>>, FileError> {
    let failed = |source: io::Error| FileError::Read {
        path: path.to_owned(),
        source,
    };
    // Not to wait for the writer of a FIFO.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(error) => return Err(failed(error.into())),
    };
    let found = file.metadata().map_err(failed)?;
    if !found.is_file() {
        return Err(FileError::Kind(path.to_owned()));
    }
    trust.check(path, found.uid(), found.mode(), false)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let found = fs::metadata(folder).map_err(failed)?;
        trust.check(folder, found.uid(), found.mode(), true)?;
    }
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LONGEST {
        return Err(FileError::Long(path.to_owned()));
    }
    Ok(Some(bytes))
}

/// The same as text.
///
/// # Errors
///
/// As [`read`]; or it is no UTF-8.
pub fn read_text(path: &Path, trust: &Trust) -> Result<Option<String>, FileError> {
    let text = read(path, trust)?.map(String::from_utf8).transpose();
    text.map_err(|_| FileError::Text(path.to_owned()))
}

/// What tells one content of a path from another, without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp(Option<(u64, u64, u64, SystemTime, i64, i64, u32)>);

impl Stamp {
    /// Of what is there at present.
    pub fn of(path: &Path) -> Stamp {
        let found = fs::metadata(path).ok();
        Stamp(found.map(|found| {
            let modified = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            // ctime changes with the owner and the mode, too.
            let changed = (found.ctime(), found.ctime_nsec());
            (
                found.dev(),
                found.ino(),
                found.len(),
                modified,
                changed.0,
                changed.1,
                found.mode(),
            )
        }))
    }
}
