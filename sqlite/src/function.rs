//! Functions, aggregates and collations of a guest, as SQLite calls them. What it is given to call them by is the guest's number.

use crate::call::ask;
use crate::question::{Answer, Kind, Question};
use crate::{Value, Values};
use libsqlite3_sys as ffi;
use std::cell::Cell;
use std::ffi::{CString, c_int, c_void};

thread_local! {
    /// The number of the newest instance of an aggregate.
    static INSTANCES: Cell<u32> = const { Cell::new(0) };
}

fn number(function: *mut c_void) -> u32 {
    function as usize as u32
}

/// # Safety
///
/// What SQLite gives a function.
unsafe fn function_of(context: *mut ffi::sqlite3_context) -> u32 {
    // SAFETY: the caller's.
    number(unsafe { ffi::sqlite3_user_data(context) })
}

/// # Safety
///
/// What SQLite gives a function.
unsafe fn arguments(count: c_int, values: *mut *mut ffi::sqlite3_value) -> Vec<u8> {
    let mut arguments = Values::default();
    arguments.tuple(count as usize);
    for at in 0..count as usize {
        // SAFETY: so many are there; what is at their pointers is copied at once.
        unsafe {
            let value = *values.add(at);
            let bytes = |begin: *const u8| match begin.is_null() {
                true => Vec::new(),
                false => std::slice::from_raw_parts(begin, ffi::sqlite3_value_bytes(value) as usize).to_vec(),
            };
            arguments.value(&match ffi::sqlite3_value_type(value) {
                ffi::SQLITE_INTEGER => Value::Integer(ffi::sqlite3_value_int64(value)),
                ffi::SQLITE_FLOAT => Value::Real(ffi::sqlite3_value_double(value)),
                ffi::SQLITE_TEXT => Value::Text(bytes(ffi::sqlite3_value_text(value))),
                ffi::SQLITE_BLOB => Value::Blob(bytes(ffi::sqlite3_value_blob(value).cast())),
                _ => Value::Null,
            });
        }
    }
    arguments.take()
}

/// # Safety
///
/// What SQLite gives a function.
unsafe fn give(context: *mut ffi::sqlite3_context, answer: Option<Answer>) {
    // SAFETY: the caller's; SQLite copies texts and blobs.
    unsafe {
        match answer {
            Some(Answer::Value(value)) => match value {
                Value::Null => ffi::sqlite3_result_null(context),
                Value::Integer(value) => ffi::sqlite3_result_int64(context, value),
                Value::Real(value) => ffi::sqlite3_result_double(context, value),
                Value::Text(text) => ffi::sqlite3_result_text64(
                    context,
                    text.as_ptr().cast(),
                    text.len() as u64,
                    ffi::SQLITE_TRANSIENT(),
                    ffi::SQLITE_UTF8 as u8,
                ),
                Value::Blob(bytes) => {
                    let begin = bytes.as_ptr().cast();
                    ffi::sqlite3_result_blob64(context, begin, bytes.len() as u64, ffi::SQLITE_TRANSIENT());
                }
            },
            Some(Answer::Failed(ffi::SQLITE_NOMEM, _)) => ffi::sqlite3_result_error_nomem(context),
            Some(Answer::Failed(ffi::SQLITE_TOOBIG, _)) => ffi::sqlite3_result_error_toobig(context),
            Some(Answer::Failed(code, text)) => {
                if !text.is_empty() {
                    let text = CString::new(text.replace('\0', " ")).unwrap_or_default();
                    ffi::sqlite3_result_error(context, text.as_ptr(), -1);
                }
                if !matches!(code, ffi::SQLITE_OK | ffi::SQLITE_ERROR) || text.is_empty() {
                    ffi::sqlite3_result_error_code(context, code.max(ffi::SQLITE_ERROR));
                }
            }
            None => ffi::sqlite3_result_error_code(context, ffi::SQLITE_INTERRUPT),
        }
    }
}

pub(crate) unsafe extern "C" fn scalar(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: SQLite's.
    unsafe {
        let answer = ask(Question {
            kind: Kind::Scalar,
            function: function_of(context),
            instance: 0,
            arguments: arguments(count, values),
        });
        give(context, answer);
    }
}

pub(crate) unsafe extern "C" fn step(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: SQLite's.
    unsafe { take(Kind::Step, context, count, values) }
}

pub(crate) unsafe extern "C" fn inverse(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: SQLite's.
    unsafe { take(Kind::Inverse, context, count, values) }
}

/// # Safety
///
/// What SQLite gives a function.
unsafe fn take(kind: Kind, context: *mut ffi::sqlite3_context, count: c_int, values: *mut *mut ffi::sqlite3_value) {
    // SAFETY: SQLite's; the room for the number begins with zeros.
    unsafe {
        let instance = ffi::sqlite3_aggregate_context(context, 4).cast::<u32>();
        if instance.is_null() {
            return ffi::sqlite3_result_error_nomem(context);
        }
        if *instance == 0 {
            INSTANCES.set(INSTANCES.get().checked_add(1).unwrap_or(1));
            *instance = INSTANCES.get();
        }
        let answer = ask(Question {
            kind,
            function: function_of(context),
            instance: *instance,
            arguments: arguments(count, values),
        });
        if !matches!(answer, Some(Answer::Value(_))) {
            give(context, answer);
        }
    }
}

pub(crate) unsafe extern "C" fn value(context: *mut ffi::sqlite3_context) {
    // SAFETY: SQLite's.
    unsafe { result(Kind::Value, context) }
}

pub(crate) unsafe extern "C" fn finish(context: *mut ffi::sqlite3_context) {
    // SAFETY: SQLite's.
    unsafe { result(Kind::Final, context) }
}

/// # Safety
///
/// What SQLite gives a function.
unsafe fn result(kind: Kind, context: *mut ffi::sqlite3_context) {
    // SAFETY: SQLite's.
    unsafe {
        // None where nothing was ever taken.
        let instance = ffi::sqlite3_aggregate_context(context, 0).cast::<u32>();
        let instance = if instance.is_null() { 0 } else { *instance };
        let answer = ask(Question {
            kind,
            function: function_of(context),
            instance,
            arguments: Values::default().tuple(0).take(),
        });
        give(context, answer);
    }
}

pub(crate) unsafe extern "C" fn collate(
    function: *mut c_void,
    left_length: c_int,
    left: *const c_void,
    right_length: c_int,
    right: *const c_void,
) -> c_int {
    let text = |begin: *const c_void, length: c_int| match begin.is_null() {
        true => Value::Text(Vec::new()),
        // SAFETY: a text of this length.
        false => Value::Text(unsafe { std::slice::from_raw_parts(begin.cast::<u8>(), length as usize) }.to_vec()),
    };
    let mut arguments = Values::default();
    arguments
        .tuple(2)
        .value(&text(left, left_length))
        .value(&text(right, right_length));
    let answer = ask(Question {
        kind: Kind::Collate,
        function: number(function),
        instance: 0,
        arguments: arguments.take(),
    });
    answer.map_or(0, |answer| answer.number(0))
}
