//! Carries out effects and takes stanzas to their local addresses.
//!
//! [`route_all`] works through a list: each stanza is decided under the lock of the account it is
//! for; what that causes elsewhere joins the list. Invariants: one account lock at a time; the
//! list is finite, because a handler answers a stanza with stanzas of a lower kind (a request
//! with an answer, a probe with presence) and [`ROUTED_MAX`] stops a mistake of ours.

use std::collections::VecDeque;
use std::sync::Arc;

use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::jid::Jid;
use xmpp::ns;
use xmpp::stanza::{IqType, Kind, MessageType, PresenceType, Stanza};

use crate::daemon::{Daemon, Now};
use crate::durability::Ticket;
use crate::effect::Effects;
use crate::features::{self, Cx, Gate, Target, offline, presence};
use crate::outbox::{End, Wire};
use crate::registry::{self, Account, Bound};
use crate::router::{self, Class, Route, Situation};
use crate::settle::Pending;

/// Stanzas one input may cause. A roster of the largest size with five devices each stays
/// below; a loop of ours does not.
const ROUTED_MAX: usize = 50_000;

/// Takes `stanzas` (each with `from` and `to`) to where they go. Returns the last ticket of what
/// was written on the way; 0 = nothing.
pub fn route_all(daemon: &Arc<Daemon>, now: Now, stanzas: Vec<Stanza>) -> Ticket {
    let mut list = VecDeque::from(stanzas);
    let mut last = 0;
    let mut routed = 0;
    while let Some(stanza) = list.pop_front() {
        routed += 1;
        if routed > ROUTED_MAX {
            tracing::error!("one input caused too many stanzas; the rest is dropped");
            daemon.counters.add("router", "overflow");
            break;
        }
        last = last.max(route_one(daemon, now, stanza, &mut list));
    }
    last
}

fn route_one(
    daemon: &Arc<Daemon>,
    now: Now,
    stanza: Stanza,
    list: &mut VecDeque<Stanza>,
) -> Ticket {
    let Some(to) = stanza.to().cloned() else { return 0 };
    if !daemon.is_local(to.domain()) {
        // Federation is not there yet: RFC 6120 §10.4. Presence that the server sends on its own
        // is not worth an answer; a request is.
        let unasked = stanza.kind() == Kind::Presence
            && stanza.presence_type() != Some(PresenceType::Subscribe);
        if !unasked {
            bounce(daemon, &stanza, StanzaCondition::RemoteServerNotFound, list);
        }
        return 0;
    }
    if to.local().is_none() {
        // Answers of clients to the server's own requests end here.
        if matches!(router_class(&stanza), Class::Message(_)) {
            bounce(daemon, &stanza, StanzaCondition::ServiceUnavailable, list);
        }
        return 0;
    }
    to_account(daemon, now, &to, stanza, list)
}

/// The stanza's kind and type in one value.
#[must_use]
pub fn router_class(stanza: &Stanza) -> Class {
    match stanza.kind() {
        Kind::Iq => Class::Iq(stanza.iq_type().unwrap_or(IqType::Error)),
        Kind::Message => Class::Message(stanza.message_type().unwrap_or(MessageType::Normal)),
        Kind::Presence => {
            Class::Presence(stanza.presence_type().unwrap_or(PresenceType::Available))
        }
    }
}

fn to_account(
    daemon: &Arc<Daemon>,
    now: Now,
    to: &Jid,
    mut stanza: Stanza,
    list: &mut VecDeque<Stanza>,
) -> Ticket {
    let bare = to.to_bare();
    let found = daemon.registry.find(&bare);
    let online = found.as_ref().is_some_and(|e| !registry::lock(e).sessions.is_empty());
    let class = router_class(&stanza);
    if !online && !daemon.accounts.exists(&bare) {
        answer_for_nobody(daemon, &stanza, list);
        return 0;
    }
    let entry = found.unwrap_or_else(|| daemon.registry.entry(&bare));
    let mut account = registry::lock(&entry);
    let mut cx = Cx::new(daemon, now, &mut account, None);
    if features::on_incoming(&mut cx, &mut stanza) == Gate::Closed {
        let effects = cx.effects;
        answer_for_nobody(daemon, &stanza, list);
        return carry_out(daemon, &mut account, effects, 0, list);
    }
    let situation = Situation {
        account: true,
        full: to.is_full(),
        connected: to.resource().is_some_and(|r| cx.account.resource(r).is_some()),
        reachable: cx.account.sessions.iter().any(|s| s.priority >= Some(0)),
    };
    match router::decide(class, situation) {
        Route::Ignore => {}
        Route::Refuse(condition) => cx.refuse(&stanza, &StanzaError::new(condition)),
        Route::Account => daemon.dispatch.run(&mut cx, Target::Contact, &stanza),
        Route::Presence => presence::inbound(&mut cx, &stanza),
        Route::Offline => {
            if let Err(error) = offline::keep(&mut cx, &stanza) {
                cx.refuse(&stanza, &error);
            }
        }
        Route::Resource => {
            let wanted = to.resource();
            send_to(&mut cx, stanza, |s| s.jid.resource() == wanted);
        }
        Route::AllNonNegative => send_to(&mut cx, stanza, |s| s.priority >= Some(0)),
        Route::MostAvailable => {
            let best = cx.account.available().filter_map(|s| s.priority).max();
            send_to(&mut cx, stanza, |s| s.priority == best);
        }
    }
    let effects = cx.effects;
    carry_out(daemon, &mut account, effects, 0, list)
}

