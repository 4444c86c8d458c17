//! What a guest defines: functions, aggregates, collations, and who is asked besides.

use crate::Values;
use crate::call::ask;
use crate::connection::Connection;
use crate::failure::{Failure, c_string};
use crate::function;
use crate::question::{Kind, Question};
use crate::text::text_at;
use libsqlite3_sys as ffi;
use std::ffi::{c_char, c_int, c_uint, c_void};
use std::ptr::null_mut;

/// What a function of a guest's is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Definition {
    /// One value for arguments.
    Scalar,
    /// One value for rows.
    Aggregate,
    /// One value for a window of rows.
    Window,
}

/// Questions that are asked besides those of functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// sqlite3_set_authorizer
    Authorize,
    /// sqlite3_progress_handler, each so many instructions.
    Progress(u32),
    /// sqlite3_trace_v2, SQLITE_TRACE_STMT
    Trace,
    /// sqlite3_busy_handler
    Busy,
}

impl Connection {
    /// sqlite3_create_function_v2 and sqlite3_create_window_function; no function removes it.
    ///
    /// # Errors
    ///
    /// SQLite's.
    pub fn create_function(
        &mut self,
        name: &str,
        arguments: i32,
        flags: u32,
        definition: Definition,
        function: Option<u32>,
    ) -> Result<(), Failure> {
        let raw = self.opened()?;
        let name = c_string(name)?;
        let allowed = ffi::SQLITE_DETERMINISTIC | ffi::SQLITE_DIRECTONLY | ffi::SQLITE_INNOCUOUS | ffi::SQLITE_SUBTYPE;
        let flags = ffi::SQLITE_UTF8 | flags as c_int & allowed;
        let (there, number) = (function.is_some(), pointer(function.unwrap_or(0)));
        let is = |wanted: Definition| there && definition == wanted;
        // SAFETY: the connection is open; what is called is for any number.
        let code = unsafe {
            match definition {
                Definition::Scalar | Definition::Aggregate => ffi::sqlite3_create_function_v2(
                    raw,
                    name.as_ptr(),
                    arguments,
                    flags,
                    number,
                    is(Definition::Scalar).then_some(function::scalar as _),
                    is(Definition::Aggregate).then_some(function::step as _),
                    is(Definition::Aggregate).then_some(function::finish as _),
                    None,
                ),
                Definition::Window => ffi::sqlite3_create_window_function(
                    raw,
                    name.as_ptr(),
                    arguments,
                    flags,
                    number,
                    there.then_some(function::step as _),
                    there.then_some(function::finish as _),
                    there.then_some(function::value as _),
                    there.then_some(function::inverse as _),
                    None,
                ),
            }
        };
        self.check(code)
    }

    /// sqlite3_create_collation_v2; no function removes it.
    ///
    /// # Errors
    ///
    /// SQLite's.
    pub fn create_collation(&mut self, name: &str, function: Option<u32>) -> Result<(), Failure> {
        let raw = self.opened()?;
        let name = c_string(name)?;
        let compare = function.map(|_| function::collate as _);
        let number = pointer(function.unwrap_or(0));
        // SAFETY: as above.
        let code =
            unsafe { ffi::sqlite3_create_collation_v2(raw, name.as_ptr(), ffi::SQLITE_UTF8, number, compare, None) };
        self.check(code)
    }

    /// Asks such questions from now on, or no more.
    ///
    /// # Errors
    ///
    /// SQLITE_MISUSE
    pub fn ask(&mut self, hook: Hook, is_on: bool) -> Result<(), Failure> {
        if self.raw.is_null() {
            return Err(Failure::misuse("the connection is closed"));
        }
        // SAFETY: the connection is open; each is called with what is given here, which nobody reads.
        unsafe {
            match hook {
                Hook::Authorize => {
                    ffi::sqlite3_set_authorizer(self.raw, is_on.then_some(authorize as _), null_mut());
                }
                Hook::Progress(each) => {
                    let each = if is_on {
                        c_int::try_from(each).unwrap_or(c_int::MAX)
                    } else {
                        0
                    };
                    ffi::sqlite3_progress_handler(self.raw, each, is_on.then_some(progress as _), null_mut());
                }
                Hook::Trace => {
                    let when = if is_on { ffi::SQLITE_TRACE_STMT as c_uint } else { 0 };
                    ffi::sqlite3_trace_v2(self.raw, when, is_on.then_some(trace as _), null_mut());
                }
                Hook::Busy => {
                    ffi::sqlite3_busy_handler(self.raw, is_on.then_some(busy as _), null_mut());
                }
            }
        }
        Ok(())
    }
}

fn pointer(number: u32) -> *mut c_void {
    number as usize as *mut c_void
}

/// Asks a question that is about no function.
fn hook(kind: Kind, values: &mut Values, otherwise: c_int) -> c_int {
    let answer = ask(Question {
        kind,
        function: 0,
        instance: 0,
        arguments: values.take(),
    });
    answer.map_or(otherwise, |answer| answer.number(otherwise))
}

unsafe extern "C" fn authorize(
    _: *mut c_void,
    action: c_int,
    first: *const c_char,
    second: *const c_char,
    database: *const c_char,
    trigger: *const c_char,
) -> c_int {
    let mut values = Values::default();
    values.tuple(5).integer(action.into());
    for name in [first, second, database, trigger] {
        // SAFETY: SQLite's texts, or null.
        values.text_or_none(unsafe { text_at(name) }.as_deref());
    }
    hook(Kind::Authorize, &mut values, ffi::SQLITE_DENY)
}

unsafe extern "C" fn progress(_: *mut c_void) -> c_int {
    hook(Kind::Progress, Values::default().tuple(0), 1)
}

unsafe extern "C" fn trace(_: c_uint, _: *mut c_void, statement: *mut c_void, sql: *mut c_void) -> c_int {
    let mut values = Values::default();
    // SAFETY: a statement that lives, and its text; the text with values is the caller's to free.
    unsafe {
        let expanded = ffi::sqlite3_expanded_sql(statement.cast());
        values
            .tuple(2)
            .text_or_none(text_at(expanded).as_deref())
            .text_or_none(text_at(sql.cast()).as_deref());
        ffi::sqlite3_free(expanded.cast());
    }
    hook(Kind::Trace, &mut values, 0)
}

unsafe extern "C" fn busy(_: *mut c_void, times: c_int) -> c_int {
    hook(Kind::Busy, Values::default().tuple(1).integer(times.into()), 0)
}
