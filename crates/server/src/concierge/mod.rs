//! The concierge: the home's own contact, `concierge@DOMAIN`, that speaks OTR.
//!
//! Whoever talks privately with it shows it which key their account really uses; it writes that
//! into the directory as attested, and raises the alarm when a key appears that it did not know.
//! [`command`] reads what people want, [`words`] says it, [`talk`] is one conversation, [`desk`]
//! what it looks up and writes, [`keys`] its own key.
//!
//! State: conversations, in memory. Invariants: only accounts of this home are answered, by the
//! address that the server stamped; at most [`CONCIERGE_TALKS_MAX`] conversations, the least recent
//! is forgotten; what is said about a write is said once it is durable, and nothing overtakes it
//! (an OTR message that comes too late could not be read).

mod command;
mod desk;
mod keys;
mod talk;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use otr::Fingerprint;
use store::{Batch, Store};
use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::jid::{BareJid, Jid};
use xmpp::ns;
use xmpp::stanza::{Kind, MessageType, PresenceType, Stanza};
use zeroize::Zeroizing;

use self::desk::Desk;
pub use self::keys::TABLES;
use self::keys::{Identity, Phrases};
use self::talk::Talk;
use crate::daemon::{Daemon, Now};
use crate::deliver;
use crate::durability::Ticket;
use crate::limits::{CONCIERGE_MESSAGE_BYTES_MAX, CONCIERGE_TALKS_MAX, CONCIERGE_WAITING_MAX};
use crate::settle::Pending;

/// Its localpart, which nobody else can have.
pub const NAME: &str = "concierge";

/// Its resource.
const RESOURCE: &str = "home";

/// Its own key, as far as it is there.
#[derive(Debug)]
enum Key {
    /// It was not needed since the start.
    Unknown,
    /// It is being made; these messages wait for it.
    Making(Vec<Stanza>),
    /// It is there.
    Ready(Identity),
}

struct State {
    key: Key,
    talks: HashMap<BareJid, Talk>,
    phrases: Phrases,
    /// What was written last: nothing may overtake what is said about it.
    last: Ticket,
}

/// See the module.
pub struct Concierge(Mutex<State>);

impl Default for Concierge {
    fn default() -> Self {
        Self(Mutex::new(State {
            key: Key::Unknown,
            talks: HashMap::new(),
            phrases: Phrases::default(),
            last: 0,
        }))
    }
}

