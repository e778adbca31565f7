//! What waits to be written to one client, and what was written and not acknowledged.
//!
//! `ready` may go out at once; `held` are words about the account's own state (IQ results,
//! roster pushes) that wait until the write they report is durable, in order. Messages from
//! others never wait for the disk. With stream management (XEP-0198) what went out stays in
//! `sent` until the client acknowledges it; on a resumed stream it goes out again, first.
//!
//! While the client is inactive (XEP-0352), or has lost its connection, what may wait of `ready`
//! waits apart, of each subject the last.
//!
//! Invariants: all queues together hold at most [`OUTBOX_STANZAS_MAX`] entries and
//! [`OUTBOX_BYTES_MAX`] bytes, with stream management [`MANAGED_STANZAS_MAX`] and
//! [`MANAGED_BYTES_MAX`]; past that the outbox is over, and what it held of letters comes back
//! from [`Outbox::close`], so that nothing is lost silently.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use xmpp::error::{StreamCondition, StreamError};
use xmpp::ns;
use xmpp::resume::{self, Sent, TooHigh};

use crate::durability::{Durability, Ticket};
use crate::features::csi::Waiting;
use crate::letter::Letter;
use crate::limits::{
    ACK_REQUEST_EVERY, COMPONENT_BYTES_MAX, COMPONENT_STANZAS_MAX, MANAGED_BYTES_MAX,
    MANAGED_STANZAS_MAX, OUTBOX_BYTES_MAX, OUTBOX_STANZAS_MAX,
};
use crate::line::Line;
use crate::wire::{Role, Wire};

/// Entries of queue memory that an idle session may keep.
const QUEUE_KEPT: usize = 8;

#[derive(Debug)]
struct Held {
    ticket: Ticket,
    wire: Wire,
    /// What to say if the write failed; `None` = say nothing.
    instead: Option<Wire>,
}

/// What a resumed stream begins with, once the ticket is settled: then come the stanzas that were
/// not acknowledged.
#[derive(Debug)]
struct Greeting {
    ticket: Ticket,
    xml: String,
}

#[derive(Debug, Default)]
struct Queues {
    ready: VecDeque<Wire>,
    held: VecDeque<Held>,
    /// What waits for the client to become active; `None` = it is.
    waiting: Option<Box<Waiting>>,
    /// With stream management: what went out and is not acknowledged.
    sent: Option<Box<Sent<Wire>>>,
    greeting: Option<Box<Greeting>>,
    /// Letters whose writing failed half-way.
    unwritten: Vec<Arc<Letter>>,
    /// Of the XML in all of these.
    bytes: usize,
    /// Is an acknowledgement to be requested now?
    ask: bool,
    /// Why the session must end; set once.
    end: Option<End>,
    closed: bool,
    /// The other side is a component.
    component: bool,
}

/// What still fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Stanzas.
    pub stanzas: usize,
    /// Bytes of XML.
    pub bytes: usize,
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
    /// What this connection has handled.
    pub line: Line,
    /// Nobody is connected; somebody may come back for it.
    asleep: AtomicBool,
}

impl Outbox {
    /// For a component, which may hold [`COMPONENT_STANZAS_MAX`] and [`COMPONENT_BYTES_MAX`].
    #[must_use]
    pub fn for_component() -> Self {
        let queues = Queues { component: true, ..Queues::default() };
        Self { queues: Mutex::new(queues), ..Self::default() }
    }

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

    /// Queues `wire` to go out once `ticket` is settled either way, in order with what is held.
    pub fn push_settled(&self, ticket: Ticket, wire: Wire) {
        let same = wire.clone();
        self.push_held(ticket, wire, Some(same));
    }

    /// Stream management begins with whatever goes out next.
    pub fn manage(&self) {
        self.lock().sent.get_or_insert_default();
    }

    /// Do `bytes` more leave half of the queue free? For what is dropped rather than end the
    /// session of a client that is slow.
    #[must_use]
    pub fn has_room(&self, bytes: usize) -> bool {
        self.lock().bytes + bytes <= OUTBOX_BYTES_MAX / 2
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
        self.lock().rouse();
        self.wake.notify_one();
    }

    /// Moves all that may go out into `out`.
    pub fn drain(&self, durability: &Durability, out: &mut String) -> Drained {
        let mut queues = self.lock();
        let mut drained = Drained { end: queues.end.clone(), ..Drained::default() };
        if !queues.greet(durability, out) {
            // Nothing may come before it.
            drained.held = true;
            return drained;
        }
        queues.release(durability);
        while let Some(wire) = queues.ready.pop_front() {
            out.push_str(&wire.xml);
            match (&mut queues.sent, wire.role) {
                (Some(sent), Role::Stanza) => sent.push(wire),
                (_, role) => {
                    queues.bytes -= wire.xml.len();
                    if role == Role::Enabled {
                        queues.sent = Some(Box::default());
                    }
                    drained.kept.extend(wire.kept);
                    drained.letters.extend(wire.letter);
                }
            }
        }
        drained.asked = queues.request(out);
        drained.unasked = queues.sent.as_ref().is_some_and(|sent| sent.unasked() > 0);
        drained.held = !queues.held.is_empty();
        // An idle session keeps no queue memory.
        if queues.ready.capacity() > QUEUE_KEPT {
            queues.ready = VecDeque::new();
        }
        drained
    }

