//! What the handles, the readers and the writer thread share.
//!
//! Two locks make a read see every write enqueued before it:
//!
//! - `pending` (a mutex) holds the queue and the overlay. A commit enters both at once, so the
//!   order of the queue is the order of the overlay.
//! - `gate` (a read-write lock) is held for reading while a scan opens its snapshot of the
//!   file and then copies what the overlay knows; the writer holds it for writing while it
//!   takes finished commits out of the overlay. So nothing leaves the overlay between the two
//!   steps, and snapshot and copy together are exactly the state of one moment.
//!
//! Commits made while somebody holds a [`crate::Together`] form a knot: the writer takes none of it
//! before it is let go, and then all of it, so that all become durable or none.
//!
//! A read of one key needs no gate: it looks in the overlay first, and what has left the
//! overlay by then is in every snapshot taken afterwards.
//!
//! Invariants: whoever takes both locks takes `gate` first; neither is held while the engine
//! writes or a caller's code runs.

use std::collections::{HashMap, VecDeque};
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use crate::batch::Batch;
use crate::error::StoreError;
use crate::files::log_path;
use crate::limits::BACKLOG_BYTES_MAX;
use crate::overlay::{Overlay, Placed, Ticket};
use crate::reader::Readers;

/// Is told how a commit went.
pub(crate) type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Is told when everybody of a group has been.
pub(crate) type Told = Box<dyn Fn() + Send + Sync>;

/// The tables of the schema, numbered in its order.
#[derive(Debug)]
pub(crate) struct Catalog {
    names: Vec<&'static str>,
    numbers: HashMap<&'static str, usize>,
}

impl Catalog {
    pub(crate) fn new(names: &[&'static str]) -> Self {
        let numbers = names.iter().enumerate().map(|(number, name)| (*name, number)).collect();
        Catalog { names: names.to_vec(), numbers }
    }

    pub(crate) fn number(&self, table: &'static str) -> Result<usize, StoreError> {
        self.numbers.get(table).copied().ok_or(StoreError::UnknownTable { table })
    }

    pub(crate) fn name(&self, number: usize) -> &'static str {
        self.names.get(number).copied().unwrap_or_default()
    }

    pub(crate) fn names(&self) -> &[&'static str] {
        &self.names
    }
}

/// A commit in the queue.
pub(crate) struct Waiting {
    pub(crate) ticket: Ticket,
    /// Commits of the same number are written together.
    pub(crate) knot: u64,
    pub(crate) bytes: usize,
    /// The changes, or why there are none: refusals stay in line too, so that every caller is
    /// told in the order of the calls and always by the writer thread.
    pub(crate) changes: Result<Vec<Placed>, StoreError>,
    pub(crate) done: Done,
}

/// Work for the writer beside commits.
pub(crate) enum Upkeep {
    /// Give unused space back to the disk; the number of bytes is the answer.
    Compact { before: Option<u64>, answer: SyncSender<Result<u64, StoreError>> },
    /// Let the file grow to so many pages only.
    #[cfg(test)]
    PagesMax { pages: u32, answer: SyncSender<Result<u64, StoreError>> },
}

/// How far the end of the store has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// In use.
    Open,
    /// What waits is still written, nothing new is taken.
    Closing,
    /// Closed, and how that went.
    Closed(Result<(), StoreError>),
}

pub(crate) struct Pending {
    pub(crate) overlay: Overlay,
    pub(crate) queue: VecDeque<Waiting>,
    pub(crate) upkeep: VecDeque<Upkeep>,
    pub(crate) stage: Stage,
    /// No handle is left: nobody can ask for anything any more.
    pub(crate) abandoned: bool,
    /// The writer sleeps until it is woken. Waking it costs a call of the system, so nobody does
    /// it in vain.
    writer_sleeps: bool,
    last_ticket: Ticket,
    last_knot: u64,
    /// How many hold the last knot open.
    holders: usize,
    /// Part of the open knot was given up, so the rest is refused with this.
    spoiled: Option<StoreError>,
}

