//! Writing: one thread that commits what waits, together.
//!
//! The thread takes whatever has queued up while it was writing, up to a limit, makes it one
//! transaction, flushes it, and then tells everybody. A lone commit does not wait for company.
//! So one flush serves many, which is what a memory card needs.
//!
//! If a group fails, every commit that waits by then fails with it: it was decided on what is
//! now lost. The store goes on; when there is space again, commits succeed again.
//!
//! Folding: commits only append to the log. Once [`FOLD_PAGES`] have gathered, the thread
//! folds them into the store file, after everybody has been told and never inside a commit. A
//! page that was written ten times since goes into the file once. A longer log would save a
//! few more of these writes, and cost longer pauses and a longer start after a crash.
//!
//! Invariants: `done` is called once for each commit, in the order of the calls, on this
//! thread, with no lock held; changes leave the overlay before `done` is called.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use crate::apply::{apply, by_key};
use crate::claim::Claim;
use crate::compact::{self, Step};
use crate::engine::{self, Fold, Log, failed};
use crate::error::StoreError;
use crate::inner::{Inner, Pending, Stage, Upkeep, Waiting};
use crate::limits::{GROUP_BATCHES_MAX, GROUP_BYTES_MAX};
use crate::space::Space;

/// Pages (of 4 KiB) in the log that make the writer fold it into the file.
const FOLD_PAGES: u32 = 1_000;

/// Changes in one group for which the page cache is made larger, for as long as such groups follow
/// each other: each may be on a page of its own, and what does not fit is written twice.
const LARGE_GROUP_CHANGES: usize = 100;

/// How long closing waits for somebody who looks into the file with the engine's own tools.
const LAST_WAIT: Duration = Duration::from_secs(1);

const WRITING: &str = "writing";
const FOLDING: &str = "folding the log";
const CLOSING: &str = "closing";

/// The writer thread's own things.
pub(crate) struct Writer {
    inner: Arc<Inner>,
    /// `None` once closed.
    open: Option<Open>,
    /// Length of the log, in pages, at which folding is tried next.
    fold_at: u32,
}

/// What the thread has while the store is open.
struct Open {
    connection: Connection,
    claim: Claim,
    space: Space,
    /// Is the page cache larger than usual?
    roomy: bool,
}

impl Open {
    /// Makes the page cache larger, or as it was.
    fn make_room(&mut self, roomy: bool) {
        if self.roomy != roomy {
            // Without it everything is only slower, or takes more memory.
            let _ = engine::make_room(&self.connection, roomy);
            self.roomy = roomy;
        }
    }
}

/// What there is to do next.
enum Work {
    Group(Vec<Waiting>),
    Upkeep(Upkeep),
    Close,
    Leave,
}

impl Writer {
    pub(crate) fn new(inner: Arc<Inner>, connection: Connection, claim: Claim) -> Self {
        let space = Space::look(&inner.path, &connection);
        let open = Open { connection, claim, space, roomy: false };
        Writer { inner, open: Some(open), fold_at: FOLD_PAGES }
    }

    /// The thread: works until the store is closed and no handle is left.
    pub(crate) fn run(mut self) {
        let mut upkeep_next = false;
        loop {
            match self.next_work(upkeep_next) {
                Work::Group(group) => {
                    self.commit(group);
                    upkeep_next = true;
                }
                Work::Upkeep(upkeep) => {
                    self.keep_up(upkeep);
                    upkeep_next = false;
                }
                Work::Close => self.close(),
                Work::Leave => return,
            }
        }
    }

    /// Waits for work. Commits and upkeep take turns where both wait.
    fn next_work(&mut self, upkeep_next: bool) -> Work {
        let inner = Arc::clone(&self.inner);
        let mut pending = inner.pending();
        loop {
            if upkeep_next && let Some(upkeep) = pending.upkeep.pop_front() {
                return Work::Upkeep(upkeep);
            }
            let group = take_group(&mut pending);
            if !group.is_empty() {
                return Work::Group(group);
            }
            if let Some(upkeep) = pending.upkeep.pop_front() {
                return Work::Upkeep(upkeep);
            }
            match pending.stage {
                // What is held yet is let go soon.
                Stage::Closing if !pending.queue.is_empty() => {}
                Stage::Closing => return Work::Close,
                Stage::Closed(_) if pending.abandoned => return Work::Leave,
                Stage::Open | Stage::Closed(_) => {}
            }
            if let Some(open) = self.open.as_mut().filter(|open| open.roomy) {
                drop(pending);
                open.make_room(false);
                pending = inner.pending();
                continue;
            }
            pending = inner.wait_for_work(pending);
        }
    }