    /// Requests an acknowledgement with what goes out next.
    pub fn ask(&self) {
        self.lock().ask = true;
    }

    /// The client says how many stanzas it has handled. Gives the keys of the kept messages among
    /// what that acknowledges; `None` without stream management.
    pub fn acknowledge(&self, handled: u32) -> Option<Result<Vec<u64>, TooHigh>> {
        self.lock().acknowledge(handled)
    }

    /// Waits until there may be something to do.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// How much can be queued before the client is lost.
    #[must_use]
    pub fn room(&self) -> Room {
        self.lock().room()
    }

    /// Has the client stopped reading for so long that the queue ran over?
    #[must_use]
    pub fn overflowed(&self) -> bool {
        matches!(self.lock().end, Some(End::Overflowed))
    }

    /// Is the session over, or told to end?
    #[must_use]
    pub fn is_over(&self) -> bool {
        let queues = self.lock();
        queues.closed || queues.end.is_some()
    }

    /// The connection is lost. `true` if the client can come back for what is here.
    #[must_use]
    pub fn fall_asleep(&self) -> bool {
        let mut queues = self.lock();
        let may = queues.sent.is_some() && !queues.closed && queues.end.is_none();
        if may {
            queues.waiting.get_or_insert_default();
        }
        drop(queues);
        self.asleep.store(may, Ordering::Relaxed);
        may
    }

    /// Is nobody connected, while somebody may come back?
    #[must_use]
    pub fn is_asleep(&self) -> bool {
        self.asleep.load(Ordering::Relaxed)
    }

    /// Hands all that is here to another connection, whose client has handled `handled` stanzas;
    /// this outbox is over, with `conflict`. `None` if there is nothing to go on with.
    pub fn hand_over(&self, handled: u32) -> Option<Result<HandedOver, TooHigh>> {
        let mut queues = self.lock();
        if queues.closed || queues.end.is_some() {
            return None;
        }
        let kept = match queues.acknowledge(handled)? {
            Ok(kept) => kept,
            Err(e) => return Some(Err(e)),
        };
        let over = Queues {
            closed: true,
            end: Some(End::Error(StreamError::new(StreamCondition::Conflict))),
            ..Queues::default()
        };
        let mut taken = std::mem::replace(&mut *queues, over);
        drop(queues);
        self.wake.notify_one();
        taken.rouse();
        taken.forget_nonzas();
        if let Some(sent) = &mut taken.sent {
            sent.forget_asking();
        }
        // What the client has after all should not stay in memory for long.
        taken.ask = true;
        Some(Ok(HandedOver { queues: taken, line: self.line.take_over(), kept }))
    }

    /// Is the client inactive, or gone for the moment?
    #[must_use]
    pub fn is_resting(&self) -> bool {
        self.lock().waiting.is_some()
    }

