//! The life of a bound stream: stanzas in, the outbox out, until one side ends it.
//!
//! Spec: RFC 6120 §4.4 (closing), §4.6 (silence), §4.9 (errors); XEP-0199 §4.2 (the server asks
//! a silent client whether it is there); XEP-0198 §4 (when it requests acknowledgements).
//!
//! Invariants: stanzas are handled in order; input waits while the store is behind or the client
//! is over its rate; a client that does not read is dropped and what it did not get is rescued
//! by `Session`'s drop; a stream error is said before closing wherever it can be; only a session
//! whose connection was lost waits for its client, all others end with the stream.

use std::sync::Arc;
use std::time::Instant;

use tokio::io::AsyncWriteExt;
use tokio::time::{Sleep, sleep_until, timeout};
use xmpp::element::Element;
use xmpp::error::{StreamCondition, StreamError};
use xmpp::ns;
use xmpp::parser::StreamEvent;

use crate::c2s::Ready;
use crate::daemon::{Daemon, Now};
use crate::flow::Bucket;
use crate::limits::{
    ACK_REQUEST_SILENCE, IDLE_PING_AFTER, IDLE_PING_WAIT, LAST_ACKS_TIME_MAX, STANZA_TIME_MAX,
    STORE_BACKLOG_MAX, WRITE_STALL_MAX,
};
use crate::outbox::End;
use crate::session::resume::Asleep;
use crate::{io, random};

/// Stanzas handled before the outbox gets its turn, so that one busy client cannot starve its
/// own replies or the others.
const STANZAS_PER_TURN: usize = 32;

/// How a stream ends.
enum Ending {
    /// The socket is gone or useless.
    Lost,
    /// The client closed its stream; close ours (RFC 6120 §4.4).
    Polite,
    /// With this error.
    Error(StreamError),
}

/// When things happened on the stream.
struct Clock {
    heard: Instant,
    /// When the stanza that is being received began.
    partial: Option<Instant>,
    /// When the client was asked whether it is there, or what it has handled.
    asked: Option<Instant>,
    /// When to ask what it has handled.
    ack: Option<Instant>,
    /// Until when nothing may be read.
    paused: Option<Instant>,
    bucket: Bucket,
}

/// Runs the stream to its end. Gives back the session if its connection was lost and its client
/// may come back for it.
pub async fn run(daemon: &Arc<Daemon>, mut ready: Ready) -> Option<Asleep> {
    let (last_words, condition) = match live(daemon, &mut ready).await {
        Ending::Lost => return ready.session.fall_asleep(),
        Ending::Polite => ("</stream:stream>".to_owned(), None),
        Ending::Error(error) => {
            daemon.counters.add("stream-error", error.condition.as_str());
            (format!("{}</stream:stream>", error.to_xml()), Some(error.condition))
        }
    };
    let silent = condition == Some(StreamCondition::ConnectionTimeout);
    let stopping = condition == Some(StreamCondition::SystemShutdown);
    let mut out = std::mem::take(&mut ready.last_of_login);
    if silent {
        // It is most likely gone without a word; if it is not, it learns why.
        let _ = io::write_in_time(&mut *ready.tls, last_words.as_bytes(), LAST_ACKS_TIME_MAX).await;
    } else {
        if stopping {
            ready.session.outbox.ask();
        }
        ready.session.outbox.rouse();
        let drained = ready.session.outbox.drain(&daemon.durability, &mut out);
        out.push_str(&last_words);
        if io::write_in_time(&mut *ready.tls, out.as_bytes(), WRITE_STALL_MAX).await {
            ready.session.delivered(Now::read(), &drained.letters, &drained.kept);
            if stopping && drained.asked {
                let _ = timeout(LAST_ACKS_TIME_MAX, last_acks(&mut ready)).await;
            }
        } else {
            ready.session.outbox.not_written(drained.letters);
        }
    }
    // The client may be gone already; the stream is over either way.
    let _ = timeout(WRITE_STALL_MAX, ready.tls.shutdown()).await;
    if silent { ready.session.fall_asleep() } else { None }
}

