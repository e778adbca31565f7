//! What is said about nodes in service discovery.
//!
//! Spec: XEP-0060 §5.2–5.5, §10 the names of features; XEP-0163 §6; XEP-0223 §5. State: none.
//! Invariant: of a node that somebody may not read nothing is said.

use xmpp::datetime;
use xmpp::element::Element;
use xmpp::error::StanzaError;
use xmpp::ns;
use xmpp::stanza::Stanza;

use super::book::{Head, Meta, Nodes};
use super::request::{Asker, check, checked};
use super::{form, retrieve};
use crate::features::Cx;
use crate::limits::PEP_ANSWER_BYTES_MAX;

/// XEP-0223 §5
pub(super) const PUBLISH_OPTIONS: &str = "http://jabber.org/protocol/pubsub#publish-options";

/// XEP-0163 §6.1
pub(super) const IDENTITIES: &[(&str, &str)] = &[("pubsub", "pep")];

/// XEP-0060 §10
pub(super) const FEATURES: &[&str] = &[
    ns::PUBSUB,
    ns::RSM,
    "http://jabber.org/protocol/pubsub#access-presence",
    "http://jabber.org/protocol/pubsub#auto-create",
    "http://jabber.org/protocol/pubsub#auto-subscribe",
    "http://jabber.org/protocol/pubsub#config-node",
    "http://jabber.org/protocol/pubsub#config-node-max",
    "http://jabber.org/protocol/pubsub#create-and-configure",
    "http://jabber.org/protocol/pubsub#create-nodes",
    "http://jabber.org/protocol/pubsub#delete-items",
    "http://jabber.org/protocol/pubsub#delete-nodes",
    "http://jabber.org/protocol/pubsub#filtered-notifications",
    "http://jabber.org/protocol/pubsub#instant-nodes",
    "http://jabber.org/protocol/pubsub#item-ids",
    "http://jabber.org/protocol/pubsub#last-published",
    "http://jabber.org/protocol/pubsub#member-affiliation",
    "http://jabber.org/protocol/pubsub#meta-data",
    "http://jabber.org/protocol/pubsub#modify-affiliations",
    "http://jabber.org/protocol/pubsub#multi-items",
    "http://jabber.org/protocol/pubsub#outcast-affiliation",
    "http://jabber.org/protocol/pubsub#persistent-items",
    "http://jabber.org/protocol/pubsub#presence-subscribe",
    "http://jabber.org/protocol/pubsub#publish",
    PUBLISH_OPTIONS,
    "http://jabber.org/protocol/pubsub#pubsub-on-a-jid",
    "http://jabber.org/protocol/pubsub#purge-nodes",
    "http://jabber.org/protocol/pubsub#retract-items",
    "http://jabber.org/protocol/pubsub#retrieve-affiliations",
    "http://jabber.org/protocol/pubsub#retrieve-default",
    "http://jabber.org/protocol/pubsub#retrieve-items",
    "http://jabber.org/protocol/pubsub#retrieve-subscriptions",
    "http://jabber.org/protocol/pubsub#rsm",
    "http://jabber.org/protocol/pubsub#subscribe",
];

/// §5.2: the account's nodes that whoever sent `iq` may read, as items.
///
/// # Errors
/// If the store cannot be read.
pub fn nodes_for(cx: &mut Cx<'_>, iq: &Stanza) -> Result<Vec<Element>, StanzaError> {
    let asker = Asker::of(cx, iq);
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let names: Vec<String> = nodes.all().map(|(name, _)| name.to_owned()).collect();
    let own = cx.account.jid.as_str().to_owned();
    let mut items = Vec::new();
    for name in names {
        if check(cx, &asker, &name).is_ok() {
            let item = Element::new("item", ns::DISCO_ITEMS);
            items.push(item.with_attr("jid", own.as_str()).with_attr("node", name));
        }
    }
    Ok(items)
}

/// The answer to `iq`, which asks for the information or the items of the account's node `name`.
///
/// # Errors
/// As for a request for its items.
pub fn about_node(cx: &mut Cx<'_>, iq: &Stanza, name: &str) -> Result<Element, StanzaError> {
    checked(name)?;
    check(cx, &Asker::of(cx, iq), name)?;
    let info = iq.payload().is_some_and(|query| query.ns() == ns::DISCO_INFO);
    let own = cx.account.jid.as_str().to_owned();
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let node = nodes.find(name)?;
    if info {
        // §5.3 and §5.4
        let identity = Element::new("identity", ns::DISCO_INFO)
            .with_attr("category", "pubsub")
            .with_attr("type", "leaf");
        let feature = Element::new("feature", ns::DISCO_INFO).with_attr("var", ns::PUBSUB);
        return Ok(Element::new("query", ns::DISCO_INFO)
            .with_attr("node", name)
            .with_child(identity)
            .with_child(feature)
            .with_child(metadata(&node.head, &own)));
    }
    // §5.5: newest first, since there may be more than fit.
    let query = Element::new("query", ns::DISCO_ITEMS).with_attr("node", name);
    let item = |id: &str| {
        let item = Element::new("item", ns::DISCO_ITEMS);
        item.with_attr("jid", own.as_str()).with_attr("name", id)
    };
    let mut bytes = 0;
    let fits = |meta: &&Meta| {
        // An item without what it holds, and the address beside its name.
        bytes += retrieve::weight(meta) - meta.bytes + own.len();
        bytes <= PEP_ANSWER_BYTES_MAX
    };
    let newest = node.items().iter().rev().map(|(_, meta)| meta).take_while(fits);
    Ok(newest.map(|meta| item(&meta.id)).fold(query, Element::with_child))
}

/// §5.4: what is set about the node, and what the server knows.
fn metadata(head: &Head, own: &str) -> Element {
    let mut metadata = form::new("result", ns::PUBSUB_METADATA);
    let known = [
        ("pubsub#creator", own.to_owned()),
        ("pubsub#owner", own.to_owned()),
        ("pubsub#publisher", own.to_owned()),
        ("pubsub#creation_date", datetime::utc(head.created)),
        ("pubsub#num_subscribers", head.subscribers.len().to_string()),
    ];
    for (var, value) in known {
        metadata.push(form::field(var, &[value]));
    }
    let told = [
        "pubsub#title",
        "pubsub#description",
        "pubsub#type",
        "pubsub#access_model",
        "pubsub#publish_model",
        "pubsub#max_items",
    ];
    let set = head.config.values("result");
    let is_told = |field: &&Element| field.attr("var").is_some_and(|var| told.contains(&var));
    for field in set.children().filter(is_told) {
        metadata.push(field.clone());
    }
    metadata
}
