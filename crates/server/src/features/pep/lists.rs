//! Who is a member or an outcast of a node, and who asked for its news.
//!
//! Spec: XEP-0060 §5.6 and §5.7 one's own, §6.1 and §6.2 subscribing, §8.8 and §8.9 the owner's.
//! State: none. Invariants: nobody subscribes anybody else; who may not read a node any more is
//! no subscriber of it; at most [`PEP_LIST_MAX`] of each at a node.

use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::jid::{BareJid, Jid};
use xmpp::ns;
use xmpp::stanza::Stanza;

use super::access::Affiliation;
use super::book::{Head, Nodes, Subscriber};
use super::request::{Asker, check, node_of};
use super::{answer, errors, notify};
use crate::effect::Handled;
use crate::features::Cx;
use crate::limits::PEP_LIST_MAX;
use crate::random;

/// Characters of the name of a subscription.
const SUBID_CHARACTERS: usize = 12;

/// The bare address of `asker`.
fn bare(cx: &Cx<'_>, asker: &Asker) -> BareJid {
    match asker {
        Asker::Owner => cx.account.jid.clone(),
        Asker::Other(jid) => jid.to_bare(),
    }
}

fn bare_attr(entry: &Element) -> Result<BareJid, StanzaError> {
    let jid = entry.attr("jid").ok_or_else(errors::bad)?;
    let jid = Jid::parse(jid).map_err(|_| StanzaError::new(StanzaCondition::JidMalformed))?;
    Ok(jid.to_bare())
}

/// Changes what is stored of the node `name` beside its items.
fn change(cx: &mut Cx<'_>, name: &str, change: impl FnOnce(&mut Head)) -> Handled {
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    nodes.change(&mut cx.effects.writes, name, cx.now.unix, change);
    Ok(())
}

fn subscription(node: Option<&str>, jid: &str, subid: Option<&str>) -> Element {
    let mut element = Element::new("subscription", ns::PUBSUB);
    for (attr, value) in [("node", node), ("jid", Some(jid)), ("subid", subid)] {
        if let Some(value) = value {
            element.set_attr(attr, value);
        }
    }
    element.with_attr("subscription", "subscribed")
}

/// §6.1
pub(super) fn subscribe(
    cx: &mut Cx<'_>,
    asker: &Asker,
    iq: &Stanza,
    operation: &Element,
) -> Handled {
    let name = node_of(operation)?;
    // §6.1.3.1
    let invalid = || errors::with(StanzaCondition::BadRequest, "invalid-jid");
    let jid = operation.attr("jid").and_then(|jid| Jid::parse(jid).ok()).ok_or_else(invalid)?;
    let own = bare(cx, asker);
    let itself = !jid.is_full() || iq.from() == Some(&jid);
    if jid.to_bare() != own || !itself {
        return Err(invalid());
    }
    check(cx, asker, name)?;
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let subscribers = &nodes.find(name)?.head.subscribers;
    let subid = match subscribers.get(own.as_str()) {
        Some(before) => before.subid.clone(),
        None if subscribers.len() >= PEP_LIST_MAX => {
            return Err(errors::full("too-many-subscriptions", "This node has no room for more."));
        }
        None => random::text(SUBID_CHARACTERS),
    };
    let subscriber = Subscriber { jid: jid.as_str().to_owned(), subid: subid.clone() };
    change(cx, name, |head| {
        head.subscribers.insert(own.as_str().to_owned(), subscriber);
    })?;
    let answer = answer(subscription(Some(name), jid.as_str(), Some(&subid)));
    cx.reply(iq, Some(answer));
    // §6.1.7: after it.
    notify::welcome(cx, name, (&jid, &subid));
    Ok(())
}

