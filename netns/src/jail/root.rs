//! The guest's file system: an empty, read-only tmpfs with the files and directories that were named, and nothing else of the host.

use super::landlock::Place;
use super::mount::{self, Attributes, Memory, MountError};
use super::path_of;
use nix::unistd::sethostname;
use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Any directory that always exists and that nobody wants to hand to a guest.
pub(super) const BASE: &str = "/proc";

/// A file or directory that the guest's process may use.
#[derive(Debug)]
pub enum Bind {
    /// One of the host.
    Host {
        /// The file or directory itself (`O_PATH` will do), opened by whoever chose it: a path may lead elsewhere by now. A
        /// file that has no name, as those in memory have none, cannot be mounted: its content as it is now is shown.
        held: OwnedFd,
        /// What it was called then, for errors.
        path: PathBuf,
        /// Nothing in it can be changed by the guest's process.
        read_only: bool,
        /// Files in it that the guest's process cannot change, for all that it may do there; what is not there is not fixed.
        fixed: Vec<PathBuf>,
    },
    /// An empty directory in memory, which goes with the process.
    Scratch {
        /// Most that it holds, in bytes.
        size: u64,
    },
}

impl Bind {
    fn path(&self) -> &Path {
        match self {
            Bind::Host { path, .. } => path,
            Bind::Scratch { .. } => Path::new("a directory in memory"),
        }
    }
}

