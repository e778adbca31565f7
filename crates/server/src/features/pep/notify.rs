//! Telling of news: to whom, and what comes in of it.
//!
//! Spec: XEP-0163 §4 (who hears of what), §4.3.4 the last item; XEP-0060 §7.1.2, §7.2.2, §8.2.5,
//! §8.4.2, §8.5.2 the events; XEP-0060 §9.2 filters. The owner's own sessions hear at once; for a
//! contact the event leaves for the bare address, and there [`deliver`] gives it to the sessions
//! whose clients want the node. Who asked for a node explicitly (XEP-0060 §6.1) gets everything of
//! it, marked with the name of the subscription.
//!
//! The address of the publishing device (XEP-0163 §4.3.1, a SHOULD) is not told: no client here
//! shows it, and the last item has none.
//!
//! State: none. Invariants: nobody hears of what they may not read; a session hears of a node only
//! if its client wants it or the account asked for it; an event comes from a bare address, from
//! which no client can send; it is kept for nobody, copied to nobody and delivered nowhere else.

use xmpp::datetime;
use xmpp::element::Element;
use xmpp::jid::{BareJid, Jid};
use xmpp::ns;
use xmpp::stanza::{Kind, MessageType, PresenceType, Stanza};

use super::book::{Head, Nodes};
use super::config::{Config, SendLast};
use super::request::{Asker, may_read};
use super::{Item, retrieve};
use crate::features::roster::Roster;
use crate::features::subscription::state::Half;
use crate::features::{Cx, blocking, client_caps, presence};
use crate::limits::PEP_SMALL_EVENT_BYTES;
use crate::registry::{Bound, SessionId};

/// What an account of this server asks another when it is of interest what was published last:
/// inside a probe, which no client can send.
const WANTED: (&str, &str) = ("wanted", "urn:snug:pep");

/// News of a node.
pub(super) enum News<'a> {
    Published(&'a [Item]),
    Retracted(&'a [String]),
    Purged,
    Deleted,
    Configured,
}

impl News<'_> {
    /// As an event, if the node is configured to tell it.
    fn event(&self, name: &str, config: &Config) -> Option<Element> {
        let of = |what: &'static str| Element::new(what, ns::PUBSUB_EVENT).with_attr("node", name);
        let told = match self {
            News::Published(items) if config.notify => {
                let item = |item: &Item| item.told(config);
                items.iter().map(item).fold(of("items"), Element::with_child)
            }
            News::Retracted(ids) if config.notify => {
                let one = |id: &String| {
                    Element::new("retract", ns::PUBSUB_EVENT).with_attr("id", id.as_str())
                };
                ids.iter().map(one).fold(of("items"), Element::with_child)
            }
            // XEP-0060 §8.5.2: not once more for each item.
            News::Purged if config.notify && config.notify_retract => of("purge"),
            News::Deleted if config.notify_delete => of("delete"),
            News::Configured if config.notify_config => {
                of("configuration").with_child(config.values("result"))
            }
            _ => return None,
        };
        Some(Element::new("event", ns::PUBSUB_EVENT).with_child(told))
    }
}

impl Item {
    fn told(&self, config: &Config) -> Element {
        if config.payloads {
            return self.to_element(ns::PUBSUB_EVENT);
        }
        Element::new("item", ns::PUBSUB_EVENT).with_attr("id", self.id.as_str())
    }
}

/// A message with `event` from the owner to `to`.
fn message(owner: &BareJid, to: Jid, event: Element) -> Stanza {
    let mut message = Stanza::message(MessageType::Headline, Some(to));
    message.set_from(Jid::from(owner));
    message.with_child(event)
}

/// XEP-0060 §7.1.2.4: for which subscription it is.
fn subscribed(message: Stanza, subid: &str) -> Stanza {
    let header = Element::new("header", ns::SHIM).with_attr("name", "SubID").with_text(subid);
    message.with_child(Element::new("headers", ns::SHIM).with_child(header))
}

fn is_subscribed(message: &Stanza) -> bool {
    message.child("headers", ns::SHIM).is_some()
}