/// §6.2
pub(super) fn unsubscribe(
    cx: &mut Cx<'_>,
    asker: &Asker,
    operation: &Element,
) -> Result<Option<Element>, StanzaError> {
    let name = node_of(operation)?;
    let own = bare(cx, asker);
    // §6.2.3.3
    if bare_attr(operation)? != own {
        return Err(errors::forbidden());
    }
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let before = nodes.find(name)?.head.subscribers.get(own.as_str());
    // §6.2.3.2
    let before =
        before.ok_or_else(|| errors::with(StanzaCondition::UnexpectedRequest, "not-subscribed"))?;
    // §6.2.3.5; without one there is only the one that it can mean.
    if operation.attr("subid").is_some_and(|subid| subid != before.subid) {
        return Err(errors::with(StanzaCondition::NotAcceptable, "invalid-subid"));
    }
    change(cx, name, |head| {
        head.subscribers.remove(own.as_str());
    })?;
    Ok(None)
}

/// §5.6
pub(super) fn own_subscriptions(
    cx: &mut Cx<'_>,
    asker: &Asker,
    operation: &Element,
) -> Result<Element, StanzaError> {
    let own = bare(cx, asker);
    own_at(cx, "subscriptions", operation, |name, head| {
        let one = head.subscribers.get(own.as_str())?;
        Some(subscription(Some(name), &one.jid, Some(&one.subid)))
    })
}

/// §5.7
pub(super) fn own_affiliations(
    cx: &mut Cx<'_>,
    asker: &Asker,
    operation: &Element,
) -> Result<Element, StanzaError> {
    let own = bare(cx, asker);
    own_at(cx, "affiliations", operation, |name, head| {
        let affiliation = match asker {
            Asker::Owner => "owner",
            Asker::Other(_) => head.affiliations.get(own.as_str())?.as_str(),
        };
        let one = Element::new("affiliation", ns::PUBSUB).with_attr("node", name);
        Some(one.with_attr("affiliation", affiliation))
    })
}

/// The list `list` of what `at` says of each node, or of the one that `operation` names.
fn own_at(
    cx: &mut Cx<'_>,
    list: &'static str,
    operation: &Element,
    at: impl Fn(&str, &Head) -> Option<Element>,
) -> Result<Element, StanzaError> {
    let mut list = Element::new(list, ns::PUBSUB);
    let wanted = operation.attr("node");
    if let Some(node) = wanted {
        list.set_attr("node", node);
    }
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    for (name, node) in nodes.all() {
        if wanted.is_none_or(|wanted| wanted == name)
            && let Some(one) = at(name, &node.head)
        {
            list.push(one);
        }
    }
    Ok(answer(list))
}

/// §8.9.1
pub(super) fn affiliations(cx: &mut Cx<'_>, operation: &Element) -> Result<Element, StanzaError> {
    let name = node_of(operation)?;
    let owner = cx.account.jid.as_str().to_owned();
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let mut list = affiliations_of(name, &nodes.find(name)?.head);
    list.push(affiliation(&owner, "owner"));
    Ok(list)
}

fn affiliation(jid: &str, affiliation: &'static str) -> Element {
    Element::new("affiliation", ns::PUBSUB_OWNER)
        .with_attr("jid", jid)
        .with_attr("affiliation", affiliation)
}

/// The members and outcasts of the node `name`.
pub(super) fn affiliations_of(name: &str, head: &Head) -> Element {
    let list = Element::new("affiliations", ns::PUBSUB_OWNER).with_attr("node", name);
    let all = head.affiliations.iter().map(|(jid, one)| affiliation(jid, one.as_str()));
    all.fold(list, Element::with_child)
}

/// What the owner wants somebody to be.
fn wanted(entry: &Element) -> Result<Option<Affiliation>, StanzaError> {
    match entry.attr("affiliation") {
        Some("none") => Ok(None),
        Some("member") => Ok(Some(Affiliation::Member)),
        Some("outcast") => Ok(Some(Affiliation::Outcast)),
        // §8.9.2.4: one publisher, who is the owner. XEP-0163 §3.2
        Some("publisher") => Err(errors::unsupported("publisher-affiliation")),
        Some("publish-only") => Err(errors::unsupported("publish-only-affiliation")),
        Some("owner") => Err(StanzaError::new(StanzaCondition::NotAcceptable)),
        _ => Err(errors::bad()),
    }
}

