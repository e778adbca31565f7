//! XEP-0402: PEP Native Bookmarks, kept like those of older clients.
//!
//! A room that one client has bookmarked is found by all others, whichever of three places they
//! look into: one item per room in the node `urn:xmpp:bookmarks:1`; all rooms in one item of the
//! node `storage:bookmarks` (XEP-0048); the same element in private XML (XEP-0049, its §4.1 here;
//! XEP-0411). Spec: XEP-0402 §4.1 compatibility, XEP-0411 §3.
//!
//! State: none beside the two nodes; private XML keeps no copy. Invariants: what the newer form
//! has more (extensions) stays when an older client changes its list, and what the older form has
//! more (web pages) when a newer client does; what has not changed is not published again; nothing
//! goes into a node that others may read.

use std::collections::BTreeMap;

use xmpp::element::{Element, Node};
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::jid::Jid;
use xmpp::ns;

use super::pep::{self, Access, Change, Config, Item, SendLast};
use super::{Cx, Feature, Spec};
use crate::effect::Handled;
use crate::limits::BOOKMARKS_MAX;

/// See the module.
pub const FEATURE: Feature = Feature {
    disco_account: &[
        "urn:xmpp:bookmarks:1#compat",
        "urn:xmpp:bookmarks:1#compat-pep",
        "urn:xmpp:bookmarks-conversion:0",
    ],
    published: Some(published),
    ..Feature::new("bookmarks", Spec::Xep { number: 402, version: "1.2.0" })
};

/// The name of the only item in the older form. XEP-0048 §3.1
const ONLY: &str = "current";

/// With what the node of the newer form is made. XEP-0402 §3.3
fn private() -> Config {
    let send_last = SendLast::Never;
    Config { access: Access::Whitelist, max_items: None, send_last, ..Config::default() }
}

/// With what the node of the older form is made. XEP-0048 §3.1
fn private_single() -> Config {
    Config { access: Access::Whitelist, ..Config::default() }
}

/// A client changed one of the nodes: the other one follows.
fn published(cx: &mut Cx<'_>, node: &str, change: &Change<'_>) {
    let done = match (node, change) {
        (ns::BOOKMARKS, Change::Configured) => Ok(()),
        (ns::BOOKMARKS, _) => gather(cx),
        (ns::BOOKMARKS_LEGACY, Change::Published(items)) => match items.last() {
            Some(item) => spread(cx, &item.payload),
            None => Ok(()),
        },
        // A client that gives the older form up keeps its rooms.
        _ => Ok(()),
    };
    if let Err(error) = done {
        tracing::debug!(condition = error.condition.as_str(), "bookmarks were not converted");
        cx.daemon.counters.add("bookmarks", "not-converted");
    }
}

/// Is that the element of the older form, as it is also in private XML?
#[must_use]
pub fn is_storage(element: &Element) -> bool {
    element.is("storage", ns::BOOKMARKS_LEGACY)
}

/// What private XML has of bookmarks.
///
/// # Errors
/// If the store cannot be read.
pub fn storage(cx: &mut Cx<'_>) -> Result<Element, StanzaError> {
    gathered(cx)
}

/// A client stores its bookmarks in private XML.
///
/// # Errors
/// If they are too many or others may read the nodes: nothing has changed then. If the account has
/// no room for all of them: what fitted has changed.
pub fn set_storage(cx: &mut Cx<'_>, storage: &Element) -> Handled {
    guard(cx, ns::BOOKMARKS_LEGACY)?;
    guard(cx, ns::BOOKMARKS)?;
    rooms(storage)?;
    // XEP-0411 §3: to subscribers of the node it is as if it was published there.
    pep::publish_item(cx, ns::BOOKMARKS_LEGACY, (ONLY, storage.clone()), &private_single())?;
    spread(cx, storage)
}

/// Refuses to write into a node that somebody else may read: what is in private XML was private.
fn guard(cx: &mut Cx<'_>, node: &str) -> Handled {
    match pep::access(cx, node)? {
        None | Some(Access::Whitelist) => Ok(()),
        Some(_) => Err(StanzaError::new(StanzaCondition::NotAllowed)
            .with_text("Others may read the bookmarks that another client has published.")),
    }
}

