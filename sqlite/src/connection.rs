//! Connections.

use crate::backup::Backup;
use crate::blob::Blob;
use crate::call::{Calls, Made, Progress, Turn};
use crate::failure::c_string;
use crate::files::{Place, Within};
use crate::question::Answer;
use crate::statement::{self, Prepared, Shape, Statement};
use crate::{Failure, Value, Values, library};
use libsqlite3_sys as ffi;
use slab::Slab;
use std::ffi::{CStr, c_int};
use std::ptr::null_mut;
use std::sync::Arc;
use std::thread::ThreadId;

/// What a guest may ask of sqlite3_open_v2.
const FLAGS: c_int = ffi::SQLITE_OPEN_READONLY
    | ffi::SQLITE_OPEN_READWRITE
    | ffi::SQLITE_OPEN_CREATE
    | ffi::SQLITE_OPEN_URI
    | ffi::SQLITE_OPEN_MEMORY
    | ffi::SQLITE_OPEN_NOMUTEX
    | ffi::SQLITE_OPEN_FULLMUTEX
    | ffi::SQLITE_OPEN_SHAREDCACHE
    | ffi::SQLITE_OPEN_PRIVATECACHE
    | ffi::SQLITE_OPEN_NOFOLLOW;

/// One of SQLite's.
pub struct Connection {
    /// Null when it is closed.
    pub(crate) raw: *mut ffi::sqlite3,
    place: Arc<Place>,
    calls: Calls,
    /// Each at an address of its own, which a call that waits has.
    statements: Slab<Box<Statement>>,
    pub(crate) blobs: Slab<Blob>,
    pub(crate) backups: Slab<Backup>,
    home: ThreadId,
}

// SAFETY: SQLite locks what it shares between threads (SQLITE_THREADSAFE=1). A call that waits holds locks that belong to a thread;
// so a connection is refused to any thread but the one that opened it (`opened`).
unsafe impl Send for Connection {}

impl Connection {
    /// sqlite3_open_v2. `flags`: SQLITE_OPEN_*, of which those about a VFS's own files are left out.
    ///
    /// # Errors
    ///
    /// SQLite's.
    pub fn open(name: &str, flags: u32, place: Arc<Place>) -> Result<Connection, Failure> {
        library::start();
        let name = c_string(name)?;
        let flags = flags as c_int & FLAGS | ffi::SQLITE_OPEN_EXRESCODE;
        let mut raw = null_mut();
        let connection = {
            let _within = Within::enter(&place);
            // SAFETY: texts that end with a zero.
            let code = unsafe { ffi::sqlite3_open_v2(name.as_ptr(), &mut raw, flags, c"unix".as_ptr()) };
            let connection = Connection {
                raw,
                place: place.clone(),
                calls: Calls::default(),
                statements: Slab::new(),
                blobs: Slab::new(),
                backups: Slab::new(),
                home: std::thread::current().id(),
            };
            if raw.is_null() {
                return Err(Failure::of_code(code));
            }
            if code != ffi::SQLITE_OK {
                return Err(Failure::last(raw));
            }
            connection
        };
        // The library that is built for Rust has them on; SQLite's own default is off.
        connection.configure(ffi::SQLITE_DBCONFIG_ENABLE_FKEY, 0)?;
        // For databases that may be hostile (<https://www.sqlite.org/security.html>). It reads no file.
        connection.execute(c"pragma cell_size_check = on")?;
        if !connection.place.has_temporary_files() {
            connection.execute(c"pragma temp_store = memory")?;
        }
        Ok(connection)
    }

    /// Statements without rows or questions.
    fn execute(&self, sql: &CStr) -> Result<(), Failure> {
        let _within = self.enter();
        // SAFETY: the connection is open; a text that ends with a zero.
        let code = unsafe { ffi::sqlite3_exec(self.raw, sql.as_ptr(), None, null_mut(), null_mut()) };
        self.check(code)
    }

    /// The connection, which is open.
    pub(crate) fn opened(&self) -> Result<*mut ffi::sqlite3, Failure> {
        if self.raw.is_null() {
            return Err(Failure::misuse("the connection is closed"));
        }
        if self.home != std::thread::current().id() {
            return Err(Failure::misuse("the connection belongs to another thread"));
        }
        self.calls.check()?;
        Ok(self.raw)
    }

