//! What waits to be written to one client.
//!
//! Two queues: `ready` may go out at once; `held` are words about the account's own state (IQ
//! results, roster pushes) that wait until the write they report is durable, in order. Messages
//! from others never wait for the disk.
//!
//! While the client is inactive (XEP-0352), what may wait of `ready` waits in a third.
//!
//! Invariants: all queues together hold at most [`OUTBOX_STANZAS_MAX`] entries and
//! [`OUTBOX_BYTES_MAX`] bytes; past that the outbox is closed with `overflowed`, and what it
//! held of messages comes back from [`Outbox::close`], so that no message is lost silently.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use xmpp::element::Element;
use xmpp::error::StreamError;
use xmpp::stanza::Stanza;

use crate::durability::{Durability, Ticket};
use crate::features::csi::{self, Subject, Waiting};
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
    /// What it is about, if it may wait while the client is inactive.
    pub subject: Option<Subject>,
}

impl Wire {
    /// `stanza` as it goes to a client; a message can be taken back from the outbox.
    #[must_use]
    pub fn of(stanza: Stanza) -> Self {
        let xml = stanza.element().to_xml(xmpp::ns::CLIENT).into();
        let subject = csi::subject_of(&stanza);
        let rescue = stanza.kind() == xmpp::stanza::Kind::Message && !stanza.is_error();
        Self { xml, message: rescue.then(|| Arc::new(stanza)), kept: None, subject }
    }

    /// A copy for this client alone, of a message that is about `subject`: it is delivered nowhere
    /// else if the client goes away.
    #[must_use]
    pub fn copy(message: &Element, subject: Option<Subject>) -> Self {
        let xml = message.to_xml(xmpp::ns::CLIENT).into();
        Self { xml, message: None, kept: None, subject }
    }

    /// A message that the store keeps under `key` until it is written to the client.
    #[must_use]
    pub fn kept(stanza: &Stanza, key: u64) -> Self {
        let xml = stanza.element().to_xml(xmpp::ns::CLIENT).into();
        Self { xml, message: None, kept: Some(key), subject: None }
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
    /// What waits for the client to become active; `None` = it is.
    waiting: Option<Box<Waiting>>,
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
        queues.line_up(wire);
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
                queues.line_up(wire);
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

    /// The client is inactive: from now on, what may wait does.
    pub fn rest(&self) {
        self.lock().waiting.get_or_insert_default();
    }

    /// The client is active, or its stream ends: nothing waits any more.
    pub fn rouse(&self) {
        let mut queues = self.lock();
        if let Some(mut waiting) = queues.waiting.take() {
            queues.ready.extend(waiting.take());
        }
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
            wire.into_iter().for_each(|wire| queues.line_up(wire));
        }
        let (mut kept, mut messages) = (Vec::new(), Vec::new());
        while let Some(wire) = queues.ready.pop_front() {
            out.push_str(&wire.xml);
            kept.extend(wire.kept);
            messages.extend(wire.message);
        }
        let held: usize = queues.held.iter().map(|h| h.wire.xml.len()).sum();
        queues.bytes = held + queues.waiting.as_ref().map_or(0, |waiting| waiting.bytes());
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
        let waiting = queues.waiting.take().map(|mut waiting| waiting.take()).unwrap_or_default();
        ready
            .into_iter()
            .chain(waiting)
            .chain(held.into_iter().map(|h| h.wire))
            .filter_map(|w| w.message)
            .collect()
    }
}

impl Queues {
    /// Puts `wire` where it goes out from: at once, unless the client is inactive and it may wait.
    fn line_up(&mut self, wire: Wire) {
        let Some(waiting) = &mut self.waiting else { return self.ready.push_back(wire) };
        if wire.subject.is_some() {
            self.bytes -= waiting.put(wire);
            if waiting.is_full() {
                self.ready.extend(waiting.take());
            }
        } else {
            // It takes along what came before.
            self.ready.extend(waiting.take());
            self.ready.push_back(wire);
        }
    }

