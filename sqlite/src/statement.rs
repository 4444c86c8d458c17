//! Statements: parameters in, rows out.

use crate::text::text_at;
use crate::{Failure, NOT_TEXT, Value, Values};
use libsqlite3_sys as ffi;
use std::ffi::c_int;

/// About so many bytes of rows are given at once.
const LARGE: usize = 1 << 20;
/// How much of a text that is no UTF-8 is told.
const SHOWN: usize = 1 << 10;

/// What becomes of TEXT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texts {
    /// A str; what is no UTF-8 is a failure.
    Strings,
    /// Bytes.
    Bytes,
    /// A str, with U+FFFD for what is no UTF-8.
    Replaced,
    /// A tuple of bytes alone, which BLOB is not.
    Tuples,
}

/// How rows are given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// At most so many.
    pub most: u32,
    /// What becomes of TEXT.
    pub texts: Texts,
    /// Columns whose values are bytes, or None, whatever their type (sqlite3_column_blob).
    pub raw: Vec<u32>,
}

/// One of SQLite's.
pub(crate) struct Statement {
    raw: *mut ffi::sqlite3_stmt,
    /// How many times it was compiled again (SQLITE_STMTSTATUS_REPREPARE) when its columns were told.
    told: c_int,
}

/// A statement that was just compiled, and what there is to say of it.
pub(crate) struct Prepared {
    /// None of blanks and comments.
    pub(crate) statement: Option<Box<Statement>>,
    /// Bytes of the text after it.
    pub(crate) rest: usize,
}

/// What a statement is said to be, and [`Values`] of it.
impl Prepared {
    pub(crate) fn describe(&self, number: Option<usize>) -> Vec<u8> {
        let mut values = Values::default();
        values.tuple(6);
        match (&self.statement, number) {
            (Some(statement), Some(number)) => {
                values.integer(number as i64).integer(self.rest as i64);
                statement.columns(&mut values);
                statement.parameters(&mut values);
                // SAFETY: the statement lives.
                let (is_readonly, is_explain) = unsafe {
                    (
                        ffi::sqlite3_stmt_readonly(statement.raw) != 0,
                        ffi::sqlite3_stmt_isexplain(statement.raw) != 0,
                    )
                };
                values.truth(is_readonly).truth(is_explain);
            }
            _ => {
                values.none().integer(self.rest as i64);
                values.tuple(0).tuple(0).truth(true).truth(false);
            }
        }
        values.take()
    }
}

impl Statement {
    /// Compiles the first statement of a text.
    ///
    /// # Safety
    ///
    /// The connection is open.
    pub(crate) unsafe fn prepare(database: *mut ffi::sqlite3, sql: &str, flags: u32) -> Result<Prepared, Failure> {
        let length = c_int::try_from(sql.len()).map_err(|_| Failure::of_code(ffi::SQLITE_TOOBIG))?;
        let (mut raw, mut rest) = (std::ptr::null_mut(), std::ptr::null());
        let begin = sql.as_ptr().cast();
        // SAFETY: the text has this length.
        let code = unsafe { ffi::sqlite3_prepare_v3(database, begin, length, flags, &mut raw, &mut rest) };
        if code != ffi::SQLITE_OK {
            return Err(Failure::last(database));
        }
        // SAFETY: SQLite says where in the text it stopped.
        let used = unsafe { rest.offset_from(begin) } as usize;
        let statement = (!raw.is_null()).then(|| Box::new(Statement { raw, told: 0 }));
        Ok(Prepared {
            statement,
            rest: sql.len() - used,
        })
    }

    /// Runs each statement of a text to its end.
    ///
    /// # Safety
    ///
    /// The connection is open.
    pub(crate) unsafe fn run_script(database: *mut ffi::sqlite3, sql: &str) -> Result<(), Failure> {
        let mut rest = sql;
        while !rest.is_empty() {
            // SAFETY: the caller's.
            let prepared = unsafe { Statement::prepare(database, rest, 0) }?;
            rest = &rest[rest.len() - prepared.rest..];
            match prepared.statement {
                Some(mut statement) => statement.finish().map(drop)?,
                // For SQLite the text ends there.
                None if rest.starts_with('\0') => break,
                None => {}
            }
        }
        Ok(())
    }

    fn database(&self) -> *mut ffi::sqlite3 {
        // SAFETY: the statement lives.
        unsafe { ffi::sqlite3_db_handle(self.raw) }
    }

