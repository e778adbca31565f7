//! The schema: which tables there are, and how an older store is brought up to date.
//!
//! Invariants: a version is never skipped; each step and the version number that tells of it
//! are one transaction.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use crate::engine::{self, Columns, Order, blob, failed};
use crate::error::{OpenError, Part, StoreError};
use crate::key::{AsKey, Key, decoded, encoded};
use crate::span::Span;
use crate::table::Table;
use crate::value::Value;

const UPGRADING: &str = "bringing the store up to date";

/// What the program expects of its store.
#[derive(Debug)]
pub struct Schema {
    /// The version that this program writes, from 1. A program refuses a newer one.
    pub version: u32,
    /// The names of all tables. One that is missing in the file is made when the store is
    /// opened, so that a new table needs a higher version only if old programs must not run
    /// on the store any more.
    pub tables: &'static [&'static str],
    /// One step for each version after the oldest that can still be read, without gaps, the
    /// last one leading to `version`.
    pub migrations: &'static [Migration],
}

/// One step from the version before to `to`.
#[derive(Debug)]
pub struct Migration {
    /// The version that holds afterwards.
    pub to: u32,
    /// What the step does, in a few words for the log and for errors.
    pub what: &'static str,
    /// Does it. An error undoes the step.
    pub run: fn(&mut Upgrade<'_>) -> Result<(), StoreError>,
}

impl Schema {
    /// Checks the rules that [`Schema`] states.
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let rule = |rule| Err(OpenError::Schema { rule });
        if self.version == 0 || i32::try_from(self.version).is_err() {
            return rule("the version is a number from 1");
        }
        if !self.tables.iter().all(|name| engine::is_table_name(name)) {
            return rule("table names are short and plain");
        }
        let names: std::collections::BTreeSet<_> = self.tables.iter().collect();
        if names.len() != self.tables.len() {
            return rule("no two tables share a name");
        }
        let steps = self.migrations.iter().rev().map(|step| step.to);
        if !steps.zip((2..=self.version).rev()).all(|(to, expected)| to == expected)
            || self.migrations.len() > (2..=self.version).count()
        {
            return rule("migrations lead to the version step by step");
        }
        Ok(())
    }

    /// The oldest version that can be brought up to date.
    fn oldest(&self) -> u32 {
        self.migrations.first().map_or(self.version, |step| step.to - 1)
    }

    /// Refuses versions that this program does not read.
    pub(crate) fn admit(&self, found: u32) -> Result<(), OpenError> {
        if found > self.version {
            return Err(OpenError::Newer { found, known: self.version });
        }
        if found < self.oldest() {
            return Err(OpenError::TooOld { found, oldest: self.oldest() });
        }
        Ok(())
    }

    /// Makes the tables of a new store.
    pub(crate) fn create(&self, connection: &mut Connection) -> Result<(), StoreError> {
        self.make_tables(connection).map_err(failed("creating the store"))
    }

    /// Brings a store from version `found` up to date.
    pub(crate) fn upgrade(&self, connection: &mut Connection, found: u32) -> Result<(), OpenError> {
        for step in self.migrations.iter().filter(|step| step.to > found) {
            take_step(connection, step).map_err(|error| OpenError::Migration {
                to: step.to,
                what: step.what,
                error,
            })?;
        }
        let missing = self.missing_tables(connection);
        missing
            .and_then(|missing| if missing { self.make_tables(connection) } else { Ok(()) })
            .map_err(failed(UPGRADING))
            .map_err(OpenError::Store)
    }

    fn missing_tables(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let mut statement =
            connection.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1")?;
        for name in self.tables {
            if !statement.exists([name])? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes what is missing, with the marks by which the file is known, in one transaction.
    fn make_tables(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.pragma_update(None, "application_id", engine::APPLICATION_ID)?;
        for name in self.tables {
            tx.execute_batch(&engine::sql_create(name))?;
        }
        tx.pragma_update(None, "user_version", self.version)?;
        tx.commit()
    }
}

/// Takes one step, with the number that tells of it.
fn take_step(connection: &mut Connection, step: &Migration) -> Result<(), StoreError> {
    let tx = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed(UPGRADING))?;
    (step.run)(&mut Upgrade { tx: &tx })?;
    tx.pragma_update(None, "user_version", step.to).map_err(failed(UPGRADING))?;
    tx.commit().map_err(failed(UPGRADING))
}

/// The store inside one step of its schema. Tables that are named here are made where they do
/// not exist, whether or not the schema still lists them.
pub struct Upgrade<'a> {
    tx: &'a Transaction<'a>,
}

impl std::fmt::Debug for Upgrade<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upgrade").finish_non_exhaustive()
    }
}

