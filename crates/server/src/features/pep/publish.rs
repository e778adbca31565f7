//! Publishing and retracting items.
//!
//! Spec: XEP-0060 §7.1 and §7.2, §7.1.5 publishing options. State: none. Invariants: all of a
//! request happens or nothing; preconditions that do not hold change nothing.

use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::ns;
use xmpp::stanza::Stanza;

use super::access::Access;
use super::book::{self, Entry, Nodes};
use super::config::Config;
use super::form::{self, Field, Submitted};
use super::notify::{self, News};
use super::request::{checked, node_of};
use super::{Change, Item, answer, errors, lists};
use crate::effect::Handled;
use crate::features::{Cx, on_published};
use crate::limits::{PEP_ITEM_BYTES_MAX, PEP_REQUEST_ITEMS_MAX};
use crate::random;

/// Characters of a name that the server makes up.
const MADE_UP_CHARACTERS: usize = 24;

/// §7.1: the owner publishes.
pub(super) fn publish(
    cx: &mut Cx<'_>,
    iq: &Stanza,
    operation: &Element,
) -> Result<Element, StanzaError> {
    let name = node_of(operation)?;
    let items = published(cx, operation)?;
    let options = match iq.payload().and_then(|p| p.child("publish-options", ns::PUBSUB)) {
        Some(options) => publish_options(options)?,
        None => Vec::new(),
    };
    let config = preconditions(cx, name, &options)?;
    put(cx, name, &config, &items)?;
    tell(cx, name, &News::Published(&items))?;
    let mut publish = Element::new("publish", ns::PUBSUB).with_attr("node", name);
    for item in &items {
        publish.push(Element::new("item", ns::PUBSUB).with_attr("id", item.id.as_str()));
    }
    on_published(cx, name, &Change::Published(&items));
    Ok(answer(publish))
}

/// The items of a request, each with a name and what it holds.
fn published(cx: &Cx<'_>, operation: &Element) -> Result<Vec<Item>, StanzaError> {
    let items: Vec<&Element> =
        operation.children().filter(|child| child.is("item", ns::PUBSUB)).collect();
    // §7.1.3.6
    if items.is_empty() {
        return Err(errors::with(StanzaCondition::BadRequest, "item-required"));
    }
    limited(items.len())?;
    let mut all: Vec<Item> = Vec::with_capacity(items.len());
    for item in items {
        let id = match item.attr("id") {
            Some(id) if !id.is_empty() => checked(id)?.to_owned(),
            _ => random::text(MADE_UP_CHARACTERS),
        };
        let mut payloads = item.children();
        let payload = match (payloads.next(), payloads.next()) {
            (Some(payload), None) => payload.clone(),
            // §7.1.3.6
            (None, _) => {
                return Err(errors::with(StanzaCondition::BadRequest, "payload-required"));
            }
            // §7.1.3.5
            _ => return Err(errors::with(StanzaCondition::BadRequest, "invalid-payload")),
        };
        if all.iter().any(|other| other.id == id) {
            return Err(errors::bad());
        }
        all.push(Item { id, at: cx.now.unix, payload });
    }
    Ok(all)
}

fn limited(items: usize) -> Handled {
    if items > PEP_REQUEST_ITEMS_MAX {
        return Err(errors::full("max-items-exceeded", "These are too many items at once."));
    }
    Ok(())
}

/// §7.1.5
fn publish_options(options: &Element) -> Result<Vec<Field>, StanzaError> {
    match form::read(options, ns::PUBSUB_PUBLISH_OPTIONS)? {
        Some(Submitted::Fields(fields)) => Ok(fields),
        Some(Submitted::Cancelled) | None => Err(errors::bad()),
    }
}

/// §7.1.5: with what the node `name` is made if it is not there; if it is, `options` must hold.
fn preconditions(cx: &mut Cx<'_>, name: &str, options: &[Field]) -> Result<Config, StanzaError> {
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let existing = nodes.get(name).map(|node| &node.head.config);
    let config = existing.cloned().unwrap_or_default();
    match (config.with(options), existing) {
        (Ok(wanted), None) => Ok(wanted),
        (Ok(wanted), Some(existing)) if wanted == *existing => Ok(wanted),
        // Also for what can hold for no node here: fields that are not known and their values.
        _ => Err(errors::with(StanzaCondition::Conflict, "precondition-not-met")),
    }
}

/// What publishing came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Put {
    /// Something is new.
    News,
    /// It was there already, as the newest.
    Again,
}

