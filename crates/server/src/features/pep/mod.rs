//! XEP-0163: Personal Eventing Protocol, on XEP-0060.
//!
//! Keeps what a person's clients publish under the person's own address (keys of OMEMO, avatars,
//! bookmarks, moods), for the person's other devices and, as each node allows, for contacts and
//! strangers. Spec: XEP-0163 throughout; of XEP-0060 what a personal service needs; XEP-0222 and
//! XEP-0223 are ways to configure a node.
//!
//! By chapter: `config` and `access` decide, `book` holds the nodes and writes them, `publish`,
//! `retrieve`, `manage`, `lists` and `disco` answer requests, `notify` tells of news,
//! `transfer` moves it all to other servers.
//!
//! For other features: [`latest`], [`newest`], [`items`], [`names`], [`config`], [`configure_node`],
//! [`publish_item`], [`retract_item`] and [`delete_node`] work under the account's lock as a client of the owner's would; the hook `Feature::published`
//! hears of every change that a client makes, with its writes in `cx.effects` and already visible
//! to these functions. What features change by them is told to clients, but calls no hook, so
//! that two nodes can be kept alike without an echo.
//!
//! State: `book::Nodes`, one per account, a copy of what the store has. Invariants: only the owner
//! publishes and configures; nobody reads or hears what the access model does not give; a result is said
//! only once the change is durable; everything has a limit.

use xmpp::element::Element;
use xmpp::ns;
use xmpp::stanza::{IqType, Stanza};

use super::{Cx, Feature, IqRoute, Spec, Target};
use crate::effect::Handled;

mod access;
mod book;
mod config;
mod disco;
mod errors;
mod form;
mod lists;
mod manage;
mod notify;
mod publish;
mod request;
mod retrieve;
mod transfer;

#[cfg(test)]
mod tests;

pub use access::Access;
pub use config::{Config, SendLast};
pub use disco::{about_node, nodes_for};
pub use manage::{config, configure_node, names};
pub use notify::{about, deliver, is_event};
pub(in crate::features) use notify::{greet, probed};
pub use publish::{access, delete_node, publish_item, retract_item};
use request::Asker;
pub use retrieve::{items, latest, newest};

/// Tables of this feature.
pub const TABLES: &[&str] = &[book::NODES.name(), book::ITEMS.name(), book::PAYLOADS.name()];

/// See the module.
pub const FEATURE: Feature = Feature {
    // XEP-0223 §5: looked for on the server too.
    disco: &[disco::PUBLISH_OPTIONS],
    disco_account: disco::FEATURES,
    identities: disco::IDENTITIES,
    identities_account: disco::IDENTITIES,
    iq: &[
        route(IqType::Get, Target::Account, ns::PUBSUB, get),
        route(IqType::Set, Target::Account, ns::PUBSUB, set),
        route(IqType::Get, Target::Contact, ns::PUBSUB, get),
        route(IqType::Set, Target::Contact, ns::PUBSUB, set),
        route(IqType::Get, Target::Account, ns::PUBSUB_OWNER, owner_get),
        route(IqType::Set, Target::Account, ns::PUBSUB_OWNER, owner_set),
        route(IqType::Get, Target::Contact, ns::PUBSUB_OWNER, owner_get),
        route(IqType::Set, Target::Contact, ns::PUBSUB_OWNER, owner_set),
    ],
    interested: Some(notify::interested),
    removed: Some(removed),
    moves: Some(transfer::MOVES),
    ..Feature::new("pep", Spec::Xep { number: 163, version: "1.2.2" })
};

const fn route(
    ty: IqType,
    target: Target,
    ns: &'static str,
    run: fn(&mut Cx<'_>, &Stanza) -> Handled,
) -> IqRoute {
    IqRoute { ty, target, ns, name: "pubsub", run }
}

/// An item with what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its name, unique in its node.
    pub id: String,
    /// Unix time when it was published last, seconds.
    pub at: u64,
    /// What it holds.
    pub payload: Element,
}