/// The stream is closed by us. Until the client closes it too, it may say what it has handled
/// (RFC 6120 §4.4: data already under way is still processed); its stanzas come too late.
async fn last_acks(ready: &mut Ready) {
    loop {
        match ready.parser.next() {
            Ok(Some(StreamEvent::Stanza(element))) if element.is("a", ns::SM) => {
                if ready.session.handle_nonza(Now::read(), &element).is_err() {
                    return;
                }
            }
            Ok(Some(StreamEvent::Stanza(_))) => {}
            Ok(None) => match io::read_some(&mut *ready.tls, &mut ready.parser).await {
                Ok(n) if n > 0 => {}
                _ => return,
            },
            Ok(Some(_)) | Err(_) => return,
        }
    }
}

async fn live(daemon: &Arc<Daemon>, ready: &mut Ready) -> Ending {
    let now = Instant::now();
    let mut clock = Clock {
        heard: now,
        partial: None,
        asked: None,
        ack: None,
        paused: None,
        bucket: Bucket::new(now),
    };
    let mut stopping = daemon.stopping.subscribe();
    let mut watermark = daemon.durability.watermark();
    let mut alarm = Box::pin(sleep_until((now + IDLE_PING_AFTER).into()));
    loop {
        let more = match take_stanzas(ready, &mut clock) {
            Ok(more) => more,
            Err(ending) => return ending,
        };
        let held = match write_outbox(daemon, ready, &mut clock).await {
            Ok(held) => held,
            Err(ending) => return ending,
        };
        if *stopping.borrow() {
            return Ending::Error(StreamError::new(StreamCondition::SystemShutdown));
        }
        let behind = daemon.store.backlog() > STORE_BACKLOG_MAX;
        if more && !behind {
            tokio::task::yield_now().await;
            continue;
        }
        let may_read = clock.paused.is_none() && !behind;
        set_alarm(&mut alarm, &clock);
        tokio::select! {
            biased;
            _ = stopping.changed() => {}
            () = ready.session.outbox.woken() => {}
            _ = watermark.changed(), if held || behind => {}
            read = io::read_some(&mut *ready.tls, &mut ready.parser), if may_read => {
                match read {
                    Ok(n) if n > 0 => clock.read(n, ready.parser.unread() > 0),
                    _ => return Ending::Lost,
                }
            }
            () = &mut alarm => {
                if let Err(ending) = ring(ready, &mut clock) {
                    return ending;
                }
            }
        }
    }
}

impl Clock {
    fn read(&mut self, bytes: usize, unread: bool) {
        let now = Instant::now();
        self.heard = now;
        self.asked = None;
        self.paused = self.bucket.take(now, bytes);
        if unread {
            self.partial.get_or_insert(now);
        }
    }

    /// Something was written. If it `asked` what the client has handled, an answer is due; if not
    /// and something is `unasked`, the question comes after a moment of silence.
    fn wrote(&mut self, asked: bool, unasked: bool) {
        if asked {
            self.asked.get_or_insert_with(Instant::now);
        }
        self.ack = unasked.then(|| Instant::now() + ACK_REQUEST_SILENCE);
    }

    /// When to look at this clock again.
    fn due(&self) -> Instant {
        let idle = match self.asked {
            Some(asked) => asked + IDLE_PING_WAIT,
            None => self.heard + IDLE_PING_AFTER,
        };
        let stanza = self.partial.map(|began| began + STANZA_TIME_MAX);
        [stanza, self.paused, self.ack].into_iter().flatten().fold(idle, Instant::min)
    }
}

/// Moves the alarm only where it would ring too late; ringing early costs one look.
fn set_alarm(alarm: &mut std::pin::Pin<Box<Sleep>>, clock: &Clock) {
    let due = clock.due().into();
    if due < alarm.deadline() || alarm.is_elapsed() {
        alarm.as_mut().reset(due);
    }
}

