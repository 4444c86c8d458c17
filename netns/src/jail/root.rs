//! The guest's file system: an empty, read-only tmpfs with the files and directories that were named, and nothing else of the host.

use super::path_of;
use nix::NixPath;
use nix::errno::Errno;
use nix::libc;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{chdir, pivot_root, sethostname};
use std::io;
use std::path::{Path, PathBuf};

/// Any directory that always exists and that nobody wants to hand to a guest.
const BASE: &str = "/proc";

/// A file or directory that the guest's process may use.
#[derive(Debug, Clone)]
pub enum Bind {
    /// One of the host.
    Host {
        /// Absolute.
        path: PathBuf,
        /// Nothing in it can be changed by the guest's process.
        read_only: bool,
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
    /// A mount(2), or a change of one.
    #[error("cannot {step} {}", path.display())]
    Mount {
        /// What was tried.
        step: &'static str,
        /// Where.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: Errno,
    },
    /// A place to mount on.
    #[error("cannot show {} in the guest's root", path.display())]
    MountPoint {
        /// For what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// No program of it runs, and none has more rights than who starts it.
const HARMLESS: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV).union(MsFlags::MS_NOEXEC);
const NONE: Option<&str> = None;

/// Replaces the root of the calling process's mount namespace.
pub(super) fn enter(binds: &[Bind]) -> Result<(), RootError> {
    let base = Path::new(BASE);
    let at = |step: &'static str, path: &Path| {
        let path = path.to_owned();
        move |source| RootError::Mount { step, path, source }
    };
    // Nothing that is mounted here may show on the host.
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(NONE, "/", NONE, private, NONE).map_err(at("make private", Path::new("/")))?;
    mount(Some("tmpfs"), base, Some("tmpfs"), HARMLESS, Some("size=64k,mode=755"))
        .map_err(at("mount a tmpfs on", base))?;
    for (number, bind) in binds.iter().enumerate() {
        let point = path_of(number);
        let point = base.join(point.strip_prefix("/").unwrap_or(&point));
        make_point(bind, &point).map_err(|source| RootError::MountPoint {
            path: bind.path().to_owned(),
            source,
        })?;
        show(bind, &point)?;
    }
    chdir(base).map_err(at("enter", base))?;
    // With "." for both, the old root ends up on top of the new one and is taken off again (pivot_root(2), NOTES).
    pivot_root(".", ".").map_err(at("make the root of", base))?;
    umount2(".", MntFlags::MNT_DETACH).map_err(at("let go of", Path::new("the host's root")))?;
    chdir("/").map_err(at("enter", Path::new("/")))?;
    let read_only = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | HARMLESS;
    mount(NONE, "/", NONE, read_only, NONE).map_err(at("make read-only", Path::new("/")))?;
    // The host's name is nobody's business inside.
    let _ = sethostname("guest");
    Ok(())
}

/// A file is mounted on a file, a directory on a directory.
fn make_point(bind: &Bind, point: &Path) -> io::Result<()> {
    match bind {
        Bind::Host { path, .. } if !std::fs::metadata(path)?.is_dir() => std::fs::write(point, ""),
        _ => std::fs::create_dir(point),
    }
}

fn show(bind: &Bind, point: &Path) -> Result<(), RootError> {
    let failed = |step: &'static str| {
        let path = bind.path().to_owned();
        move |source| RootError::Mount { step, path, source }
    };
    let (host, is_read_only) = match bind {
        Bind::Host { path, read_only } => (path.as_path(), *read_only),
        Bind::Scratch { size } => {
            // Files that are empty take memory, too.
            let options = format!("size={size},nr_inodes={},mode=1777", size / 4096);
            return mount(Some("tmpfs"), point, Some("tmpfs"), HARMLESS, Some(options.as_str()))
                .map_err(failed("mount a tmpfs for"));
        }
    };
    // Recursive, because the kernel does not let a less privileged namespace look under a mount (MNT_LOCKED).
    let recursive = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(host), point, NONE, recursive, NONE).map_err(failed("bind"))?;
    if is_read_only {
        // Unlike a remount this reaches the mounts below, too, and leaves their other flags as they are.
        read_only(point).map_err(failed("make read-only"))?;
    }
    Ok(())
}

/// Makes every mount at and below `point` read-only: mount_setattr(2), Linux 5.12.
fn read_only(point: &Path) -> nix::Result<()> {
    let attributes = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_RDONLY,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let changed = point.with_nix_path(|point| {
        #[expect(unsafe_code, reason = "neither nix nor rustix knows this system call")]
        // SAFETY: the path ends with NUL and the attributes have the size that is given; the kernel keeps neither.
        unsafe {
            libc::syscall(
                libc::SYS_mount_setattr,
                libc::AT_FDCWD,
                point.as_ptr(),
                libc::AT_RECURSIVE,
                &raw const attributes,
                size_of::<libc::mount_attr>(),
            )
        }
    })?;
    Errno::result(changed).map(drop)
}