    pub(crate) fn enter(&self) -> Within {
        Within::enter(&self.place)
    }

    fn turn(&mut self, turn: Turn) -> Result<Progress, Failure> {
        match turn {
            Turn::Asks(question) => Ok(Progress::Asks(question)),
            Turn::Ended(outcome) => Ok(Progress::Done(match outcome? {
                Made::Bytes(bytes) => bytes,
                Made::Statement(Prepared { statement: None, rest }) => {
                    let statement = None;
                    Prepared { statement, rest }.describe(None)
                }
                Made::Statement(prepared) => {
                    let entry = self.statements.vacant_entry();
                    let description = prepared.describe(Some(entry.key()));
                    if let Some(statement) = prepared.statement {
                        entry.insert(statement);
                    }
                    description
                }
            })),
        }
    }

    /// Runs something on the stack of a call.
    fn call(
        &mut self,
        statement: Option<usize>,
        body: impl FnOnce() -> Result<Made, Failure> + 'static,
    ) -> Result<Progress, Failure> {
        let place = self.place.clone();
        // SAFETY: the connection is not closed and a statement not dropped while a call about it waits (`close`, `statement`).
        let turn = unsafe { self.calls.run(&place, statement, body) }?;
        self.turn(turn)
    }

    /// The newest question is answered.
    ///
    /// # Errors
    ///
    /// The call's, and SQLITE_MISUSE where there is no question.
    pub fn answer(&mut self, answer: Answer) -> Result<Progress, Failure> {
        if self.home != std::thread::current().id() {
            return Err(Failure::misuse("the connection belongs to another thread"));
        }
        let place = self.place.clone();
        let turn = self.calls.answer(&place, answer)?;
        self.turn(turn)
    }

    /// Compiles the first statement of a text (sqlite3_prepare_v3): `(statement, rest, columns, parameters, is_readonly, is_explain)`.
    ///
    /// # Errors
    ///
    /// SQLite's.
    pub fn prepare(&mut self, sql: &str, flags: u32) -> Result<Progress, Failure> {
        let raw = self.opened()?;
        let sql = sql.to_owned();
        self.call(None, move || {
            // SAFETY: see `call`.
            unsafe { Statement::prepare(raw, &sql, flags) }.map(Made::Statement)
        })
    }

    /// A statement that no call is about.
    fn statement(&mut self, number: usize) -> Result<*mut Statement, Failure> {
        self.opened()?;
        if self.calls.has(number) {
            return Err(Failure::misuse("the statement is in the middle of a call"));
        }
        let statement = self.statements.get_mut(number);
        Ok(&mut **statement.ok_or_else(|| Failure::misuse("no such statement"))?)
    }

    /// Resets a statement, binds parameters where there are some, and goes on as [`Connection::fetch`].
    ///
    /// # Errors
    ///
    /// SQLite's, for a parameter; what fails in a step is part of the answer.
    pub fn run(&mut self, number: usize, parameters: Option<Vec<Value>>, shape: Shape) -> Result<Progress, Failure> {
        let statement = self.statement(number)?;
        self.call(Some(number), move || {
            // SAFETY: see `call`.
            let statement = unsafe { &mut *statement };
            match parameters {
                Some(parameters) => statement.bind(&parameters)?,
                None => statement.reset(),
            }
            Ok(Made::Bytes(statement.fetch(&shape)))
        })
    }

    /// Steps: `(rows, is_end, changes, rowid, is_autocommit, columns, failure)`.
    ///
    /// # Errors
    ///
    /// SQLITE_MISUSE; what fails in a step is part of the answer.
    pub fn fetch(&mut self, number: usize, shape: Shape) -> Result<Progress, Failure> {
        let statement = self.statement(number)?;
        self.call(Some(number), move || {
            // SAFETY: see `call`.
            Ok(Made::Bytes(unsafe { &mut *statement }.fetch(&shape)))
        })
    }

