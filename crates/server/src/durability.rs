//! Tickets: which of the writes handed to the store are on the disk.
//!
//! Every commit gets a ticket, in the order of the commits. The store makes them durable in
//! that order, so one number, the watermark, says for each ticket whether it is settled.
//! Whoever must not speak before a write is durable (an IQ result, a roster push, a
//! subscription answer) keeps its words with the ticket and waits for the watermark.
//!
//! Invariants: tickets are given under the same lock that hands the batch to the store; a
//! ticket that failed is settled too, and [`Durability::failed`] tells.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use store::{Batch, Store};
use tokio::sync::watch;

/// Names a commit. 0 = nothing to wait for.
pub type Ticket = u64;

/// Failed tickets remembered. A waiter asks within moments of the failure; a disk that fails
/// this often is a health finding long before.
const FAILED_REMEMBERED_MAX: usize = 4_096;

/// Hands batches to the store and knows which are settled.
#[derive(Debug)]
pub struct Durability {
    store: Store,
    last: Mutex<Ticket>,
    /// The last ticket that the store has told of. Those who wait are woken once for all that
    /// became durable at once.
    told: Arc<AtomicU64>,
    settled: Arc<watch::Sender<Ticket>>,
    failed: Arc<Mutex<BTreeSet<Ticket>>>,
}

impl Durability {
    /// Over `store`; no ticket is out yet.
    #[must_use]
    pub fn new(store: Store) -> Self {
        let told = Arc::new(AtomicU64::new(0));
        let settled = Arc::new(watch::Sender::new(0));
        let (new, watermark) = (Arc::clone(&told), Arc::clone(&settled));
        store.after_each_group(move || {
            let new = new.load(Ordering::Acquire);
            watermark.send_if_modified(|settled| new != std::mem::replace(settled, new));
        });
        Self { store, last: Mutex::new(0), told, settled, failed: Arc::default() }
    }

    /// Hands `batch` to the store. Never blocks; an empty batch gets ticket 0.
    pub fn commit(&self, batch: Batch) -> Ticket {
        if batch.is_empty() {
            return 0;
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last += 1;
        let ticket = *last;
        let told = Arc::clone(&self.told);
        let failed = Arc::clone(&self.failed);
        self.store.commit(batch, move |result| {
            if let Err(e) = result {
                tracing::error!(error = %e, "a write failed; what it was for is refused");
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                failed.insert(ticket);
                while failed.len() > FAILED_REMEMBERED_MAX {
                    failed.pop_first();
                }
            }
            told.store(ticket, Ordering::Release);
        });
        ticket
    }

    /// The ticket of the last commit: whatever was read so far is durable with it.
    #[must_use]
    pub fn last(&self) -> Ticket {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is `ticket` settled, durable or failed?
    #[must_use]
    pub fn is_settled(&self, ticket: Ticket) -> bool {
        self.settled() >= ticket
    }

    /// The watermark: all tickets up to it are settled.
    #[must_use]
    pub fn settled(&self) -> Ticket {
        *self.settled.borrow()
    }

    /// Did the settled `ticket` fail?
    #[must_use]
    pub fn failed(&self, ticket: Ticket) -> bool {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).contains(&ticket)
    }

    /// The watermark, to wait on.
    #[must_use]
    pub fn watermark(&self) -> watch::Receiver<Ticket> {
        self.settled.subscribe()
    }

    /// Waits until `ticket` is settled.
    ///
    /// # Errors
    /// [`NotDurable`] if the write failed.
    pub async fn wait(&self, ticket: Ticket) -> Result<(), NotDurable> {
        let mut watermark = self.watermark();
        // The sender lives as long as `self`, so this cannot end early.
        let settled = watermark.wait_for(|settled| *settled >= ticket).await.is_ok();
        if settled && !self.failed(ticket) { Ok(()) } else { Err(NotDurable) }
    }
}

/// A write did not reach the disk; nothing of it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotDurable;

impl std::fmt::Display for NotDurable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the disk did not take the write; is it full or failing?")
    }
}

impl std::error::Error for NotDurable {}