/// §8.9.2: all of it or nothing.
pub(super) fn set_affiliations(cx: &mut Cx<'_>, operation: &Element) -> Handled {
    let name = node_of(operation)?;
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let mut all = nodes.find(name)?.head.affiliations.clone();
    let entries = operation.children().filter(|child| child.is("affiliation", ns::PUBSUB_OWNER));
    for entry in entries {
        let jid = bare_attr(entry)?;
        if jid == cx.account.jid {
            // The owner stays the owner.
            if entry.attr("affiliation") != Some("owner") {
                return Err(StanzaError::new(StanzaCondition::NotAcceptable));
            }
            continue;
        }
        match wanted(entry)? {
            Some(affiliation) => all.insert(jid.as_str().to_owned(), affiliation),
            None => all.remove(jid.as_str()),
        };
    }
    if all.len() > PEP_LIST_MAX {
        return Err(errors::full("max-items-exceeded", "This list is full."));
    }
    change(cx, name, |head| head.affiliations = all)?;
    drop_strangers(cx, name)
}

/// XEP-0163 §7.1: who may not read the node `name` any more is no subscriber of it.
pub(super) fn drop_strangers(cx: &mut Cx<'_>, name: &str) -> Handled {
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let Some(node) = nodes.get(name) else { return Ok(()) };
    let subscribers: Vec<String> = node.head.subscribers.keys().cloned().collect();
    let mut gone = Vec::new();
    for subscriber in subscribers {
        let jid = Jid::parse(&subscriber).ok();
        let own = subscriber == cx.account.jid.as_str();
        let may = jid.is_some_and(|jid| own || check(cx, &Asker::Other(jid), name).is_ok());
        if !may {
            gone.push(subscriber);
        }
    }
    if gone.is_empty() {
        return Ok(());
    }
    change(cx, name, |head| head.subscribers.retain(|jid, _| !gone.contains(jid)))
}

/// §8.8.1
pub(super) fn subscriptions(cx: &mut Cx<'_>, operation: &Element) -> Result<Element, StanzaError> {
    let name = node_of(operation)?;
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    Ok(subscriptions_of(name, &nodes.find(name)?.head))
}

/// Who asked for news of the node `name`.
pub(super) fn subscriptions_of(name: &str, head: &Head) -> Element {
    let entry = |one: &Subscriber| {
        Element::new("subscription", ns::PUBSUB_OWNER)
            .with_attr("jid", one.jid.as_str())
            .with_attr("subscription", "subscribed")
            .with_attr("subid", one.subid.as_str())
    };
    let list = Element::new("subscriptions", ns::PUBSUB_OWNER).with_attr("node", name);
    head.subscribers.values().map(entry).fold(list, Element::with_child)
}

/// §8.8.2, as far as ending subscriptions: nobody is subscribed who did not ask for it.
pub(super) fn set_subscriptions(cx: &mut Cx<'_>, operation: &Element) -> Handled {
    let name = node_of(operation)?;
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let mut all = nodes.find(name)?.head.subscribers.clone();
    let entries = operation.children().filter(|child| child.is("subscription", ns::PUBSUB_OWNER));
    for entry in entries {
        let jid = bare_attr(entry)?;
        match entry.attr("subscription") {
            Some("none") => {
                all.remove(jid.as_str());
            }
            Some("subscribed") if all.contains_key(jid.as_str()) => {}
            Some(_) => return Err(errors::unsupported("manage-subscriptions")),
            None => return Err(errors::bad()),
        }
    }
    change(cx, name, |head| head.subscribers = all)
}