/// Puts `items` into the node `name`, made with `config` if it is not there.
fn put(cx: &mut Cx<'_>, name: &str, config: &Config, items: &[Item]) -> Result<Put, StanzaError> {
    let entry = |item: &Item| Entry { id: item.id.clone(), xml: item.payload.to_xml("") };
    let entries: Vec<Entry> = items.iter().map(entry).collect();
    if entries.iter().any(|entry| entry.xml.len() > PEP_ITEM_BYTES_MAX) {
        // §7.1.3.4
        return Err(errors::with(StanzaCondition::NotAcceptable, "payload-too-big")
            .with_text("This item is too large."));
    }
    if is_newest(cx, name, &entries)? {
        // Devices publish at each log-in what they published before; it costs the card nothing.
        return Ok(Put::Again);
    }
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    nodes.publish(&mut cx.effects.writes, name, config, (&entries, cx.now.unix))?;
    Ok(Put::News)
}

/// Tells the news of the node `name`, which is there.
fn tell(cx: &mut Cx<'_>, name: &str, news: &News<'_>) -> Handled {
    lists::drop_strangers(cx, name)?;
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let head = nodes.find(name)?.head.clone();
    notify::tell(cx, name, &head, news);
    Ok(())
}

/// Is that just what was published last?
fn is_newest(cx: &mut Cx<'_>, name: &str, entries: &[Entry]) -> Result<bool, StanzaError> {
    let [entry] = entries else { return Ok(false) };
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let Some(node) = nodes.get(name) else { return Ok(false) };
    let Some((place, meta)) = node.items().last() else { return Ok(false) };
    // Where items have a time, saying them again makes it longer.
    if meta.id != entry.id || meta.bytes != entry.xml.len() || node.head.config.expire.is_some() {
        return Ok(false);
    }
    let at = (&cx.account.jid, name, *place);
    let stored = book::payload(cx.daemon, &cx.effects.writes, at)?;
    Ok(stored.is_some_and(|stored| stored.to_xml("") == entry.xml))
}

/// §7.2: the owner removes items.
pub(super) fn retract(
    cx: &mut Cx<'_>,
    operation: &Element,
) -> Result<Option<Element>, StanzaError> {
    let name = node_of(operation)?;
    let items = operation.children().filter(|child| child.is("item", ns::PUBSUB));
    // §7.2.3.4
    let id = |item: &Element| match item.attr("id") {
        Some(id) if !id.is_empty() => Ok(id.to_owned()),
        _ => Err(errors::with(StanzaCondition::BadRequest, "item-required")),
    };
    let ids = items.map(id).collect::<Result<Vec<String>, _>>()?;
    if ids.is_empty() {
        return Err(errors::with(StanzaCondition::BadRequest, "item-required"));
    }
    limited(ids.len())?;
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let node = nodes.find(name)?;
    // §7.2.3.5
    if !node.head.config.persist {
        return Err(errors::unsupported("persistent-items"));
    }
    if ids.iter().any(|id| node.place_of(id).is_none()) {
        return Err(errors::not_found());
    }
    // §7.2.2.1: if the client says so, or says nothing and the node does.
    let notify = match operation.attr("notify") {
        Some("1" | "true") => true,
        Some(_) => false,
        None => node.head.config.notify_retract,
    };
    for id in &ids {
        nodes.retract(&mut cx.effects.writes, name, id);
    }
    if notify {
        tell(cx, name, &News::Retracted(&ids))?;
    }
    on_published(cx, name, &Change::Retracted(&ids));
    Ok(None)
}

/// Publishes `payload` as the item `id` of the account's node `name`. If the node is not there it
/// is made with `config`; if it is, its own configuration stays.
///
/// # Errors
/// As for a client: past the limits, or if the store cannot be read.
pub fn publish_item(
    cx: &mut Cx<'_>,
    name: &str,
    (id, payload): (&str, Element),
    config: &Config,
) -> Handled {
    let item = Item { id: checked(id)?.to_owned(), at: cx.now.unix, payload };
    let items = std::slice::from_ref(&item);
    match put(cx, checked(name)?, config, items)? {
        Put::News => tell(cx, name, &News::Published(items)),
        Put::Again => Ok(()),
    }
}

/// Removes the item `id` of the account's node `name`; that it is not there is no error.
///
/// # Errors
/// If the store cannot be read.
pub fn retract_item(cx: &mut Cx<'_>, name: &str, id: &str) -> Handled {
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    if !nodes.retract(&mut cx.effects.writes, name, id) {
        return Ok(());
    }
    tell(cx, name, &News::Retracted(&[id.to_owned()]))
}

/// Whom the account's node `name` is for; `None` if there is no such node.
///
/// # Errors
/// If the store cannot be read.
pub fn access(cx: &mut Cx<'_>, name: &str) -> Result<Option<Access>, StanzaError> {
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    Ok(nodes.get(name).map(|node| node.head.config.access))
}

/// Deletes the account's node `name` with its items; that it is not there is no error.
///
/// # Errors
/// If the store cannot be read.
pub fn delete_node(cx: &mut Cx<'_>, name: &str) -> Handled {
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let Some(node) = nodes.get(name) else { return Ok(()) };
    let head = node.head.clone();
    nodes.delete(&mut cx.effects.writes, name);
    notify::tell(cx, name, &head, &News::Deleted);
    Ok(())
}
