//! One connection of a component: bytes to events, events to the negotiation and then to stanzas.
//!
//! Spec: XEP-0114 §3; RFC 6120 §4.4 (closing), §4.9 (errors). All rules of the stream are
//! `xmpp::component`'s; this file is its shell: the socket, clocks, the router.
//!
//! Invariants: log-in has one deadline; input waits while the store is behind or the component is
//! over its rate; stanzas are handled in the order they came; a write that stalls ends the
//! connection, and with it nothing else.

use std::sync::Arc;
use std::time::Instant;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, sleep_until, timeout};
use xmpp::component::{self, Negotiation, Step};
use xmpp::element::Element;
use xmpp::error::{StreamCondition, StreamError};
use xmpp::jid::BareJid;
use xmpp::parser::{Parser, ParserLimits, StreamEvent};
use xmpp::stanza::{Rejected, Stanza};

use super::Online;
use crate::c2s::CountPanic;
use crate::daemon::{Daemon, Now};
use crate::flow::Bucket;
use crate::limits::{
    self, COMPONENT_LOGIN_TIME_MAX, COMPONENT_REFUSAL_PAUSE, STORE_BACKLOG_MAX, WRITE_STALL_MAX,
};
use crate::outbox::End;
use crate::wire::Wire;
use crate::{deliver, io, random};

/// Characters of a stream's identifier, 5 bits each.
const ID_CHARACTERS: usize = 26;

/// Stanzas handled before the outbox and other connections get their turn.
const STANZAS_PER_TURN: usize = 32;

/// How a stream ends.
enum Ending {
    /// The socket is gone or useless.
    Lost,
    /// The component closed its stream; close ours (RFC 6120 §4.4).
    Polite,
    /// With this error.
    Error(StreamError),
}

/// A connection of an accepted component.
struct Link {
    daemon: Arc<Daemon>,
    socket: TcpStream,
    parser: Parser,
    name: BareJid,
    online: Online,
}

/// Serves one connection to its end.
pub(super) async fn serve(daemon: Arc<Daemon>, mut socket: TcpStream) {
    let _panics = CountPanic(&daemon);
    if socket.set_nodelay(true).is_err() {
        return;
    }
    let mut parser = Parser::new(ParserLimits::STRANGER);
    let Some((name, welcome)) = log_in(&daemon, &mut socket, &mut parser).await else {
        let _ = timeout(WRITE_STALL_MAX, socket.shutdown()).await;
        return;
    };
    tracing::debug!(component = %name, "connected");
    parser.set_limits(limits::after_login(daemon.config.limits.stanza_bytes));
    let online = Online::enter(&daemon, name.domain());
    let mut link = Link { daemon: Arc::clone(&daemon), socket, parser, name, online };
    let ending = if link.write(&welcome).await { link.live().await } else { Ending::Lost };
    link.end(ending).await;
}

/// From the first byte to the handshake. Gives the component's name and what to say to it.
async fn log_in(
    daemon: &Arc<Daemon>,
    socket: &mut TcpStream,
    parser: &mut Parser,
) -> Option<(BareJid, String)> {
    let deadline = Instant::now() + COMPONENT_LOGIN_TIME_MAX;
    let mut stopping = daemon.stopping.subscribe();
    let mut negotiation = Negotiation::new(random::text(ID_CHARACTERS));
    loop {
        let step = match parser.next().transpose() {
            // The home's own domain is nobody else's.
            Some(event) => negotiation.feed(event, |name| {
                daemon.components.secret(name).filter(|_| !daemon.is_local(name))
            }),
            None => tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => {
                    negotiation.give_up(StreamCondition::SystemShutdown.into())
                }
                () = sleep_until(deadline.into()) => {
                    negotiation.give_up(StreamCondition::ConnectionTimeout.into())
                }
                read = io::read_some(socket, parser) => match read {
                    Ok(n) if n > 0 => continue,
                    _ => return None,
                }
            },
        };
        let send = match step {
            Step::Accepted { name, send } => return Some((name, send)),
            Step::Send(send) => send,
            Step::Close { send, error } => {
                refused(daemon, error).await;
                io::write_in_time(socket, send.as_bytes(), WRITE_STALL_MAX).await;
                return None;
            }
        };
        if !io::write_in_time(socket, send.as_bytes(), WRITE_STALL_MAX).await {
            return None;
        }
    }
}