/// The room of a bookmark in the older form.
fn room(child: &Element) -> Option<String> {
    if !child.is("conference", ns::BOOKMARKS_LEGACY) {
        return None;
    }
    Some(Jid::parse(child.attr("jid")?).ok()?.as_str().to_owned())
}

/// The bookmarks of the older form by room; the last one counts.
fn rooms(storage: &Element) -> Result<BTreeMap<String, &Element>, StanzaError> {
    let rooms: BTreeMap<_, _> =
        storage.children().filter_map(|child| Some((room(child)?, child))).collect();
    if rooms.len() > BOOKMARKS_MAX {
        return Err(StanzaError::new(StanzaCondition::ResourceConstraint)
            .with_text("These are more bookmarks than the server keeps."));
    }
    Ok(rooms)
}

/// §4.1.2: makes the newer form like the older one.
fn spread(cx: &mut Cx<'_>, storage: &Element) -> Handled {
    guard(cx, ns::BOOKMARKS)?;
    let rooms = rooms(storage)?;
    let before = pep::items(cx, ns::BOOKMARKS)?;
    let before: BTreeMap<&str, &Element> =
        before.iter().map(|item| (item.id.as_str(), &item.payload)).collect();
    for (room, bookmark) in &rooms {
        let known = before.get(room.as_str()).copied();
        let newer = to_newer(bookmark, known);
        // §4.1.2: nothing is said of what has not changed.
        if known.is_none_or(|known| !same(known, &newer)) {
            pep::publish_item(cx, ns::BOOKMARKS, (room, newer), &private())?;
        }
    }
    for gone in before.keys().filter(|id| !rooms.contains_key(**id)) {
        pep::retract_item(cx, ns::BOOKMARKS, gone)?;
    }
    Ok(())
}

/// §4.1.1: makes the older form like the newer one.
fn gather(cx: &mut Cx<'_>) -> Handled {
    guard(cx, ns::BOOKMARKS_LEGACY)?;
    let storage = gathered(cx)?;
    let before = pep::latest(cx, ns::BOOKMARKS_LEGACY)?;
    if before.is_some_and(|before| before.payload == storage) {
        return Ok(());
    }
    pep::publish_item(cx, ns::BOOKMARKS_LEGACY, (ONLY, storage), &private_single())
}

/// The older form of what is in the newer one, with what only the older one has.
fn gathered(cx: &mut Cx<'_>) -> Result<Element, StanzaError> {
    let mut items = pep::items(cx, ns::BOOKMARKS)?;
    items.sort_by(|a, b| a.id.cmp(&b.id));
    let mut storage = Element::new("storage", ns::BOOKMARKS_LEGACY);
    for Item { id, payload, .. } in &items {
        // XEP-0402 §2; anything else is no bookmark.
        if payload.is("conference", ns::BOOKMARKS) {
            storage.push(to_older(id, payload));
        }
    }
    if let Some(before) = pep::latest(cx, ns::BOOKMARKS_LEGACY)? {
        let others = before.payload.children().filter(|child| room(child).is_none());
        others.for_each(|other| storage.push(other.clone()));
    }
    Ok(storage)
}

/// XEP-0402 §2: the room is the item's name; `known` has what the older form cannot say.
fn to_newer(older: &Element, known: Option<&Element>) -> Element {
    let mut newer = Element::new("conference", ns::BOOKMARKS);
    copy_attrs(older, &mut newer);
    for name in ["nick", "password"] {
        if let Some(child) = older.child(name, ns::BOOKMARKS_LEGACY) {
            newer.push(Element::new(name, ns::BOOKMARKS).with_text(child.text()));
        }
    }
    let ours = |child: &&Element| !is_known(child);
    known.into_iter().flat_map(Element::children).filter(ours).for_each(|c| newer.push(c.clone()));
    newer
}

