//! Carries out effects and takes stanzas to their local addresses.
//!
//! [`route_all`] works through a list: each stanza is decided under the lock of the account it is
//! for; what that causes elsewhere joins the list. Invariants: one account lock at a time; the
//! list is finite, because a handler answers a stanza with stanzas of a lower kind (a request
//! with an answer, a probe with presence) and [`ROUTED_MAX`] stops a mistake of ours; what a
//! session leaves behind finds its way before anything newer, since the account stays locked.

use std::collections::VecDeque;
use std::sync::Arc;

use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::jid::{BareJid, Jid};
use xmpp::ns;
use xmpp::stanza::{IqType, Kind, MessageType, PresenceType, Stanza};

use crate::concierge;
use crate::daemon::{Daemon, Now};
use crate::durability::Ticket;
use crate::effect::{Effects, Handled};
use crate::features::{self, Cx, Gate, Pick, Target, offline, otr_delivery, pep, presence, push};
use crate::letter::Letter;
use crate::outbox::End;
use crate::registry::{self, Account, SessionId};
use crate::router::{self, Class, Route, Situation};
use crate::settle::Pending;
use crate::wire::Wire;

/// Stanzas one input may cause. A roster of the largest size with five devices each stays
/// below; a loop of ours does not.
const ROUTED_MAX: usize = 50_000;

/// How a stanza is taken on its way.
#[derive(Clone, Copy)]
struct Errand {
    now: Now,
    /// It was on its way to a client before, that went away.
    again: bool,
}

/// Takes `stanzas` (each with `from` and `to`) to where they go. Returns the last ticket of what
/// was written on the way; 0 = nothing.
pub fn route_all(daemon: &Arc<Daemon>, now: Now, stanzas: Vec<Stanza>) -> Ticket {
    let errand = Errand { now, again: false };
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
        last = last.max(route_one(daemon, errand, stanza, &mut list));
    }
    last
}

fn route_one(
    daemon: &Arc<Daemon>,
    errand: Errand,
    stanza: Stanza,
    list: &mut VecDeque<Stanza>,
) -> Ticket {
    let Some(to) = stanza.to().cloned() else { return 0 };
    if !daemon.is_local(to.domain()) {
        to_elsewhere(daemon, errand, &stanza, list);
        return 0;
    }
    if to.local().is_none() {
        return to_server(daemon, errand, &to, stanza, list);
    }
    if concierge::is_addressed(daemon, &to) {
        concierge::take(daemon, stanza, list);
        return 0;
    }
    to_account(daemon, errand, &to, stanza, list)
}

/// To a component. Federation is not there yet: RFC 6120 §10.4.
fn to_elsewhere(daemon: &Daemon, errand: Errand, stanza: &Stanza, list: &mut VecDeque<Stanza>) {
    let Err(condition) = daemon.components.deliver(errand.now, stanza) else { return };
    // Presence that the server sends on its own is not worth an answer; a request is.
    let unasked =
        stanza.kind() == Kind::Presence && stanza.presence_type() != Some(PresenceType::Subscribe);
    if !unasked {
        bounce(daemon, stanza, condition, list);
    }
}

/// To the server itself, from somebody who is no account of it: those ask it on their own streams.
fn to_server(
    daemon: &Daemon,
    errand: Errand,
    to: &Jid,
    stanza: Stanza,
    list: &mut VecDeque<Stanza>,
) -> Ticket {
    match router_class(&stanza) {
        Class::Iq(IqType::Get | IqType::Set) => {
            // The domain has an entry like an account, for those who have none.
            let entry = daemon.registry.entry(&to.to_bare());
            let mut account = registry::lock(&entry);
            let mut cx = Cx::new(daemon, errand.now, &mut account, None);
            daemon.dispatch.run(&mut cx, Target::Outside, &stanza);
            let effects = cx.effects;
            carry_out(daemon, &mut account, effects, 0, list)
        }
        Class::Message(_) => {
            bounce(daemon, &stanza, StanzaCondition::ServiceUnavailable, list);
            0
        }
        Class::Iq(IqType::Error | IqType::Result) => {
            push::answered(daemon, errand.now, &stanza);
            0
        }
        Class::Presence(_) => 0,
    }
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
    errand: Errand,
    to: &Jid,
    stanza: Stanza,
    list: &mut VecDeque<Stanza>,
) -> Ticket {
    let bare = to.to_bare();
    let found = daemon.registry.find(&bare);
    let online = found.as_ref().is_some_and(|e| !registry::lock(e).sessions.is_empty());
    if !online && !daemon.accounts.exists(&bare) {
        answer_for_nobody(daemon, &stanza, list);
        return 0;
    }
    let entry = found.unwrap_or_else(|| daemon.registry.entry(&bare));
    at_account(daemon, errand, &mut registry::lock(&entry), stanza, list)
}