    /// May `wire` be queued? Past the limits the session is told to end.
    fn admit(&mut self, wire: &Wire) -> bool {
        if self.closed || matches!(self.end, Some(End::Overflowed)) {
            return false;
        }
        let waiting = self.waiting.as_ref().map_or(0, |waiting| waiting.len());
        let stanzas = self.ready.len() + self.held.len() + waiting;
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
    use crate::limits::{WAITING_BYTES_MAX, WAITING_STANZAS_MAX};
    use crate::testing;

    const WORDS: Table<String, String> = Table::new("words");

    fn wire(xml: &str) -> Wire {
        Wire { xml: xml.into(), message: None, kept: None, subject: None }
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

    fn presence(resource: usize, status: &str) -> Wire {
        let element = Element::parse(&format!(
            "<presence xmlns='jabber:client' from='a@b/{resource}' to='c@d'>{status}</presence>"
        ));
        Wire::of(Stanza::from_element(element.unwrap()).unwrap())
    }

    fn counted(outbox: &Outbox) -> (usize, usize) {
        let queues = outbox.lock();
        (queues.waiting.as_ref().map_or(0, |waiting| waiting.len()), queues.bytes)
    }

    #[test]
    fn presence_waits_for_an_inactive_client_and_is_bounded() {
        let (_dir, store) = testing::store(&["words"]);
        let durability = Durability::new(store);
        let outbox = Outbox::default();
        outbox.rest();
        for _ in 0..10 {
            for n in 1..WAITING_STANZAS_MAX {
                assert!(outbox.push(presence(n, "")));
            }
        }
        // Words of the account itself about presence, too.
        outbox.push_held(0, presence(1, "last"), None);
        assert_eq!(drained(&outbox, &durability), "");
        let (waiting, bytes) = counted(&outbox);
        assert_eq!(waiting, WAITING_STANZAS_MAX - 1);
        assert!(outbox.push(presence(WAITING_STANZAS_MAX, "")));
        assert_eq!(counted(&outbox).0, 0);
        let all = drained(&outbox, &durability);
        assert_eq!(all.matches("<presence").count(), WAITING_STANZAS_MAX);
        assert!(all.len() > bytes && all.contains("last"));
        assert_eq!(counted(&outbox), (0, 0));
        // Large ones sooner.
        let large = "x".repeat(WAITING_BYTES_MAX / 2);
        outbox.push(presence(1, &large));
        assert_eq!(drained(&outbox, &durability), "");
        outbox.push(presence(2, &large));
        assert!(drained(&outbox, &durability).len() > WAITING_BYTES_MAX);
    }

    #[test]
    fn what_was_held_waits_as_well() {
        let (_dir, store) = testing::store(&["words"]);
        let durability = Durability::new(store);
        let outbox = Outbox::default();
        let mut batch = Batch::new();
        batch.put(&WORDS, "a", &"1".to_owned());
        let ticket = durability.commit(batch);
        outbox.rest();
        outbox.push_held(ticket, presence(1, ""), None);
        while !durability.is_settled(ticket) {
            std::thread::yield_now();
        }
        assert_eq!(drained(&outbox, &durability), "");
        outbox.rouse();
        assert_eq!(drained(&outbox, &durability), &*presence(1, "").xml);
    }

    #[test]
    fn nothing_that_waits_is_lost() {
        let (_dir, store) = testing::store(&["words"]);
        let durability = Durability::new(store);
        let outbox = Outbox::default();
        let typing = || {
            let element = Element::parse(
                "<message xmlns='jabber:client' from='a@b/1' to='c@d' type='chat'>\
                 <composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
            );
            Wire::of(Stanza::from_element(element.unwrap()).unwrap())
        };
        outbox.rest();
        outbox.push(presence(1, ""));
        outbox.push(typing());
        outbox.push(message("words"));
        let all = drained(&outbox, &durability);
        let order = ["<presence", "<composing", "words"].map(|word| all.find(word));
        assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{all}");
        outbox.push(typing());
        outbox.rouse();
        assert!(drained(&outbox, &durability).contains("composing"));
        outbox.rest();
        outbox.push(typing());
        assert_eq!(outbox.close().len(), 1);
    }
}
