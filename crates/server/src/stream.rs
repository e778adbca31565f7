//! The life of a bound stream: stanzas in, the outbox out, until one side ends it.
//!
//! Spec: RFC 6120 §4.4 (closing), §4.6 (silence), §4.9 (errors); XEP-0199 §4.2 (the server asks
//! a silent client whether it is there).
//!
//! Invariants: stanzas are handled in order; input waits while the store is behind or the client
//! is over its rate; a client that does not read is dropped and what it did not get is rescued
//! by `Session`'s drop; a stream error is said before closing wherever it can be.

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
    IDLE_PING_AFTER, IDLE_PING_WAIT, STANZA_TIME_MAX, STORE_BACKLOG_MAX, WRITE_STALL_MAX,
};
use crate::outbox::End;
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
    /// When the client was asked whether it is there.
    asked: Option<Instant>,
    /// Until when nothing may be read.
    paused: Option<Instant>,
    bucket: Bucket,
}

/// Runs the stream to its end.
pub async fn run(daemon: &Arc<Daemon>, mut ready: Ready) {
    let ending = live(daemon, &mut ready).await;
    let last_words = match ending {
        Ending::Lost => return,
        Ending::Polite => "</stream:stream>".to_owned(),
        Ending::Error(error) => {
            daemon.counters.add("stream-error", error.condition.as_str());
            format!("{}</stream:stream>", error.to_xml())
        }
    };
    let mut out = String::new();
    ready.session.outbox.rouse();
    let drained = ready.session.outbox.drain(&daemon.durability, &mut out);
    out.push_str(&last_words);
    if io::write_in_time(&mut *ready.tls, out.as_bytes(), WRITE_STALL_MAX).await {
        ready.session.written(Now::read(), &drained.kept);
    }
    // The client may be gone already; the stream is over either way.
    let _ = timeout(WRITE_STALL_MAX, ready.tls.shutdown()).await;
}

async fn live(daemon: &Arc<Daemon>, ready: &mut Ready) -> Ending {
    let now = Instant::now();
    let mut clock =
        Clock { heard: now, partial: None, asked: None, paused: None, bucket: Bucket::new(now) };
    let mut stopping = daemon.stopping.subscribe();
    let mut watermark = daemon.durability.watermark();
    let mut alarm = Box::pin(sleep_until((now + IDLE_PING_AFTER).into()));
    loop {
        let more = match take_stanzas(ready, &mut clock) {
            Ok(more) => more,
            Err(ending) => return ending,
        };
        let held = match write_outbox(daemon, ready).await {
            Ok(held) => held,
            Err(ending) => return ending,
        };
        if *stopping.borrow() {
            return Ending::Error(StreamError::new(StreamCondition::SystemShutdown));
        }
        if more {
            tokio::task::yield_now().await;
            continue;
        }
        let behind = daemon.store.backlog() > STORE_BACKLOG_MAX;
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

    /// When to look at this clock again.
    fn due(&self) -> Instant {
        let idle = match self.asked {
            Some(asked) => asked + IDLE_PING_WAIT,
            None => self.heard + IDLE_PING_AFTER,
        };
        let stanza = self.partial.map(|began| began + STANZA_TIME_MAX);
        [stanza, self.paused].into_iter().flatten().fold(idle, Instant::min)
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
async fn write_outbox(daemon: &Daemon, ready: &mut Ready) -> Result<bool, Ending> {
    let mut out = String::new();
    let drained = ready.session.outbox.drain(&daemon.durability, &mut out);
    if !out.is_empty() {
        let written = tokio::select! {
            written = io::write_in_time(&mut *ready.tls, out.as_bytes(), WRITE_STALL_MAX) => written,
            () = overflow(&ready.session.outbox) => false,
        };
        if !written {
            daemon.counters.add("outbox", "stalled");
            ready.session.not_written(drained.messages);
            return Err(Ending::Lost);
        }
        if !drained.kept.is_empty() {
            ready.session.written(Now::read(), &drained.kept);
        }
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
