//! Opening: from a directory to a store that is known to be ours, whole and up to date.
//!
//! The order matters. First the claim, so that nobody else is at work. Then what can be told
//! from the files' names: a store that is gone is a loss and not a first start. Then the
//! marks inside the file, before anything in it is changed. Then the schema. Then one look at
//! both ends of every table, which finds a damaged root before the first person does.
//!
//! Invariants: a store that is refused is left as it was; an empty store is made only where
//! the directory has never held one.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, ffi};

use crate::claim::{Claim, Contents, LastEnd};
use crate::engine::{self, failed};
use crate::error::{OpenError, StoreError};
use crate::files;
use crate::inner::{Catalog, Inner};
use crate::reader::Readers;
use crate::schema::Schema;
use crate::writer::Writer;

const OPENING: &str = "opening";

/// Opens the store in `dir`: what the handles share, and the writer that has yet to start.
pub(crate) fn open(dir: &Path, schema: &Schema) -> Result<(Arc<Inner>, Writer), OpenError> {
    schema.check()?;
    files::make_dir(dir)?;
    let (claim, last) = Claim::take(dir)?;
    let path = files::store_path(dir);
    look_for_losses(&path, last)?;
    files::make_file(&path)?;
    let mut connection = open_writer(&path)?;
    match marks(&connection).map_err(blamed(&path, OPENING))? {
        Marks::Fresh => {
            // A file without content in a directory that never held a store.
            engine::prepare_file(&connection).map_err(blamed(&path, OPENING))?;
            engine::begin_logging(&connection).map_err(blamed(&path, OPENING))?;
            schema.create(&mut connection).map_err(|error| damaged(&path, error))?;
        }
        Marks::Ours { version } => {
            schema.admit(version)?;
            engine::begin_logging(&connection).map_err(blamed(&path, OPENING))?;
            schema.upgrade(&mut connection, version)?;
        }
        Marks::Foreign => return Err(OpenError::NotAStore { path }),
    }
    look_at_tables(&connection, schema).map_err(|error| damaged(&path, error))?;
    let readers = Readers::open(&path).map_err(blamed(&path, OPENING))?;
    // The log exists by now; once its name is durable it may be missed.
    let contents = contents(&connection, schema.version).map_err(blamed(&path, OPENING))?;
    claim.mark_running(&contents).map_err(files::unusable(dir))?;
    let inner = Arc::new(Inner::new(path, Catalog::new(schema.tables), readers));
    Ok((Arc::clone(&inner), Writer::new(inner, connection, claim)))
}

/// Refuses what can only be the rest of a store.
fn look_for_losses(path: &Path, last: LastEnd) -> Result<(), OpenError> {
    let log_path = files::log_path(path);
    let bytes = files::length(path)?.unwrap_or(0);
    let log = files::length(&log_path)?;
    let gone = bytes == 0 && (last != LastEnd::Never || log.unwrap_or(0) > 0);
    if gone {
        // Opening it would make an empty store, and drop the log.
        return Err(OpenError::Missing { path: path.to_owned() });
    }
    if last == LastEnd::Abrupt && log.is_none() {
        return Err(OpenError::LogMissing { path: log_path });
    }
    Ok(())
}

fn open_writer(path: &Path) -> Result<Connection, OpenError> {
    engine::open_writer(path).map_err(blamed(path, OPENING))
}

/// What the file says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Marks {
    /// Nothing: it is empty.
    Fresh,
    /// It is a store of this version.
    Ours { version: u32 },
    /// It belongs to another program.
    Foreign,
}

/// Reads what the file says of itself.
pub(crate) fn marks(connection: &Connection) -> rusqlite::Result<Marks> {
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i32>(0));
    let application = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    let has_tables = connection.prepare("SELECT 1 FROM sqlite_schema LIMIT 1")?.exists([])?;
    Ok(match (application, u32::try_from(version)) {
        (engine::APPLICATION_ID, Ok(version @ 1..)) => Marks::Ours { version },
        // Making the store was cut short before the transaction that makes its tables.
        (0, Ok(0)) if !has_tables => Marks::Fresh,
        _ => Marks::Foreign,
    })
}

/// Reads the first and the last key of every table.
fn look_at_tables(connection: &Connection, schema: &Schema) -> Result<(), StoreError> {
    const LOOKING: &str = "looking at the tables";
    for table in schema.tables {
        for order in ["ASC", "DESC"] {
            let sql = format!("SELECT k FROM \"{table}\" ORDER BY k {order} LIMIT 1");
            connection
                .prepare(&sql)
                .and_then(|mut statement| statement.exists([]))
                .map_err(failed(LOOKING))?;
        }
    }
    Ok(())
}

/// The table of contents, for the claim to remember.
fn contents(connection: &Connection, version: u32) -> rusqlite::Result<Contents> {
    let tables = connection
        .prepare("SELECT rootpage, name FROM sqlite_schema WHERE type = 'table' ORDER BY rootpage")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(u32, String)>>>()?;
    let ours = |(_, name): &(u32, String)| engine::is_table_name(name);
    Ok(Contents { version, tables: tables.into_iter().filter(ours).collect() })
}

/// Names the file where it is damaged.
fn damaged(path: &Path, error: StoreError) -> OpenError {
    match error {
        StoreError::Damaged { doing, code } => {
            OpenError::Damaged { path: path.to_owned(), doing, code }
        }
        // The engine says this of a file that lies in the way or may not be read.
        StoreError::Io { code: ffi::SQLITE_CANTOPEN | ffi::SQLITE_PERM, .. } => {
            OpenError::Unusable {
                path: path.to_owned(),
                kind: std::io::ErrorKind::PermissionDenied,
            }
        }
        other => OpenError::Store(other),
    }
}

fn blamed<'a>(path: &'a Path, doing: &'static str) -> impl Fn(rusqlite::Error) -> OpenError + 'a {
    move |error| damaged(path, failed(doing)(error))
}