async fn refused(daemon: &Daemon, error: Option<StreamError>) {
    let Some(error) = error else { return };
    daemon.counters.add("component-refused", error.condition.as_str());
    if error.condition == StreamCondition::NotAuthorized {
        tracing::warn!("a component was refused: its secret is wrong");
        sleep(COMPONENT_REFUSAL_PAUSE).await;
    }
}

impl Link {
    async fn write(&mut self, xml: &str) -> bool {
        io::write_in_time(&mut self.socket, xml.as_bytes(), WRITE_STALL_MAX).await
    }

    async fn live(&mut self) -> Ending {
        let outbox = Arc::clone(&self.online.outbox);
        let mut stopping = self.daemon.stopping.subscribe();
        let mut watermark = self.daemon.durability.watermark();
        let mut bucket = Bucket::new(Instant::now());
        let mut paused: Option<Instant> = None;
        loop {
            let more = match self.take_stanzas() {
                Ok(more) => more,
                Err(ending) => return ending,
            };
            if let Err(ending) = self.write_outbox().await {
                return ending;
            }
            if *stopping.borrow() {
                return Ending::Error(StreamCondition::SystemShutdown.into());
            }
            if more {
                tokio::task::yield_now().await;
                continue;
            }
            let behind = self.daemon.store.backlog() > STORE_BACKLOG_MAX;
            let until = paused.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                _ = stopping.changed() => {}
                () = outbox.woken() => {}
                _ = watermark.changed(), if behind => {}
                () = sleep_until(until.into()), if paused.is_some() => paused = None,
                read = io::read_some(&mut self.socket, &mut self.parser),
                    if paused.is_none() && !behind =>
                {
                    match read {
                        Ok(n) if n > 0 => paused = bucket.take(Instant::now(), n),
                        _ => return Ending::Lost,
                    }
                }
            }
        }
    }

    /// Handles the complete stanzas that were read, up to a turn's worth. `true` if there may be
    /// more.
    fn take_stanzas(&mut self) -> Result<bool, Ending> {
        for _ in 0..STANZAS_PER_TURN {
            match self.parser.next() {
                Ok(Some(StreamEvent::Stanza(element))) => self.take(element)?,
                Ok(Some(StreamEvent::Close)) => return Err(Ending::Polite),
                Ok(Some(StreamEvent::Open(_))) => {
                    return Err(Ending::Error(StreamCondition::NotWellFormed.into()));
                }
                Ok(None) => return Ok(false),
                Err(error) => return Err(Ending::Error(error)),
            }
        }
        Ok(true)
    }

    fn take(&mut self, element: Element) -> Result<(), Ending> {
        match component::received(&self.name, element) {
            Ok(stanza) => {
                deliver::route_all(&self.daemon, Now::read(), vec![stanza]);
            }
            Err(Rejected::Stream(error)) => return Err(Ending::Error(error)),
            Err(Rejected::Reply(answer)) => {
                self.daemon.counters.add("stanza-error", "malformed");
                if let Ok(answer) = Stanza::from_element(answer) {
                    self.online.outbox.push(Wire::of(answer));
                }
            }
            Err(Rejected::Ignore) => {}
        }
        Ok(())
    }

    async fn write_outbox(&mut self) -> Result<(), Ending> {
        let mut out = String::new();
        let drained = self.online.outbox.drain(&self.daemon.durability, &mut out);
        if !out.is_empty() {
            if !self.write(&out).await {
                self.daemon.counters.add("component", "stalled");
                self.online.outbox.not_written(drained.letters);
                return Err(Ending::Lost);
            }
            drained.letters.iter().for_each(|letter| letter.arrived());
        }
        match drained.end {
            None => Ok(()),
            Some(End::Error(error)) => Err(Ending::Error(error)),
            Some(End::Overflowed) => Err(Ending::Error(StreamCondition::ResourceConstraint.into())),
        }
    }

    async fn end(mut self, ending: Ending) {
        let last_words = match ending {
            Ending::Lost => return,
            Ending::Polite => "</stream:stream>".to_owned(),
            Ending::Error(error) => {
                self.daemon.counters.add("component-error", error.condition.as_str());
                tracing::debug!(component = %self.name, error = %error, "disconnected");
                format!("{}</stream:stream>", error.to_xml())
            }
        };
        let mut out = String::new();
        let drained = self.online.outbox.drain(&self.daemon.durability, &mut out);
        out.push_str(&last_words);
        if self.write(&out).await {
            drained.letters.iter().for_each(|letter| letter.arrived());
        } else {
            self.online.outbox.not_written(drained.letters);
        }
        let _ = timeout(WRITE_STALL_MAX, self.socket.shutdown()).await;
    }
}