/// A step in making the root that failed.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// A mount, or a change of one.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// A place to mount on.
    #[error("cannot set up {} in the guest's root", path.display())]
    MountPoint {
        /// For what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// What the root itself holds: a directory or an empty file for each bind.
const ROOT: Memory = Memory {
    size: 64 << 10,
    inodes: 4096,
    mode: 0o755,
};

/// Replaces the root of the calling process's mount namespace.
pub(super) fn enter(binds: &[Bind]) -> Result<(), RootError> {
    let base = Path::new(BASE);
    mount::keep_apart()?;
    // Before anything covers what they are opened by.
    let opened: Vec<Opened> = binds.iter().map(open).collect::<Result<_, _>>()?;
    mount::tmpfs(base, ROOT)?;
    let point = |number: usize| {
        let point = path_of(number);
        base.join(point.strip_prefix("/").unwrap_or(&point))
    };
    for (number, (bind, opened)) in binds.iter().zip(&opened).enumerate() {
        show(bind, opened, &point(number))?;
    }
    drop(opened);
    for (number, bind) in binds.iter().enumerate() {
        let Bind::Host { fixed, .. } = bind else { continue };
        fixed.iter().try_for_each(|file| fix(file, &point(number)))?;
    }
    mount::pivot(base)?;
    mount::restrict_root(Attributes::HARMLESS.read_only())?;
    // The host's name is nobody's business inside.
    let _ = sethostname("guest");
    Ok(())
}

/// What is to be shown, opened in the mount namespace of this process.
enum Opened {
    /// Somewhere in it.
    There(OwnedFd),
    /// A file without a name, for reading.
    Nameless(File),
    /// A directory in memory, which is made.
    Nothing,
}

fn open(bind: &Bind) -> Result<Opened, RootError> {
    let Bind::Host { held, .. } = bind else {
        return Ok(Opened::Nothing);
    };
    let opened = || -> Result<Opened, Errno> {
        match rustix::fs::fstat(held)?.st_nlink {
            0 => {
                let path = format!("/proc/self/fd/{}", held.as_raw_fd());
                let flags = OFlags::RDONLY | OFlags::CLOEXEC;
                Ok(Opened::Nameless(rustix::fs::open(path, flags, Mode::empty())?.into()))
            }
            _ => reopen(held.as_fd()).map(Opened::There),
        }
    };
    opened().map_err(|errno| cannot_show(bind)(errno.into()))
}

/// The same file in this mount namespace. Mounts of another one cannot be shown here, only files and directories that are
/// reached by a mount of this one (`check_mnt`, fs/namespace.c). So it is opened by the path that it has now (proc(5),
/// `/proc/self/fd`), with no link followed, and must be the very same.
fn reopen(held: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let path = rustix::fs::readlink(format!("/proc/self/fd/{}", held.as_raw_fd()), Vec::new())?;
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let opened = rustix::fs::openat2(rustix::fs::CWD, path, flags, Mode::empty(), resolve)?;
    let identity = |file: BorrowedFd<'_>| rustix::fs::fstat(file).map(|found| (found.st_dev, found.st_ino));
    if identity(held)? == identity(opened.as_fd())? {
        Ok(opened)
    } else {
        Err(Errno::STALE)
    }
}

fn cannot_show(bind: &Bind) -> impl Fn(io::Error) -> RootError {
    let path = bind.path().to_owned();
    move |source| RootError::MountPoint {
        path: path.clone(),
        source,
    }
}

/// Of a file, which may be the guest's code, and is mapped to be run then.
const FILE: Attributes = Attributes::NO_PRIVILEGES;

fn show(bind: &Bind, opened: &Opened, point: &Path) -> Result<(), RootError> {
    match (bind, opened) {
        (Bind::Host { path, read_only, .. }, Opened::There(opened)) => {
            let is_directory = make_point(opened, point).map_err(cannot_show(bind))?;
            let attributes = if is_directory { Attributes::HARMLESS } else { FILE };
            let attributes = if *read_only { attributes.read_only() } else { attributes };
            mount::bind(opened.as_fd(), path, point, attributes)?;
        }
        (Bind::Host { path, .. }, Opened::Nameless(file)) => {
            make_point(file, point).map_err(cannot_show(bind))?;
            let (place, copy) = copied(file, point).map_err(cannot_show(bind))?;
            mount::bind(copy.as_fd(), path, point, FILE.read_only())?;
            mount::detach(&place)?;
            std::fs::remove_dir(&place).map_err(cannot_show(bind))?;
        }
        (Bind::Scratch { size }, _) => {
            std::fs::create_dir(point).map_err(cannot_show(bind))?;
            let holds = Memory {
                size: *size,
                inodes: size / 4096,
                mode: 0o1777,
            };
            mount::tmpfs(point, holds)?;
        }
        (Bind::Host { .. }, Opened::Nothing) => return Err(cannot_show(bind)(io::ErrorKind::NotFound.into())),
    }
    Ok(())
}

/// A copy of a file, on a file system of its own beside the point where it is to be shown, and where that is mounted.
fn copied(file: &File, point: &Path) -> io::Result<(PathBuf, File)> {
    let place = point.with_extension("copy");
    std::fs::create_dir(&place)?;
    let holds = Memory {
        size: file.metadata()?.len() + 4096,
        inodes: 4,
        mode: 0o700,
    };
    mount::tmpfs_with_programs(&place, holds).map_err(io::Error::other)?;
    let mut copy = File::create(place.join("file"))?;
    io::copy(&mut &*file, &mut copy)?;
    Ok((place, copy))
}

/// What is shown, from within the root.
pub(super) fn places(binds: &[Bind]) -> Result<Vec<Place>, RootError> {
    let place = |(number, bind): (usize, &Bind)| {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let held = rustix::fs::open(path_of(number), flags, Mode::empty());
        Ok(Place {
            held: held.map_err(|errno| cannot_show(bind)(errno.into()))?,
            read_only: matches!(bind, Bind::Host { read_only: true, .. }),
        })
    };
    binds.iter().enumerate().map(place).collect()
}

/// Makes the file read-only, and it and the folders around it mounts of their own: who can rename one of those could put
/// another file in its place.
fn fix(file: &Path, point: &Path) -> Result<(), RootError> {
    let cannot = |errno: Errno| RootError::MountPoint {
        path: file.to_owned(),
        source: errno.into(),
    };
    let open = |at: BorrowedFd<'_>, name: &Path| {
        let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        rustix::fs::openat2(at, name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)
    };
    let mut at = open(rustix::fs::CWD, point).map_err(cannot)?;
    let mut names = file.iter().map(Path::new).peekable();
    while let Some(name) = names.next() {
        let found = match open(at.as_fd(), name) {
            Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) => return Ok(()),
            found => found.map_err(cannot)?,
        };
        let attributes = match names.peek() {
            Some(_) => Attributes::HARMLESS,
            None => Attributes::HARMLESS.read_only(),
        };
        mount::fix(found.as_fd(), file, attributes)?;
        // What was mounted there.
        at = open(at.as_fd(), name).map_err(cannot)?;
    }
    Ok(())
}

/// A file is mounted on a file, a directory on a directory. Returns whether it is one.
fn make_point(opened: impl AsFd, point: &Path) -> io::Result<bool> {
    let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(opened)?.st_mode);
    if kind.is_dir() {
        std::fs::create_dir(point)?;
    } else {
        std::fs::write(point, "")?;
    }
    Ok(kind.is_dir())
}
