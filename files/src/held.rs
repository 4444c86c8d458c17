//! A file or directory that is open for nothing but to be shown: a name may lead elsewhere later, a descriptor does not.

use rustix::fs::{Mode, OFlags, ResolveFlags};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

/// A file or directory that is open, for nothing but to be shown (`O_PATH`).
#[derive(Debug, Clone)]
pub struct Held {
    descriptor: Arc<OwnedFd>,
    /// Device and inode, which nothing else can have while it is open.
    identity: (u64, u64),
}

impl Held {
    /// Follows no symbolic link: the path has to be its own canonical form.
    pub fn open(path: &Path) -> io::Result<Held> {
        Held::with(path, ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS)
    }

    /// A file of our own, whose path leads where we have it lead.
    pub fn of(path: &Path) -> io::Result<Held> {
        Held::with(path, ResolveFlags::empty())
    }

    fn with(path: &Path, resolve: ResolveFlags) -> io::Result<Held> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let descriptor = rustix::fs::openat2(rustix::fs::CWD, path, flags, Mode::empty(), resolve)?;
        let found = rustix::fs::fstat(&descriptor)?;
        Ok(Held {
            descriptor: Arc::new(descriptor),
            identity: (found.st_dev, found.st_ino),
        })
    }

    /// Whether it still has a name.
    pub(crate) fn is_there(&self) -> bool {
        rustix::fs::fstat(&self.descriptor).is_ok_and(|found| found.st_nlink > 0)
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Held) -> bool {
        self.identity == other.identity
    }
}

impl Eq for Held {}

impl AsFd for Held {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