    fn columns(&self, values: &mut Values) {
        // SAFETY: the statement lives; its texts are copied at once.
        unsafe {
            let count = ffi::sqlite3_column_count(self.raw);
            values.tuple(count as usize);
            for column in 0..count {
                let facts = [
                    text_at(ffi::sqlite3_column_name(self.raw, column)),
                    text_at(ffi::sqlite3_column_decltype(self.raw, column)),
                    text_at(ffi::sqlite3_column_table_name(self.raw, column)),
                    text_at(ffi::sqlite3_column_origin_name(self.raw, column)),
                    text_at(ffi::sqlite3_column_database_name(self.raw, column)),
                ];
                values.tuple(facts.len());
                for fact in &facts {
                    values.text_or_none(fact.as_deref());
                }
            }
        }
    }

    fn parameters(&self, values: &mut Values) {
        // SAFETY: as above.
        unsafe {
            let count = ffi::sqlite3_bind_parameter_count(self.raw);
            values.tuple(count as usize);
            for parameter in 1..=count {
                let name = text_at(ffi::sqlite3_bind_parameter_name(self.raw, parameter));
                values.text_or_none(name.as_deref());
            }
        }
    }

    /// Its text, and its text with the values.
    pub(crate) fn texts(&self) -> Vec<u8> {
        let mut values = Values::default();
        // SAFETY: the statement lives; the second text is the caller's to free.
        unsafe {
            let text = text_at(ffi::sqlite3_sql(self.raw));
            let expanded = ffi::sqlite3_expanded_sql(self.raw);
            values
                .tuple(2)
                .text_or_none(text.as_deref())
                .text_or_none(text_at(expanded).as_deref());
            ffi::sqlite3_free(expanded.cast());
        }
        values.take()
    }

    /// Resets it; what an earlier step said is not said again.
    pub(crate) fn reset(&mut self) {
        // SAFETY: the statement lives.
        unsafe { ffi::sqlite3_reset(self.raw) };
    }

    /// Resets it and binds parameters, from the first on.
    pub(crate) fn bind(&mut self, parameters: &[Value]) -> Result<(), Failure> {
        self.reset();
        // SAFETY: the statement lives; SQLite copies texts and blobs.
        unsafe {
            ffi::sqlite3_clear_bindings(self.raw);
            for (value, number) in parameters.iter().zip(1..) {
                let code = match value {
                    Value::Null => ffi::sqlite3_bind_null(self.raw, number),
                    Value::Integer(value) => ffi::sqlite3_bind_int64(self.raw, number, *value),
                    Value::Real(value) => ffi::sqlite3_bind_double(self.raw, number, *value),
                    Value::Text(text) => ffi::sqlite3_bind_text64(
                        self.raw,
                        number,
                        text.as_ptr().cast(),
                        text.len() as u64,
                        ffi::SQLITE_TRANSIENT(),
                        ffi::SQLITE_UTF8 as u8,
                    ),
                    // No pointer of a Vec is null, which would be NULL.
                    Value::Blob(bytes) => ffi::sqlite3_bind_blob64(
                        self.raw,
                        number,
                        bytes.as_ptr().cast(),
                        bytes.len() as u64,
                        ffi::SQLITE_TRANSIENT(),
                    ),
                };
                if code != ffi::SQLITE_OK {
                    return Err(Failure::last(self.database()));
                }
            }
        }
        Ok(())
    }

    /// Steps until there are enough rows, or there is none more, or it fails.
    pub(crate) fn fetch(&mut self, shape: &Shape) -> Vec<u8> {
        let mut values = Values::default();
        values.tuple(7);
        let list = values.list();
        let (mut count, mut is_end, mut failure) = (0, false, None);
        while count < shape.most as usize && values.len() < LARGE {
            // SAFETY: the statement lives.
            match unsafe { ffi::sqlite3_step(self.raw) } {
                ffi::SQLITE_ROW => {
                    let before = values.len();
                    if let Err(error) = self.row(&mut values, shape) {
                        values.truncate(before);
                        failure = Some(error);
                        break;
                    }
                    count += 1;
                }
                ffi::SQLITE_DONE => {
                    is_end = true;
                    break;
                }
                _ => {
                    failure = Some(Failure::last(self.database()));
                    break;
                }
            }
        }
        values.set_length(list, count);
        if is_end || failure.is_some() {
            self.reset();
        }
        // SAFETY: as above.
        let (changes, rowid, is_autocommit, told) = unsafe {
            let database = self.database();
            (
                ffi::sqlite3_changes64(database),
                ffi::sqlite3_last_insert_rowid(database),
                ffi::sqlite3_get_autocommit(database) != 0,
                ffi::sqlite3_stmt_status(self.raw, ffi::SQLITE_STMTSTATUS_REPREPARE, 0),
            )
        };
        values
            .truth(is_end)
            .integer(changes)
            .integer(rowid)
            .truth(is_autocommit);
        match told == self.told {
            true => values.none(),
            false => {
                self.told = told;
                self.columns(&mut values);
                &mut values
            }
        };
        tell(&mut values, failure);
        values.take()
    }

