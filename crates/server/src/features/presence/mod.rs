//! RFC 6121 §4: presence.
//!
//! Tells those who may see the account which of its sessions are available, asks for the
//! presence of those whom the account may see, and answers their questions. Spec: §4.2 initial
//! presence, §4.3 probes, §4.4 updates, §4.5 the end, §4.6 directed presence, §4.7.2.3 priority.
//!
//! State: `Bound::presence` and `Bound::priority`, which the router reads; `Directed`, one per
//! session. Invariants: nobody hears of a session who may not see the account and was not told
//! by the session itself; who heard that a session is available hears that it is not any more,
//! once.

use std::sync::Arc;

use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::jid::{BareJid, Jid};
use xmpp::ns;
use xmpp::stanza::{PresenceType, Stanza};

use super::roster::Roster;
use super::subscription::state::Half;
use super::{
    Cx, Feature, Spec, blocking, on_amend_presence, on_available, on_presence, pep, subscription,
};
use crate::effect::Handled;
use crate::registry::{Bound, SessionId};

mod directed;
mod probe;

#[cfg(test)]
pub(crate) mod home;
#[cfg(test)]
mod tests;

/// See the module.
pub const FEATURE: Feature = Feature {
    closed: Some(closed),
    ..Feature::new("presence", Spec::Rfc { number: 6121, sections: "§4" })
};

/// Presence of type `ty` without content.
pub(in crate::features) fn plain(ty: PresenceType, from: &Jid, to: &Jid) -> Stanza {
    let mut stanza = Stanza::presence(ty, Some(to.clone()));
    stanza.set_from(from.clone());
    stanza
}

/// The session `id` says to everybody that it is available, or not any more.
pub fn broadcast(cx: &mut Cx<'_>, id: SessionId, stanza: Stanza) {
    let done = match stanza.presence_type() {
        Some(PresenceType::Available) => say_available(cx, id, &stanza),
        Some(PresenceType::Unavailable) => say_unavailable(cx, id, &stanza),
        // Nothing else has a meaning without an addressee.
        _ => Err(StanzaError::new(StanzaCondition::BadRequest)),
    };
    if let Err(error) = done {
        cx.refuse(&stanza, &error);
    }
}

/// §4.2.2 and §4.4.2.
fn say_available(cx: &mut Cx<'_>, id: SessionId, stanza: &Stanza) -> Handled {
    let priority = priority_of(stanza.element())?;
    let subscribers = audience(cx)?;
    let mut stanza = stanza.clone();
    on_amend_presence(cx, id, &mut stanza, false);
    let Some(session) = cx.account.session_mut(id) else { return Ok(()) };
    stanza.set_from(session.jid.clone());
    let before = session.priority.replace(priority);
    session.presence = Some(Arc::new(stanza.clone()));
    tell(cx, &stanza, subscribers.into_iter().map(Jid::from));
    tell_own(cx, &stanza);
    if before.is_none() {
        begin(cx, id);
    }
    if priority >= 0 && before < Some(0) {
        on_available(cx, id);
    }
    on_presence(cx, id, before.is_none());
    Ok(())
}

/// What features say in the account's presence has changed: the available sessions say theirs again.
pub(in crate::features) fn say_again(cx: &mut Cx<'_>) {
    // Unreadable: it was logged, and the next presence says the truth.
    let Ok(subscribers) = audience(cx) else { return };
    let said = |s: &Bound| Some((s.id, Stanza::clone(s.presence.as_deref()?)));
    let said: Vec<_> = cx.account.available().filter_map(said).collect();
    for (id, mut stanza) in said {
        on_amend_presence(cx, id, &mut stanza, true);
        if let Some(session) = cx.account.session_mut(id) {
            session.presence = Some(Arc::new(stanza.clone()));
        }
        tell(cx, &stanza, subscribers.iter().map(Jid::from));
        tell_own(cx, &stanza);
    }
}

/// Who hears of the account's presence: subscribers that it does not block.
fn audience(cx: &mut Cx<'_>) -> Result<Vec<BareJid>, StanzaError> {
    let roster = Roster::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let subscribers = roster.subscribers().cloned().collect();
    Ok(blocking::unblocked(cx, subscribers))
}

/// §4.7.2.3.
fn priority_of(presence: &Element) -> Result<i8, StanzaError> {
    let mut all = presence.children().filter(|child| child.is("priority", ns::CLIENT));
    let (first, more) = (all.next(), all.next());
    let priority = match (first, more) {
        (None, _) => Some(0),
        (Some(one), None) if one.children().next().is_none() => one.text().trim().parse().ok(),
        _ => None,
    };
    priority.ok_or_else(|| {
        StanzaError::new(StanzaCondition::BadRequest)
            .with_text("A priority is one number from -128 to 127.")
    })
}

