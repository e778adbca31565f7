//! Reading items.
//!
//! Spec: XEP-0060 §6.5, XEP-0059 (paging, with names of items as its identifiers). State: none.
//! Invariants: items come oldest first; an answer has at most [`PEP_ANSWER_BYTES_MAX`] of payloads
//! and says when there are more; what is past its time is not given.

use std::ops::Range;

use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::stanza::Stanza;
use xmpp::{ns, rsm};

use super::book::{self, Meta, Nodes};
use super::request::{Asker, check, node_of};
use super::{Item, answer, errors};
use crate::features::Cx;
use crate::limits::{PEP_ANSWER_BYTES_MAX, PEP_ITEMS_MAX, PEP_REQUEST_ITEMS_MAX};

/// A place and what is known of the item there.
type Placed = (u64, Meta);

/// The items of the node `name` that are not past their time, oldest first.
fn current(cx: &mut Cx<'_>, name: &str) -> Result<Vec<Placed>, StanzaError> {
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let Some(node) = nodes.get(name) else { return Ok(Vec::new()) };
    let now = cx.now.unix;
    let fresh = node.items().iter().filter(|(_, meta)| !node.is_expired(meta, now));
    Ok(fresh.cloned().collect())
}

fn load(cx: &Cx<'_>, name: &str, (place, meta): &Placed) -> Result<Option<Item>, StanzaError> {
    let at = (&cx.account.jid, name, *place);
    let payload = book::payload(cx.daemon, &cx.effects.writes, at)?;
    Ok(payload.map(|payload| Item { id: meta.id.clone(), at: meta.at, payload }))
}

/// The items of the account's node `name`, oldest first; none if there is no such node.
///
/// # Errors
/// If the store cannot be read.
pub fn items(cx: &mut Cx<'_>, name: &str) -> Result<Vec<Item>, StanzaError> {
    let all = current(cx, name)?;
    all.iter().filter_map(|placed| load(cx, name, placed).transpose()).collect()
}

/// The item of the account's node `name` that was published last.
///
/// # Errors
/// If the store cannot be read.
pub fn latest(cx: &mut Cx<'_>, name: &str) -> Result<Option<Item>, StanzaError> {
    let Some(last) = current(cx, name)?.pop() else { return Ok(None) };
    load(cx, name, &last)
}

/// Of the account's node `name` at most `count` items, those that were published last, oldest first,
/// and of these the ones of at most `bytes`.
///
/// # Errors
/// If the store cannot be read.
pub fn newest(
    cx: &mut Cx<'_>,
    name: &str,
    (count, bytes): (usize, usize),
) -> Result<Vec<Item>, StanzaError> {
    let mut all = current(cx, name)?;
    all.drain(..all.len().saturating_sub(count));
    all.retain(|(_, meta)| meta.bytes <= bytes);
    all.iter().filter_map(|placed| load(cx, name, placed).transpose()).collect()
}

/// §6.5: answers a request for items.
pub(super) fn run(
    cx: &mut Cx<'_>,
    asker: &Asker,
    iq: &Stanza,
    operation: &Element,
) -> Result<Element, StanzaError> {
    let name = node_of(operation)?;
    check(cx, asker, name)?;
    let page = page(iq)?;
    let all = current(cx, name)?;
    let (mut wanted, set) = match (named(operation)?, page) {
        (Some(ids), _) => {
            let one = |id: &&str| all.iter().find(|(_, meta)| meta.id == *id).cloned();
            (ids.iter().filter_map(one).collect(), None)
        }
        (None, Some(page)) => (all[cut(&page, &all)?].to_vec(), Some(page.before.is_some())),
        (None, None) => (all[all.len() - most(operation)?.min(all.len())..].to_vec(), None),
    };
    let dropped = fit(&mut wanted, set.unwrap_or(true));
    let mut items = Element::new("items", ns::PUBSUB).with_attr("node", name);
    for placed in &wanted {
        if let Some(item) = load(cx, name, placed)? {
            items.push(item.to_element(ns::PUBSUB));
        }
    }
    let mut whole = answer(items);
    // §6.5.4: without pages asked for, only what was left out is a reason to speak of them.
    if set.is_some() || dropped > 0 {
        let first = wanted.first().and_then(|(place, _)| all.iter().position(|(p, _)| p == place));
        whole.push(page_element(&wanted, first, all.len()));
    }
    Ok(whole)
}

/// The names of the items that are asked for; `None` = not by name. §6.5.8
fn named(operation: &Element) -> Result<Option<Vec<&str>>, StanzaError> {
    let named = operation.children().filter(|child| child.is("item", ns::PUBSUB));
    let ids = named.map(|item| item.attr("id").ok_or_else(errors::bad));
    let ids = ids.collect::<Result<Vec<_>, _>>()?;
    if ids.len() > PEP_REQUEST_ITEMS_MAX {
        return Err(errors::full("max-items-exceeded", "These are too many items at once."));
    }
    Ok((!ids.is_empty()).then_some(ids))
}

/// How many items are asked for, the most recent ones. §6.5.7
fn most(operation: &Element) -> Result<usize, StanzaError> {
    match operation.attr("max_items") {
        None => Ok(PEP_ITEMS_MAX),
        Some(many) => many.parse().map_err(|_| errors::bad()),
    }
}