    /// Commits a group and tells everybody.
    fn commit(&mut self, group: Vec<Waiting>) {
        match self.write(&group) {
            Ok(()) => {
                self.inner.retire(&group);
                tell(group, &Ok(()));
                self.inner.group_told();
                self.fold_if_due();
            }
            Err(error) => {
                let behind = self.inner.give_up(&group, &error);
                tell(group, &Err(error.clone()));
                tell(behind, &Err(error.clone()));
                self.inner.group_told();
                if let (StoreError::Full, Some(open)) = (error, &mut self.open) {
                    open.space.ran_out(&open.connection);
                }
                // The disk may be full of the log: once folded, its space is used again.
                self.fold();
            }
        }
    }

    /// Writes a group in one transaction.
    fn write(&mut self, group: &[Waiting]) -> Result<(), StoreError> {
        let changes = by_key(group);
        if changes.is_empty() {
            return Ok(());
        }
        let open = self.open.as_mut().ok_or(StoreError::Closed)?;
        open.make_room(changes.len() >= LARGE_GROUP_CHANGES);
        let transaction = open
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed(WRITING))?;
        apply(&transaction, &self.inner.catalog, &changes).map_err(failed(WRITING))?;
        // Dropping the transaction after an error rolls it back.
        transaction.commit().map_err(failed(WRITING))
    }

    /// Folds the log into the file once it is long enough.
    fn fold_if_due(&mut self) {
        let Some(open) = &mut self.open else { return };
        open.space.recover_in_time(&open.connection);
        let Ok(log) = engine::fold(&open.connection, Fold::Look) else { return };
        if log.pages < log.folded.saturating_add(FOLD_PAGES) {
            self.fold_at = FOLD_PAGES;
        } else if log.pages >= self.fold_at {
            self.fold();
            if let Some(open) = &mut self.open {
                open.space.in_use(&open.connection);
            }
        }
    }

    /// Folds as much of the log into the file as readers allow. A failure costs nothing: the
    /// log is complete without it, and the next try repeats the work.
    fn fold(&mut self) {
        let Some(open) = &self.open else { return };
        if let Ok(log) = engine::fold(&open.connection, Fold::Some) {
            // A long reader (a backup) holds it up: do not try again at every commit.
            let held_up = log.pages > log.folded;
            self.fold_at = if held_up { log.pages.saturating_add(FOLD_PAGES) } else { FOLD_PAGES };
        }
    }

    fn keep_up(&mut self, upkeep: Upkeep) {
        match upkeep {
            Upkeep::Compact { before, answer } => {
                let before = before.or_else(|| self.inner.size_bytes().ok());
                let step = self.compact_step();
                self.fold_if_due();
                match step {
                    // Commits that came meanwhile go first.
                    Ok(Step::More) => {
                        let again = Upkeep::Compact { before, answer };
                        self.inner.pending().upkeep.push_front(again);
                    }
                    Ok(Step::Finished) => {
                        let after = self.inner.size_bytes();
                        let freed = after.map(|n| before.unwrap_or(n).saturating_sub(n));
                        // Nobody may be listening any more.
                        let _ = answer.send(freed);
                    }
                    Err(error) => {
                        let _ = answer.send(Err(error));
                    }
                }
            }
            #[cfg(test)]
            Upkeep::PagesMax { pages, answer } => {
                let result = self.open.as_ref().map_or(Err(StoreError::Closed), |open| {
                    open.connection
                        .pragma_update_and_check(None, "max_page_count", pages, |row| {
                            row.get::<_, u32>(0)
                        })
                        .map(u64::from)
                        .map_err(failed("limiting the file"))
                });
                let _ = answer.send(result);
            }
        }
    }

    fn compact_step(&mut self) -> Result<Step, StoreError> {
        let open = self.open.as_mut().ok_or(StoreError::Closed)?;
        if self.inner.is_closing() {
            return Ok(Step::Finished);
        }
        match compact::step(&open.connection) {
            Ok(Step::Finished) => {
                open.space.recover(&open.connection);
                Ok(Step::Finished)
            }
            // Moving pages takes space first, which is what the reserve is for.
            Err(StoreError::Full) if open.space.ran_out(&open.connection) => {
                self.fold();
                Ok(Step::More)
            }
            other => other,
        }
    }

    /// Closes everything, the writing connection last: the last one removes the log.
    fn close(&mut self) {
        self.inner.readers.close();
        let result = self.open.take().map_or(Ok(()), |Open { connection, claim, .. }| {
            let log = engine::fold(&connection, Fold::All(LAST_WAIT)).map_err(failed(FOLDING))?;
            // Where somebody else reads the file the log has to stay, and is found at the
            // next start. It stays as well if the end cannot be noted.
            if log == (Log { pages: 0, folded: 0 }) {
                claim.mark_ended().map_err(|_| StoreError::Io {
                    doing: "noting the end",
                    code: rusqlite::ffi::SQLITE_IOERR,
                })?;
                engine::leave_no_log(&connection).map_err(failed(CLOSING))?;
            }
            connection.close().map_err(|(_, error)| failed(CLOSING)(error))
        });
        self.inner.end(result);
    }
}