/// Sends `stanza` to each of `contacts`: at once, since another feature may write something
/// beside it (the time of the last log-out) that it does not depend on.
fn tell(cx: &mut Cx<'_>, stanza: &Stanza, contacts: impl IntoIterator<Item = Jid>) {
    cx.effects.at_once.extend(contacts.into_iter().map(|contact| addressed(stanza, contact)));
}

/// §4.2.2: everybody sees themselves, so all available sessions are told, the sender with them.
fn tell_own(cx: &mut Cx<'_>, stanza: &Stanza) {
    let stanza = addressed(stanza, Jid::from(&cx.account.jid));
    let sessions = cx.account.available().map(|s| (s.id, stanza.clone()));
    cx.effects.own.extend(sessions);
}

fn addressed(stanza: &Stanza, to: Jid) -> Stanza {
    let mut stanza = stanza.clone();
    stanza.set_to(Some(to));
    stanza
}

/// The session `id` has become available: it gets to know what the others know already.
fn begin(cx: &mut Cx<'_>, id: SessionId) {
    let own = Jid::from(&cx.account.jid);
    let others = cx.account.available().filter(|s| s.id != id);
    let known: Vec<_> = others.filter_map(|s| probe::current(s, &own)).collect();
    let first = known.is_empty();
    cx.effects.own.extend(known.into_iter().map(|stanza| (id, stanza)));
    ask_contacts(cx, id);
    subscription::show_requests(cx, id);
    if first {
        subscription::ask_again(cx);
    }
}

/// §4.3.1: asks for the presence of the contacts that the account may see.
fn ask_contacts(cx: &mut Cx<'_>, id: SessionId) {
    let Some(session) = cx.account.session(id) else { return };
    let full = session.jid.clone();
    let own = Jid::from(&cx.account.jid);
    let Ok(roster) = Roster::of(cx.daemon, &cx.account.jid, &mut cx.account.slots) else { return };
    let seen = roster.subscriptions().filter(|(_, to)| *to == Half::Yes).map(|(jid, _)| jid);
    let seen: Vec<BareJid> = seen.cloned().collect();
    let seen = blocking::unblocked(cx, seen);
    let probes = seen.iter().map(|contact| {
        // To contacts of this server the question is put as from the session, so that the
        // answer does not go to all the others as well. Elsewhere the RFC wants the bare JID.
        let from = if cx.daemon.is_local(contact.domain()) { &full } else { &own };
        plain(PresenceType::Probe, from, &Jid::from(contact))
    });
    cx.effects.at_once.extend(probes);
}

/// §4.5.2: the client says goodbye; its own words go to everybody, itself included.
fn say_unavailable(cx: &mut Cx<'_>, id: SessionId, stanza: &Stanza) -> Handled {
    // Nothing is forgotten of whom to tell if the roster cannot be read.
    Roster::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let Some(session) = cx.account.session(id) else { return Ok(()) };
    let available = session.priority.is_some();
    let mut stanza = stanza.clone();
    stanza.set_from(session.jid.clone());
    if available {
        let to_itself = addressed(&stanza, Jid::from(&cx.account.jid));
        cx.effects.own.push((id, to_itself));
    }
    leave(cx, id, &stanza);
    Ok(())
}

/// §4.5.2: the session ends. If its client did not say so itself, the server does.
fn closed(cx: &mut Cx<'_>, id: SessionId) {
    let Some(session) = cx.account.session(id) else { return };
    let mut stanza = Stanza::presence(PresenceType::Unavailable, None);
    stanza.set_from(session.jid.clone());
    leave(cx, id, &stanza);
}

/// Tells all who know that the session `id` is available the contrary, with the words `stanza`.
fn leave(cx: &mut Cx<'_>, id: SessionId, stanza: &Stanza) {
    let Some(session) = cx.account.session_mut(id) else { return };
    session.presence = None;
    let available = session.priority.take().is_some();
    let mut told = directed::take(&mut session.slots);
    if available {
        // Unreadable: it was logged, and the next answer to a probe says the truth.
        let subscribers = audience(cx).unwrap_or_default();
        // §4.6.3 rule 1: subscribers hear of it anyway.
        told.retain(|jid| !subscribers.contains(&jid.to_bare()));
        tell(cx, stanza, subscribers.into_iter().map(Jid::from));
        tell_own(cx, stanza);
    }
    // §4.6.3 rule 2.
    tell(cx, stanza, told);
}

