//! The store itself: reads, commits and upkeep.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension};

use crate::batch::{Batch, Change};
use crate::error::{OpenError, StoreError};
use crate::key::{AsKey, Key, decoded, encoded};
use crate::schema::Schema;
use crate::span::Span;
use crate::table::Table;
use crate::value::Value;

/// An open store. Clones share it.
#[derive(Clone)]
pub struct Store {
    connection: Arc<Mutex<Connection>>,
    path: PathBuf,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

fn engine(error: &rusqlite::Error) -> StoreError {
    let code = error.sqlite_error().map_or(1, |e| e.extended_code);
    StoreError::Engine { doing: "working", code }
}

impl Store {
    /// Opens the store in `dir`, making it where there is none.
    pub fn open(dir: &Path, schema: &Schema) -> Result<Store, OpenError> {
        let unusable =
            |e: std::io::Error| OpenError::Unusable { path: dir.to_owned(), kind: e.kind() };
        std::fs::create_dir_all(dir).map_err(unusable)?;
        let path = dir.join("store.db");
        let run = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(&path)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            for table in schema.tables {
                connection.execute_batch(&format!(
                    "CREATE TABLE IF NOT EXISTS \"{table}\" (k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID"
                ))?;
            }
            Ok(connection)
        };
        let connection = run().map_err(|e| OpenError::Store(engine(&e)))?;
        Ok(Store { connection: Arc::new(Mutex::new(connection)), path })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value under `key`.
    pub fn get<K: Key, V: Value, Q: AsKey<K> + ?Sized>(
        &self,
        table: &Table<K, V>,
        key: &Q,
    ) -> Result<Option<V>, StoreError> {
        let sql = format!("SELECT v FROM \"{}\" WHERE k = ?1", table.name());
        let bytes: Option<Vec<u8>> = self
            .lock()
            .query_row(&sql, [encoded::<K, Q>(key)], |row| row.get(0))
            .optional()
            .map_err(|e| engine(&e))?;
        bytes
            .map(|b| {
                V::decode(&b)
                    .ok_or(StoreError::Corrupt { table: table.name(), part: crate::Part::Value })
            })
            .transpose()
    }

    /// The first `limit` rows of `span`, in the order of their keys.
    pub fn scan<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        span: &Span<K>,
        limit: usize,
    ) -> Result<Vec<(K, V)>, StoreError> {
        self.rows(table, span, limit, "ASC")
    }

    /// The last `n` rows of `span`, the last first.
    pub fn newest<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        span: &Span<K>,
        n: usize,
    ) -> Result<Vec<(K, V)>, StoreError> {
        self.rows(table, span, n, "DESC")
    }

    /// The keys of the first `limit` rows of `span`, in order.
    pub fn keys<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        span: &Span<K>,
        limit: usize,
    ) -> Result<Vec<K>, StoreError> {
        Ok(self.scan(table, span, limit)?.into_iter().map(|(k, _)| k).collect())
    }

    /// How many rows `span` has.
    pub fn count<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        span: &Span<K>,
    ) -> Result<u64, StoreError> {
        Ok(self.scan(table, span, usize::MAX)?.len() as u64)
    }

    fn rows<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        span: &Span<K>,
        limit: usize,
        order: &str,
    ) -> Result<Vec<(K, V)>, StoreError> {
        let bounds = span.bounds();
        let sql = format!("SELECT k, v FROM \"{}\" WHERE k >= ?1 ORDER BY k {order}", table.name());
        let connection = self.lock();
        let mut statement = connection.prepare(&sql).map_err(|e| engine(&e))?;
        let mut rows = statement.query([&bounds.lower]).map_err(|e| engine(&e))?;
        let mut out = Vec::new();
        while let Some(row) = rows.next().map_err(|e| engine(&e))? {
            let (k, v): (Vec<u8>, Vec<u8>) = row.try_into().map_err(|e| engine(&e))?;
            if !bounds.contains(&k) {
                continue;
            }
            if out.len() == limit {
                break;
            }
            let bad = |part| StoreError::Corrupt { table: table.name(), part };
            out.push((
                decoded(&k).ok_or(bad(crate::Part::Key))?,
                V::decode(&v).ok_or(bad(crate::Part::Value))?,
            ));
        }
        Ok(out)
    }

    /// Commits `batch` and calls `done` when it is durable, or cannot be.
    pub fn commit(&self, batch: Batch, done: impl FnOnce(Result<(), StoreError>) + Send + 'static) {
        done(self.commit_blocking(batch));
    }

    /// Commits `batch` and returns when it is durable.
    pub fn commit_blocking(&self, batch: Batch) -> Result<(), StoreError> {
        let (ops, _) = batch.into_parts()?;
        let mut connection = self.lock();
        let tx = connection.transaction().map_err(|e| engine(&e))?;
        for op in ops {
            let name = op.table;
            match op.change {
                Change::Put(k, v) => tx.execute(
                    &format!("INSERT OR REPLACE INTO \"{name}\" (k, v) VALUES (?1, ?2)"),
                    [&*k, &*v],
                ),
                Change::Delete(k) => {
                    tx.execute(&format!("DELETE FROM \"{name}\" WHERE k = ?1"), [&*k])
                }
                Change::DeleteSpan(b) => tx.execute(
                    &format!("DELETE FROM \"{name}\" WHERE k >= ?1 AND (?2 IS NULL OR k < ?2)"),
                    (&b.lower, &b.upper),
                ),
            }
            .map_err(|e| engine(&e))?;
        }
        tx.commit().map_err(|e| engine(&e))
    }

    /// Bytes that have been committed and are not durable yet.
    #[must_use]
    pub fn backlog(&self) -> usize {
        0
    }

    /// Bytes that the store takes on the disk.
    pub fn size_bytes(&self) -> Result<u64, StoreError> {
        std::fs::metadata(&self.path)
            .map(|m| m.len())
            .map_err(|_| StoreError::Io { doing: "reading the size of the store", code: 10 })
    }

    /// Writes a copy of everything durable to the new file `to`.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        self.lock()
            .execute("VACUUM INTO ?1", [to.to_string_lossy()])
            .map(|_| ())
            .map_err(|e| engine(&e))
    }

    /// Reads everything and lists what is damaged; empty where nothing is.
    pub fn check(&self) -> Result<Vec<String>, StoreError> {
        let text: String = self
            .lock()
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .map_err(|e| engine(&e))?;
        Ok(if text == "ok" { Vec::new() } else { vec![text] })
    }

    /// Gives space that is not used any more back to the disk.
    pub fn compact(&self) -> Result<(), StoreError> {
        self.lock().execute_batch("PRAGMA incremental_vacuum").map_err(|e| engine(&e))
    }

    /// Writes what waits, and closes the store for all clones.
    pub fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
