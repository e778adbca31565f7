//! The engine: how its connections are set up, its statements, and its errors in our words.
//!
//! One file, `store.db`, in write-ahead-log mode. Every table is
//! `(k BLOB PRIMARY KEY, v BLOB)` without a row id, so that a row is one entry of one tree.
//!
//! Invariants: a commit returns after its log frames are flushed to the device
//! (`synchronous=FULL`); folding the log back into the file is started by the writer only,
//! never as a side effect of a commit; memory for pages is bounded per connection.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, Row, ffi};

use crate::error::StoreError;
use crate::span::Bounds;

/// Marks the file as ours: "Snug".
pub(crate) const APPLICATION_ID: i32 = 0x536e_7567;

/// The size of a page; the engine's own default, which salvage relies on.
pub(crate) const PAGE_BYTES: usize = 4096;

/// The engine's own limit of a file's pages.
const PAGES_MAX: u32 = 0xffff_fffe;

/// Page cache of one connection. There are three of them in a daemon that shall fit in 12 MB;
/// the operating system caches the file as well.
const PAGE_CACHE_KIB: i64 = 512;

/// The same of the connection that writes, while it writes large groups: enough for all their
/// pages.
const PAGE_CACHE_LARGE_KIB: i64 = 2048;

/// The log is cut back to this size after a burst. Twice what it grows to between two folds
/// (`FOLD_PAGES` pages of 4 KiB), so that it is rarely cut and grown again.
const LOG_BYTES_KEPT: i64 = 8 * 1024 * 1024;

/// How long to wait for somebody who looks into the file with the engine's own tools.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Prepared statements a connection keeps: about 3 KiB each. A server in use touches some ten
/// tables often, in two or three ways.
const STATEMENTS_KEPT: usize = 32;

/// Opens the connection that writes, and changes nothing yet: the file may turn out to be
/// somebody else's.
pub(crate) fn open_writer(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // Without this the engine folds and removes the log as soon as the connection closes,
    // even if it closes because the store was refused.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    set_up(&connection)?;
    Ok(connection)
}

/// Makes the writing connection durable: write-ahead log, flushed at each commit.
pub(crate) fn begin_logging(connection: &Connection) -> rusqlite::Result<()> {
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        // A file system without shared memory maps.
        let no_log = ffi::Error::new(ffi::SQLITE_CANTOPEN);
        return Err(rusqlite::Error::SqliteFailure(no_log, None));
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // What people delete is overwritten, not only forgotten.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)
}

/// Settles the form of a new file. For new files only: asking for what is the case already
/// writes a page, for which there may be no space.
pub(crate) fn prepare_file(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", PAGE_BYTES as u32)?;
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")
}

/// Makes a store that nobody else has open one file without a log.
pub(crate) fn end_logging(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
}

/// Lets the engine remove the log, all of which is in the file, when the connection closes.
pub(crate) fn leave_no_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map(|_| ())
}

/// Opens a connection that only reads.
pub(crate) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    set_up(&connection)?;
    Ok(connection)
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.pragma_update(None, "cache_size", -PAGE_CACHE_KIB)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    // No temporary files: the daemon's sandbox may have no place for them.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Finds a damaged page when it is read instead of somewhat later.
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "trusted_schema", false)
}

/// Gives a connection a page cache for large groups, or takes it away again.
pub(crate) fn make_room(connection: &Connection, large: bool) -> rusqlite::Result<()> {
    let kib = if large { PAGE_CACHE_LARGE_KIB } else { PAGE_CACHE_KIB };
    connection.pragma_update(None, "cache_size", -kib)
}

/// May this be the name of a table?
pub(crate) fn is_table_name(name: &str) -> bool {
    const NAME_BYTES_MAX: usize = 64;
    let ordinary = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    name.len() <= NAME_BYTES_MAX
        && name.bytes().all(ordinary)
        && name.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && !name.starts_with("sqlite_")
}

// The names in these statements have passed `is_table_name`: nothing in them needs escaping.

pub(crate) fn sql_create(table: &str) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS \"{table}\" \
         (k BLOB PRIMARY KEY NOT NULL, v BLOB NOT NULL) STRICT, WITHOUT ROWID"
    )
}

pub(crate) fn sql_get(table: &str) -> String {
    format!("SELECT v FROM \"{table}\" WHERE k = ?1")
}

pub(crate) fn sql_put(table: &str) -> String {
    format!(
        "INSERT INTO \"{table}\" (k, v) VALUES (?1, ?2) ON CONFLICT (k) DO UPDATE SET v = excluded.v"
    )
}

pub(crate) fn sql_delete(table: &str) -> String {
    format!("DELETE FROM \"{table}\" WHERE k = ?1")
}