    /// Is something for the client that was not written or, with stream management, not
    /// acknowledged? What may wait for an inactive client does not count.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        let queues = self.lock();
        let unacknowledged = queues.sent.as_ref().is_some_and(|sent| !sent.is_empty());
        unacknowledged || !queues.ready.is_empty() || !queues.held.is_empty()
    }

    /// Letters whose writing failed: some may have reached the client, none surely. Twice is
    /// better than never.
    pub fn not_written(&self, letters: Vec<Arc<Letter>>) {
        self.lock().unwritten.extend(letters);
    }

    /// Closes for good and gives back, in order, the letters that the client may not have.
    pub fn close(&self) -> Vec<Arc<Letter>> {
        self.line.end();
        let mut queues = self.lock();
        queues.closed = true;
        let unwritten = std::mem::take(&mut queues.unwritten);
        let sent = queues.sent.take();
        let ready = std::mem::take(&mut queues.ready);
        let held = std::mem::take(&mut queues.held);
        let waiting = queues.waiting.take().map(|mut waiting| waiting.take()).unwrap_or_default();
        drop(queues);
        self.wake.notify_one();
        let wires = sent.into_iter().flat_map(|sent| sent.into_rest());
        let wires = wires.chain(ready).chain(waiting);
        let wires = wires.chain(held.into_iter().map(|h| h.wire));
        unwritten.into_iter().chain(wires.filter_map(|w| w.letter)).collect()
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
            // A stanza takes along what came before; an acknowledgement is nobody's news.
            if wire.role == Role::Stanza {
                self.ready.extend(waiting.take());
            }
            self.ready.push_back(wire);
        }
    }

    fn rouse(&mut self) {
        if let Some(mut waiting) = self.waiting.take() {
            self.ready.extend(waiting.take());
        }
    }

    /// Acknowledgements and the like are the stream's, not the session's: on the next one their
    /// counts would go backwards (XEP-0198 §4, §5).
    fn forget_nonzas(&mut self) {
        let mut bytes = 0;
        let mut stays = |wire: &Wire| {
            let stays = wire.role == Role::Stanza;
            bytes += if stays { 0 } else { wire.xml.len() };
            stays
        };
        self.ready.retain(&mut stays);
        self.held.retain(|held| stays(&held.wire));
        self.bytes -= bytes;
    }

    /// May `wire` be queued? Past the limits the session is told to end.
    fn admit(&mut self, wire: &Wire) -> bool {
        if self.closed || matches!(self.end, Some(End::Overflowed)) {
            return false;
        }
        let room = self.room();
        if room.stanzas == 0 || wire.xml.len() > room.bytes {
            self.end.get_or_insert(End::Overflowed);
            return false;
        }
        self.bytes += wire.xml.len();
        true
    }

    fn room(&self) -> Room {
        let (stanzas, bytes, sent) = match &self.sent {
            Some(sent) => (MANAGED_STANZAS_MAX, MANAGED_BYTES_MAX, sent.len()),
            None if self.component => (COMPONENT_STANZAS_MAX, COMPONENT_BYTES_MAX, 0),
            None => (OUTBOX_STANZAS_MAX, OUTBOX_BYTES_MAX, 0),
        };
        let waiting = self.waiting.as_ref().map_or(0, |waiting| waiting.len());
        let used = self.ready.len() + self.held.len() + waiting + sent;
        Room { stanzas: stanzas.saturating_sub(used), bytes: bytes.saturating_sub(self.bytes) }
    }

    /// Begins a resumed stream. `false` if that must wait.
    fn greet(&mut self, durability: &Durability, out: &mut String) -> bool {
        let Some(greeting) = self.greeting.take() else { return true };
        if !durability.is_settled(greeting.ticket) {
            self.greeting = Some(greeting);
            return false;
        }
        out.push_str(&greeting.xml);
        for wire in self.sent.iter().flat_map(|sent| sent.rest()) {
            out.push_str(&wire.xml);
        }
        true
    }

    /// Makes ready what was held and is settled.
    fn release(&mut self, durability: &Durability) {
        while let Some(held) = self.held.pop_front() {
            if !durability.is_settled(held.ticket) {
                self.held.push_front(held);
                break;
            }
            let wire = if durability.failed(held.ticket) {
                self.bytes -= held.wire.xml.len();
                self.bytes += held.instead.as_ref().map_or(0, |wire| wire.xml.len());
                held.instead
            } else {
                Some(held.wire)
            };
            wire.into_iter().for_each(|wire| self.line_up(wire));
        }
    }

    /// Requests an acknowledgement if it is time.
    fn request(&mut self, out: &mut String) -> bool {
        let Some(sent) = &mut self.sent else { return false };
        let wanted = std::mem::take(&mut self.ask) && sent.unasked() > 0;
        if !wanted && sent.unasked() < ACK_REQUEST_EVERY {
            return false;
        }
        sent.ask();
        resume::request().write(out, ns::CLIENT);
        true
    }

    fn acknowledge(&mut self, handled: u32) -> Option<Result<Vec<u64>, TooHigh>> {
        let wires = match self.sent.as_mut()?.acknowledge(handled) {
            Ok(wires) => wires,
            Err(e) => return Some(Err(e)),
        };
        let mut kept = Vec::new();
        for wire in wires {
            self.bytes -= wire.xml.len();
            kept.extend(wire.kept);
            if let Some(letter) = wire.letter {
                letter.arrived();
            }
        }
        Some(Ok(kept))
    }
}

/// What one outbox left to the next.
#[derive(Debug)]
pub struct HandedOver {
    queues: Queues,
    line: Line,
    kept: Vec<u64>,
}

impl HandedOver {
    /// Keys of the kept messages that the client has.
    #[must_use]
    pub fn kept(&self) -> &[u64] {
        &self.kept
    }

    /// The outbox of the new connection. It begins with `<resumed/>` of the session `previd`, once
    /// what that counts is durable, then says again what was not acknowledged.
    #[must_use]
    pub fn resume(self, previd: &str) -> Outbox {
        let xml = resume::resumed(previd, self.line.handled()).to_xml(ns::CLIENT);
        self.greet(xml)
    }

    /// As [`HandedOver::resume`], where the client is told by somebody else.
    #[must_use]
    pub fn resume_inline(self) -> Outbox {
        self.greet(String::new())
    }

    fn greet(mut self, xml: String) -> Outbox {
        let ticket = self.line.unsettled();
        self.queues.greeting = Some(Box::new(Greeting { ticket, xml }));
        Outbox { queues: Mutex::new(self.queues), line: self.line, ..Outbox::default() }
    }
}

/// What [`Outbox::drain`] found.
#[derive(Debug, Default)]
pub struct Drained {
    /// Why the session must end, if it must.
    pub end: Option<End>,
    /// Is something waiting for the disk?
    pub held: bool,
    /// Keys of the kept messages among what was moved and needs no acknowledgement.
    pub kept: Vec<u64>,
    /// The letters among it, to be rescued if the write fails.
    pub letters: Vec<Arc<Letter>>,
    /// Does it hold a request for an acknowledgement?
    pub asked: bool,
    /// Is something not acknowledged for which no request went out?
    pub unasked: bool,
}
#[cfg(test)]
mod tests;
