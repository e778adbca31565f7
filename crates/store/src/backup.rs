//! Backups: a whole, checked copy in one file, made while the store is in use.
//!
//! The engine writes a compact copy of one snapshot into a new file beside the target; it is
//! checked, flushed and only then given the target's name. Writing goes on meanwhile.
//!
//! Invariant: a file under the target's name is a whole backup, or the one that was there.

use std::path::Path;

use rusqlite::Connection;

use crate::engine::failed;
use crate::error::StoreError;
use crate::files;
use crate::store::Store;

const BACKING_UP: &str = "making a backup";
/// Damaged spots that a check lists at most.
const FINDINGS_MAX: u32 = 100;

impl Store {
    /// Writes everything committed before the call into the file `to`, in place of what was
    /// there. Takes as long as reading the store twice; closing the store ends it early.
    ///
    /// # Errors
    /// If the store cannot be read or the copy not be written; nothing is then left behind.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        self.flush()?;
        let draft = files::with_suffix(to, ".draft");
        let result = self.write_backup(&draft, to);
        if result.is_err() {
            // The draft may hold messages: it is not left about.
            let _ = files::remove(&draft);
            let _ = files::remove(&files::with_suffix(&draft, "-journal"));
        }
        result
    }

    fn write_backup(&self, draft: &Path, to: &Path) -> Result<(), StoreError> {
        let io = |_| StoreError::Io { doing: BACKING_UP, code: rusqlite::ffi::SQLITE_IOERR };
        let name = draft.to_str().ok_or(StoreError::Engine {
            doing: BACKING_UP,
            code: rusqlite::ffi::SQLITE_CANTOPEN,
        })?;
        files::remove(draft).map_err(io)?;
        files::make_file(draft).map_err(|_| StoreError::Io {
            doing: BACKING_UP,
            code: rusqlite::ffi::SQLITE_CANTOPEN,
        })?;
        self.inner().readers.lend_long(&self.inner().path)?.with(|connection| {
            connection.execute("VACUUM INTO ?1", [name]).map(|_| ()).map_err(failed(BACKING_UP))
        })?;
        files::sync_file(draft).map_err(io)?;
        // A backup that cannot be read is worse than none, as somebody relies on it.
        let copy = self.inner().readers.lend_long(draft)?;
        let findings = copy.with(|connection| findings(connection, "quick_check"))?;
        drop(copy);
        if !findings.is_empty() {
            return Err(StoreError::Damaged {
                doing: BACKING_UP,
                code: rusqlite::ffi::SQLITE_CORRUPT,
            });
        }
        std::fs::rename(draft, to).map_err(io)?;
        files::sync_dir_of(to).map_err(io)
    }

    /// Reads everything and lists what is damaged, in the engine's words; empty where nothing
    /// is. Takes as long as reading the store; closing the store ends it early.
    ///
    /// # Errors
    /// If the store cannot be read at all.
    pub fn check(&self) -> Result<Vec<String>, StoreError> {
        self.flush()?;
        self.inner()
            .readers
            .lend_long(&self.inner().path)?
            .with(|connection| findings(connection, "integrity_check"))
    }
}

/// What the engine's own check finds.
pub(crate) fn findings(connection: &Connection, check: &str) -> Result<Vec<String>, StoreError> {
    const CHECKING: &str = "checking";
    let mut statement =
        connection.prepare(&format!("PRAGMA {check}({FINDINGS_MAX})")).map_err(failed(CHECKING))?;
    let mut rows = statement.query([]).map_err(failed(CHECKING))?;
    let mut lines = Vec::new();
    loop {
        match rows.next().and_then(|row| row.map(|row| row.get(0)).transpose()) {
            Ok(Some(line)) => lines.push(line),
            Ok(None) => break,
            // Some damage ends the check itself.
            Err(error) => match failed(CHECKING)(error) {
                error @ StoreError::Damaged { .. } => {
                    lines.push(error.to_string());
                    break;
                }
                other => return Err(other),
            },
        }
    }
    Ok(if lines == ["ok"] { Vec::new() } else { lines })
}
