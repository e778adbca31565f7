//! What waits for the disk before it may be routed to others.
//!
//! A subscription answer, for one, must not reach the contact before our own side of it is
//! durable. Each commit leaves an entry here; one task looks at the watermark and routes what is
//! settled. If the write failed, what memory believed is forgotten, so that it is read again
//! from the store, and the sender is told.
//!
//! Invariant: entries leave in the order they came; the queue is bounded by the store's backlog,
//! past which no session reads its socket.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use xmpp::jid::BareJid;
use xmpp::stanza::Stanza;

use crate::daemon::{Daemon, Now};
use crate::deliver;
use crate::durability::Ticket;
use crate::effect::OnFailure;
use crate::registry::{self, Slots};

/// One commit and what hangs on it.
#[derive(Debug)]
pub struct Pending {
    /// The commit.
    pub ticket: Ticket,
    /// Whose state was written.
    pub owner: BareJid,
    /// Routed once it is durable.
    pub routed: Vec<Stanza>,
    /// Refused if it failed.
    pub on_failure: Vec<OnFailure>,
}

/// The queue.
#[derive(Debug, Default)]
pub struct Settle {
    queue: Mutex<VecDeque<Pending>>,
}

impl Settle {
    /// Adds an entry.
    pub fn push(&self, pending: Pending) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(pending);
    }

    /// Takes out what is settled by now.
    fn take_settled(&self, daemon: &Daemon) -> Vec<Pending> {
        let settled = daemon.durability.settled();
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let count = queue.iter().take_while(|pending| pending.ticket <= settled).count();
        queue.drain(..count).collect()
    }

    fn is_empty(&self) -> bool {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// Routes what is settled, for as long as the daemon runs.
pub async fn run(daemon: Arc<Daemon>) {
    let mut watermark = daemon.durability.watermark();
    while watermark.changed().await.is_ok() {
        route_settled(&daemon);
    }
}

/// Routes what is settled by now.
fn route_settled(daemon: &Arc<Daemon>) {
    // What is routed may leave something that is settled already.
    loop {
        let settled = daemon.settle.take_settled(daemon);
        if settled.is_empty() {
            return;
        }
        settled.into_iter().for_each(|pending| settle(daemon, pending));
    }
}

/// Waits until nothing is left to settle, for a daemon that stops.
pub async fn finish(daemon: &Arc<Daemon>) {
    let mut watermark = daemon.durability.watermark();
    loop {
        // Seen before looking, so that a change in between is not missed.
        watermark.mark_unchanged();
        route_settled(daemon);
        if daemon.settle.is_empty() || watermark.changed().await.is_err() {
            return;
        }
    }
}

fn settle(daemon: &Arc<Daemon>, pending: Pending) {
    if !daemon.durability.failed(pending.ticket) {
        if !pending.routed.is_empty() {
            deliver::route_all(daemon, Now::read(), pending.routed);
        }
        return;
    }
    daemon.counters.add("store", "failed-writes");
    if let Some(entry) = daemon.registry.find(&pending.owner) {
        // Memory may be ahead of the disk: read it again when it is next needed.
        registry::lock(&entry).slots = Slots::default();
    }
    let refusals = pending.on_failure.into_iter().map(OnFailure::into_stanza).collect();
    deliver::route_all(daemon, Now::read(), refusals);
}
