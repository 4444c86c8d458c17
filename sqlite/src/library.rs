//! The library as a whole: what is set once for a process, and what it says of itself.

use crate::files;
use crate::text::text_at;
use libsqlite3_sys as ffi;
use std::ffi::{CString, c_int};
use std::sync::Once;

/// What all connections of a process may keep: a process has one guest.
const MEMORY: i64 = 1 << 30;

unsafe extern "C" {
    /// Of a connection that others still need, too: it goes with the last of them. The bindings have it not.
    pub(crate) fn sqlite3_close_v2(connection: *mut ffi::sqlite3) -> c_int;
}

/// Called before anything of SQLite's is.
pub(crate) fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        // SAFETY: nothing of the library was used before, as sqlite3_config wants it; the argument is the int of the option.
        unsafe {
            // A name that begins with `file:` is a URI where it is said to be (SQLITE_OPEN_URI).
            ffi::sqlite3_config(ffi::SQLITE_CONFIG_URI, 0);
            ffi::sqlite3_initialize();
            ffi::sqlite3_hard_heap_limit64(MEMORY);
        }
        files::install();
    });
}

/// The version, the source's, and the options that it was compiled with.
pub fn version() -> (String, String, Vec<String>) {
    start();
    // SAFETY: texts that last for ever.
    unsafe {
        let version = text_at(ffi::sqlite3_libversion()).unwrap_or_default();
        let source = text_at(ffi::sqlite3_sourceid()).unwrap_or_default();
        let options = (0..).map_while(|at| text_at(ffi::sqlite3_compileoption_get(at)));
        (version, source, options.collect())
    }
}

/// Whether a text ends with a whole statement (sqlite3_complete).
pub fn is_complete(sql: &str) -> bool {
    start();
    // SAFETY: a text that ends with a zero.
    CString::new(sql).is_ok_and(|sql| unsafe { ffi::sqlite3_complete(sql.as_ptr()) } == 1)
}