/// Tells everybody concerned the `news` of the node `name`, of which `head` is or was stored.
pub(super) fn tell(cx: &mut Cx<'_>, name: &str, head: &Head, news: &News<'_>) {
    let Some(event) = news.event(name, &head.config) else { return };
    let owner = cx.account.jid.clone();
    let explicit = head.subscribers.contains_key(owner.as_str());
    let concerned = |session: &&Bound| {
        session.priority.is_some() && (explicit || client_caps::wants(session, name))
    };
    for session in cx.account.sessions.iter().filter(concerned) {
        let words = message(&owner, session.jid.clone(), event.clone());
        cx.effects.own.push((session.id, words));
    }
    for (bare, subscriber) in &head.subscribers {
        let Ok(to) = Jid::parse(&subscriber.jid) else { continue };
        if *bare != owner.as_str() && may_hear(cx, &to, head) {
            let words = message(&owner, to, event.clone());
            cx.effects.routed.push(subscribed(words, &subscriber.subid));
        }
    }
    for contact in contacts(cx) {
        let to = Jid::from(&contact);
        let is_told = head.subscribers.get(contact.as_str()).is_some_and(|s| s.jid == to.as_str());
        if !is_told && may_hear(cx, &to, head) {
            cx.effects.routed.push(message(&owner, to, event.clone()));
        }
    }
}

/// XEP-0163 §4.1: who has a subscription without asking for it. Those of other servers will hear
/// when there is a way to them.
fn contacts(cx: &mut Cx<'_>) -> Vec<BareJid> {
    // Unreadable: it was logged; they will hear of the last item when they come online.
    let Ok(roster) = Roster::of(cx.daemon, &cx.account.jid, &mut cx.account.slots) else {
        return Vec::new();
    };
    let daemon = cx.daemon;
    roster.subscribers().filter(|jid| daemon.is_local(jid.domain())).cloned().collect()
}

/// May `jid` read the node, and does the owner want to have to do with it (XEP-0163 §4.3.3)?
fn may_hear(cx: &mut Cx<'_>, jid: &Jid, head: &Head) -> bool {
    !blocking::is_blocked(cx, jid) && may_read(cx, &Asker::Other(jid.clone()), head).is_ok()
}

/// XEP-0163 §4.3.4: the last item of the node `name` as an event, with its time, for a client that
/// comes online, or for one that `subscribes`.
fn last(cx: &mut Cx<'_>, name: &str, subscribes: bool) -> Option<(Head, Element, Element)> {
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots).ok()?;
    let head = nodes.get(name)?.head.clone();
    let wanted = match head.config.send_last {
        SendLast::Never => false,
        SendLast::OnSub => subscribes,
        SendLast::OnSubAndPresence => true,
    };
    if !wanted {
        return None;
    }
    let item = retrieve::latest(cx, name).ok()??;
    let delay = Element::new("delay", ns::DELAY).with_attr("stamp", datetime::utc(item.at));
    let event = News::Published(std::slice::from_ref(&item)).event(name, &head.config)?;
    Some((head, event, delay))
}

/// A session of the account wants to hear of `nodes`, and did not before: it gets the last items of
/// the account's own, and those whose presence it sees are asked for theirs.
pub(super) fn interested(cx: &mut Cx<'_>, id: SessionId, nodes: &[&str]) {
    let Some(full) = cx.account.session(id).map(|session| session.jid.clone()) else { return };
    let owner = cx.account.jid.clone();
    for name in nodes {
        if let Some((_, event, delay)) = last(cx, name, false) {
            let words = message(&owner, full.clone(), event).with_child(delay);
            cx.effects.own.push((id, words));
        }
    }
    let Ok(roster) = Roster::of(cx.daemon, &owner, &mut cx.account.slots) else { return };
    let seen = roster.subscriptions().filter(|(_, to)| *to == Half::Yes).map(|(jid, _)| jid);
    let daemon = cx.daemon;
    let seen = seen.filter(|jid| daemon.is_local(jid.domain())).cloned().collect();
    let node = |name: &&str| Element::new("node", WANTED.1).with_text(*name);
    let wanted = nodes.iter().map(node).fold(Element::new(WANTED.0, WANTED.1), Element::with_child);
    for contact in blocking::unblocked(cx, seen) {
        let probe = presence::plain(PresenceType::Probe, &full, &Jid::from(&contact));
        cx.effects.at_once.push(probe.with_child(wanted.clone()));
    }
}