pub(crate) struct Inner {
    pub(crate) path: PathBuf,
    pub(crate) catalog: Catalog,
    pub(crate) readers: Readers,
    gate: RwLock<()>,
    pending: Mutex<Pending>,
    /// Wakes the writer.
    work: Condvar,
    /// Wakes those who wait for the end.
    ended: Condvar,
    backlog: AtomicUsize,
    told: RwLock<Vec<Told>>,
}

impl Pending {
    /// Is `waiting` part of a knot that is not let go yet?
    pub(crate) fn is_held(&self, waiting: &Waiting) -> bool {
        self.holders > 0 && waiting.knot == self.last_knot
    }
}

impl Inner {
    pub(crate) fn new(path: PathBuf, catalog: Catalog, readers: Readers) -> Self {
        let overlay = Overlay::new(catalog.names().len());
        Inner {
            path,
            catalog,
            readers,
            gate: RwLock::new(()),
            pending: Mutex::new(Pending {
                overlay,
                queue: VecDeque::new(),
                upkeep: VecDeque::new(),
                stage: Stage::Open,
                abandoned: false,
                writer_sleeps: false,
                last_ticket: 0,
                last_knot: 0,
                holders: 0,
                spoiled: None,
            }),
            work: Condvar::new(),
            ended: Condvar::new(),
            backlog: AtomicUsize::new(0),
            told: RwLock::default(),
        }
    }

    /// Locks the queue and the overlay. A panic elsewhere leaves both usable: every change of
    /// them is finished before the lock is let go.
    pub(crate) fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the overlay from losing anything.
    pub(crate) fn hold_gate(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.pending().stage != Stage::Open
    }

    /// Bytes of the store file and its log.
    pub(crate) fn size_bytes(&self) -> Result<u64, StoreError> {
        let bytes = |path: &Path| match std::fs::metadata(path) {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            Err(_) => Err(StoreError::Io {
                doing: "looking at the size of the store",
                code: rusqlite::ffi::SQLITE_IOERR_FSTAT,
            }),
        };
        Ok(bytes(&self.path)? + bytes(&log_path(&self.path))?)
    }

    pub(crate) fn backlog(&self) -> usize {
        self.backlog.load(Ordering::Relaxed)
    }

    /// Puts a commit in line. Never blocks on the disk.
    pub(crate) fn enqueue(&self, batch: Batch, done: Done) {
        let placed = batch.into_parts().and_then(|(ops, bytes)| {
            let place = |op: crate::batch::Op| {
                let table = self.catalog.number(op.table)?;
                Ok(Placed { table, change: op.change })
            };
            let changes: Vec<Placed> = ops.into_iter().map(place).collect::<Result<_, _>>()?;
            Ok((changes, bytes))
        });
        let mut pending = self.pending();
        let placed = placed.and_then(|(changes, bytes)| {
            if pending.stage != Stage::Open {
                Err(StoreError::Closed)
            } else if let Some(error) = &pending.spoiled {
                Err(error.clone())
            } else if bytes > 0 && self.backlog().saturating_add(bytes) > BACKLOG_BYTES_MAX {
                Err(StoreError::Overloaded)
            } else {
                Ok((changes, bytes))
            }
        });
        let (changes, bytes) = match placed {
            Ok((changes, bytes)) => (Ok(changes), bytes),
            Err(error) => (Err(error), 0),
        };
        pending.last_ticket += 1;
        let ticket = pending.last_ticket;
        for change in changes.iter().flatten() {
            pending.overlay.enter(ticket, change);
        }
        self.backlog.fetch_add(bytes, Ordering::Relaxed);
        let held = pending.holders > 0;
        if !held {
            pending.last_knot += 1;
        }
        let knot = pending.last_knot;
        pending.queue.push_back(Waiting { ticket, knot, bytes, changes, done });
        if !held {
            self.wake(pending);
        }
    }

    /// Opens a knot, or holds on to the open one.
    pub(crate) fn hold(&self) {
        let mut pending = self.pending();
        if pending.holders == 0 {
            pending.last_knot += 1;
        }
        pending.holders += 1;
    }

