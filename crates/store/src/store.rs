//! The handle: typed reads, commits and upkeep.

use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};

use crate::batch::Batch;
use crate::engine::{Columns, Order};
use crate::error::{OpenError, Part, StoreError};
use crate::inner::{Inner, Upkeep};
use crate::key::{AsKey, Key, decoded, encoded};
use crate::open;
use crate::reader::Scan;
use crate::schema::Schema;
use crate::span::Span;
use crate::table::Table;
use crate::value::Value;

/// Rows for which a scan reserves memory before it knows how many there are.
const ROWS_EXPECTED_MAX: usize = 64;

/// An open store. Clones share it; when the last one is dropped the store writes what waits
/// and closes, as by [`Store::close`].
///
/// Reads and the calls that say so block the thread; on an asynchronous runtime they are for
/// handlers that may read a bounded number of rows, or for its blocking pool.
#[derive(Clone)]
pub struct Store {
    handle: Arc<Handle>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.handle.inner.path).finish_non_exhaustive()
    }
}

struct Handle {
    inner: Arc<Inner>,
    writer: ThreadId,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.inner.abandon();
        // The last handle may have been in a closure that the writer has just called; the
        // writer then finishes by itself.
        if thread::current().id() != self.writer
            && let Some(writer) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            // It has told everybody how things went; there is nobody left to tell.
            let _ = writer.join();
        }
    }
}

impl Store {
    /// Opens the store in `dir`, making directory and store where there are none, bringing an
    /// older store up to date, and taking exclusive use of it.
    ///
    /// # Errors
    /// If there is a store and it cannot be used; it is then left as it was.
    pub fn open(dir: &Path, schema: &Schema) -> Result<Store, OpenError> {
        let (inner, writer) = open::open(dir, schema)?;
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(crate::files::unusable(dir))?;
        let writer = thread.thread().id();
        Ok(Store { handle: Arc::new(Handle { inner, writer, thread: Mutex::new(Some(thread)) }) })
    }

    /// The value under `key`, as of every commit called before.
    ///
    /// # Errors
    /// If the file cannot be read or the row does not decode.
    pub fn get<K, V, Q>(&self, table: &Table<K, V>, key: &Q) -> Result<Option<V>, StoreError>
    where
        K: Key,
        V: Value,
        Q: AsKey<K> + ?Sized,
    {
        let number = self.number(table)?;
        self.inner().find(number, &encoded::<K, Q>(key), |bytes| value(table, bytes))
    }

