//! What waits to be written to one client.
//!
//! Two queues: `ready` may go out at once; `held` are words about the account's own state (IQ
//! results, roster pushes) that wait until the write they report is durable, in order. Messages
//! from others never wait for the disk.
//!
//! Invariants: both queues together hold at most [`OUTBOX_STANZAS_MAX`] entries and
//! [`OUTBOX_BYTES_MAX`] bytes; past that the outbox is closed with `overflowed`, and what it
//! held of messages comes back from [`Outbox::close`], so that no message is lost silently.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use xmpp::element::Element;
use xmpp::error::StreamError;
use xmpp::stanza::Stanza;

use crate::durability::{Durability, Ticket};
use crate::limits::{OUTBOX_BYTES_MAX, OUTBOX_STANZAS_MAX};

/// Entries of queue memory that an idle session may keep.
const QUEUE_KEPT: usize = 8;

/// One stanza on its way out.
#[derive(Clone, Debug)]
pub struct Wire {
    /// The stanza as XML.
    pub xml: Arc<str>,
    /// The message itself, to be delivered elsewhere if this client goes away first.
    pub message: Option<Arc<Stanza>>,
    /// For a message kept while the person was away: its key, to be deleted once written.
    pub kept: Option<u64>,
}

impl Wire {
    /// `stanza` as it goes to a client; a message can be taken back from the outbox.
    #[must_use]
    pub fn of(stanza: Stanza) -> Self {
        let xml = stanza.element().to_xml(xmpp::ns::CLIENT).into();
        let rescue = stanza.kind() == xmpp::stanza::Kind::Message && !stanza.is_error();
        Self { xml, message: rescue.then(|| Arc::new(stanza)), kept: None }
    }

    /// A copy for this client alone: it is delivered nowhere else if the client goes away.
    #[must_use]
    pub fn copy(message: &Element) -> Self {
        Self { xml: message.to_xml(xmpp::ns::CLIENT).into(), message: None, kept: None }
    }

    /// A message that the store keeps under `key` until it is written to the client.
    #[must_use]
    pub fn kept(stanza: &Stanza, key: u64) -> Self {
        let xml = stanza.element().to_xml(xmpp::ns::CLIENT).into();
        Self { xml, message: None, kept: Some(key) }
    }
}

#[derive(Debug)]
struct Held {
    ticket: Ticket,
    wire: Wire,
    /// What to say if the write failed; `None` = say nothing.
    instead: Option<Wire>,
}

#[derive(Debug, Default)]
struct Queues {
    ready: VecDeque<Wire>,
    held: VecDeque<Held>,
    bytes: usize,
    /// Why the session must end; set once.
    end: Option<End>,
    closed: bool,
}

/// Why the daemon ends a session.
#[derive(Clone, Debug)]
pub enum End {
    /// With this stream error.
    Error(StreamError),
    /// The client does not read: nothing more can be told to it.
    Overflowed,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Outbox {
    queues: Mutex<Queues>,
    wake: Notify,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues `wire` to go out at once. `false` if the session is over.
    pub fn push(&self, wire: Wire) -> bool {
        let mut queues = self.lock();
        if !queues.admit(&wire) {
            drop(queues);
            self.wake.notify_one();
            return false;
        }
        queues.ready.push_back(wire);
        drop(queues);
        self.wake.notify_one();
        true
    }

    /// Queues `wire` to go out once `ticket` is durable, after all that was held before;
    /// `instead` goes out if the write failed.
    pub fn push_held(&self, ticket: Ticket, wire: Wire, instead: Option<Wire>) {
        let mut queues = self.lock();
        if queues.admit(&wire) {
            if ticket == 0 && queues.held.is_empty() {
                queues.ready.push_back(wire);
            } else {
                queues.held.push_back(Held { ticket, wire, instead });
            }
        }
        drop(queues);
        self.wake.notify_one();
    }

    /// Tells the session task to end the stream.
    pub fn end(&self, end: End) {
        let mut queues = self.lock();
        queues.end.get_or_insert(end);
        drop(queues);
        self.wake.notify_one();
    }

    /// Moves all that may go out into `out`.
    pub fn drain(&self, durability: &Durability, out: &mut String) -> Drained {
        let mut queues = self.lock();
        while let Some(held) = queues.held.pop_front() {
            if !durability.is_settled(held.ticket) {
                queues.held.push_front(held);
                break;
            }
            let wire = if durability.failed(held.ticket) { held.instead } else { Some(held.wire) };
            queues.ready.extend(wire);
        }
        let (mut kept, mut messages) = (Vec::new(), Vec::new());
        while let Some(wire) = queues.ready.pop_front() {
            out.push_str(&wire.xml);
            kept.extend(wire.kept);
            messages.extend(wire.message);
        }
        queues.bytes = queues.held.iter().map(|h| h.wire.xml.len()).sum();
        // An idle session keeps no queue memory.
        if queues.ready.capacity() > QUEUE_KEPT {
            queues.ready = VecDeque::new();
        }
        Drained { end: queues.end.clone(), held: !queues.held.is_empty(), kept, messages }
    }

    /// Waits until there may be something to do.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Has the client stopped reading for so long that the queue ran over?
    #[must_use]
    pub fn overflowed(&self) -> bool {
        matches!(self.lock().end, Some(End::Overflowed))
    }

    /// Closes for good and gives back the messages that did not go out.
    pub fn close(&self) -> Vec<Arc<Stanza>> {
        let mut queues = self.lock();
        queues.closed = true;
        let ready = std::mem::take(&mut queues.ready);
        let held = std::mem::take(&mut queues.held);
        ready
            .into_iter()
            .chain(held.into_iter().map(|h| h.wire))
            .filter_map(|w| w.message)
            .collect()
    }
}

impl Queues {
    /// May `wire` be queued? Past the limits the session is told to end.
    fn admit(&mut self, wire: &Wire) -> bool {
        if self.closed || matches!(self.end, Some(End::Overflowed)) {
            return false;
        }
        let stanzas = self.ready.len() + self.held.len();
        if stanzas >= OUTBOX_STANZAS_MAX || self.bytes + wire.xml.len() > OUTBOX_BYTES_MAX {
            self.end.get_or_insert(End::Overflowed);
            return false;
        }
        self.bytes += wire.xml.len();
        true
    }
}

/// What [`Outbox::drain`] found.
#[derive(Debug)]
pub struct Drained {
    /// Why the session must end, if it must.
    pub end: Option<End>,
    /// Is something waiting for the disk?
    pub held: bool,
    /// Keys of the kept messages among what was moved.
    pub kept: Vec<u64>,
    /// The other messages among it, to be rescued if the write fails.
    pub messages: Vec<Arc<Stanza>>,
}

#[cfg(test)]
mod tests {
    use store::{Batch, Table};

