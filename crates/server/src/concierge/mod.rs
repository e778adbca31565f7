//! The concierge: the home's own contact, `concierge@DOMAIN`, that speaks OTR.
//!
//! Whoever talks privately with it shows it which key their account really uses; it writes that
//! into the directory as attested, and raises the alarm when a key appears that it did not know.
//! [`command`] reads what people want, [`words`] says it, [`talk`] is one conversation, [`desk`]
//! what it looks up and writes, [`keys`] its own key, which [`prepare`] has made when the home is
//! set up.
//!
//! State: conversations, in memory; [`turns`] keeps the order. Invariants: only accounts of this
//! home are answered, by the address that the server stamped; at most
//! [`CONCIERGE_TALKS_MAX`](crate::limits::CONCIERGE_TALKS_MAX) conversations, the least recent is
//! forgotten; no arithmetic of keys on a thread that carries others' messages; what is said about a
//! write is said once it is durable, and nothing overtakes it (an OTR message that comes too late
//! could not be read).

mod alarm;
mod command;
mod desk;
mod keys;
mod prepare;
mod talk;
#[cfg(test)]
mod tests;
mod turns;
mod words;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use otr::Fingerprint;
use store::Store;
use tokio::sync::Semaphore;
use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::jid::{BareJid, Jid};
use xmpp::ns;
use xmpp::stanza::{Kind, MessageType, PresenceType, Stanza};
use zeroize::Zeroizing;

pub use self::alarm::{KeyNews, tell_of_key};
pub use self::keys::TABLES;
use self::keys::{Identity, Phrases};
pub use self::prepare::prepare;
use self::turns::{Accepted, Letter, Visitors};
use crate::daemon::{Daemon, Now};
use crate::limits::{CONCIERGE_MESSAGE_BYTES_MAX, CONCIERGE_THREADS_MAX, CONCIERGE_WAITING_MAX};

/// Its localpart, which nobody else can have.
pub const NAME: &str = "concierge";

/// Its resource.
const RESOURCE: &str = "home";

/// Its own key, as far as it is there.
#[derive(Debug)]
enum Key {
    /// Nobody has looked since the start.
    Unknown,
    /// It is being made; these messages wait for it.
    Making(Vec<Stanza>),
    /// It is there.
    Ready(Identity),
}

struct State {
    key: Key,
    visitors: Visitors,
    phrases: Phrases,
}

/// See the module.
pub struct Concierge {
    state: Mutex<State>,
    /// How many messages are looked at together.
    threads: Semaphore,
}

impl Default for Concierge {
    fn default() -> Self {
        let (visitors, phrases) = (Visitors::default(), Phrases::default());
        let state = Mutex::new(State { key: Key::Unknown, visitors, phrases });
        Self { state, threads: Semaphore::new(CONCIERGE_THREADS_MAX) }
    }
}

impl Concierge {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A phrase by which `person` and the concierge can check each other, with the time when it
    /// stops working, seconds since 1970.
    pub fn phrase(&self, person: &BareJid, now: Now) -> (Zeroizing<String>, u64) {
        self.lock().phrases.make(person, now)
    }

    /// Its own fingerprint, if it has a key yet.
    ///
    /// # Errors
    /// A clause that says why its key cannot be read.
    pub fn fingerprint(&self, store: &Store) -> Result<Option<Fingerprint>, String> {
        if let Key::Ready(identity) = &self.lock().key {
            return Ok(Some(identity.key.fingerprint()));
        }
        Ok(Identity::load(store)?.map(|identity| identity.key.fingerprint()))
    }
}

/// Gives a store the throw-away key of the OTR engine's tests.
#[cfg(test)]
pub(crate) fn give_key(store: &Store) {
    let mut batch = store::Batch::new();
    Identity::for_tests().write(&mut batch);
    store.commit_blocking(batch).unwrap();
}

/// Is `to` the concierge's address?
#[must_use]
pub fn is_addressed(daemon: &Daemon, to: &Jid) -> bool {
    to.local() == Some(NAME) && daemon.is_local(to.domain())
}

/// Its address in the home `domain`.
#[must_use]
pub fn address(domain: &str) -> Option<BareJid> {
    BareJid::from_parts(NAME, domain).ok()
}

/// What it says to `to` of its presence: it is always there.
#[must_use]
pub fn presence_for(own: &BareJid, to: &Jid) -> Option<Stanza> {
    from_here(own, to, PresenceType::Available)
}

