//! A value that is read and written in parts (<https://www.sqlite.org/c3ref/blob_open.html>).

use crate::failure::{Failure, c_string};
use libsqlite3_sys as ffi;
use std::ffi::c_int;
use std::ptr::null_mut;

/// One that is open.
pub(crate) struct Blob {
    raw: *mut ffi::sqlite3_blob,
    connection: *mut ffi::sqlite3,
}

impl Drop for Blob {
    fn drop(&mut self) {
        // SAFETY: it is open until here.
        unsafe { ffi::sqlite3_blob_close(self.raw) };
    }
}

impl Blob {
    /// Opens the value of a row's column (`place`: database, table, column).
    ///
    /// # Safety
    ///
    /// The connection is open, and closed later than this.
    pub(crate) unsafe fn open(
        connection: *mut ffi::sqlite3,
        place: [&str; 3],
        row: i64,
        is_writable: bool,
    ) -> Result<Blob, Failure> {
        let [database, table, column] = place.map(c_string);
        let (database, table, column) = (database?, table?, column?);
        let mut raw = null_mut();
        // SAFETY: the caller's; texts that end with a zero.
        let code = unsafe {
            ffi::sqlite3_blob_open(
                connection,
                database.as_ptr(),
                table.as_ptr(),
                column.as_ptr(),
                row,
                is_writable.into(),
                &mut raw,
            )
        };
        match code {
            ffi::SQLITE_OK => Ok(Blob { raw, connection }),
            _ => Err(Failure::last(connection)),
        }
    }

    /// Bytes.
    pub(crate) fn size(&self) -> u32 {
        // SAFETY: it is open.
        unsafe { ffi::sqlite3_blob_bytes(self.raw) as u32 }
    }

    fn check(&self, offset: u32, length: u32) -> Result<(), Failure> {
        match u64::from(offset) + u64::from(length) <= u64::from(self.size()) {
            true => Ok(()),
            false => Err(Failure::of_code(ffi::SQLITE_ERROR)),
        }
    }

    pub(crate) fn read(&self, offset: u32, length: u32) -> Result<Vec<u8>, Failure> {
        self.check(offset, length)?;
        let mut bytes = vec![0; length as usize];
        let begin = bytes.as_mut_ptr().cast();
        // SAFETY: it is open, has so many bytes, and there is room for them.
        match unsafe { ffi::sqlite3_blob_read(self.raw, begin, length as c_int, offset as c_int) } {
            ffi::SQLITE_OK => Ok(bytes),
            _ => Err(Failure::last(self.connection)),
        }
    }

    pub(crate) fn write(&self, offset: u32, bytes: &[u8]) -> Result<(), Failure> {
        let length = u32::try_from(bytes.len()).map_err(|_| Failure::of_code(ffi::SQLITE_TOOBIG))?;
        self.check(offset, length)?;
        let begin = bytes.as_ptr().cast();
        // SAFETY: it is open, and has so many bytes.
        match unsafe { ffi::sqlite3_blob_write(self.raw, begin, length as c_int, offset as c_int) } {
            ffi::SQLITE_OK => Ok(()),
            _ => Err(Failure::last(self.connection)),
        }
    }
}
