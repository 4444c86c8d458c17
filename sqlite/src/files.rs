//! Files as SQLite's VFS for Unix opens them, in the folders of a guest.
//!
//! That VFS has its system calls in a table (`aSyscall` in `os_unix.c`, sqlite3_vfs.xSetSystemCall). Those in which a path is named
//! are replaced here, by the same relative to a folder of the guest's. What takes a descriptor stays: reads, locks, shared memory.

use libsqlite3_sys as ffi;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::sync::Arc;

/// The folders that a guest has.
pub trait Folders: Send + Sync {
    /// The folder at an absolute path of the guest's.
    ///
    /// # Errors
    ///
    /// ENOENT and ENOTDIR as open(2), EPERM or EACCES for a path that leads out.
    fn folder(&self, path: &str) -> std::io::Result<Folder>;
}

/// One of them.
pub struct Folder {
    /// Open for reading.
    pub directory: Arc<File>,
    /// Whether nothing may be made, changed or removed in it.
    pub is_read_only: bool,
}

/// Where a connection's names lead.
pub struct Place {
    folders: Arc<dyn Folders>,
    /// Where names begin that are not absolute.
    current: String,
}

impl Place {
    /// `current`: an absolute path of the guest's.
    pub fn new(folders: Arc<dyn Folders>, current: impl Into<String>) -> Arc<Place> {
        Arc::new(Place {
            folders,
            current: current.into(),
        })
    }

    /// Whether there is a folder for files that a statement needs in its middle (`unixTempFileDir`).
    pub(crate) fn has_temporary_files(&self) -> bool {
        ["/var/tmp", "/usr/tmp", "/tmp"]
            .iter()
            .any(|path| self.folders.folder(path).is_ok_and(|folder| !folder.is_read_only))
    }
}

thread_local! {
    /// Whose files SQLite's calls on this thread are about.
    static PLACE: RefCell<Option<Arc<Place>>> = const { RefCell::new(None) };
}

/// Calls of SQLite's are about a place while it lives.
pub(crate) struct Within(Option<Arc<Place>>);

impl Within {
    pub(crate) fn enter(place: &Arc<Place>) -> Within {
        Within(PLACE.replace(Some(place.clone())))
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        PLACE.set(self.0.take());
    }
}

/// Whether this process may lock files. One that may write none of the host's may not (`netns`' filter of system calls).
fn has_locks() -> bool {
    // SAFETY: no descriptor is -1, so nothing is asked of any.
    let answer = unsafe { libc::fcntl(-1, libc::F_GETLK, std::ptr::null_mut::<c_void>()) };
    answer == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::EBADF)
}

/// Replaces the calls. All of the VFSes for Unix have the one table.
pub(crate) fn install() {
    type Call = unsafe extern "C" fn();
    /// As the table has them, whatever their arguments.
    fn call(function: *const ()) -> Option<Call> {
        // SAFETY: SQLite calls each by the type that it has for its name, which is the one that it has here.
        Some(unsafe { std::mem::transmute::<*const (), Call>(function) })
    }
    let mut calls: Vec<(&CStr, *const ())> = vec![
        (c"open", open as *const ()),
        (c"access", access as *const ()),
        (c"stat", stat as *const ()),
        (c"lstat", stat as *const ()),
        (c"unlink", unlink as *const ()),
        (c"openDirectory", open_directory as *const ()),
        (c"getcwd", getcwd as *const ()),
        (c"readlink", readlink as *const ()),
        (c"mkdir", make_directory as *const ()),
        (c"rmdir", unlink as *const ()),
        (c"fchown", fchown as *const ()),
        (c"geteuid", geteuid as *const ()),
    ];
    if !has_locks() {
        calls.push((c"fcntl", unlocked as *const ()));
    }
    // SAFETY: a VFS of SQLite's, with a method that it has.
    unsafe {
        let vfs = ffi::sqlite3_vfs_find(c"unix".as_ptr());
        if let Some(set) = vfs.as_ref().and_then(|vfs| vfs.xSetSystemCall) {
            for (name, function) in calls {
                let set = set(vfs, name.as_ptr(), call(function));
                assert_eq!(set, ffi::SQLITE_OK, "SQLite has no system call {name:?}");
            }
        }
    }
}

/// The folder of a path, and the name in it.
fn find(path: *const c_char) -> Result<(Folder, CString), Errno> {
    // SAFETY: SQLite's paths end with a zero, and last as long as the call.
    let path = unsafe { CStr::from_ptr(path) }.to_str().map_err(|_| Errno::ILSEQ)?;
    let (folder, name) = path.rsplit_once('/').ok_or(Errno::NOENT)?;
    if matches!(name, "" | "." | "..") {
        return Err(Errno::NOENT);
    }
    let place = PLACE.with_borrow(Clone::clone).ok_or(Errno::NOENT)?;
    let folder = match folder {
        "" => "/",
        folder => folder,
    };
    // Above the folders that there are is nothing.
    let found = place.folders.folder(folder);
    let found = found.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::NOENT))?;
    Ok((found, CString::new(name).map_err(|_| Errno::INVAL)?))
}

/// As a system call answers.
fn answer<T: Into<c_int>>(result: Result<T, Errno>) -> c_int {
    match result {
        Ok(value) => value.into(),
        Err(error) => {
            // SAFETY: this thread's own.
            unsafe { *libc::__errno_location() = error.raw_os_error() };
            -1
        }
    }
}