/// Decides where `stanza`, which is for this account, goes; and then the same for what came back
/// from sessions that could take no more. That ends, since each time a session is gone.
fn at_account(
    daemon: &Daemon,
    errand: Errand,
    account: &mut Account,
    stanza: Stanza,
    list: &mut VecDeque<Stanza>,
) -> Ticket {
    let Errand { now, .. } = errand;
    let (mut last, refused) = place(daemon, errand, account, stanza, list);
    let mut back = VecDeque::from([refused]);
    while let Some(mut refused) = back.pop_front() {
        if let Some(id) = refused.by.pop() {
            let letters = depart(daemon, now, account, id, list);
            back.push_front(refused);
            for letter in letters.into_iter().rev() {
                let stanza = again(letter, &account.jid, now);
                back.push_front(Refused { by: Vec::new(), stanza });
            }
        } else if let Some(stanza) = refused.stanza {
            let errand = Errand { now, again: true };
            let (ticket, refused) = place(daemon, errand, account, stanza, list);
            last = last.max(ticket);
            back.push_front(refused);
        }
    }
    last
}

/// The session `id` ends: those who know of it are told, and what its client never got goes where
/// it would have gone without this session.
pub fn leave(
    daemon: &Daemon,
    now: Now,
    account: &mut Account,
    id: SessionId,
    list: &mut VecDeque<Stanza>,
) {
    let letters = depart(daemon, now, account, id, list);
    send_again(daemon, now, account, letters, list);
}

/// Takes `letters`, which an ended session did not bring, to where they go without it.
pub fn send_again(
    daemon: &Daemon,
    now: Now,
    account: &mut Account,
    letters: Vec<Arc<Letter>>,
    list: &mut VecDeque<Stanza>,
) {
    for letter in letters {
        if let Some(stanza) = again(letter, &account.jid, now) {
            at_account(daemon, Errand { now, again: true }, account, stanza, list);
        }
    }
}

/// The stanza of a letter that no session is left to bring; with its time, if that has passed.
fn again(letter: Arc<Letter>, owner: &BareJid, now: Now) -> Option<Stanza> {
    let (stanza, at) = letter.undelivered()?;
    if at == 0 || at >= now.unix || stanza.kind() != Kind::Message {
        return Some(stanza);
    }
    Stanza::from_element(offline::delayed(owner, &stanza, at)).ok()
}

/// Takes the session `id` out of its account; gives what its client may not have.
fn depart(
    daemon: &Daemon,
    now: Now,
    account: &mut Account,
    id: SessionId,
    list: &mut VecDeque<Stanza>,
) -> Vec<Arc<Letter>> {
    if account.session(id).is_none() {
        return Vec::new();
    }
    let mut cx = Cx::new(daemon, now, account, None);
    features::on_closed(&mut cx, id);
    let effects = cx.effects;
    let at = account.sessions.iter().position(|s| s.id == id);
    let gone = at.map(|at| account.sessions.remove(at));
    carry_out(daemon, account, effects, 0, list);
    gone.map(|gone| gone.outbox.close()).unwrap_or_default()
}

/// What sessions could not take.
#[derive(Default)]
struct Refused {
    /// Sessions that are over: their clients do not read.
    by: Vec<SessionId>,
    /// The stanza, if no session took it.
    stanza: Option<Stanza>,
}

fn place(
    daemon: &Daemon,
    errand: Errand,
    account: &mut Account,
    mut stanza: Stanza,
    list: &mut VecDeque<Stanza>,
) -> (Ticket, Refused) {
    let mut cx = Cx::new(daemon, errand.now, account, None);
    cx.again = errand.again;
    let refused = match features::on_incoming(&mut cx, &mut stanza) {
        Gate::Open => take_in(&mut cx, errand, stanza),
        Gate::Closed => {
            answer_for_nobody(daemon, &stanza, list);
            Refused::default()
        }
    };
    let effects = cx.effects;
    (carry_out(daemon, account, effects, 0, list), refused)
}