/// Drops what is too much for one answer, of the oldest or of the newest. Returns how many.
fn fit(wanted: &mut Vec<Placed>, newest_first: bool) -> usize {
    let before = wanted.len();
    let mut bytes = 0;
    let mut fits = |(_, meta): &&Placed| {
        bytes += weight(meta);
        bytes <= PEP_ANSWER_BYTES_MAX
    };
    if newest_first {
        let kept = wanted.iter().rev().take_while(&mut fits).count();
        wanted.drain(..before - kept);
    } else {
        let kept = wanted.iter().take_while(&mut fits).count();
        wanted.truncate(kept);
    }
    before - wanted.len()
}

/// Bytes of an item in an answer, at most.
pub(super) fn weight(meta: &Meta) -> usize {
    /// `<item id=''></item>`, or its line in a list of items.
    const ITEM: usize = 64;
    let escaped = |b: u8| if b"<>&'\"".contains(&b) || b < b' ' { 6 } else { 1 };
    ITEM + meta.bytes + meta.id.bytes().map(escaped).sum::<usize>()
}

/// XEP-0059 §2.6: what the answer is a part of.
fn page_element(page: &[Placed], index: Option<usize>, count: usize) -> Element {
    let ends = page.first().zip(page.last());
    let ends = ends.map(|((_, first), (_, last))| (first.id.clone(), last.id.clone()));
    let index = index.map(|index| index as u64);
    rsm::Page { ends, index, count: Some(count as u64) }.to_element()
}

/// Which part is asked for, if one is.
fn page(iq: &Stanza) -> Result<Option<rsm::Request>, StanzaError> {
    let request = iq.payload().filter(|payload| payload.child("set", ns::RSM).is_some());
    request.map(|payload| rsm::Request::of(payload).map_err(|_| errors::bad())).transpose()
}

/// Which of `all` the `page` is.
///
/// # Errors
/// `item-not-found` for a name that none of them has (XEP-0059 §2.2).
fn cut(page: &rsm::Request, all: &[Placed]) -> Result<Range<usize>, StanzaError> {
    let find = |id: &String| {
        let at = all.iter().position(|(_, meta)| meta.id == *id);
        at.ok_or_else(|| StanzaError::new(StanzaCondition::ItemNotFound))
    };
    let whole = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let index = page.index.map_or(0, whole).min(all.len());
    let start = page.after.as_ref().map(find).transpose()?.map_or(index, |at| at + 1);
    // §2.5: empty is the end of all.
    let before = page.before.as_ref().filter(|before| !before.is_empty());
    let end = before.map(find).transpose()?.unwrap_or(all.len()).max(start);
    let max = page.max.map_or(PEP_ITEMS_MAX, whole);
    Ok(match page.before.is_some() {
        true => end.saturating_sub(max).max(start)..end,
        false => start..start.saturating_add(max).min(end),
    })
}

impl Item {
    /// As it is told and given, in that namespace.
    pub(super) fn to_element(&self, ns: &'static str) -> Element {
        Element::new("item", ns).with_attr("id", self.id.as_str()).with_child(self.payload.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(sizes: &[usize]) -> Vec<Placed> {
        let meta = |(n, bytes): (usize, &usize)| {
            (n as u64, Meta { id: format!("i{n}"), at: 0, bytes: *bytes })
        };
        sizes.iter().enumerate().map(meta).collect()
    }

    #[test]
    fn pages() {
        let all = all(&[1; 5]);
        let page = |xml: &str| {
            let set = format!("<items xmlns='urn:x'><set xmlns='{}'>{xml}</set></items>", ns::RSM);
            let page = rsm::Request::of(&Element::parse(&set).unwrap()).ok()?;
            cut(&page, &all).ok()
        };
        let table = [
            ("", Some(0..5)),
            ("<max>2</max>", Some(0..2)),
            ("<max>0</max>", Some(0..0)),
            ("<max>1000000000</max>", Some(0..5)),
            ("<max>99999999999999999999999</max>", Some(0..5)),
            ("<max>2</max><index>3</index>", Some(3..5)),
            ("<index>9</index>", Some(5..5)),
            ("<max>-1</max>", None),
            ("<max>2</max><after>i1</after>", Some(2..4)),
            ("<after>i4</after>", Some(5..5)),
            ("<after>other</after>", None),
            ("<max>2</max><before/>", Some(3..5)),
            ("<max>2</max><before>i3</before>", Some(1..3)),
            ("<before>i0</before>", Some(0..0)),
            ("<before>other</before>", None),
            ("<max>1</max><after>i0</after><before>i3</before>", Some(2..3)),
            ("<after>i3</after><before>i1</before>", Some(4..4)),
        ];
        for (xml, expected) in table {
            assert_eq!(page(xml), expected, "{xml}");
        }
    }

    #[test]
    fn an_answer_is_no_larger_than_it_may_be() {
        let half = PEP_ANSWER_BYTES_MAX / 2 - 100;
        let names = |wanted: &[Placed]| wanted.iter().map(|(n, _)| *n).collect::<Vec<_>>();
        for (newest_first, expected) in [(true, [2, 3]), (false, [0, 1])] {
            let mut wanted = all(&[half, half, half, half]);
            assert_eq!(fit(&mut wanted, newest_first), 2);
            assert_eq!(names(&wanted), expected);
        }
        let mut wanted = all(&[half, half]);
        assert_eq!(fit(&mut wanted, true), 0);
    }
}
