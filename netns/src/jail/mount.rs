//! The only mount(2) and its kin: open_tree(2), move_mount(2), mount_setattr(2), pivot_root(2), umount2(2).
//!
//! What is shown is a file or directory that is open already, never a path: between a look at a path and its mount the path
//! may have come to lead elsewhere. Its flags are set before it is attached anywhere, for all that is mounted below it.

#![expect(clippy::disallowed_methods, reason = "the one door of mount(2)")]

use nix::NixPath;
use nix::errno::Errno;
use nix::libc;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{chdir, pivot_root};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// A change of the mount namespace that the kernel refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step} {}", path.display())]
pub struct MountError {
    /// What was tried.
    pub step: &'static str,
    /// Where.
    pub path: PathBuf,
    /// The kernel's answer.
    #[source]
    pub source: Errno,
}

/// What cannot be done with what is mounted (mount_setattr(2)). A flag that is there is never taken away.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attributes(u64);

impl Attributes {
    /// No device is opened, and no program has more rights than who starts it.
    pub(super) const NO_PRIVILEGES: Attributes = Attributes(libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV);
    /// A device is a device, and nothing else is done with it.
    pub(super) const DEVICE: Attributes = Attributes(libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC);
    /// Nor does any program run, or is mapped as one.
    pub(super) const HARMLESS: Attributes = Attributes(Self::NO_PRIVILEGES.0 | libc::MOUNT_ATTR_NOEXEC);

    /// Nothing is changed, either.
    pub(super) const fn read_only(self) -> Attributes {
        Attributes(self.0 | libc::MOUNT_ATTR_RDONLY)
    }
}

/// What a file system in memory holds at most, and who may use it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    /// In bytes.
    pub(super) size: u64,
    /// Files, which take memory when they are empty, too.
    pub(super) inodes: u64,
    /// Of its root.
    pub(super) mode: u32,
}

const NONE: Option<&str> = None;
const HARMLESS: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV).union(MsFlags::MS_NOEXEC);

fn failed(step: &'static str, path: &Path) -> impl FnOnce(Errno) -> MountError + use<> {
    let path = path.to_owned();
    move |source| MountError { step, path, source }
}

/// From here on nothing that the calling process mounts shows on the host, nor the other way round.
pub(super) fn keep_apart() -> Result<(), MountError> {
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(NONE, "/", NONE, private, NONE).map_err(failed("make private", Path::new("/")))
}

/// An empty file system in memory. Nothing in it is a program or a device.
pub(super) fn tmpfs(point: &Path, holds: Memory) -> Result<(), MountError> {
    memory(point, holds, HARMLESS)
}

/// The same where programs may be made and run.
pub(super) fn tmpfs_with_programs(point: &Path, holds: Memory) -> Result<(), MountError> {
    memory(point, holds, MsFlags::MS_NOSUID | MsFlags::MS_NODEV)
}

fn memory(point: &Path, holds: Memory, flags: MsFlags) -> Result<(), MountError> {
    let Memory { size, inodes, mode } = holds;
    let options = format!("size={size},nr_inodes={inodes},mode={mode:o}");
    mount(Some("tmpfs"), point, Some("tmpfs"), flags, Some(options.as_str())).map_err(failed("mount a tmpfs on", point))
}

/// Shows the directory `lower` at `point`; what is changed there is kept in `upper` (overlayfs, Linux 5.11 in a user
/// namespace). `work` is an empty directory beside it for the kernel's own use.
pub(super) fn overlay(lower: &Path, upper: &Path, work: &Path, point: &Path) -> Result<(), MountError> {
    // Names of layers are separated by these (fs/overlayfs/params.c).
    let escaped = |path: &Path| {
        let text = path.to_string_lossy().into_owned();
        text.replace('\\', "\\\\").replace(':', "\\:").replace(',', "\\,")
    };
    let options = format!(
        "lowerdir={},upperdir={},workdir={},userxattr",
        escaped(lower),
        escaped(upper),
        escaped(work)
    );
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("overlay"), point, Some("overlay"), flags, Some(options.as_str()))
        .map_err(failed("mount an overlay on", point))
}

/// The processes of the calling process's pid namespace (proc(5)), read-only: what is in /proc/sys and belongs to no namespace is
/// written by whoever is the host's root by number, without any capability (`test_perm`, fs/proc/proc_sysctl.c), and some
/// of it names programs that the kernel runs outside (core(5)).
pub(super) fn proc(point: &Path) -> Result<(), MountError> {
    let flags = HARMLESS | MsFlags::MS_RDONLY;
    mount(Some("proc"), point, Some("proc"), flags, NONE).map_err(failed("mount a proc on", point))
}