impl Upgrade<'_> {
    /// Rows that [`Upgrade::rewrite`] holds in memory at once.
    const PAGE: usize = 256;

    /// The value under `key`.
    ///
    /// # Errors
    /// If the row cannot be read or does not decode.
    pub fn get<K, V, Q>(&self, table: &Table<K, V>, key: &Q) -> Result<Option<V>, StoreError>
    where
        K: Key,
        V: Value,
        Q: AsKey<K> + ?Sized,
    {
        self.make(table.name())?;
        let mut statement =
            self.tx.prepare_cached(&engine::sql_get(table.name())).map_err(failed(UPGRADING))?;
        statement
            .query_row([encoded::<K, Q>(key)], |row| {
                Ok(blob(row, 0, UPGRADING).and_then(|bytes| value(table, bytes)))
            })
            .optional()
            .map_err(failed(UPGRADING))?
            .transpose()
    }

    /// The first `limit` rows of `span`, in the order of their keys.
    ///
    /// # Errors
    /// If a row cannot be read or does not decode.
    pub fn scan<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        span: &Span<K>,
        limit: usize,
    ) -> Result<Vec<(K, V)>, StoreError> {
        self.make(table.name())?;
        let bounds = span.bounds();
        let sql = engine::sql_scan(table.name(), &bounds, Order::Rising, Columns::Rows);
        let mut statement = self.tx.prepare_cached(&sql).map_err(failed(UPGRADING))?;
        let mut rows =
            statement.query(engine::span_parameters(&bounds)).map_err(failed(UPGRADING))?;
        let mut out = Vec::new();
        while out.len() < limit
            && let Some(row) = rows.next().map_err(failed(UPGRADING))?
        {
            let key = decoded(blob(row, 0, UPGRADING)?)
                .ok_or(StoreError::Corrupt { table: table.name(), part: Part::Key })?;
            out.push((key, value(table, blob(row, 1, UPGRADING)?)?));
        }
        Ok(out)
    }

    /// Stores `value` under `key`.
    ///
    /// # Errors
    /// If the value has no stored form or the disk refuses.
    pub fn put<K, V, Q>(
        &mut self,
        table: &Table<K, V>,
        key: &Q,
        value: &V,
    ) -> Result<(), StoreError>
    where
        K: Key,
        V: Value,
        Q: AsKey<K> + ?Sized,
    {
        self.make(table.name())?;
        let mut bytes = Vec::new();
        if !value.encode(&mut bytes) {
            return Err(StoreError::Encode { table: table.name() });
        }
        self.tx
            .prepare_cached(&engine::sql_put(table.name()))
            .and_then(|mut put| put.execute([encoded::<K, Q>(key), bytes]))
            .map(|_| ())
            .map_err(failed(UPGRADING))
    }

    /// Removes `key`.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn delete<K, V, Q>(&mut self, table: &Table<K, V>, key: &Q) -> Result<(), StoreError>
    where
        K: Key,
        Q: AsKey<K> + ?Sized,
    {
        self.make(table.name())?;
        self.tx
            .prepare_cached(&engine::sql_delete(table.name()))
            .and_then(|mut delete| delete.execute([encoded::<K, Q>(key)]))
            .map(|_| ())
            .map_err(failed(UPGRADING))
    }

    /// Moves every row of `from` into `to`, which may have the same name, as `change` says:
    /// the new row, or `None` to drop it. `from` is gone afterwards, unless it is `to`.
    ///
    /// # Errors
    /// If a row cannot be read or written, does not decode, or `change` refuses it.
    pub fn rewrite<K: Key, V: Value, L: Key, W: Value>(
        &mut self,
        from: &Table<K, V>,
        to: &Table<L, W>,
        mut change: impl FnMut(K, V) -> Result<Option<(L, W)>, StoreError>,
    ) -> Result<(), StoreError> {
        const OLD: &str = "upgrade.old";
        let old: Table<K, V> = Table::new(OLD);
        self.rename(from.name(), OLD)?;
        self.make(to.name())?;
        loop {
            // Each page is removed once it is done, so the next one is the first again.
            let page = self.scan(&old, &Span::all(), Self::PAGE)?;
            if page.is_empty() {
                break;
            }
            for (key, value) in page {
                self.delete(&old, &key)?;
                if let Some((key, value)) = change(key, value)? {
                    self.put(to, &key, &value)?;
                }
            }
        }
        self.remove_table(OLD)
    }

    /// Gives a table another name; a table that had that name is gone.
    ///
    /// # Errors
    /// If a name cannot be one, or the disk refuses.
    pub fn rename(&mut self, from: &'static str, to: &'static str) -> Result<(), StoreError> {
        self.make(from)?;
        if from == to {
            return Ok(());
        }
        self.remove_table(to)?;
        self.tx
            .execute_batch(&format!("ALTER TABLE \"{from}\" RENAME TO \"{to}\""))
            .map_err(failed(UPGRADING))
    }

    /// Removes a table with all its rows.
    ///
    /// # Errors
    /// If the name cannot be one, or the disk refuses.
    pub fn remove_table(&mut self, name: &'static str) -> Result<(), StoreError> {
        checked(name)?;
        self.tx
            .execute_batch(&format!("DROP TABLE IF EXISTS \"{name}\""))
            .map_err(failed(UPGRADING))
    }

    fn make(&self, name: &'static str) -> Result<(), StoreError> {
        checked(name)?;
        self.tx.execute_batch(&engine::sql_create(name)).map_err(failed(UPGRADING))
    }
}

fn checked(name: &'static str) -> Result<(), StoreError> {
    if engine::is_table_name(name) { Ok(()) } else { Err(StoreError::UnknownTable { table: name }) }
}

fn value<K, V: Value>(table: &Table<K, V>, bytes: &[u8]) -> Result<V, StoreError> {
    V::decode(bytes).ok_or(StoreError::Corrupt { table: table.name(), part: Part::Value })
}