/// What a client of the owner's has changed at a node.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// These items are new or have changed, in this order. The node may be new as well, and may
    /// be one that keeps nothing.
    Published(&'a [Item]),
    /// The items of these names are gone.
    Retracted(&'a [String]),
    /// All items are gone.
    Purged,
    /// The node is gone, with its items.
    Deleted,
    /// Its configuration may be another.
    Configured,
}

/// The operation in a request: its first element of the same namespace.
fn operation(iq: &Stanza) -> Option<&Element> {
    let request = iq.payload()?;
    request.children().find(|child| child.ns() == request.ns())
}

fn get(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let operation = operation(iq).ok_or_else(errors::bad)?;
    let asker = Asker::of(cx, iq);
    let answer = match operation.name() {
        "items" => retrieve::run(cx, &asker, iq, operation)?,
        "subscriptions" => lists::own_subscriptions(cx, &asker, operation)?,
        "affiliations" => lists::own_affiliations(cx, &asker, operation)?,
        // XEP-0060 §6.3.4.7 and §6.4.3.2
        "options" => return Err(errors::unsupported("subscription-options")),
        "default" => return Err(errors::unsupported("retrieve-default-sub")),
        _ => return Err(errors::bad()),
    };
    cx.reply(iq, Some(answer));
    Ok(())
}

fn set(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let operation = operation(iq).ok_or_else(errors::bad)?;
    let asker = Asker::of(cx, iq);
    let answer = match (operation.name(), &asker) {
        ("subscribe", _) => return lists::subscribe(cx, &asker, iq, operation),
        ("unsubscribe", _) => lists::unsubscribe(cx, &asker, operation)?,
        ("options", _) => return Err(errors::unsupported("subscription-options")),
        ("publish", Asker::Owner) => Some(publish::publish(cx, iq, operation)?),
        ("retract", Asker::Owner) => publish::retract(cx, operation)?,
        ("create", Asker::Owner) => Some(manage::create(cx, iq, operation)?),
        // XEP-0060 §7.1.3.1, §7.2.3.1, §8.1.1: one publisher (XEP-0163 §3.2).
        ("publish" | "retract" | "create", Asker::Other(_)) => return Err(errors::forbidden()),
        _ => return Err(errors::bad()),
    };
    cx.reply(iq, answer);
    Ok(())
}

fn owner_get(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let operation = operation(iq).ok_or_else(errors::bad)?;
    if matches!(Asker::of(cx, iq), Asker::Other(_)) {
        return Err(errors::forbidden());
    }
    let answer = match operation.name() {
        "default" => manage::default(),
        "configure" => manage::configuration(cx, operation)?,
        "affiliations" => lists::affiliations(cx, operation)?,
        "subscriptions" => lists::subscriptions(cx, operation)?,
        _ => return Err(errors::bad()),
    };
    cx.reply(iq, Some(Element::new("pubsub", ns::PUBSUB_OWNER).with_child(answer)));
    Ok(())
}

fn owner_set(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let operation = operation(iq).ok_or_else(errors::bad)?;
    if matches!(Asker::of(cx, iq), Asker::Other(_)) {
        return Err(errors::forbidden());
    }
    match operation.name() {
        "configure" => manage::configure(cx, operation)?,
        "delete" => manage::delete(cx, operation)?,
        "purge" => manage::purge(cx, operation)?,
        "affiliations" => lists::set_affiliations(cx, operation)?,
        "subscriptions" => lists::set_subscriptions(cx, operation)?,
        _ => return Err(errors::bad()),
    }
    cx.reply(iq, None);
    Ok(())
}

/// The answer to a request: `payload` in its wrapper.
fn answer(payload: Element) -> Element {
    Element::new("pubsub", ns::PUBSUB).with_child(payload)
}

fn removed(cx: &mut Cx<'_>) {
    book::clear(&mut cx.effects.writes, &cx.account.jid);
    cx.account.slots.take::<book::Nodes>();
}
