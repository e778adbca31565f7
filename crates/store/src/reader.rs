//! Reading: a small pool of connections, and scans that join the file with the overlay.
//!
//! A scan opens its snapshot by taking the first row of the file, copies what the overlay
//! knows of the span, and then joins the two in key order: where both have a key the overlay
//! is right, and what the overlay says is deleted is left out.
//!
//! Invariants: a read blocks only for a free connection and the disk, never for the writer; a
//! thread holds one connection at most.

use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, InterruptHandle, OptionalExtension, Rows};

use crate::engine::{self, Columns, Order, blob, failed};
use crate::error::StoreError;
use crate::inner::Inner;
use crate::overlay::{Cut, Found};
use crate::span::Bounds;

/// Connections that read. Reads are short; two keep both halves of a small board busy, and
/// each costs up to half a megabyte of page cache.
const READERS: usize = 2;

/// How often closing reminds a long job that it is over.
const REMINDER: Duration = Duration::from_millis(20);

const READING: &str = "reading";

/// The connections that read.
pub(crate) struct Readers {
    state: Mutex<State>,
    back: Condvar,
}

struct State {
    idle: Vec<Connection>,
    /// Connections lent out.
    out: usize,
    /// How to stop the long jobs among them.
    long: Vec<(usize, InterruptHandle)>,
    next_long: usize,
    closed: bool,
}

impl Readers {
    pub(crate) fn open(path: &Path) -> rusqlite::Result<Self> {
        let idle = (0..READERS)
            .map(|_| engine::open_reader(path))
            .collect::<rusqlite::Result<Vec<Connection>>>()?;
        let state = State { idle, out: 0, long: Vec::new(), next_long: 0, closed: false };
        Ok(Readers { state: Mutex::new(state), back: Condvar::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lends a connection, waiting for one to come back if need be.
    pub(crate) fn lend(&self) -> Result<Lent<'_>, StoreError> {
        let mut state = self.state();
        loop {
            if state.closed {
                return Err(StoreError::Closed);
            }
            if let Some(connection) = state.idle.pop() {
                state.out += 1;
                return Ok(Lent { readers: self, connection: Some(connection), long: None });
            }
            state = self.back.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Opens a connection of its own for a long job (a backup, a check), which closing the
    /// store interrupts.
    pub(crate) fn lend_long(&self, path: &Path) -> Result<Lent<'_>, StoreError> {
        let connection = engine::open_reader(path).map_err(failed("opening the store"))?;
        let mut state = self.state();
        if state.closed {
            return Err(StoreError::Closed);
        }
        let number = state.next_long;
        state.next_long += 1;
        state.out += 1;
        state.long.push((number, connection.get_interrupt_handle()));
        Ok(Lent { readers: self, connection: Some(connection), long: Some(number) })
    }

    /// Waits for what is lent out and closes everything.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        self.back.notify_all();
        while state.out > 0 {
            for (_, job) in &state.long {
                job.interrupt();
            }
            state =
                self.back.wait_timeout(state, REMINDER).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.idle.clear();
    }
}

/// A connection on loan.
pub(crate) struct Lent<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
    long: Option<usize>,
}

impl Lent<'_> {
    /// Runs `work` with the connection.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.connection.as_ref().map_or(Err(StoreError::Closed), work)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut state = self.readers.state();
        match self.long {
            Some(number) => {
                state.long.retain(|(other, _)| *other != number);
                self.connection = None;
            }
            None => state.idle.extend(self.connection.take()),
        }
        state.out -= 1;
        drop(state);
        self.readers.back.notify_all();
    }
}

/// Takes each row of a scan; `false` ends it.
pub(crate) type Visit<'v> = &'v mut dyn FnMut(&[u8], &[u8]) -> Result<bool, StoreError>;

/// What a scan is to do.
pub(crate) struct Scan<'s> {
    pub(crate) table: usize,
    pub(crate) bounds: &'s Bounds,
    pub(crate) order: Order,
    pub(crate) columns: Columns,
}

impl Inner {
    /// The value under a key.
    pub(crate) fn find<T>(
        &self,
        table: usize,
        key: &[u8],
        decode: impl FnOnce(&[u8]) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let found = self.pending().overlay.find(table, key);
        match found {
            Found::Value(value) => return decode(&value).map(Some),
            Found::Gone => return Ok(None),
            Found::Unchanged => {}
        }
        self.readers.lend()?.with(|connection| {
            let sql = engine::sql_get(self.catalog.name(table));
            let mut statement = connection.prepare_cached(&sql).map_err(failed(READING))?;
            statement
                .query_row([key], |row| Ok(blob(row, 0, READING).and_then(decode)))
                .optional()
                .map_err(failed(READING))?
                .transpose()
        })
    }