/// A probe comes to the account. One that asks for the last items of nodes gets them, if the asker
/// has a subscription and may read them. `false` = it asks for presence.
pub(in crate::features) fn probed(cx: &mut Cx<'_>, probe: &Stanza) -> bool {
    let Some(wanted) = probe.child(WANTED.0, WANTED.1) else { return false };
    if let Some(asker) = probe.from() {
        let names: Vec<String> = wanted.children().map(|node| node.text().into_owned()).collect();
        send_last(cx, asker, &names, false);
    }
    true
}

/// Somebody may see the owner's presence now: XEP-0163 §4.3.4 counts that as a subscription to all
/// that comes with it.
pub(in crate::features) fn greet(cx: &mut Cx<'_>, contact: &Jid) {
    let Ok(nodes) = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots) else { return };
    let names: Vec<String> = nodes.all().map(|(name, _)| name.to_owned()).collect();
    send_last(cx, contact, &names, true);
}

fn send_last(cx: &mut Cx<'_>, to: &Jid, names: &[String], subscribes: bool) {
    let Ok(roster) = Roster::of(cx.daemon, &cx.account.jid, &mut cx.account.slots) else { return };
    if !roster.is_seen_by(&to.to_bare()) {
        return;
    }
    let owner = cx.account.jid.clone();
    for name in names {
        let Some((head, event, delay)) = last(cx, name, subscribes) else { continue };
        if may_hear(cx, to, &head) {
            let words = message(&owner, to.clone(), event).with_child(delay);
            cx.effects.routed.push(words);
        }
    }
}

/// XEP-0060 §6.1.7: the last item for `jid`, which has just subscribed to the node `name`.
pub(super) fn welcome(cx: &mut Cx<'_>, name: &str, (jid, subid): (&Jid, &str)) {
    let owner = cx.account.jid.clone();
    if let Some((_, event, delay)) = last(cx, name, true) {
        let words = message(&owner, jid.clone(), event).with_child(delay);
        cx.effects.routed.push(subscribed(words, subid));
    }
}

/// Is it an event from somebody's node? No client can send one: it speaks from its full address.
#[must_use]
pub fn is_event(stanza: &Stanza) -> bool {
    let from_account = |from: &Jid| from.local().is_some() && !from.is_full();
    stanza.kind() == Kind::Message
        && stanza.message_type() == Some(MessageType::Headline)
        && stanza.from().is_some_and(from_account)
        && stanza.child("event", ns::PUBSUB_EVENT).is_some()
}

/// What an event is about, so that later news of the same replace it where it waits.
#[must_use]
pub fn about(event: &Stanza) -> Option<String> {
    let what = event.child("event", ns::PUBSUB_EVENT)?.children().next()?;
    let items = what.children().filter_map(|item| item.attr("id"));
    Some(items.fold(what.attr("node")?.to_owned(), |about, id| about + "\n" + id))
}

/// An event comes to the account: it goes to the sessions that want to hear of its node, or to all
/// if the account asked for it.
pub fn deliver(cx: &mut Cx<'_>, event: &Stanza) {
    let what = event.child("event", ns::PUBSUB_EVENT).and_then(|event| event.children().next());
    let Some(name) = what.and_then(|what| what.attr("node")) else { return };
    let explicit = is_subscribed(event);
    let resource = event.to().and_then(Jid::resource);
    let concerned = |session: &&Bound| {
        let addressed = resource.is_none_or(|resource| session.jid.resource() == Some(resource));
        let wants = if explicit {
            session.priority >= Some(0)
        } else {
            session.priority.is_some() && client_caps::wants(session, name)
        };
        addressed && wants
    };
    let sessions = cx.account.sessions.iter().filter(concerned);
    let concerned: Vec<(SessionId, Jid)> = sessions.map(|s| (s.id, s.jid.clone())).collect();
    if concerned.is_empty() {
        return;
    }
    let bytes = event.element().to_xml(ns::CLIENT).len();
    for (id, jid) in concerned {
        let session = cx.account.session(id);
        let room = session.is_some_and(|session| session.outbox.has_room(bytes));
        if bytes > PEP_SMALL_EVENT_BYTES && !room {
            cx.daemon.counters.add("pep", "event-dropped");
            continue;
        }
        // XEP-0163 §4.3.1
        let mut words = event.clone();
        words.set_to(Some(jid));
        cx.effects.own.push((id, words));
    }
}