/// The end of a statement that takes the keys of a span.
fn sql_within(bounds: &Bounds) -> &'static str {
    // Two texts instead of `?2 IS NULL OR …`: that would keep the engine from using the upper
    // end to find its place.
    if bounds.upper.is_some() { "WHERE k >= ?1 AND k < ?2" } else { "WHERE k >= ?1" }
}

pub(crate) fn sql_delete_span(table: &str, bounds: &Bounds) -> String {
    format!("DELETE FROM \"{table}\" {}", sql_within(bounds))
}

pub(crate) fn sql_count(table: &str, bounds: &Bounds) -> String {
    format!("SELECT count(*) FROM \"{table}\" {}", sql_within(bounds))
}

/// Which way a scan goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Smallest key first.
    Rising,
    /// Greatest key first.
    Falling,
}

/// Which columns a scan takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Columns {
    /// Keys and values.
    Rows,
    /// Keys; long values are then not read at all.
    Keys,
}

pub(crate) fn sql_scan(table: &str, bounds: &Bounds, order: Order, columns: Columns) -> String {
    let columns = match columns {
        Columns::Rows => "k, v",
        Columns::Keys => "k",
    };
    let order = match order {
        Order::Rising => "ASC",
        Order::Falling => "DESC",
    };
    format!("SELECT {columns} FROM \"{table}\" {} ORDER BY k {order}", sql_within(bounds))
}

/// The parameters that go with the statements over a span.
pub(crate) fn span_parameters(bounds: &Bounds) -> impl rusqlite::Params + '_ {
    rusqlite::params_from_iter(std::iter::once(&bounds.lower).chain(&bounds.upper))
}

/// The bytes in a column of one of our tables.
pub(crate) fn blob<'a>(
    row: &'a Row<'_>,
    column: usize,
    doing: &'static str,
) -> Result<&'a [u8], StoreError> {
    match row.get_ref(column) {
        Ok(ValueRef::Blob(bytes)) => Ok(bytes),
        // Our tables hold nothing but blobs.
        Ok(_) => Err(StoreError::Damaged { doing, code: ffi::SQLITE_CORRUPT }),
        Err(error) => Err(failed(doing)(error)),
    }
}

/// Lets the file grow by at most so many pages from now on.
pub(crate) fn limit_growth(connection: &Connection, pages: u32) -> rusqlite::Result<()> {
    let now: u32 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    let most = now.saturating_add(pages).min(PAGES_MAX);
    connection.pragma_update_and_check(None, "max_page_count", most, |_| Ok(()))
}

/// How much of the log to fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fold {
    /// Nothing; just tell.
    Look,
    /// What readers allow.
    Some,
    /// Everything, and cut the log to nothing, waiting for readers up to the given time.
    All(Duration),
}

/// The log after folding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    /// Its length in pages.
    pub(crate) pages: u32,
    /// How many of them the file has.
    pub(crate) folded: u32,
}

/// Folds the log into the file.
pub(crate) fn fold(connection: &Connection, how: Fold) -> rusqlite::Result<Log> {
    let run = |sql: &str| {
        // Both are -1 where there is no log.
        let pages = |n: i64| u32::try_from(n).unwrap_or(0);
        connection
            .prepare_cached(sql)?
            .query_row([], |row| Ok(Log { pages: pages(row.get(1)?), folded: pages(row.get(2)?) }))
    };
    match how {
        Fold::Look => run("PRAGMA wal_checkpoint(NOOP)"),
        Fold::Some => run("PRAGMA wal_checkpoint(PASSIVE)"),
        Fold::All(wait) => {
            connection.busy_timeout(wait)?;
            let log = run("PRAGMA wal_checkpoint(TRUNCATE)");
            connection.busy_timeout(BUSY_WAIT)?;
            log
        }
    }
}

/// Turns the engine's error into ours.
pub(crate) fn failed(doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |error| {
        let Some(error) = error.sqlite_error() else {
            return StoreError::Engine { doing, code: ffi::SQLITE_ERROR };
        };
        let code = error.extended_code;
        match error.code {
            ErrorCode::DiskFull => StoreError::Full,
            // The shared index of the log could not grow: there is no space for it.
            _ if code == ffi::SQLITE_IOERR_SHMSIZE => StoreError::Full,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                StoreError::Damaged { doing, code }
            }
            ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied => StoreError::Io { doing, code },
            // Only closing the store interrupts anything.
            ErrorCode::OperationInterrupted => StoreError::Closed,
            _ => StoreError::Engine { doing, code },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_table_name;

    #[test]
    fn table_names() {
        for good in ["roster", "mam.archive", "a-b_c9"] {
            assert!(is_table_name(good), "{good}");
        }
        for bad in ["", "9a", ".a", "A", "a b", "a\"b", "sqlite_x", "ä", &"a".repeat(65)] {
            assert!(!is_table_name(bad), "{bad}");
        }
    }
}