/// Takes `stanza` to where it goes within the account that it is for.
fn take_in(cx: &mut Cx<'_>, errand: Errand, stanza: Stanza) -> Refused {
    let Some(to) = stanza.to().cloned() else { return Refused::default() };
    if pep::is_event(&stanza) {
        pep::deliver(cx, &stanza);
        return Refused::default();
    }
    let situation = Situation {
        account: true,
        full: to.is_full(),
        connected: to.resource().is_some_and(|r| cx.account.resource(r).is_some()),
        reachable: cx.account.sessions.iter().any(|s| s.priority >= Some(0)),
    };
    if !situation.connected {
        match otr_delivery::place(cx, &stanza) {
            otr_delivery::Place::Usual => {}
            otr_delivery::Place::Session(id) => {
                return send_to(cx, errand, stanza, &|s| s.id == id);
            }
            otr_delivery::Place::Nowhere => return Refused::default(),
        }
    }
    match router::decide(router_class(&stanza), situation) {
        Route::Ignore => {}
        Route::Refuse(condition) => cx.refuse(&stanza, &StanzaError::new(condition)),
        Route::Account => cx.daemon.dispatch.run(cx, Target::Contact, &stanza),
        Route::Presence => presence::inbound(cx, &stanza),
        Route::Offline => {
            let mut stanza = stanza;
            if let Err(error) = take_for_later(cx, errand, &mut stanza) {
                cx.refuse(&stanza, &error);
            }
        }
        Route::Resource => {
            let wanted = to.resource();
            return send_to(cx, errand, stanza, &|s| s.jid.resource() == wanted);
        }
        Route::AllNonNegative => return send_to(cx, errand, stanza, &|s| s.priority >= Some(0)),
        Route::MostAvailable => {
            let best = cx.account.available().filter_map(|s| s.priority).max();
            return send_to(cx, errand, stanza, &|s| s.priority == best);
        }
    }
    Refused::default()
}

/// Keeps a message for a person who is away.
fn take_for_later(cx: &mut Cx<'_>, errand: Errand, message: &mut Stanza) -> Handled {
    // What finds no place is refused before anybody has heard of it.
    let place = offline::place(cx, message)?;
    accept(cx, errand, message)?;
    announce(cx, errand, message, &|_| false);
    if let Some(place) = place {
        offline::put(cx, message, place);
    }
    Ok(())
}

/// Writes `stanza` once and queues it for the sessions that `pick` chooses; if there is none, a
/// message is kept. Gives back the sessions whose clients do not read any more, and the stanza if
/// nobody else took it.
fn send_to(cx: &mut Cx<'_>, errand: Errand, mut stanza: Stanza, pick: &Pick<'_>) -> Refused {
    if let Err(error) = accept(cx, errand, &mut stanza) {
        cx.refuse(&stanza, &error);
        return Refused::default();
    }
    let letter = Letter::of(stanza, cx.now.unix);
    cx.letter = letter.as_ref().ok().cloned();
    announce(cx, errand, letter.as_ref().map_or_else(|stanza| stanza, |l| l.stanza()), pick);
    cx.letter = None;
    let wire = Wire::bringing(&letter);
    drop(letter);
    let mut late = None;
    let mut taken = false;
    let mut by = Vec::new();
    for session in cx.account.sessions.iter().filter(|s| pick(s)) {
        let wire = match &wire.letter {
            // Who comes back for it wants to know when it was sent.
            Some(letter) if session.outbox.is_asleep() => {
                late.get_or_insert_with(|| stamped(cx, &wire, letter.stanza()))
            }
            _ => &wire,
        };
        if session.outbox.push(wire.clone()) {
            taken = true;
        } else {
            cx.daemon.counters.add("outbox", "refused");
            by.push(session.id);
        }
    }
    drop(late);
    let left = if taken { None } else { wire.letter.and_then(Letter::undelivered) };
    let stanza = left.map(|(stanza, _)| stanza);
    match stanza {
        Some(message) if by.is_empty() && message.kind() == Kind::Message => {
            keep(cx, &message);
            Refused::default()
        }
        stanza => Refused { by, stanza },
    }
}

/// `wire` with the time of this moment, if it brings a message.
fn stamped(cx: &Cx<'_>, wire: &Wire, stanza: &Stanza) -> Wire {
    if stanza.kind() != Kind::Message {
        return wire.clone();
    }
    wire.reworded(&offline::delayed(&cx.account.jid, stanza, cx.now.unix))
}

/// Lets the features have their say on a message that came to stay.
fn accept(cx: &mut Cx<'_>, errand: Errand, stanza: &mut Stanza) -> Handled {
    if stanza.kind() == Kind::Message && !errand.again {
        features::on_accepted(cx, stanza)?;
    }
    Ok(())
}

/// Lets the features know to whom `stanza` goes.
fn announce(cx: &mut Cx<'_>, errand: Errand, stanza: &Stanza, pick: &Pick<'_>) {
    if stanza.kind() == Kind::Message && !errand.again {
        features::on_delivered(cx, stanza, pick);
    }
}

