//! What a connection is told and asks beside statements.

use crate::connection::Connection;
use crate::failure::{Failure, c_string};
use crate::text::text_at;
use libsqlite3_sys as ffi;
use std::ffi::{c_int, c_uint};

/// sqlite3_db_config's newest option that is on or off.
const LAST_OPTION: c_int = ffi::SQLITE_DBCONFIG_ENABLE_COMMENTS;

impl Connection {
    /// sqlite3_busy_timeout, which waits in place.
    pub fn busy_timeout(&mut self, milliseconds: i32) {
        if let Ok(raw) = self.opened() {
            // SAFETY: the connection is open.
            unsafe { ffi::sqlite3_busy_timeout(raw, milliseconds) };
        }
    }

    /// sqlite3_limit: what it was before.
    pub fn limit(&mut self, category: i32, value: i32) -> i32 {
        // SAFETY: the connection is open.
        self.opened()
            .map_or(-1, |raw| unsafe { ffi::sqlite3_limit(raw, category, value) })
    }

    /// sqlite3_db_config of an option that is on or off; below 0 asks. What it is then.
    ///
    /// # Errors
    ///
    /// SQLite's; SQLITE_AUTH for what would give a guest more than SQL.
    pub fn configure(&self, option: i32, value: i32) -> Result<i32, Failure> {
        let raw = self.opened()?;
        match option {
            ffi::SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION | ffi::SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER if value > 0 => {
                return Err(Failure::of_code(ffi::SQLITE_AUTH));
            }
            // Those after these take other arguments, or are not known here.
            ffi::SQLITE_DBCONFIG_ENABLE_FKEY..=LAST_OPTION => {}
            _ => return Err(Failure::of_code(ffi::SQLITE_ERROR)),
        }
        let mut now: c_int = 0;
        // SAFETY: the connection is open; these options take an int and a pointer to one.
        let code = unsafe { ffi::sqlite3_db_config(raw, option, value, &raw mut now) };
        self.check(code)?;
        Ok(now)
    }

    /// sqlite3_get_autocommit
    pub fn is_autocommit(&self) -> bool {
        // SAFETY: the connection is open.
        self.raw.is_null() || unsafe { ffi::sqlite3_get_autocommit(self.raw) } != 0
    }

    /// sqlite3_txn_state: -1 where there is no such database.
    pub fn transaction_state(&self, database: Option<&str>) -> i32 {
        let Ok(name) = database.map(c_string).transpose() else {
            return -1;
        };
        let name = name.as_ref().map_or(std::ptr::null(), |name| name.as_ptr());
        match self.raw.is_null() {
            true => -1,
            // SAFETY: the connection is open; a text that ends with a zero, or null.
            false => unsafe { ffi::sqlite3_txn_state(self.raw, name) },
        }
    }

    /// sqlite3_total_changes64
    pub fn total_changes(&self) -> i64 {
        match self.raw.is_null() {
            true => 0,
            // SAFETY: the connection is open.
            false => unsafe { ffi::sqlite3_total_changes64(self.raw) },
        }
    }

    /// sqlite3_interrupt
    pub fn interrupt(&self) {
        if !self.raw.is_null() {
            // SAFETY: the connection is open.
            unsafe { ffi::sqlite3_interrupt(self.raw) };
        }
    }

    /// Where a database's file is, in the guest (sqlite3_db_filename).
    pub fn file(&self, database: &str) -> Option<String> {
        let (raw, name) = (self.opened().ok()?, c_string(database).ok()?);
        // SAFETY: the connection is open; the text is copied at once.
        unsafe { text_at(ffi::sqlite3_db_filename(raw, name.as_ptr())) }
    }

    /// sqlite3_serialize; None of a database that is not there or is empty.
    ///
    /// # Errors
    ///
    /// SQLITE_MISUSE, SQLITE_NOMEM
    pub fn serialize(&self, database: &str) -> Result<Option<Vec<u8>>, Failure> {
        let (raw, name) = (self.opened()?, c_string(database)?);
        let _within = self.enter();
        let mut size = 0;
        // SAFETY: the connection is open; the bytes are the caller's to free.
        unsafe {
            let bytes = ffi::sqlite3_serialize(raw, name.as_ptr(), &mut size, 0);
            if bytes.is_null() {
                return match size > 0 {
                    true => Err(Failure::of_code(ffi::SQLITE_NOMEM)),
                    false => Ok(None),
                };
            }
            let copy = std::slice::from_raw_parts(bytes, size as usize).to_vec();
            ffi::sqlite3_free(bytes.cast());
            Ok(Some(copy))
        }
    }

    /// sqlite3_deserialize
    ///
    /// # Errors
    ///
    /// SQLite's.
    pub fn deserialize(&mut self, database: &str, bytes: &[u8]) -> Result<(), Failure> {
        let (raw, name) = (self.opened()?, c_string(database)?);
        let _within = self.enter();
        let size = bytes.len() as i64;
        let flags = ffi::SQLITE_DESERIALIZE_FREEONCLOSE | ffi::SQLITE_DESERIALIZE_RESIZEABLE;
        // SAFETY: the copy is SQLite's own memory, which it frees.
        let code = unsafe {
            let copy = ffi::sqlite3_malloc64(size as u64).cast::<u8>();
            if copy.is_null() && size > 0 {
                return Err(Failure::of_code(ffi::SQLITE_NOMEM));
            }
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len());
            ffi::sqlite3_deserialize(raw, name.as_ptr(), copy, size, size, flags as c_uint)
        };
        self.check(code)
    }
}