/// §4.6.3: the session `id` tells `to` alone that it is available, or not any more.
pub fn directed(cx: &mut Cx<'_>, id: SessionId, to: &Jid, mut stanza: Stanza) {
    let noted = note_directed(cx, id, to, stanza.presence_type());
    if let Err(error) = noted {
        cx.refuse(&stanza, &error);
        return;
    }
    if stanza.presence_type() == Some(PresenceType::Available) {
        on_amend_presence(cx, id, &mut stanza, false);
    }
    if let Some(session) = cx.account.session(id) {
        stanza.set_from(session.jid.clone());
    }
    stanza.set_to(Some(to.clone()));
    cx.effects.at_once.push(stanza);
}

fn note_directed(cx: &mut Cx<'_>, id: SessionId, to: &Jid, ty: Option<PresenceType>) -> Handled {
    let roster = Roster::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let subscribed = roster.is_seen_by(&to.to_bare());
    let Some(session) = cx.account.session_mut(id) else { return Ok(()) };
    match ty {
        // Rules 2 and 3; subscribers of an available session hear of its end by rule 1.
        Some(PresenceType::Available) if !subscribed || session.priority.is_none() => {
            directed::note(&mut session.slots, to)
        }
        // §4.6.1
        Some(PresenceType::Unavailable) => {
            directed::forget(&mut session.slots, to);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Presence that comes to the account, of whatever type.
pub fn inbound(cx: &mut Cx<'_>, stanza: &Stanza) {
    match stanza.presence_type() {
        Some(PresenceType::Probe) => inbound_probe(cx, stanza),
        Some(
            PresenceType::Subscribe
            | PresenceType::Subscribed
            | PresenceType::Unsubscribe
            | PresenceType::Unsubscribed,
        ) => subscription::inbound(cx, stanza),
        Some(PresenceType::Available) => deliver(cx, stanza),
        Some(PresenceType::Unavailable) => {
            forget_directed(cx, stanza);
            deliver(cx, stanza);
        }
        // Only the one that caused an error has a use for it.
        Some(PresenceType::Error) if stanza.to().is_some_and(Jid::is_full) => deliver(cx, stanza),
        Some(PresenceType::Error) | None => {}
    }
}

/// §4.6.1: who tells that it went away need not hear that we do.
fn forget_directed(cx: &mut Cx<'_>, stanza: &Stanza) {
    let Some(from) = stanza.from() else { return };
    let resource = stanza.to().and_then(Jid::resource);
    for session in &mut cx.account.sessions {
        if resource.is_none() || session.jid.resource() == resource {
            directed::forget(&mut session.slots, from);
        }
    }
}

/// RFC 6121 §8.5.2.1.2, §8.5.3.1 and §8.5.3.2.2: to all available sessions, or to the one that
/// is addressed if it is there.
fn deliver(cx: &mut Cx<'_>, stanza: &Stanza) {
    let resource = stanza.to().and_then(Jid::resource);
    let sessions = cx.account.sessions.iter().filter(|session| match resource {
        Some(_) => session.jid.resource() == resource,
        None => session.priority.is_some(),
    });
    cx.effects.own.extend(sessions.map(|session| (session.id, stanza.clone())));
}

/// §4.3.2: somebody asks for the account's presence.
pub fn inbound_probe(cx: &mut Cx<'_>, stanza: &Stanza) {
    if pep::probed(cx, stanza) {
        return;
    }
    let Some(asker) = stanza.from().cloned() else { return };
    // Unreadable: no answer, since a wrong one would end a subscription.
    let Ok(roster) = Roster::of(cx.daemon, &cx.account.jid, &mut cx.account.slots) else { return };
    let allowed = roster.is_seen_by(&asker.to_bare());
    cx.effects.routed.extend(probe::answers(cx.account, stanza, &asker, allowed));
    // Not one of its sessions: it was just allowed to, or another server asks (XEP-0163 §4.3.4).
    if allowed && !asker.is_full() {
        pep::greet(cx, &asker);
    }
}

/// `contact` may see the account no longer: for it, every available session goes (§3.2.2).
pub(in crate::features) fn hide(cx: &mut Cx<'_>, contact: &BareJid) {
    let contact = Jid::from(contact);
    let gone = cx.account.available().map(|s| plain(PresenceType::Unavailable, &s.jid, &contact));
    cx.effects.routed.extend(gone);
}

/// XEP-0191 §3.3: for each of `contacts`, every available session goes; and every session for
/// those that it told of itself and that `covers` names.
pub(in crate::features) fn hide_from(
    cx: &mut Cx<'_>,
    contacts: &[Jid],
    covers: impl Fn(&Jid) -> bool,
) {
    for session in &mut cx.account.sessions {
        let told = directed::take_some(&mut session.slots, &covers);
        let shown: &[Jid] = if session.priority.is_some() { contacts } else { &[] };
        let gone = shown.iter().chain(told.iter().filter(|jid| !shown.contains(jid)));
        let gone = gone.map(|to| plain(PresenceType::Unavailable, &session.jid, to));
        cx.effects.routed.extend(gone);
    }
}