    /// Runs a statement to its end with each set of parameters: `(count, changes, rowid, is_autocommit, failure)`, where `count` is how
    /// many were run and `changes` what they changed together. Rows are left out.
    ///
    /// # Errors
    ///
    /// SQLITE_MISUSE; what fails in a step is part of the answer.
    pub fn run_all(&mut self, number: usize, sets: Vec<Vec<Value>>) -> Result<Progress, Failure> {
        let statement = self.statement(number)?;
        self.call(Some(number), move || {
            // SAFETY: see `call`.
            Ok(Made::Bytes(unsafe { &mut *statement }.run_all(&sets)))
        })
    }

    /// Runs all statements of a text, to the first that fails: `(is_autocommit, failure)`. Rows are left out.
    ///
    /// # Errors
    ///
    /// SQLITE_MISUSE; what fails in a statement is part of the answer.
    pub fn run_script(&mut self, sql: &str) -> Result<Progress, Failure> {
        let raw = self.opened()?;
        let sql = sql.to_owned();
        self.call(None, move || {
            // SAFETY: see `call`.
            let ran = unsafe { Statement::run_script(raw, &sql) };
            let mut values = Values::default();
            // SAFETY: as above.
            let is_autocommit = unsafe { ffi::sqlite3_get_autocommit(raw) } != 0;
            values.tuple(2).truth(is_autocommit);
            statement::tell(&mut values, ran.err());
            Ok(Made::Bytes(values.take()))
        })
    }

    /// sqlite3_reset
    ///
    /// # Errors
    ///
    /// SQLITE_MISUSE
    pub fn reset(&mut self, number: usize) -> Result<Progress, Failure> {
        let statement = self.statement(number)?;
        self.call(Some(number), move || {
            // SAFETY: see `call`.
            unsafe { &mut *statement }.reset();
            Ok(nothing())
        })
    }

    /// sqlite3_finalize
    ///
    /// # Errors
    ///
    /// SQLITE_MISUSE
    pub fn finalize(&mut self, number: usize) -> Result<Progress, Failure> {
        self.statement(number)?;
        let statement = self.statements.remove(number);
        self.call(None, move || {
            drop(statement);
            Ok(nothing())
        })
    }

    /// A statement's text, and with the values in it: `(sql, expanded sql or None)`.
    ///
    /// # Errors
    ///
    /// SQLITE_MISUSE
    pub fn texts(&mut self, number: usize) -> Result<Vec<u8>, Failure> {
        let statement = self.statement(number)?;
        // SAFETY: it lives.
        Ok(unsafe { &*statement }.texts())
    }

    /// Closes it, with what is open of it.
    ///
    /// # Errors
    ///
    /// SQLITE_MISUSE while a call waits for an answer.
    pub fn close(&mut self) -> Result<Progress, Failure> {
        self.opened()?;
        if !self.calls.is_empty() {
            return Err(Failure::misuse("the connection is in the middle of a call"));
        }
        let raw = std::mem::replace(&mut self.raw, null_mut());
        let backups = std::mem::take(&mut self.backups);
        let (statements, blobs) = (std::mem::take(&mut self.statements), std::mem::take(&mut self.blobs));
        self.call(None, move || {
            drop((backups, statements, blobs));
            // SAFETY: it is open, and nobody has it any more.
            unsafe { library::sqlite3_close_v2(raw) };
            Ok(nothing())
        })
    }

    pub(crate) fn check(&self, code: c_int) -> Result<(), Failure> {
        match code {
            ffi::SQLITE_OK => Ok(()),
            _ => {
                let last = Failure::last(self.raw);
                Err(if last.code & 0xff == code & 0xff {
                    last
                } else {
                    Failure::of_code(code)
                })
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !self.calls.is_empty() {
            if self.home != std::thread::current().id() {
                // Its calls hold locks of another thread's.
                self.calls.forget();
                std::mem::forget(std::mem::take(&mut self.statements));
                std::mem::forget((std::mem::take(&mut self.blobs), std::mem::take(&mut self.backups)));
                return;
            }
            self.interrupt();
            let place = self.place.clone();
            self.calls.abandon(&place);
        }
        let _within = self.enter();
        self.backups.clear();
        self.statements.clear();
        self.blobs.clear();
        // SAFETY: it is open, or null.
        unsafe { library::sqlite3_close_v2(self.raw) };
    }
}

fn nothing() -> Made {
    Made::Bytes(Values::default().tuple(0).take())
}
