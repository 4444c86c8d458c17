//! A copy of a whole database that is under way (<https://www.sqlite.org/c3ref/backup_finish.html>).

use crate::failure::{Failure, c_string};
use libsqlite3_sys as ffi;
use std::ptr::null_mut;

/// One of SQLite's.
pub(crate) struct Backup {
    raw: *mut ffi::sqlite3_backup,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The result code of the step.
    pub code: i32,
    /// Pages that are left.
    pub left: i32,
    /// All pages.
    pub all: i32,
}

impl Copied {
    /// Of none that is under way.
    pub(crate) const MISUSE: Copied = Copied {
        code: ffi::SQLITE_MISUSE,
        left: 0,
        all: 0,
    };
}

impl Backup {
    /// Begins to copy a database of one connection into that of another.
    ///
    /// # Safety
    ///
    /// Both are open; the first is closed later than this. The second may be closed before (sqlite3_close_v2).
    pub(crate) unsafe fn begin(
        (source, database): (*mut ffi::sqlite3, &str),
        (target, name): (*mut ffi::sqlite3, &str),
    ) -> Result<Backup, Failure> {
        let (database, name) = (c_string(database)?, c_string(name)?);
        // SAFETY: the caller's; texts that end with a zero.
        let raw = unsafe { ffi::sqlite3_backup_init(target, name.as_ptr(), source, database.as_ptr()) };
        match raw.is_null() {
            true => Err(Failure::last(target)),
            false => Ok(Backup { raw }),
        }
    }

    pub(crate) fn step(&self, pages: i32) -> Copied {
        // SAFETY: it is under way.
        unsafe {
            let code = ffi::sqlite3_backup_step(self.raw, pages);
            Copied {
                code,
                left: ffi::sqlite3_backup_remaining(self.raw),
                all: ffi::sqlite3_backup_pagecount(self.raw),
            }
        }
    }

    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        let raw = std::mem::replace(&mut self.raw, null_mut());
        // SAFETY: it is under way, and over after this.
        match unsafe { ffi::sqlite3_backup_finish(raw) } {
            ffi::SQLITE_OK => Ok(()),
            // The target, which has the text, may be gone.
            code => Err(Failure::of_code(code)),
        }
    }
}

impl Drop for Backup {
    fn drop(&mut self) {
        // SAFETY: it is under way until here, or null.
        unsafe { ffi::sqlite3_backup_finish(self.raw) };
    }
}
