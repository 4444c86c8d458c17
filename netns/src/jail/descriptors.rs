//! Descriptors that nobody means to hand on: close_range(2), Linux 5.9.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Closes every descriptor above standard error.
///
/// # Errors
///
/// The kernel is older.
pub(super) fn close_inherited() -> io::Result<()> {
    close(3, u32::MAX)
}

/// Closes every descriptor but these.
pub(super) fn close_all_but(kept: &[BorrowedFd<'_>]) {
    let mut numbers: Vec<u32> = kept.iter().map(|fd| fd.as_raw_fd().unsigned_abs()).collect();
    numbers.sort_unstable();
    let mut first = 0;
    for kept in numbers {
        if first < kept {
            // What stays open, where that fails, a jail has no use for.
            let _ = close(first, kept - 1);
        }
        first = kept + 1;
    }
    let _ = close(first, u32::MAX);
}

fn close(first: u32, last: u32) -> io::Result<()> {
    #[expect(
        unsafe_code,
        reason = "close_range(2) has no safe form: it closes what others may own"
    )]
    // SAFETY: it touches no memory. A caller is at the beginning of its process, where nothing owns a descriptor yet, or
    // has become a process that uses none but those that it keeps.
    let result = unsafe { nix::libc::close_range(first, last, 0) };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