impl Concierge {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Is `to` the concierge's address?
#[must_use]
pub fn is_addressed(daemon: &Daemon, to: &Jid) -> bool {
    to.local() == Some(NAME) && daemon.is_local(to.domain())
}

/// Takes a stanza that is addressed to the concierge. Returns the ticket of what it wrote.
pub fn take(daemon: &Arc<Daemon>, now: Now, stanza: Stanza, list: &mut VecDeque<Stanza>) -> Ticket {
    let known =
        |from: &Jid| daemon.is_local(from.domain()) && daemon.accounts.exists(&from.to_bare());
    let Some(from) = stanza.from().cloned().filter(known) else {
        list.extend(stanza.error(&StanzaError::new(StanzaCondition::ServiceUnavailable)));
        return 0;
    };
    match stanza.kind() {
        Kind::Presence => {
            list.extend(presence(&from, &stanza));
            0
        }
        Kind::Iq => {
            list.extend(stanza.error(&StanzaError::new(StanzaCondition::ServiceUnavailable)));
            0
        }
        Kind::Message => message(daemon, now, &from, stanza, list),
    }
}

/// It is always there, and everybody may see that.
fn presence(from: &Jid, stanza: &Stanza) -> Vec<Stanza> {
    let Some(own) = stanza.to().map(Jid::to_bare) else { return Vec::new() };
    let here = own.with_resource(RESOURCE).unwrap_or_else(|_| own.clone().into());
    let say = |ty, as_whom: Jid| {
        let mut presence = Stanza::presence(ty, Some(from.clone()));
        presence.set_from(as_whom);
        presence
    };
    match stanza.presence_type() {
        Some(PresenceType::Subscribe) => {
            vec![say(PresenceType::Subscribed, own.into()), say(PresenceType::Available, here)]
        }
        Some(PresenceType::Probe) => vec![say(PresenceType::Available, here)],
        _ => Vec::new(),
    }
}

fn message(
    daemon: &Arc<Daemon>,
    now: Now,
    from: &Jid,
    stanza: Stanza,
    list: &mut VecDeque<Stanza>,
) -> Ticket {
    let talks = matches!(stanza.message_type(), Some(MessageType::Chat | MessageType::Normal));
    // A late copy of a key exchange would only confuse the new one.
    let late = stanza.child("delay", ns::DELAY).is_some();
    let body = stanza.child("body", ns::CLIENT).map(|body| body.text().into_owned());
    let Some(body) = body.filter(|_| talks && !late) else { return 0 };
    if body.len() > CONCIERGE_MESSAGE_BYTES_MAX {
        list.extend(stanza.error(&StanzaError::new(StanzaCondition::PolicyViolation)));
        return 0;
    }
    let mut state = daemon.concierge.lock();
    if let Key::Unknown = state.key {
        match Identity::load(&daemon.store) {
            Ok(Some(identity)) => state.key = Key::Ready(identity),
            Ok(None) => {
                state.key = Key::Making(Vec::new());
                tokio::spawn(make_key(Arc::clone(daemon)));
            }
            Err(e) => {
                tracing::error!(error = %e, "the concierge's key cannot be read");
                list.extend(stanza.error(&StanzaError::new(StanzaCondition::InternalServerError)));
                return 0;
            }
        }
    }
    match &mut state.key {
        Key::Making(waiting) if waiting.len() < CONCIERGE_WAITING_MAX => {
            waiting.push(stanza);
            0
        }
        Key::Ready(identity) => {
            let identity = identity.clone();
            answer(daemon, &mut state, (&identity, now), (from, &stanza, &body), list)
        }
        Key::Making(_) | Key::Unknown => {
            list.extend(stanza.error(&StanzaError::new(StanzaCondition::ResourceConstraint)));
            0
        }
    }
}

fn answer(
    daemon: &Daemon,
    state: &mut State,
    (identity, now): (&Identity, Now),
    (from, stanza, body): (&Jid, &Stanza, &str),
    list: &mut VecDeque<Stanza>,
) -> Ticket {
    let (person, own) = (from.to_bare(), stanza.to().map(Jid::to_bare));
    let Some(own) = own else { return 0 };
    make_room(&mut state.talks, &person);
    let fresh = || Talk::new(identity, talk::language(stanza.element().lang()), now);
    let Some(mut talk) = state.talks.remove(&person).or_else(fresh) else { return 0 };
    let mut desk = Desk {
        daemon,
        now,
        person: person.clone(),
        resource: from.resource().unwrap_or_default().to_owned(),
        own: own.clone(),
        mine: identity.key.fingerprint(),
        phrases: &mut state.phrases,
        ticket: 0,
        told: Vec::new(),
    };
    let bodies = talk.heard(&mut desk, body);
    let (ticket, told) = (desk.ticket, desk.told);
    state.talks.insert(person, talk);
    let mut out: Vec<Stanza> = bodies.iter().filter_map(|body| chat(&own, from, body)).collect();
    out.extend(told.iter().filter_map(|(to, words)| chat(&own, &to.clone().into(), words)));
    state.last = state.last.max(ticket);
    if daemon.durability.is_settled(state.last) {
        list.extend(out);
    } else {
        let (routed, on_failure) = (out, Vec::new());
        let pending = Pending { ticket: state.last, owner: own, routed, on_failure };
        daemon.settle.push(pending);
    }
    ticket
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

fn make_room(talks: &mut HashMap<BareJid, Talk>, person: &BareJid) {
    if talks.len() < CONCIERGE_TALKS_MAX || talks.contains_key(person) {
        return;
    }
    let oldest = talks.iter().min_by_key(|(_, t)| t.used.monotonic).map(|(jid, _)| jid.clone());
    oldest.map(|jid| talks.remove(&jid));
}

/// Makes the key, which takes up to a second, and answers those who wait for it.
async fn make_key(daemon: Arc<Daemon>) {
    let made = tokio::task::spawn_blocking(Identity::make).await.ok().flatten();
    let mut durable = None;
    if let Some(identity) = made {
        let mut batch = Batch::new();
        identity.write(&mut batch);
        let written = daemon.durability.wait(daemon.durability.commit(batch)).await;
        durable = written.is_ok().then_some(identity);
    }
    let waiting = {
        let mut state = daemon.concierge.lock();
        let waiting = match std::mem::replace(&mut state.key, Key::Unknown) {
            Key::Making(waiting) => waiting,
            Key::Unknown | Key::Ready(_) => Vec::new(),
        };
        match durable {
            Some(identity) => state.key = Key::Ready(identity),
            None => {
                tracing::error!("the concierge's key could not be made and kept");
                return;
            }
        }
        waiting
    };
    tracing::info!("the concierge has a key");
    deliver::route_all(&daemon, Now::read(), waiting);
}