    /// Lets go of the knot. The last to do so hands it to the writer.
    pub(crate) fn let_go(&self) {
        let mut pending = self.pending();
        pending.holders = pending.holders.saturating_sub(1);
        if pending.holders > 0 {
            return;
        }
        pending.spoiled = None;
        if pending.queue.back().is_some_and(|last| last.knot == pending.last_knot) {
            self.wake(pending);
        }
    }

    /// Asks the writer for something beside commits.
    pub(crate) fn ask(&self, upkeep: Upkeep) -> Result<(), StoreError> {
        let mut pending = self.pending();
        if pending.stage != Stage::Open {
            return Err(StoreError::Closed);
        }
        pending.upkeep.push_back(upkeep);
        self.wake(pending);
        Ok(())
    }

    /// Waits until there may be work.
    pub(crate) fn wait_for_work<'a>(
        &self,
        mut pending: MutexGuard<'a, Pending>,
    ) -> MutexGuard<'a, Pending> {
        pending.writer_sleeps = true;
        let mut pending = self.work.wait(pending).unwrap_or_else(PoisonError::into_inner);
        pending.writer_sleeps = false;
        pending
    }

    /// Lets go of the lock and wakes the writer if it sleeps.
    fn wake(&self, mut pending: MutexGuard<'_, Pending>) {
        let sleeps = std::mem::take(&mut pending.writer_sleeps);
        drop(pending);
        if sleeps {
            self.work.notify_one();
        }
    }

    /// From now on `told` is called whenever everybody of a group has been told.
    pub(crate) fn after_each_group(&self, told: Told) {
        self.told.write().unwrap_or_else(PoisonError::into_inner).push(told);
    }

    /// Everybody of a group has been told.
    pub(crate) fn group_told(&self) {
        for told in self.told.read().unwrap_or_else(PoisonError::into_inner).iter() {
            // As in a caller's `done`.
            let _ = catch_unwind(AssertUnwindSafe(told));
        }
    }

    /// Takes the changes of a finished group out of the overlay: reads now find them in the
    /// file.
    pub(crate) fn retire(&self, group: &[Waiting]) {
        let Some(last) = group.last().map(|waiting| waiting.ticket) else { return };
        let gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        let mut pending = self.pending();
        for change in group.iter().filter_map(|waiting| waiting.changes.as_ref().ok()).flatten() {
            pending.overlay.retire(last, change);
        }
        drop(pending);
        drop(gate);
        self.lighten(group);
    }

    /// Drops every change that is under way and gives back the commits that waited behind the
    /// failed group: they were decided on what is now lost.
    pub(crate) fn give_up(&self, failed: &[Waiting], error: &StoreError) -> Vec<Waiting> {
        let gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        let mut pending = self.pending();
        pending.overlay.clear();
        let behind: Vec<Waiting> = pending.queue.drain(..).collect();
        if pending.holders > 0 {
            pending.spoiled = Some(error.clone());
        }
        drop(pending);
        drop(gate);
        self.lighten(failed);
        self.lighten(&behind);
        behind
    }

    fn lighten(&self, group: &[Waiting]) {
        let bytes = group.iter().map(|waiting| waiting.bytes).sum();
        self.backlog.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Begins the end: what waits is still written, nothing new is taken.
    pub(crate) fn begin_close(&self) {
        let mut pending = self.pending();
        if pending.stage == Stage::Open {
            pending.stage = Stage::Closing;
        }
        self.wake(pending);
    }

    /// Says that no handle is left.
    pub(crate) fn abandon(&self) {
        let mut pending = self.pending();
        if pending.stage == Stage::Open {
            pending.stage = Stage::Closing;
        }
        pending.abandoned = true;
        self.wake(pending);
    }

    /// The writer says that the store is closed.
    pub(crate) fn end(&self, result: Result<(), StoreError>) {
        self.pending().stage = Stage::Closed(result);
        self.ended.notify_all();
    }

    /// Waits for the writer to say so.
    pub(crate) fn wait_for_end(&self) -> Result<(), StoreError> {
        let mut pending = self.pending();
        loop {
            if let Stage::Closed(result) = &pending.stage {
                return result.clone();
            }
            pending = self.ended.wait(pending).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