fn keep(cx: &mut Cx<'_>, message: &Stanza) {
    if let Err(error) = offline::keep(cx, message) {
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
    let until = if ticket == 0 { floor.max(effects.floor) } else { ticket };
    list.extend(effects.at_once);
    for (id, wire) in effects.told {
        if let Some(session) = account.session(id) {
            session.outbox.push_settled(until, wire);
        }
    }
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
            on_failure: effects.refused_on_failure,
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

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use super::*;
    use crate::registry::About;
    use crate::session::Session;
    use crate::testing::Home;

    fn device(home: &Home, resource: &str, says: &[&str]) -> Session {
        let about = About {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
            tls: "TLSv1.3",
            mechanism: "SCRAM-SHA-256",
            since: 0,
        };
        let ann = BareJid::parse("ann@home.example").unwrap();
        let mut session = Session::bind(home.daemon(), &ann, Some(resource), about).unwrap();
        for xml in says {
            session.handle(Now::read(), Element::parse(xml).unwrap()).unwrap();
        }
        session
    }

    fn hears(home: &Home, session: &Session) -> String {
        let mut out = String::new();
        session.outbox.drain(&home.daemon().durability, &mut out);
        out
    }

    /// XEP-0280: a message that goes elsewhere because its device went away is not copied again.
    #[tokio::test]
    async fn what_a_client_never_got_is_copied_once() {
        let (home, _) = Home::set_up().await;
        let wants = "<iq xmlns='jabber:client' type='set' id='1'>\
                     <enable xmlns='urn:xmpp:carbons:2'/></iq>";
        let phone = device(&home, "phone", &[]);
        let tablet = device(&home, "tablet", &["<presence xmlns='jabber:client'/>"]);
        let tv = device(&home, "tv", &[wants]);
        let message = "<message xmlns='jabber:client' to='ann@home.example/phone' type='chat'>\
                       <body>words</body></message>";
        let _laptop = device(&home, "laptop", &[message]);
        hears(&home, &tablet);
        let copy = hears(&home, &tv);
        assert_eq!((copy.matches("<received").count(), copy.matches("words").count()), (1, 1));
        drop(phone);
        assert_eq!(hears(&home, &tablet).matches("words").count(), 1);
        assert_eq!(hears(&home, &tv).matches("words").count(), 0);
    }

    /// XEP-0313: whoever finds a message in the archive takes it for safe.
    #[tokio::test]
    async fn the_archive_tells_what_is_on_the_disk() {
        let (home, _) = Home::set_up().await;
        let message = "<message xmlns='jabber:client' to='ann@home.example' type='chat'>\
                       <body>words</body></message>";
        let query = "<iq xmlns='jabber:client' type='set' id='q'>\
                     <query xmlns='urn:xmpp:mam:2'/></iq>";
        let store = &home.daemon().store;
        let together = store.together();
        let _phone = device(&home, "phone", &[message]);
        let desk = device(&home, "desk", &[query]);
        assert_eq!(hears(&home, &desk), "");
        drop(together);
        let mut heard = String::new();
        while !heard.contains("<fin") {
            heard += &hears(&home, &desk);
            tokio::task::yield_now().await;
        }
        assert!(heard.contains("words"), "{heard}");
    }

    /// XEP-0280: a device that is there and has a copy gets nothing more when the one that the
    /// message was to goes away; if it goes away as well, the message goes on.
    #[tokio::test]
    async fn whoever_has_a_copy_has_the_message() {
        let (home, _) = Home::set_up().await;
        let wants = "<iq xmlns='jabber:client' type='set' id='1'>\
                     <enable xmlns='urn:xmpp:carbons:2'/></iq>";
        let there = "<presence xmlns='jabber:client'/>";
        let message = "<message xmlns='jabber:client' to='ann@home.example/phone' type='chat'>\
                       <body>words</body></message>";
        for last in [true, false] {
            let phone = device(&home, "phone", &[there]);
            let desk = device(&home, "desk", &[wants, there]);
            let sender = device(&home, "sender", &[message]);
            drop((sender, phone));
            if last {
                let heard = hears(&home, &desk);
                assert_eq!(heard.matches("words").count(), 1, "{heard}");
                assert_eq!(heard.matches("<received").count(), 1, "{heard}");
            }
            drop(desk);
            let next = device(&home, "next", &[there]);
            let heard = hears(&home, &next);
            assert_eq!(heard.matches("words").count(), usize::from(!last), "{heard}");
            assert_eq!(heard.matches("<received").count(), 0, "{heard}");
        }
    }
}