/// Handles the complete stanzas that were read, up to a turn's worth. `true` if there may be more.
fn take_stanzas(ready: &mut Ready, clock: &mut Clock) -> Result<bool, Ending> {
    for _ in 0..STANZAS_PER_TURN {
        match ready.parser.next() {
            Ok(Some(StreamEvent::Stanza(element))) => {
                clock.partial = None;
                handle(ready, element)?;
            }
            Ok(Some(StreamEvent::Close)) => return Err(Ending::Polite),
            // A second stream header: RFC 6120 §4.3.3 allows restarts only after TLS and SASL.
            Ok(Some(StreamEvent::Open(_))) => {
                return Err(Ending::Error(StreamError::new(StreamCondition::NotWellFormed)));
            }
            Ok(None) => {
                if ready.parser.unread() == 0 {
                    clock.partial = None;
                }
                return Ok(false);
            }
            Err(error) => return Err(Ending::Error(error)),
        }
    }
    Ok(true)
}

fn handle(ready: &mut Ready, element: Element) -> Result<(), Ending> {
    let handled = if element.ns() == ns::CLIENT {
        ready.session.handle(Now::read(), element)
    } else {
        ready.session.handle_nonza(Now::read(), &element)
    };
    handled.map_err(Ending::Error)
}

/// Writes what may go out. `Ok(true)` if something waits for the disk.
async fn write_outbox(
    daemon: &Daemon,
    ready: &mut Ready,
    clock: &mut Clock,
) -> Result<bool, Ending> {
    let mut out = std::mem::take(&mut ready.last_of_login);
    let drained = ready.session.outbox.drain(&daemon.durability, &mut out);
    if !out.is_empty() {
        let written = tokio::select! {
            written = io::write_in_time(&mut *ready.tls, out.as_bytes(), WRITE_STALL_MAX) => written,
            () = overflow(&ready.session.outbox) => false,
        };
        if !written {
            daemon.counters.add("outbox", "stalled");
            ready.session.outbox.not_written(drained.letters);
            return Err(Ending::Lost);
        }
        if !(drained.letters.is_empty() && drained.kept.is_empty()) {
            ready.session.delivered(Now::read(), &drained.letters, &drained.kept);
        }
        clock.wrote(drained.asked, drained.unasked);
    }
    match drained.end {
        None => Ok(drained.held),
        Some(End::Error(error)) => Err(Ending::Error(error)),
        Some(End::Overflowed) => {
            // RFC 6120 §4.9.3.17: it reads too slowly for what it is sent.
            Err(Ending::Error(StreamError::new(StreamCondition::ResourceConstraint)))
        }
    }
}

/// Waits until the outbox runs over while a write is under way.
async fn overflow(outbox: &crate::outbox::Outbox) {
    while !outbox.overflowed() {
        outbox.woken().await;
    }
}

/// The alarm rang: is the client silent, slow or only paused?
fn ring(ready: &mut Ready, clock: &mut Clock) -> Result<(), Ending> {
    let now = Instant::now();
    if clock.paused.is_some_and(|until| now >= until) {
        clock.paused = None;
    }
    if clock.ack.is_some_and(|due| now >= due) {
        clock.ack = None;
        ready.session.outbox.ask();
    }
    if clock.partial.is_some_and(|began| now >= began + STANZA_TIME_MAX) {
        // A stanza that drips in for a minute is a slow-loris.
        let error = StreamError::new(StreamCondition::PolicyViolation);
        return Err(Ending::Error(error));
    }
    match clock.asked {
        Some(asked) if now >= asked + IDLE_PING_WAIT => {
            // RFC 6120 §4.6.4
            Err(Ending::Error(StreamError::new(StreamCondition::ConnectionTimeout)))
        }
        None if now >= clock.heard + IDLE_PING_AFTER => {
            clock.asked = Some(now);
            ready.session.ask_for_life(&random::text(8));
            Ok(())
        }
        _ => Ok(()),
    }
}

const _: () = assert!(IDLE_PING_WAIT.as_secs() < IDLE_PING_AFTER.as_secs());
