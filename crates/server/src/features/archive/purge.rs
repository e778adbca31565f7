//! Removing what has had its time, or all of a person's archive.
//!
//! Works in steps between which everything else goes on: a step removes at most
//! [`ARCHIVE_PURGE_ROWS`] neighbouring rows. The store overwrites what it removes.
//!
//! Invariants: what is removed is the oldest of an archive (XEP-0313 §3: no holes); a run that ends
//! half-way leaves an archive that can be read, and the next run goes on.

use store::{Batch, Span, Store, StoreError, Table};

use super::rows::{MESSAGES, WITH};
use crate::daemon::Daemon;
use crate::durability::NotDurable;
use crate::limits::ARCHIVE_PURGE_ROWS;

/// Whose messages somebody wants deleted (empty = everybody's), and up to which time, so that it is
/// done also if it takes more than one life of the daemon.
pub(super) const MARKS: Table<String, u64> = Table::new("archive_deletions");

/// Notes that all messages of `owner` (`None` = everybody's) from before the time `before` are to
/// be deleted.
#[must_use]
pub fn mark(owner: Option<&str>, before: u64) -> Batch {
    let mut batch = Batch::new();
    batch.put(&MARKS, owner.unwrap_or_default(), &before);
    batch
}

/// Deletes what is noted. Gives how many messages there were.
///
/// # Errors
/// [`PurgeError`]; what was not finished stays noted.
pub async fn marked(daemon: &Daemon) -> Result<u64, PurgeError> {
    let mut removed = 0;
    while let Some((owner, before)) = daemon.store.scan(&MARKS, &Span::all(), 1)?.pop() {
        let whose = if owner.is_empty() { Whose::All } else { Whose::Of(&owner) };
        removed += run(daemon, whose, before).await?;
        let mut batch = Batch::new();
        batch.delete(&MARKS, owner.as_str());
        daemon.durability.wait(daemon.durability.commit(batch)).await?;
    }
    Ok(removed)
}

/// Why a run ended half-way.
#[derive(Debug)]
pub enum PurgeError {
    /// The store could not be read.
    Store(StoreError),
    /// The store could not write.
    NotDurable(NotDurable),
}

impl std::fmt::Display for PurgeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Store(e) => e.fmt(f),
            Self::NotDurable(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for PurgeError {}

impl From<StoreError> for PurgeError {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

impl From<NotDurable> for PurgeError {
    fn from(e: NotDurable) -> Self {
        Self::NotDurable(e)
    }
}

/// Whose messages to remove.
#[derive(Clone, Copy, Debug)]
pub enum Whose<'a> {
    /// Everybody's.
    All,
    /// Those of this bare JID.
    Of(&'a str),
}

/// Removes the messages archived before the time `before`, in microseconds since 1970. Gives how
/// many there were.
///
/// # Errors
/// [`PurgeError`]; what was removed until then stays removed.
pub async fn run(daemon: &Daemon, whose: Whose<'_>, before: u64) -> Result<u64, PurgeError> {
    let mut messages = Walk::new(whose);
    let mut removed = 0;
    while let Some((batch, rows)) = messages.messages(&daemon.store, before)? {
        daemon.durability.wait(daemon.durability.commit(batch)).await?;
        removed += rows;
    }
    let mut with = Walk::new(whose);
    while let Some((batch, _)) = with.with(&daemon.store, before)? {
        daemon.durability.wait(daemon.durability.commit(batch)).await?;
    }
    Ok(removed)
}

/// Where a run is: the group of rows it looks at next.
struct Walk<'a> {
    whose: Whose<'a>,
    /// Owner and, for conversations, the other, of the last group that is done.
    done: Option<(String, String)>,
    /// The group it is at.
    at: Option<(String, String)>,
}

impl<'a> Walk<'a> {
    fn new(whose: Whose<'a>) -> Self {
        Self { whose, done: None, at: None }
    }

    /// The next step over the messages, with how many it removes; `None` = that was all.
    fn messages(&mut self, store: &Store, before: u64) -> Result<Option<(Batch, u64)>, StoreError> {
        loop {
            if self.at.is_none() {
                let mut rest = match self.whose {
                    Whose::All => Span::all(),
                    Whose::Of(owner) => Span::<(String, u64)>::under(owner),
                };
                if let Some((owner, _)) = &self.done {
                    rest = rest.after(&(owner.as_str(), u64::MAX));
                }
                let next = store.keys(&MESSAGES, &rest, 1)?.pop();
                let Some((owner, _)) = next else { return Ok(None) };
                self.at = Some((owner, String::new()));
            }
            let Some((owner, _)) = &self.at else { return Ok(None) };
            let group = Span::<(String, u64)>::under(owner.as_str());
            let old = group.clone().before(&(owner.as_str(), before));
            let keys = store.keys(&MESSAGES, &old, ARCHIVE_PURGE_ROWS)?;
            let mut batch = Batch::new();
            if let Some(last) = keys.last() {
                batch.delete_span(&MESSAGES, &group.through(last));
            }
            if let Some(step) = self.step(batch, keys.len()) {
                return Ok(Some(step));
            }
        }
    }

    /// The same over what says whom messages were with.
    fn with(&mut self, store: &Store, before: u64) -> Result<Option<(Batch, u64)>, StoreError> {
        loop {
            if self.at.is_none() {
                let mut rest = match self.whose {
                    Whose::All => Span::all(),
                    Whose::Of(owner) => Span::<(String, String, u64)>::under(owner),
                };
                if let Some((owner, other)) = &self.done {
                    rest = rest.after(&(owner.as_str(), other.as_str(), u64::MAX));
                }
                let next = store.keys(&WITH, &rest, 1)?.pop();
                let Some((owner, other, _)) = next else { return Ok(None) };
                self.at = Some((owner, other));
            }
            let Some((owner, other)) = &self.at else { return Ok(None) };
            let (owner, other) = (owner.as_str(), other.as_str());
            let group = Span::<(String, String, u64)>::under_both(owner, other);
            let old = group.clone().before(&(owner, other, before));
            let keys = store.keys(&WITH, &old, ARCHIVE_PURGE_ROWS)?;
            let mut batch = Batch::new();
            if let Some(last) = keys.last() {
                batch.delete_span(&WITH, &group.through(last));
            }
            if let Some(step) = self.step(batch, keys.len()) {
                return Ok(Some(step));
            }
        }
    }

    /// `batch`, if it removes anything; a group of which not all the step could take was found is
    /// done.
    fn step(&mut self, batch: Batch, rows: usize) -> Option<(Batch, u64)> {
        if rows < ARCHIVE_PURGE_ROWS {
            self.done = self.at.take();
        }
        (rows > 0).then(|| (batch, u64::try_from(rows).unwrap_or(u64::MAX)))
    }
}