/// Writes `stanza` once and queues it for the sessions that `pick` chooses. A message that none
/// of them can take any more (a client that does not read) is kept as if nobody was there.
fn send_to(cx: &mut Cx<'_>, stanza: Stanza, pick: impl Fn(&Bound) -> bool) {
    let wire = Wire::of(stanza);
    let mut taken = false;
    for session in cx.account.sessions.iter().filter(|s| pick(s)) {
        if session.outbox.push(wire.clone()) {
            taken = true;
        } else {
            cx.daemon.counters.add("outbox", "refused");
        }
    }
    if let (false, Some(message)) = (taken, &wire.message)
        && let Err(error) = offline::keep(cx, message)
    {
        cx.refuse(message, &error);
    }
}

/// Carries out the effects of a handler while the account is still locked. Replies wait for
/// `floor` as well, the last ticket of what the asking session caused before. What may be
/// routed at once joins `list`. Returns the ticket of the writes; 0 = none.
pub fn carry_out(
    daemon: &Daemon,
    account: &mut Account,
    effects: Effects,
    floor: Ticket,
    list: &mut VecDeque<Stanza>,
) -> Ticket {
    let ticket = daemon.durability.commit(effects.writes);
    let until = if ticket == 0 { floor } else { ticket };
    list.extend(effects.at_once);
    for (id, stanza) in effects.own {
        let Some(session) = account.session(id) else { continue };
        let instead = (ticket != 0).then(|| failure_of(&stanza)).flatten();
        session.outbox.push_held(until, Wire::of(stanza), instead);
    }
    for (id, error) in effects.ended {
        if let Some(session) = account.session(id) {
            session.outbox.end(End::Error(error));
        }
    }
    if ticket == 0 {
        list.extend(effects.routed);
    } else {
        daemon.settle.push(Pending {
            ticket,
            owner: account.jid.clone(),
            routed: effects.routed,
            on_failure: effects.routed_on_failure,
        });
    }
    ticket
}

/// What a session is told in place of an IQ result whose write failed. Other words about the
/// failed write, such as roster pushes, are not said at all.
fn failure_of(answer: &Stanza) -> Option<Wire> {
    if answer.iq_type() != Some(xmpp::stanza::IqType::Result) {
        return None;
    }
    let error = StanzaError::new(StanzaCondition::InternalServerError)
        .with_text("The server could not save this; nothing was changed.");
    let mut failure = Element::new("iq", ns::CLIENT).with_attr("type", "error");
    for name in ["from", "to", "id"] {
        if let Some(value) = answer.element().attr(name) {
            failure.set_attr(name, value);
        }
    }
    Stanza::from_element(failure.with_child(error.to_element())).ok().map(Wire::of)
}

/// Answers as for an address that does not exist.
fn answer_for_nobody(daemon: &Daemon, stanza: &Stanza, list: &mut VecDeque<Stanza>) {
    let nobody = Situation { account: false, full: false, connected: false, reachable: false };
    if let Route::Refuse(condition) = router::decide(router_class(stanza), nobody) {
        bounce(daemon, stanza, condition, list);
    }
}

fn bounce(
    daemon: &Daemon,
    stanza: &Stanza,
    condition: StanzaCondition,
    list: &mut VecDeque<Stanza>,
) {
    daemon.counters.add("stanza-error", condition.as_str());
    if let Some(answer) = stanza.error(&StanzaError::new(condition)) {
        list.push_back(answer);
    }
}