fn from_here(own: &BareJid, to: &Jid, ty: PresenceType) -> Option<Stanza> {
    let mut presence = Stanza::presence(ty, Some(to.clone()));
    presence.set_from(own.with_resource(RESOURCE).ok()?);
    Some(presence)
}

/// Takes a stanza that is addressed to the concierge. What it answers to messages comes later, as
/// stanzas of its own.
pub fn take(daemon: &Arc<Daemon>, stanza: Stanza, list: &mut VecDeque<Stanza>) {
    let known =
        |from: &Jid| daemon.is_local(from.domain()) && daemon.accounts.exists(&from.to_bare());
    let Some(from) = stanza.from().cloned().filter(known) else {
        list.extend(stanza.error(&StanzaError::new(StanzaCondition::ServiceUnavailable)));
        return;
    };
    match stanza.kind() {
        Kind::Presence => list.extend(presence(&from, &stanza)),
        Kind::Iq => {
            list.extend(stanza.error(&StanzaError::new(StanzaCondition::ServiceUnavailable)));
        }
        Kind::Message => message(daemon, &from, stanza, list),
    }
}

/// Everybody may see that it is there.
fn presence(from: &Jid, stanza: &Stanza) -> Vec<Stanza> {
    let Some(own) = stanza.to().map(Jid::to_bare) else { return Vec::new() };
    let said = match stanza.presence_type() {
        Some(PresenceType::Subscribe) => {
            let mut agreed = Stanza::presence(PresenceType::Subscribed, Some(from.clone()));
            agreed.set_from(own.clone().into());
            [Some(agreed), presence_for(&own, from)]
        }
        Some(PresenceType::Probe) => [presence_for(&own, from), None],
        // RFC 6121 §3.3.3
        Some(PresenceType::Unsubscribe) => [from_here(&own, from, PresenceType::Unavailable), None],
        _ => [None, None],
    };
    said.into_iter().flatten().collect()
}

fn message(daemon: &Arc<Daemon>, from: &Jid, stanza: Stanza, list: &mut VecDeque<Stanza>) {
    let talks = matches!(stanza.message_type(), Some(MessageType::Chat | MessageType::Normal));
    // A late copy of a key exchange would only confuse the new one.
    let late = stanza.child("delay", ns::DELAY).is_some();
    let body = stanza.child("body", ns::CLIENT).map(|body| body.text().into_owned());
    let Some(body) = body.filter(|_| talks && !late) else { return };
    if body.len() > CONCIERGE_MESSAGE_BYTES_MAX {
        list.extend(stanza.error(&StanzaError::new(StanzaCondition::PolicyViolation)));
        return;
    }
    let mut state = daemon.concierge.lock();
    if let Key::Unknown = state.key {
        match Identity::load(&daemon.store) {
            Ok(Some(identity)) => state.key = Key::Ready(identity),
            Ok(None) => {
                state.key = Key::Making(Vec::new());
                tokio::spawn(prepare::make_key(Arc::clone(daemon)));
            }
            Err(e) => {
                tracing::error!(error = %e, "the concierge's key cannot be read");
                list.extend(stanza.error(&StanzaError::new(StanzaCondition::InternalServerError)));
                return;
            }
        }
    }
    match &mut state.key {
        Key::Making(waiting) if waiting.len() < CONCIERGE_WAITING_MAX => waiting.push(stanza),
        Key::Ready(_) => {
            let Some(own) = stanza.to().map(Jid::to_bare) else { return };
            let lang = stanza.element().lang().map(str::to_owned);
            match state.visitors.accept(Letter { from: from.clone(), own, lang, body }) {
                Accepted::First => {
                    tokio::spawn(turns::serve(Arc::clone(daemon), from.to_bare()));
                }
                Accepted::Waits => {}
                Accepted::Refused => {
                    daemon.counters.add("concierge", "refused");
                    list.extend(stanza.error(&full()));
                }
            }
        }
        Key::Making(_) | Key::Unknown => list.extend(stanza.error(&full())),
    }
}

fn full() -> StanzaError {
    StanzaError::new(StanzaCondition::ResourceConstraint)
        .with_text("The concierge has more to read than it can. Wait a little.")
}

fn chat(own: &BareJid, to: &Jid, body: &str) -> Option<Stanza> {
    let from = own.with_resource(RESOURCE).ok()?;
    let message = Element::new("message", ns::CLIENT)
        .with_attr("from", from.to_string())
        .with_attr("to", to.to_string())
        .with_attr("type", "chat")
        .with_child(Element::new("body", ns::CLIENT).with_text(body.to_owned()));
    Stanza::from_element(message).ok()
}
