//! XEP-0030: Service Discovery.
//!
//! Tells what the server and an account can do, from the lists of the features themselves, so
//! that the answer cannot drift from what is there. Spec: §3 info, §4 items; XEP-0128 for the
//! forms of other features; RFC 6121 §8.5.2 with XEP-0030 §8: strangers are told nothing about
//! an account. State: none.

use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::ns;
use xmpp::stanza::{IqType, Stanza};

use super::{ALL, Cx, Feature, IqRoute, Spec, Target, caps, pep, roster};
use crate::daemon::Daemon;
use crate::effect::Handled;

/// See the module.
pub const FEATURE: Feature = Feature {
    disco: &[ns::DISCO_INFO, ns::DISCO_ITEMS],
    disco_account: &[ns::DISCO_INFO, ns::DISCO_ITEMS],
    iq: &[
        info_route(Target::Server, server_info),
        info_route(Target::Outside, server_info),
        info_route(Target::Account, account_info),
        info_route(Target::Contact, contact_info),
        items_route(Target::Server, server_items),
        items_route(Target::Outside, server_items),
        items_route(Target::Account, account_items),
        items_route(Target::Contact, contact_items),
    ],
    ..Feature::new("disco", Spec::Xep { number: 30, version: "2.5.0" })
};

type Run = fn(&mut Cx<'_>, &Stanza) -> Handled;

const fn info_route(target: Target, run: Run) -> IqRoute {
    IqRoute { ty: IqType::Get, target, ns: ns::DISCO_INFO, name: "query", run }
}

const fn items_route(target: Target, run: Run) -> IqRoute {
    IqRoute { ty: IqType::Get, target, ns: ns::DISCO_ITEMS, name: "query", run }
}

/// The server's disco#info without a node, as it is also hashed for XEP-0115.
#[must_use]
pub fn describe_server(daemon: &Daemon) -> Element {
    let features = ALL.iter().flat_map(|f| f.disco).copied();
    let more = ALL.iter().flat_map(|f| f.identities).copied();
    let mut query = describe(("server", "im"), more, features);
    for form in ALL.iter().filter_map(|f| f.disco_form).filter_map(|make| make(daemon)) {
        query.push(form);
    }
    query
}

/// A category and a type.
type Identity = (&'static str, &'static str);

fn describe(
    own: Identity,
    more: impl Iterator<Item = Identity>,
    features: impl Iterator<Item = &'static str>,
) -> Element {
    let identity = |(category, ty): Identity| {
        Element::new("identity", ns::DISCO_INFO)
            .with_attr("category", category)
            .with_attr("type", ty)
            .with_attr("name", "Snug")
    };
    let identities = std::iter::once(own).chain(more).map(identity);
    let query = identities.fold(Element::new("query", ns::DISCO_INFO), Element::with_child);
    let mut vars: Vec<_> = features.collect();
    vars.sort_unstable();
    vars.dedup();
    let feature = |var: &'static str| Element::new("feature", ns::DISCO_INFO).with_attr("var", var);
    vars.into_iter().map(feature).fold(query, Element::with_child)
}

fn node(iq: &Stanza) -> Option<&str> {
    iq.payload().and_then(|query| query.attr("node"))
}

fn server_info(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let mut query = describe_server(cx.daemon);
    if let Some(node) = node(iq) {
        // XEP-0115 §6.2: the node of our own capabilities is the only one there is.
        if node != caps::node_and_version(&query) {
            return Err(StanzaError::new(StanzaCondition::ItemNotFound));
        }
        query.set_attr("node", node.to_owned());
    }
    cx.reply(iq, Some(query));
    Ok(())
}

fn account_info(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let features = ALL.iter().flat_map(|f| f.disco_account).copied();
    let more = ALL.iter().flat_map(|f| f.identities_account).copied();
    let answer = match node(iq) {
        Some(name) => pep::about_node(cx, iq, name)?,
        None => describe(("account", "registered"), more, features),
    };
    cx.reply(iq, Some(answer));
    Ok(())
}

/// XEP-0030 §8: only who may see presence may see more; to others the account looks as one that
/// does not exist.
fn allowed(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let asker = iq.from().map(xmpp::jid::Jid::to_bare);
    match asker.map(|asker| roster::may_see_presence(cx, &asker)) {
        Some(true) => Ok(()),
        _ => Err(StanzaError::new(StanzaCondition::ServiceUnavailable)),
    }
}

/// Who may know of a node, the node says itself.
fn contact_info(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    if node(iq).is_none() {
        allowed(cx, iq)?;
    }
    account_info(cx, iq)
}

/// §4: the components that are connected (XEP-0114).
fn server_items(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    if node(iq).is_some() {
        return Err(StanzaError::new(StanzaCondition::ItemNotFound));
    }
    let item = |jid| Element::new("item", ns::DISCO_ITEMS).with_attr("jid", jid);
    let query = Element::new("query", ns::DISCO_ITEMS);
    let items = cx.daemon.components.online().into_iter().map(item);
    cx.reply(iq, Some(items.fold(query, Element::with_child)));
    Ok(())
}

/// §4: an account's items are the nodes that the asker may read.
fn account_items(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let answer = match node(iq) {
        Some(name) => pep::about_node(cx, iq, name)?,
        None => {
            let nodes = pep::nodes_for(cx, iq)?;
            nodes.into_iter().fold(Element::new("query", ns::DISCO_ITEMS), Element::with_child)
        }
    };
    cx.reply(iq, Some(answer));
    Ok(())
}

/// XEP-0163 §6.2: strangers may know what is open to them, and that there is nothing they may not.
fn contact_items(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    if node(iq).is_none() && pep::nodes_for(cx, iq)?.is_empty() {
        allowed(cx, iq)?;
    }
    account_items(cx, iq)
}