    use super::*;
    use crate::testing;

    const WORDS: Table<String, String> = Table::new("words");

    fn wire(xml: &str) -> Wire {
        Wire { xml: xml.into(), message: None, kept: None }
    }

    fn message(body: &str) -> Wire {
        let element = Element::parse(&format!(
            "<message xmlns='jabber:client' to='a@b' type='chat'><body>{body}</body></message>"
        ));
        Wire::of(Stanza::from_element(element.unwrap()).unwrap())
    }

    fn drained(outbox: &Outbox, durability: &Durability) -> String {
        let mut out = String::new();
        outbox.drain(durability, &mut out);
        out
    }

    #[test]
    fn held_words_wait_for_their_ticket_and_keep_their_order() {
        let (_dir, store) = testing::store(&["words"]);
        let durability = Durability::new(store);
        let outbox = Outbox::default();
        let mut batch = Batch::new();
        batch.put(&WORDS, "a", &"1".to_owned());
        let ticket = durability.commit(batch);
        outbox.push_held(ticket, wire("<result/>"), None);
        // No ticket of its own, but it may not overtake.
        outbox.push_held(0, wire("<pong/>"), None);
        outbox.push(wire("<message/>"));
        while !durability.is_settled(ticket) {
            std::thread::yield_now();
        }
        assert_eq!(drained(&outbox, &durability), "<message/><result/><pong/>");
    }

    #[test]
    fn what_is_not_settled_stays() {
        let (_dir, store) = testing::store(&["words"]);
        let durability = Durability::new(store);
        let outbox = Outbox::default();
        outbox.push_held(1, wire("<result/>"), None);
        outbox.push(wire("<message/>"));
        assert_eq!(drained(&outbox, &durability), "<message/>");
        let mut out = String::new();
        assert!(outbox.drain(&durability, &mut out).held);
    }

    #[test]
    fn a_client_that_does_not_read_is_ended_and_its_messages_come_back() {
        let outbox = Outbox::default();
        let taken = (0..=OUTBOX_STANZAS_MAX).filter(|n| outbox.push(message(&n.to_string())));
        assert_eq!(taken.count(), OUTBOX_STANZAS_MAX);
        assert!(outbox.overflowed());
        assert!(!outbox.push(message("later")));
        assert_eq!(outbox.close().len(), OUTBOX_STANZAS_MAX);
        assert!(!outbox.push(message("after the end")));
    }

    #[test]
    fn bytes_are_limited_too() {
        let outbox = Outbox::default();
        let large = "x".repeat(OUTBOX_BYTES_MAX / 2);
        assert!(outbox.push(wire(&large)));
        assert!(outbox.push(wire(&large)));
        assert!(!outbox.push(wire("y")));
    }
}
