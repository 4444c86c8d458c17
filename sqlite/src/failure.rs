//! What SQLite says when a call fails.

use crate::text::text_at;
use libsqlite3_sys as ffi;
use std::ffi::CString;

/// The code of a text that is no UTF-8 where text was asked for; none of SQLite's.
pub const NOT_TEXT: i32 = 0x7fff_0001;

/// A result code that is none of success (<https://www.sqlite.org/rescode.html>).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// The extended result code, or [`NOT_TEXT`].
    pub code: i32,
    /// SQLite's text.
    pub text: String,
    /// Where in the statement, in bytes; -1 where that is not known.
    pub offset: i32,
}

impl Failure {
    pub(crate) fn new(code: i32, text: impl Into<String>) -> Failure {
        Failure {
            code,
            text: text.into(),
            offset: -1,
        }
    }

    /// By its code alone.
    pub(crate) fn of_code(code: i32) -> Failure {
        Failure::new(code, error_text(code))
    }

    pub(crate) fn misuse(text: &str) -> Failure {
        Failure::new(ffi::SQLITE_MISUSE, text)
    }

    /// The last one of a connection.
    pub(crate) fn last(database: *mut ffi::sqlite3) -> Failure {
        // SAFETY: the connection is open, and its text is copied before anything else is called.
        unsafe {
            Failure {
                code: ffi::sqlite3_extended_errcode(database),
                text: text_at(ffi::sqlite3_errmsg(database)).unwrap_or_default(),
                offset: ffi::sqlite3_error_offset(database),
            }
        }
    }
}

/// As SQLite takes texts.
pub(crate) fn c_string(text: &str) -> Result<CString, Failure> {
    CString::new(text).map_err(|_| Failure::misuse("embedded null character"))
}

/// What a result code means, in English (sqlite3_errstr).
pub fn error_text(code: i32) -> String {
    // SAFETY: a text that lasts for ever.
    unsafe { text_at(ffi::sqlite3_errstr(code)) }.unwrap_or_default()
}
