//! Texts of SQLite's.

use std::ffi::{CStr, c_char};

/// # Safety
///
/// The pointer is null, or leads to bytes that end with a zero.
pub(crate) unsafe fn text_at(text: *const c_char) -> Option<String> {
    // SAFETY: the caller's.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}