    /// Visits the rows of a span in order.
    pub(crate) fn scan(&self, scan: &Scan<'_>, visit: Visit<'_>) -> Result<(), StoreError> {
        if scan.bounds.is_empty() {
            return Ok(());
        }
        self.readers.lend()?.with(|connection| {
            let table = self.catalog.name(scan.table);
            let sql = engine::sql_scan(table, scan.bounds, scan.order, scan.columns);
            let mut statement = connection.prepare_cached(&sql).map_err(failed(READING))?;
            let mut rows =
                statement.query(engine::span_parameters(scan.bounds)).map_err(failed(READING))?;
            self.join(&mut rows, scan, visit)
        })
    }

    /// Joins the rows of the file with the overlay.
    fn join(
        &self,
        rows: &mut Rows<'_>,
        scan: &Scan<'_>,
        visit: Visit<'_>,
    ) -> Result<(), StoreError> {
        let gate = self.hold_gate();
        // This opens the snapshot of the file, ...
        let mut row = rows.next().map_err(failed(READING))?;
        // ... and nothing has left the overlay since.
        let cut = self.pending().overlay.cut(scan.table, scan.bounds);
        drop(gate);
        let Cut { rows: changed, .. } = &cut;
        let mut changed: Box<dyn Iterator<Item = _>> = match scan.order {
            Order::Rising => Box::new(changed.iter()),
            Order::Falling => Box::new(changed.iter().rev()),
        };
        let mut change = changed.next();
        loop {
            let key = row.map(|row| blob(row, 0, READING)).transpose()?;
            let (from_file, from_overlay) = match (key, change) {
                (None, None) => return Ok(()),
                (Some(_), None) => (true, false),
                (None, Some(_)) => (false, true),
                (Some(key), Some((other, _))) => {
                    let before = match scan.order {
                        Order::Rising => key.cmp(other),
                        Order::Falling => (**other).cmp(key),
                    };
                    (before.is_le(), before.is_ge())
                }
            };
            let more = if from_overlay {
                match change {
                    Some((key, Some(value))) => visit(key, value)?,
                    _ => true,
                }
            } else {
                match (key, row) {
                    (Some(key), Some(row)) if !cut.has_removed(key) => {
                        let value = match scan.columns {
                            Columns::Rows => blob(row, 1, READING)?,
                            Columns::Keys => &[],
                        };
                        visit(key, value)?
                    }
                    _ => true,
                }
            };
            if !more {
                return Ok(());
            }
            if from_overlay {
                change = changed.next();
            }
            if from_file {
                row = rows.next().map_err(failed(READING))?;
            }
        }
    }

    /// How many rows a span has.
    pub(crate) fn count(&self, table: usize, bounds: &Bounds) -> Result<u64, StoreError> {
        if bounds.is_empty() {
            return Ok(0);
        }
        let in_file = self.readers.lend()?.with(|connection| {
            // A transaction, so that the gate is held for opening the snapshot only and not
            // for all the counting.
            let snapshot = connection.unchecked_transaction().map_err(failed(READING))?;
            let gate = self.hold_gate();
            snapshot
                .prepare_cached("SELECT 1 FROM sqlite_schema LIMIT 1")
                .and_then(|mut statement| statement.exists([]))
                .map_err(failed(READING))?;
            let cut = self.pending().overlay.cut(table, bounds);
            drop(gate);
            if !cut.is_empty() {
                return Ok(None);
            }
            let sql = engine::sql_count(self.catalog.name(table), bounds);
            let mut statement = snapshot.prepare_cached(&sql).map_err(failed(READING))?;
            let rows: i64 = statement
                .query_row(engine::span_parameters(bounds), |row| row.get(0))
                .map_err(failed(READING))?;
            Ok(Some(u64::try_from(rows).unwrap_or(0)))
        })?;
        if let Some(rows) = in_file {
            return Ok(rows);
        }
        // Something in the span is under way: count what a scan sees.
        let mut rows = 0;
        let scan = Scan { table, bounds, order: Order::Rising, columns: Columns::Keys };
        self.scan(&scan, &mut |_, _| {
            rows += 1;
            Ok(true)
        })?;
        Ok(rows)
    }
}