    /// Runs it to its end with each set of parameters: `(count, changes, rowid, is_autocommit, failure)`. Rows are left out.
    pub(crate) fn run_all(&mut self, sets: &[Vec<Value>]) -> Vec<u8> {
        let (mut count, mut changes, mut failure) = (0, 0, None);
        for set in sets {
            let ran = self.bind(set).and_then(|()| self.finish());
            match ran {
                Ok(more) => changes += more,
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
            count += 1;
        }
        self.reset();
        let database = self.database();
        let mut values = Values::default();
        values.tuple(5).integer(count).integer(changes);
        // SAFETY: the statement lives, and so does its connection.
        unsafe {
            values
                .integer(ffi::sqlite3_last_insert_rowid(database))
                .truth(ffi::sqlite3_get_autocommit(database) != 0);
        }
        tell(&mut values, failure);
        values.take()
    }

    /// Steps to the end: how many rows it has changed.
    fn finish(&mut self) -> Result<i64, Failure> {
        loop {
            // SAFETY: the statement lives.
            match unsafe { ffi::sqlite3_step(self.raw) } {
                ffi::SQLITE_ROW => {}
                // SAFETY: as above.
                ffi::SQLITE_DONE => return Ok(unsafe { ffi::sqlite3_changes64(self.database()) }),
                _ => return Err(Failure::last(self.database())),
            }
        }
    }

    fn row(&self, values: &mut Values, shape: &Shape) -> Result<(), Failure> {
        // SAFETY: the statement lives and has a row.
        let count = unsafe { ffi::sqlite3_data_count(self.raw) };
        values.tuple(count as usize);
        for column in 0..count {
            let is_raw = !shape.raw.is_empty() && shape.raw.contains(&(column as u32));
            // SAFETY: as above; what is at the pointers lasts until the next step.
            unsafe {
                match ffi::sqlite3_column_type(self.raw, column) {
                    ffi::SQLITE_NULL => values.none(),
                    ffi::SQLITE_INTEGER if !is_raw => values.integer(ffi::sqlite3_column_int64(self.raw, column)),
                    ffi::SQLITE_FLOAT if !is_raw => values.real(ffi::sqlite3_column_double(self.raw, column)),
                    ffi::SQLITE_TEXT if !is_raw => {
                        let text = ffi::sqlite3_column_text(self.raw, column);
                        let bytes = self.bytes(text, column)?;
                        match (shape.texts, std::str::from_utf8(bytes)) {
                            (Texts::Bytes, _) => values.blob(bytes),
                            (Texts::Tuples, _) => values.tuple(1).blob(bytes),
                            (_, Ok(text)) => values.text(text),
                            (Texts::Replaced, Err(_)) => values.text(&String::from_utf8_lossy(bytes)),
                            (Texts::Strings, Err(_)) => return Err(self.no_text(column, bytes)),
                        }
                    }
                    _ => {
                        let blob = ffi::sqlite3_column_blob(self.raw, column);
                        values.blob(self.bytes(blob.cast(), column)?)
                    }
                };
            }
        }
        Ok(())
    }

    /// # Safety
    ///
    /// The pointer is what SQLite just gave for this column.
    unsafe fn bytes(&self, begin: *const u8, column: c_int) -> Result<&[u8], Failure> {
        // SAFETY: the length is asked for after the pointer, as the manual has it.
        unsafe {
            let length = ffi::sqlite3_column_bytes(self.raw, column) as usize;
            if begin.is_null() {
                let database = self.database();
                return match ffi::sqlite3_errcode(database) {
                    // Null is also a blob of no bytes.
                    ffi::SQLITE_NOMEM => Err(Failure::last(database)),
                    _ => Ok(&[]),
                };
            }
            Ok(std::slice::from_raw_parts(begin, length))
        }
    }

    fn no_text(&self, column: c_int, bytes: &[u8]) -> Failure {
        // SAFETY: the statement lives.
        let name = unsafe { text_at(ffi::sqlite3_column_name(self.raw, column)) }.unwrap_or_default();
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]);
        Failure::new(NOT_TEXT, format!("{name}\0{shown}"))
    }
}

/// `(code, text, offset)`, or None.
pub(crate) fn tell(values: &mut Values, failure: Option<Failure>) {
    match failure {
        Some(failure) => values
            .tuple(3)
            .integer(failure.code.into())
            .text(&failure.text)
            .integer(failure.offset.into()),
        None => values.none(),
    };
}

impl Drop for Statement {
    fn drop(&mut self) {
        // SAFETY: the statement lives until here.
        unsafe { ffi::sqlite3_finalize(self.raw) };
    }
}
