//! Creating, configuring, emptying and deleting nodes.
//!
//! Spec: XEP-0060 §8.1–8.5. State: none. Invariant: only the owner gets here.

use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::ns;
use xmpp::stanza::Stanza;

use super::book::Nodes;
use super::config::Config;
use super::form::{self, Submitted};
use super::lists::drop_strangers;
use super::notify::{self, News};
use super::request::node_of;
use super::{Change, answer, errors};
use crate::effect::Handled;
use crate::features::{Cx, on_published};
use crate::random;

/// Characters of the name of a node that the server makes up.
const MADE_UP_CHARACTERS: usize = 24;

/// §8.1
pub(super) fn create(
    cx: &mut Cx<'_>,
    iq: &Stanza,
    operation: &Element,
) -> Result<Element, StanzaError> {
    let name = match operation.attr("node") {
        // §8.1.1: an instant node.
        None => random::text(MADE_UP_CHARACTERS),
        Some(_) => node_of(operation)?.to_owned(),
    };
    let config = Config::default();
    // §8.1.3
    let config = match iq.payload().and_then(|payload| payload.child("configure", ns::PUBSUB)) {
        Some(configure) => match form::read(configure, ns::PUBSUB_NODE_CONFIG)? {
            Some(Submitted::Fields(fields)) => config.with_known(fields)?,
            Some(Submitted::Cancelled) => return Err(errors::bad()),
            None => config,
        },
        None => config,
    };
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    if nodes.get(&name).is_some() {
        return Err(StanzaError::new(StanzaCondition::Conflict));
    }
    nodes.create(&mut cx.effects.writes, &name, config, cx.now.unix)?;
    on_published(cx, &name, &Change::Configured);
    Ok(answer(Element::new("create", ns::PUBSUB).with_attr("node", name)))
}

/// §8.3: with what a node is made if nothing else is said.
pub(super) fn default() -> Element {
    Element::new("default", ns::PUBSUB_OWNER).with_child(Config::default().form())
}

/// §8.2.2
pub(super) fn configuration(cx: &mut Cx<'_>, operation: &Element) -> Result<Element, StanzaError> {
    let name = node_of(operation)?;
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let form = nodes.find(name)?.head.config.form();
    Ok(Element::new("configure", ns::PUBSUB_OWNER).with_attr("node", name).with_child(form))
}

/// §8.2.4
pub(super) fn configure(cx: &mut Cx<'_>, operation: &Element) -> Handled {
    let name = node_of(operation)?;
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let before = &nodes.find(name)?.head.config;
    let fields = match form::read(operation, ns::PUBSUB_NODE_CONFIG)?.ok_or_else(errors::bad)? {
        Submitted::Fields(fields) => fields,
        // §8.2.4: everything stays.
        Submitted::Cancelled => return Ok(()),
    };
    let config = before.with_known(fields)?;
    if config == *before {
        return Ok(());
    }
    configure_node(cx, name, config)?;
    on_published(cx, name, &Change::Configured);
    Ok(())
}

/// The account's nodes whose names begin with `start`, in order.
///
/// # Errors
/// If the store cannot be read.
pub fn names(cx: &mut Cx<'_>, start: &str) -> Result<Vec<String>, StanzaError> {
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let names = nodes.all().map(|(name, _)| name).filter(|name| name.starts_with(start));
    Ok(names.map(str::to_owned).collect())
}

/// How the account's node `name` is set up; `None` if there is no such node.
///
/// # Errors
/// If the store cannot be read.
pub fn config(cx: &mut Cx<'_>, name: &str) -> Result<Option<Config>, StanzaError> {
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    Ok(nodes.get(name).map(|node| node.head.config.clone()))
}

/// Sets the account's node `name` up anew.
///
/// # Errors
/// `item-not-found`; if the store cannot be read.
pub fn configure_node(cx: &mut Cx<'_>, name: &str, config: Config) -> Handled {
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    if nodes.find(name)?.head.config == config {
        return Ok(());
    }
    let now = cx.now.unix;
    nodes.change(&mut cx.effects.writes, name, now, |head| head.config = config);
    let head = nodes.find(name)?.head.clone();
    drop_strangers(cx, name)?;
    notify::tell(cx, name, &head, &News::Configured);
    Ok(())
}

/// §8.4
pub(super) fn delete(cx: &mut Cx<'_>, operation: &Element) -> Handled {
    let name = node_of(operation)?;
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let head = nodes.find(name)?.head.clone();
    nodes.delete(&mut cx.effects.writes, name);
    notify::tell(cx, name, &head, &News::Deleted);
    on_published(cx, name, &Change::Deleted);
    Ok(())
}

/// §8.5
pub(super) fn purge(cx: &mut Cx<'_>, operation: &Element) -> Handled {
    let name = node_of(operation)?;
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    // §8.5.3.3
    let head = nodes.find(name)?.head.clone();
    if !head.config.persist {
        return Err(errors::unsupported("persistent-items"));
    }
    nodes.purge(&mut cx.effects.writes, name);
    notify::tell(cx, name, &head, &News::Purged);
    on_published(cx, name, &Change::Purged);
    Ok(())
}