extern "C" fn open(path: *const c_char, flags: c_int, mode: c_int) -> c_int {
    let opened = || {
        // SAFETY: as in `find`.
        if unsafe { CStr::from_ptr(path) } == c"/dev/urandom" {
            return seed();
        }
        let (folder, name) = find(path)?;
        let flags = OFlags::from_bits_retain(flags as u32);
        let writes = OFlags::WRONLY | OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC;
        if folder.is_read_only && flags.intersects(writes) {
            return Err(Errno::ROFS);
        }
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_bits_truncate(mode as u32);
        rustix::fs::openat(&*folder.directory, &name, flags, mode)
    };
    answer(opened().map(IntoRawFd::into_raw_fd))
}

/// What SQLite reads of /dev/urandom, once for a process (`unixRandomness`).
fn seed() -> Result<OwnedFd, Errno> {
    let mut bytes = [0; 256];
    getrandom::fill(&mut bytes).map_err(|_| Errno::IO)?;
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    File::from(writer).write_all(&bytes).map_err(|_| Errno::IO)?;
    Ok(reader)
}

extern "C" fn access(path: *const c_char, mode: c_int) -> c_int {
    let accessed = || {
        let (folder, name) = find(path)?;
        if folder.is_read_only && mode & libc::W_OK != 0 {
            return Err(Errno::ROFS);
        }
        let mode = rustix::fs::Access::from_bits_truncate(mode as u32);
        rustix::fs::accessat(&*folder.directory, &name, mode, AtFlags::empty())
    };
    answer(accessed().map(|()| 0))
}

/// Of links themselves: SQLite asks for names that it has followed ([`readlink`]).
extern "C" fn stat(path: *const c_char, facts: *mut libc::stat) -> c_int {
    match find(path) {
        // SAFETY: a name that ends with a zero, and room for the answer, which is SQLite's.
        Ok((folder, name)) => unsafe {
            libc::fstatat(
                folder.directory.as_raw_fd(),
                name.as_ptr(),
                facts,
                libc::AT_SYMLINK_NOFOLLOW,
            )
        },
        Err(error) => answer::<c_int>(Err(error)),
    }
}

extern "C" fn unlink(path: *const c_char) -> c_int {
    let removed = || {
        let (folder, name) = find(path)?;
        if folder.is_read_only {
            return Err(Errno::ROFS);
        }
        rustix::fs::unlinkat(&*folder.directory, &name, AtFlags::empty())
    };
    answer(removed().map(|()| 0))
}

/// For fsync(2) of the folder after a file was made or removed.
extern "C" fn open_directory(path: *const c_char, descriptor: *mut c_int) -> c_int {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = find(path).and_then(|(folder, _)| rustix::fs::openat(&*folder.directory, c".", flags, Mode::empty()));
    match opened {
        Ok(opened) => {
            // SAFETY: room for the answer, which is SQLite's.
            unsafe { *descriptor = opened.into_raw_fd() };
            ffi::SQLITE_OK
        }
        Err(_) => ffi::SQLITE_CANTOPEN,
    }
}

extern "C" fn getcwd(buffer: *mut c_char, size: usize) -> *mut c_char {
    let current = PLACE.with_borrow(|place| place.as_ref().map(|place| place.current.clone()));
    match current {
        Some(current) if current.len() < size => {
            // SAFETY: room for so many bytes, which is SQLite's.
            unsafe {
                std::ptr::copy_nonoverlapping(current.as_ptr().cast(), buffer, current.len());
                *buffer.add(current.len()) = 0;
            }
            buffer
        }
        _ => {
            answer::<c_int>(Err(Errno::RANGE));
            std::ptr::null_mut()
        }
    }
}

extern "C" fn readlink(path: *const c_char, buffer: *mut c_char, size: usize) -> isize {
    let read = find(path).and_then(|(folder, name)| rustix::fs::readlinkat(&*folder.directory, &name, Vec::new()));
    match read {
        Ok(target) => {
            let count = target.as_bytes().len().min(size);
            // SAFETY: room for so many bytes, which is SQLite's.
            unsafe { std::ptr::copy_nonoverlapping(target.as_ptr(), buffer, count) };
            count as isize
        }
        Err(error) => answer::<c_int>(Err(error)) as isize,
    }
}

/// For locks that are folders (`unix-dotfile`), which nobody needs here.
extern "C" fn make_directory(_: *const c_char, _: libc::mode_t) -> c_int {
    answer::<c_int>(Err(Errno::PERM))
}

/// Files are the guest's already.
extern "C" fn fchown(_: c_int, _: libc::uid_t, _: libc::gid_t) -> c_int {
    0
}

/// Locks where there are none: what the guest writes is seen by nobody else then, and what its connections do to each other SQLite
/// knows by itself (`unixInodeInfo`).
extern "C" fn unlocked(descriptor: c_int, command: c_int, argument: *mut c_void) -> c_int {
    match command {
        libc::F_SETLK => 0,
        libc::F_GETLK => {
            // SAFETY: the command has such an argument, which is SQLite's.
            unsafe { (*argument.cast::<libc::flock>()).l_type = libc::F_UNLCK as _ };
            0
        }
        // SAFETY: SQLite's own call.
        _ => unsafe { libc::fcntl(descriptor, command, argument) },
    }
}

/// Not root, who would hand files over to the database's owner.
extern "C" fn geteuid() -> libc::uid_t {
    1
}
