//! Values in parts, and copies of databases, of a connection.

use crate::Failure;
use crate::backup::{Backup, Copied};
use crate::blob::Blob;
use crate::connection::Connection;

impl Connection {
    /// Opens the value of a row's column (sqlite3_blob_open): its number, and its size in bytes.
    ///
    /// # Errors
    ///
    /// SQLite's.
    pub fn open_blob(
        &mut self,
        database: &str,
        table: &str,
        column: &str,
        row: i64,
        is_writable: bool,
    ) -> Result<(usize, u32), Failure> {
        let connection = self.opened()?;
        let _within = self.enter();
        // SAFETY: the connection is open, and drops its blobs when it is closed.
        let blob = unsafe { Blob::open(connection, [database, table, column], row, is_writable) }?;
        let size = blob.size();
        Ok((self.blobs.insert(blob), size))
    }

    fn blob(&self, blob: usize) -> Result<&Blob, Failure> {
        self.opened()?;
        self.blobs.get(blob).ok_or_else(|| Failure::misuse("no such blob"))
    }

    /// # Errors
    ///
    /// SQLite's; SQLITE_ERROR beyond the end, SQLITE_ABORT where the row was changed meanwhile.
    pub fn read_blob(&mut self, blob: usize, offset: u32, length: u32) -> Result<Vec<u8>, Failure> {
        let _within = self.enter();
        self.blob(blob)?.read(offset, length)
    }

    /// # Errors
    ///
    /// As [`Connection::read_blob`].
    pub fn write_blob(&mut self, blob: usize, offset: u32, bytes: &[u8]) -> Result<(), Failure> {
        let _within = self.enter();
        self.blob(blob)?.write(offset, bytes)
    }

    /// Closes it.
    pub fn close_blob(&mut self, blob: usize) {
        let _within = self.enter();
        self.blobs.try_remove(blob);
    }

    /// Begins to copy a database of this connection's into `name` of another's (sqlite3_backup_init): the number of the backup.
    ///
    /// # Errors
    ///
    /// SQLite's.
    pub fn begin_backup(&mut self, database: &str, into: &Connection, name: &str) -> Result<usize, Failure> {
        let (source, target) = (self.opened()?, into.opened()?);
        let _within = self.enter();
        // SAFETY: both are open; this one drops its backups when it is closed.
        let backup = unsafe { Backup::begin((source, database), (target, name)) }?;
        Ok(self.backups.insert(backup))
    }

    /// Copies so many pages, all that are left by a number below 0 (sqlite3_backup_step).
    pub fn continue_backup(&mut self, number: usize, pages: i32) -> Copied {
        let _within = self.enter();
        let backup = self.backups.get(number);
        backup.map_or(Copied::MISUSE, |backup| backup.step(pages))
    }

    /// Ends it (sqlite3_backup_finish).
    ///
    /// # Errors
    ///
    /// What was wrong with the steps.
    pub fn end_backup(&mut self, number: usize) -> Result<(), Failure> {
        let _within = self.enter();
        self.backups.try_remove(number).map_or(Ok(()), Backup::finish)
    }
}