/// Shows `what`, which was opened in the calling process's mount namespace and is called `shown`, at `point`. A file is
/// shown on a file, a directory on a directory.
pub(super) fn bind(what: BorrowedFd<'_>, shown: &Path, point: &Path, attributes: Attributes) -> Result<(), MountError> {
    let tree = show(what, shown, attributes)?;
    attach(tree.as_fd(), To::Path(point)).map_err(failed("bind", shown))
}

/// Shows `what` in its own place: it is a mount of its own, which nobody in this mount namespace can remove, replace or
/// rename (EBUSY).
pub(super) fn fix(what: BorrowedFd<'_>, shown: &Path, attributes: Attributes) -> Result<(), MountError> {
    let tree = show(what, shown, attributes)?;
    attach(tree.as_fd(), To::Open(what)).map_err(failed("fix", shown))
}

fn show(what: BorrowedFd<'_>, shown: &Path, attributes: Attributes) -> Result<OwnedFd, MountError> {
    // Recursive, because the kernel does not let a less privileged namespace look under a mount (MNT_LOCKED).
    let tree = copy(what).map_err(failed("bind", shown))?;
    set(tree.as_fd(), attributes, libc::AT_RECURSIVE).map_err(failed("set the mount flags of", shown))?;
    Ok(tree)
}

/// Takes what is mounted on `point` away; what of it is mounted elsewhere stays.
pub(super) fn detach(point: &Path) -> Result<(), MountError> {
    umount2(point, MntFlags::MNT_DETACH).map_err(failed("take away", point))
}

/// Makes `base`, on which something is mounted, the root of the calling process, and lets go of the one that was.
pub(super) fn pivot(base: &Path) -> Result<(), MountError> {
    chdir(base).map_err(failed("enter", base))?;
    // With "." for both, the old root ends up on top of the new one and is taken off again (pivot_root(2), NOTES).
    pivot_root(".", ".").map_err(failed("make the root of", base))?;
    umount2(".", MntFlags::MNT_DETACH).map_err(failed("let go of", Path::new("the host's root")))?;
    chdir("/").map_err(failed("enter", Path::new("/")))
}

/// Changes what is mounted as the root, but nothing below it.
pub(super) fn restrict_root(attributes: Attributes) -> Result<(), MountError> {
    let root = Path::new("/");
    let change = || -> Result<(), Errno> {
        let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
        let opened = rustix::fs::open(root, flags, rustix::fs::Mode::empty());
        let opened = opened.map_err(|errno| Errno::from_raw(errno.raw_os_error()))?;
        set(opened.as_fd(), attributes, 0)
    };
    change().map_err(failed("set the mount flags of", root))
}

/// A mount that is attached nowhere: open_tree(2), Linux 5.2.
fn copy(what: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC;
    let flags = flags | (libc::AT_EMPTY_PATH | libc::AT_RECURSIVE).cast_unsigned();
    #[expect(unsafe_code, reason = "nix does not know this system call")]
    // SAFETY: the path is a literal that ends with NUL; the result is checked, and is a descriptor that nobody else knows.
    unsafe {
        let tree = libc::syscall(libc::SYS_open_tree, what.as_raw_fd(), c"".as_ptr(), flags);
        Errno::result(tree).map(|tree| OwnedFd::from_raw_fd(tree as i32))
    }
}

/// Where a mount goes.
enum To<'a> {
    Path(&'a Path),
    Open(BorrowedFd<'a>),
}

/// move_mount(2), Linux 5.2.
fn attach(tree: BorrowedFd<'_>, to: To<'_>) -> Result<(), Errno> {
    let (place, point, flags) = match to {
        To::Path(point) => (libc::AT_FDCWD, point, 0),
        To::Open(place) => (place.as_raw_fd(), Path::new(""), libc::MOVE_MOUNT_T_EMPTY_PATH),
    };
    let moved = point.with_nix_path(|point| {
        #[expect(unsafe_code, reason = "nix does not know this system call")]
        // SAFETY: both paths end with NUL, and the kernel keeps neither.
        unsafe {
            libc::syscall(
                libc::SYS_move_mount,
                tree.as_raw_fd(),
                c"".as_ptr(),
                place,
                point.as_ptr(),
                libc::MOVE_MOUNT_F_EMPTY_PATH | flags,
            )
        }
    })?;
    Errno::result(moved).map(drop)
}

/// mount_setattr(2), Linux 5.12. Unlike a remount it reaches the mounts below, too, and leaves their other flags as they are.
fn set(mounted: BorrowedFd<'_>, attributes: Attributes, reach: libc::c_int) -> Result<(), Errno> {
    let attributes = libc::mount_attr {
        attr_set: attributes.0,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    #[expect(unsafe_code, reason = "nix does not know this system call")]
    // SAFETY: the path ends with NUL and the attributes have the size that is given; the kernel keeps neither.
    let changed = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mounted.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | reach,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    Errno::result(changed).map(drop)
}