/// XEP-0402 §4.1.1
fn to_older(room: &str, newer: &Element) -> Element {
    let mut older = Element::new("conference", ns::BOOKMARKS_LEGACY).with_attr("jid", room);
    copy_attrs(newer, &mut older);
    for name in ["nick", "password"] {
        if let Some(child) = newer.child(name, ns::BOOKMARKS) {
            older.push(Element::new(name, ns::BOOKMARKS_LEGACY).with_text(child.text()));
        }
    }
    older
}

fn is_known(child: &Element) -> bool {
    ["nick", "password"].iter().any(|name| child.is(name, ns::BOOKMARKS))
}

fn copy_attrs(from: &Element, to: &mut Element) {
    if let Some(name) = from.attr("name") {
        to.set_attr("name", name);
    }
    if autojoins(from) {
        to.set_attr("autojoin", "true");
    }
}

fn autojoins(bookmark: &Element) -> bool {
    matches!(bookmark.attr("autojoin"), Some("true" | "1"))
}

/// Do two bookmarks of the newer form say the same? White space and the order of elements say
/// nothing, nor does how a truth is written.
fn same(one: &Element, other: &Element) -> bool {
    let said = |bookmark: &Element| {
        let mut said = bookmark.clone();
        said.remove_attr("autojoin");
        said.retain(|node| matches!(node, Node::Element(child) if !is_known(child)));
        said
    };
    let texts = |bookmark: &Element| {
        ["nick", "password"]
            .map(|name| bookmark.child(name, ns::BOOKMARKS).map(|child| child.text().into_owned()))
    };
    autojoins(one) == autojoins(other) && texts(one) == texts(other) && said(one) == said(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::presence::home::{Home, stanza};
    use xmpp::stanza::IqType;

    fn stores(home: &Home, id: u64, rooms: usize) -> Option<IqType> {
        let room = |n: usize| format!("<conference jid='r{n}@chat.example'/>");
        let rooms: String = (0..rooms).map(room).collect();
        home.says(
            id,
            &format!(
                "<iq type='set' id='1'><query xmlns='jabber:iq:private'>\
                 <storage xmlns='storage:bookmarks'>{rooms}</storage></query></iq>"
            ),
        );
        stanza(home.hears(id).last().unwrap()).iq_type()
    }

    fn kept(home: &Home) -> usize {
        let mut kept = 0;
        let ann = xmpp::jid::BareJid::parse("ann@home.example").unwrap();
        home.with(&ann, None, |cx| kept = pep::items(cx, ns::BOOKMARKS).unwrap().len());
        kept
    }

    #[test]
    fn too_many_rooms_change_nothing() {
        let home = Home::new();
        let ann = home.bind("ann@home.example/pc");
        assert_eq!(stores(&home, ann, 3), Some(IqType::Result));
        assert_eq!(stores(&home, ann, BOOKMARKS_MAX + 1), Some(IqType::Error));
        assert_eq!(kept(&home), 3);
        assert_eq!(stores(&home, ann, BOOKMARKS_MAX), Some(IqType::Result));
        assert_eq!(kept(&home), BOOKMARKS_MAX);
        home.removes("ann@home.example");
        assert_eq!(kept(&home), 0);
    }

    #[test]
    fn sameness_is_that_of_meaning() {
        let bookmark = |xml: &str| {
            let xml = xml.replacen("<c", "<conference xmlns='urn:xmpp:bookmarks:1'", 1);
            Element::parse(&xml.replace("</c>", "</conference>")).unwrap()
        };
        let one = bookmark("<c name='A' autojoin='1'> <nick>N</nick>\n</c>");
        assert!(same(&one, &bookmark("<c autojoin='true' name='A'><nick>N</nick></c>")));
        for other in [
            "<c name='A'><nick>N</nick></c>",
            "<c name='B' autojoin='1'><nick>N</nick></c>",
            "<c name='A' autojoin='1'><nick>M</nick></c>",
            "<c name='A' autojoin='1'/>",
            "<c name='A' autojoin='1'><nick>N</nick><extensions/></c>",
        ] {
            assert!(!same(&one, &bookmark(other)), "{other}");
        }
    }
}