    /// The first `limit` rows of `span` in the order of their keys, as of every commit called
    /// before. All rows are of one moment: a batch is seen as a whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be read or a row does not decode.
    pub fn scan<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        span: &Span<K>,
        limit: usize,
    ) -> Result<Vec<(K, V)>, StoreError> {
        self.rows(table, span, limit, Order::Rising)
    }

    /// The last `n` rows of `span`, the last one first; otherwise like [`Store::scan`].
    ///
    /// # Errors
    /// If the file cannot be read or a row does not decode.
    pub fn newest<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        span: &Span<K>,
        n: usize,
    ) -> Result<Vec<(K, V)>, StoreError> {
        self.rows(table, span, n, Order::Falling)
    }

    /// Hands the rows of `span` to `visit` one after another, in `order`, until it returns `false`,
    /// as of every commit called before: for rows of which it shows only on the way how many are
    /// wanted. `visit` must be brief and must not read the store, of whose connections it holds one.
    ///
    /// # Errors
    /// If the file cannot be read or a row does not decode.
    pub fn walk<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        span: &Span<K>,
        order: Order,
        mut visit: impl FnMut(K, V) -> bool,
    ) -> Result<(), StoreError> {
        let bounds = span.bounds();
        let columns = Columns::Rows;
        let scan = Scan { table: self.number(table)?, bounds: &bounds, order, columns };
        self.inner().scan(&scan, &mut |key_bytes, value_bytes| {
            Ok(visit(key(table, key_bytes)?, value(table, value_bytes)?))
        })
    }

    /// The keys of the first `limit` rows of `span` in order, without reading their values.
    ///
    /// # Errors
    /// If the file cannot be read or a key does not decode.
    pub fn keys<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        span: &Span<K>,
        limit: usize,
    ) -> Result<Vec<K>, StoreError> {
        let mut out = Vec::with_capacity(limit.min(ROWS_EXPECTED_MAX));
        if limit == 0 {
            return Ok(out);
        }
        let bounds = span.bounds();
        let scan = Scan {
            table: self.number(table)?,
            bounds: &bounds,
            order: Order::Rising,
            columns: Columns::Keys,
        };
        self.inner().scan(&scan, &mut |bytes, _| {
            out.push(key(table, bytes)?);
            Ok(out.len() < limit)
        })?;
        Ok(out)
    }

    /// How many rows `span` has. Reads all their keys: for spans that are known to be small.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn count<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        span: &Span<K>,
    ) -> Result<u64, StoreError> {
        self.inner().count(self.number(table)?, &span.bounds())
    }

    /// Puts `batch` in line to become durable and returns at once. Reads see it from now on.
    ///
    /// Commits happen in the order of the calls. `done` is called when the batch is durable
    /// or cannot be, always on the store's own thread, in the order of the calls; it must be
    /// brief and must not wait for the store. When the disk refuses, everything that waits is
    /// refused with it, and reads see the state before.
    pub fn commit(&self, batch: Batch, done: impl FnOnce(Result<(), StoreError>) + Send + 'static) {
        self.inner().enqueue(batch, Box::new(done));
    }

    /// From now on calls `told` on the store's own thread whenever it has called `done` for all
    /// commits that became durable, or were refused, at once: for what need not be done for each.
    /// It must be brief and must not wait for the store.
    pub fn after_each_group(&self, told: impl Fn() + Send + Sync + 'static) {
        self.inner().after_each_group(Box::new(told));
    }

    /// Until the guard is dropped, nothing that is committed is written; then all of it becomes
    /// durable at once, or none of it does. Reads see each commit as ever. For moments in which
    /// nobody waits for the store: [`Store::commit_blocking`] would wait for ever.
    #[must_use]
    pub fn together(&self) -> Together<'_> {
        self.inner().hold();
        Together { store: self }
    }

    /// Commits `batch` and returns when it is durable.
    ///
    /// # Errors
    /// If it cannot be made durable.
    pub fn commit_blocking(&self, batch: Batch) -> Result<(), StoreError> {
        self.not_on_writer()?;
        let (answer, result) = sync_channel(1);
        self.commit(batch, move |result| {
            let _ = answer.send(result);
        });
        result.recv().unwrap_or(Err(StoreError::Closed))
    }

    /// Returns when everything committed before is durable.
    ///
    /// # Errors
    /// If the store is closed, or refused what was waiting together with this call.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.commit_blocking(Batch::new())
    }

    /// Bytes that have been committed and are not durable yet. Beyond
    /// [`crate::limits::BACKLOG_BYTES_MAX`] commits are refused.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.inner().backlog()
    }

    /// Bytes that the store takes on the disk.
    ///
    /// # Errors
    /// If the file cannot be looked at.
    pub fn size_bytes(&self) -> Result<u64, StoreError> {
        self.inner().size_bytes()
    }

    /// Gives space that is not used any more back to the disk and returns how many bytes that
    /// were. Commits go on meanwhile.
    ///
    /// # Errors
    /// If the disk refuses or the store is closed.
    pub fn compact(&self) -> Result<u64, StoreError> {
        self.not_on_writer()?;
        let (answer, result) = sync_channel(1);
        self.inner().ask(Upkeep::Compact { before: None, answer })?;
        result.recv().unwrap_or(Err(StoreError::Closed))
    }

    /// Writes what waits and closes the store for all clones; afterwards everything is in the
    /// one store file. Later calls of anything give [`StoreError::Closed`].
    ///
    /// # Errors
    /// If the log could not be folded into the file. Nothing is lost then: the next start
    /// reads the log.
    pub fn close(&self) -> Result<(), StoreError> {
        self.not_on_writer()?;
        self.inner().begin_close();
        self.inner().wait_for_end()
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.handle.inner
    }

    pub(crate) fn not_on_writer(&self) -> Result<(), StoreError> {
        if thread::current().id() == self.handle.writer {
            return Err(StoreError::OnWriterThread);
        }
        Ok(())
    }

    fn number<K, V>(&self, table: &Table<K, V>) -> Result<usize, StoreError> {
        self.inner().catalog.number(table.name())
    }

    fn rows<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        span: &Span<K>,
        limit: usize,
        order: Order,
    ) -> Result<Vec<(K, V)>, StoreError> {
        let mut out = Vec::with_capacity(limit.min(ROWS_EXPECTED_MAX));
        if limit == 0 {
            return Ok(out);
        }
        let bounds = span.bounds();
        let columns = Columns::Rows;
        let scan = Scan { table: self.number(table)?, bounds: &bounds, order, columns };
        self.inner().scan(&scan, &mut |key_bytes, value_bytes| {
            out.push((key(table, key_bytes)?, value(table, value_bytes)?));
            Ok(out.len() < limit)
        })?;
        Ok(out)
    }
}

/// Ties commits together: see [`Store::together`].
#[derive(Debug)]
pub struct Together<'a> {
    store: &'a Store,
}

impl Drop for Together<'_> {
    fn drop(&mut self) {
        self.store.inner().let_go();
    }
}

fn key<K: Key, V>(table: &Table<K, V>, bytes: &[u8]) -> Result<K, StoreError> {
    decoded(bytes).ok_or(StoreError::Corrupt { table: table.name(), part: Part::Key })
}

fn value<K, V: Value>(table: &Table<K, V>, bytes: &[u8]) -> Result<V, StoreError> {
    V::decode(bytes).ok_or(StoreError::Corrupt { table: table.name(), part: Part::Value })
}