/// Takes what waits and is not held, up to the limits.
fn take_group(pending: &mut Pending) -> Vec<Waiting> {
    let (mut taken, mut bytes) = (0, 0);
    for knot in pending.queue.make_contiguous().chunk_by(|a, b| a.knot == b.knot) {
        bytes += knot.iter().map(|waiting| waiting.bytes).sum::<usize>();
        let fits = taken + knot.len() <= GROUP_BATCHES_MAX && bytes <= GROUP_BYTES_MAX;
        // What is larger than a group goes alone.
        if !(fits || taken == 0) {
            break;
        }
        taken += knot.len();
    }
    // Only the last one can be held.
    while pending.queue.get(taken.wrapping_sub(1)).is_some_and(|last| pending.is_held(last)) {
        taken -= 1;
    }
    pending.queue.drain(..taken).collect()
}

/// Tells each caller: its own refusal, or how the group went.
fn tell(group: Vec<Waiting>, result: &Result<(), StoreError>) {
    for Waiting { changes, done, .. } in group {
        let result = changes.and_then(|_| result.clone());
        // A panic in a caller's code must not end the writer. The panic itself has been
        // reported by the panic hook.
        let _ = catch_unwind(AssertUnwindSafe(|| done(result)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;
    use std::sync::{Arc, Mutex};

    use crate::error::{Blame, StoreError};
    use crate::inner::Upkeep;
    use crate::scratch::Scratch;
    use crate::space::RESERVE_BYTES;
    use crate::{Batch, Raw, Schema, Span, Store, Table};

    const NOTES: Table<u64, Raw> = Table::new("notes");
    const SCHEMA: Schema = Schema { version: 1, tables: &[NOTES.name()], migrations: &[] };

    fn limit_pages(store: &Store, pages: u32) {
        let (answer, result) = sync_channel(1);
        store.inner().ask(Upkeep::PagesMax { pages, answer }).unwrap();
        result.recv().unwrap().unwrap();
    }

    fn note(n: u64, bytes: usize) -> Batch {
        let mut batch = Batch::new();
        batch.put(&NOTES, &n, &Raw(vec![1; bytes]));
        batch
    }

    #[test]
    fn a_full_disk_refuses_what_waits_and_no_more() {
        let dir = Scratch::new("full");
        let store = Store::open(dir.path(), &SCHEMA).unwrap();
        store.commit_blocking(note(1, 10)).unwrap();
        limit_pages(&store, 40);
        // While the writer is held up, commits gather: a small one, one that does not fit,
        // and one that was decided on it.
        let (go, gate) = sync_channel::<()>(1);
        store.commit(Batch::new(), move |_| gate.recv().unwrap());
        let results = Arc::new(Mutex::new(Vec::new()));
        let bytes = [10, 2_000_000, 10];
        for (n, bytes) in (2..).zip(bytes) {
            let results = Arc::clone(&results);
            store.commit(note(n, bytes), move |result| results.lock().unwrap().push(result));
        }
        assert_eq!(store.count(&NOTES, &Span::all()).unwrap(), 4);
        go.send(()).unwrap();
        while results.lock().unwrap().len() < 3 {
            std::thread::yield_now();
        }
        // The large one is beyond the size of a group, so the first had a group of its own;
        // what waits behind the failure goes with it.
        let full = Err(StoreError::Full);
        assert_eq!(*results.lock().unwrap(), [Ok(()), full.clone(), full]);
        assert_eq!(StoreError::Full.blame(), Blame::Operator);
        assert_eq!(store.keys(&NOTES, &Span::all(), 9).unwrap(), [1, 2]);
        assert_eq!(store.get(&NOTES, &3).unwrap(), None);
        assert_eq!(store.backlog(), 0);

        // Small commits still fit, and with space the large one does.
        store.commit_blocking(note(5, 10)).unwrap();
        assert_eq!(store.commit_blocking(note(6, 2_000_000)), Err(StoreError::Full));
        limit_pages(&store, u32::MAX / 2);
        store.commit_blocking(note(6, 2_000_000)).unwrap();
        assert_eq!(store.check().unwrap(), Vec::<String>::new());
        drop(store);
        let store = Store::open(dir.path(), &SCHEMA).unwrap();
        assert_eq!(store.keys(&NOTES, &Span::all(), 9).unwrap(), [1, 2, 5, 6]);
    }

    #[test]
    fn what_is_committed_together_is_written_together_or_not_at_all() {
        let dir = Scratch::new("together");
        let store = Store::open(dir.path(), &SCHEMA).unwrap();
        limit_pages(&store, 40);
        let results = Arc::new(Mutex::new(Vec::new()));
        let commit = |n, bytes| {
            let results = Arc::clone(&results);
            store.commit(note(n, bytes), move |result| results.lock().unwrap().push(result));
        };
        let told = |n: usize| {
            while results.lock().unwrap().len() < n {
                std::thread::yield_now();
            }
            std::mem::take(&mut *results.lock().unwrap())
        };
        let full = Err(StoreError::Full);
        // Alone, the first would fit.
        let held = store.together();
        commit(1, 10);
        commit(2, 2_000_000);
        assert_eq!(store.count(&NOTES, &Span::all()).unwrap(), 2, "reads see it");
        drop(held);
        assert_eq!(told(2), [full.clone(), full.clone()]);
        assert_eq!(store.count(&NOTES, &Span::all()).unwrap(), 0);

        // What waits behind a failure goes with it, and so does the rest of its knot.
        let (go, gate) = sync_channel::<()>(1);
        store.commit(Batch::new(), move |_| gate.recv().unwrap());
        commit(3, 2_000_000);
        let held = store.together();
        commit(4, 10);
        go.send(()).unwrap();
        assert_eq!(told(2), [full.clone(), full.clone()]);
        let again = store.together();
        commit(5, 10);
        drop(held);
        commit(6, 10);
        drop(again);
        assert_eq!(told(2), [full.clone(), full]);

        let held = store.together();
        commit(7, 10);
        commit(8, 10);
        drop(held);
        assert_eq!(told(2), [Ok(()), Ok(())]);
        commit(9, 10);
        assert_eq!(told(1), [Ok(())]);
        drop(store.together());
        assert_eq!(store.keys(&NOTES, &Span::all(), 9).unwrap(), [7, 8, 9]);
        // Closing waits for what is held.
        let held = store.together();
        commit(10, 10);
        std::thread::scope(|scope| {
            let closing = scope.spawn(|| store.close());
            drop(held);
            closing.join().unwrap().unwrap();
        });
        assert_eq!(told(1), [Ok(())]);
    }

    #[test]
    fn those_who_follow_groups_are_told_once_for_all_of_a_group() {
        let dir = Scratch::new("groups");
        let store = Store::open(dir.path(), &SCHEMA).unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let after = Arc::clone(&said);
        store.after_each_group(move || after.lock().unwrap().push(0));
        let (go, gate) = sync_channel::<()>(1);
        let (began, begins) = sync_channel::<()>(1);
        store.commit(Batch::new(), move |_| {
            began.send(()).unwrap();
            gate.recv().unwrap();
        });
        begins.recv().unwrap();
        // Enough that the page cache grows meanwhile; every key twice.
        for n in 1..=200 {
            let said = Arc::clone(&said);
            store.commit(note(n % 100, usize::try_from(n).unwrap()), move |result| {
                result.unwrap();
                said.lock().unwrap().push(n);
            });
        }
        go.send(()).unwrap();
        store.flush().unwrap();
        let expected: Vec<u64> = [0].into_iter().chain(1..=200).chain([0]).collect();
        while said.lock().unwrap().len() < expected.len() {
            std::thread::yield_now();
        }
        assert_eq!(said.lock().unwrap()[..expected.len()], expected);
        let bytes = |n| store.get(&NOTES, &n).unwrap().map(|Raw(bytes)| bytes.len());
        assert_eq!([bytes(0), bytes(1), bytes(99)], [Some(200), Some(101), Some(199)]);
    }

    #[test]
    fn a_full_store_can_be_emptied_and_then_grows_again() {
        let dir = Scratch::new("reserve");
        let reserve = || {
            std::fs::metadata(dir.path().join("store.reserve")).map(|metadata| metadata.len()).ok()
        };
        let store = Store::open(dir.path(), &SCHEMA).unwrap();
        store.commit_blocking(note(0, 100_000)).unwrap();
        store.flush().unwrap();
        assert_eq!(reserve(), None, "a small store keeps nothing back");
        for n in 1..60 {
            store.commit_blocking(note(n, 100_000)).unwrap();
        }
        store.compact().unwrap();
        assert_eq!(reserve(), Some(RESERVE_BYTES));
        limit_pages(&store, 1);
        assert_eq!(store.commit_blocking(note(100, 1_000_000)), Err(StoreError::Full));
        store.flush().unwrap();
        assert_eq!(reserve(), Some(0));
        // Without its reserve the store does not grow, but new rows may take the place of old
        // ones.
        assert_eq!(store.commit_blocking(note(101, 1_000_000)), Err(StoreError::Full));
        let mut batch = Batch::new();
        batch.delete_span(&NOTES, &Span::all().after(&0).before(&30));
        store.commit_blocking(batch).unwrap();
        store.commit_blocking(note(102, 1_000_000)).unwrap();
        store.compact().unwrap();
        assert_eq!(reserve(), Some(RESERVE_BYTES));
        store.commit_blocking(note(103, 2_000_000)).unwrap();
        store.commit_blocking(note(104, 2_000_000)).unwrap();
        assert_eq!(store.check().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn space_comes_back() {
        let dir = Scratch::new("compact");
        let store = Store::open(dir.path(), &SCHEMA).unwrap();
        for n in 0..64 {
            store.commit(note(n, 100_000), |result| result.unwrap());
        }
        store.flush().unwrap();
        let mut batch = Batch::new();
        batch.delete_span(&NOTES, &Span::all().from(&4));
        store.commit_blocking(batch).unwrap();
        let before = store.size_bytes().unwrap();
        let freed = store.compact().unwrap();
        let after = store.size_bytes().unwrap();
        assert!(after < 600_000, "{before} -> {after}, said {freed}");
        assert!(freed >= 5_000_000, "{before} -> {after}, said {freed}");
        assert_eq!(store.compact().unwrap(), 0);
        assert_eq!(store.count(&NOTES, &Span::all()).unwrap(), 4);
    }

    #[test]
    fn the_log_stays_bounded_while_writing() {
        let dir = Scratch::new("log");
        let store = Store::open(dir.path(), &SCHEMA).unwrap();
        let log = || std::fs::metadata(dir.path().join("store.db-wal")).unwrap().len();
        let mut longest = 0;
        for n in 0..1_500 {
            store.commit(note(n % 200, 20_000), |result| result.unwrap());
            if n % 50 == 49 {
                store.flush().unwrap();
                longest = longest.max(log());
            }
        }
        // 30 MB were written; the log is folded every 4 MB, give or take a group.
        assert!(longest < 8_000_000, "{longest}");
        assert!(longest > 1_000_000, "{longest}");
    }
}
