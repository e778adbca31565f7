//! Answers to what a client asks of its archive: XEP-0313 §4.2 results, §4.3 pages, §5 metadata.
//!
//! Invariants: an answer leaves room in the client's outbox, so that no client is lost for having
//! asked; a message that cannot be read is passed over in place, so
//! that all others can be.

use store::Order;
use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::stanza::Stanza;
use xmpp::{datetime, ns, rsm};

use super::id::Id;
use super::query::{self, Filter, Query};
use super::rows::{self, Part, Take, Taken};
use super::unreadable;
use crate::effect::Handled;
use crate::features::Cx;
use crate::limits::{
    ARCHIVE_PAGE_BYTES_MAX, ARCHIVE_PAGE_MAX, OUTBOX_BYTES_MAX, OUTBOX_STANZAS_MAX,
};
use crate::outbox::Room;
use crate::registry::SessionId;
use crate::wire::Wire;

/// Bytes around a result beside the addresses and the client's name for the query.
const AROUND: usize = 512;

/// What an answer leaves free for what others write, and for what else the client asks.
const LEFT_FREE: Room = Room { stanzas: OUTBOX_STANZAS_MAX / 2, bytes: OUTBOX_BYTES_MAX / 2 };

/// §4.1.5
#[allow(clippy::unnecessary_wraps, reason = "the shape of an IQ handler")]
pub(super) fn form(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    cx.reply(iq, Some(Element::new("query", ns::MAM).with_child(query::form())));
    Ok(())
}

/// §5
pub(super) fn metadata(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    cx.effects.floor = cx.daemon.durability.last();
    let metadata = ends(cx)?;
    cx.reply(iq, Some(metadata));
    Ok(())
}

/// XEP-0386 §3.2: how far the archive reaches as the session begins, so that its client can tell
/// what it missed from what comes. One that cannot be read is left out; the client asks again.
pub(super) fn bound(cx: &mut Cx<'_>, _: SessionId) -> Option<Element> {
    ends(cx).ok()
}

fn ends(cx: &Cx<'_>) -> Result<Element, StanzaError> {
    let owner = cx.account.jid.as_str();
    let mut metadata = Element::new("metadata", ns::MAM);
    let ends = rows::ends(&cx.daemon.store, owner).map_err(unreadable)?;
    if let Some((start, end)) = ends {
        for (name, id) in [("start", start), ("end", end)] {
            let end = Element::new(name, ns::MAM)
                .with_attr("id", id.to_string())
                .with_attr("timestamp", datetime::utc_micros(id.at));
            metadata.push(end);
        }
    }
    Ok(metadata)
}

/// §4
pub(super) fn page(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let Some(payload) = iq.payload() else { return Ok(()) };
    let query = Query::read(payload)?;
    // A client that finds its own message here does not send it again.
    cx.effects.floor = cx.daemon.durability.last();
    let part = part(cx, &query)?;
    if query.max == Some(0) {
        let fin = fin_of_count(cx, &part)?;
        cx.reply(iq, Some(fin));
        return Ok(());
    }
    let Some(session) = cx.session.and_then(|id| cx.account.session(id)) else { return Ok(()) };
    let around = session.jid.as_str().len() + 7 * query.queryid.as_ref().map_or(0, String::len);
    let (id, take) = (session.id, take(&query, session.outbox.room(), AROUND + 2 * around)?);
    let owner = cx.account.jid.as_str();
    let mut taken = rows::read(&cx.daemon.store, owner, &part, take).map_err(unreadable)?;
    // Either much was looked at in vain, or the first is too large for the moment.
    if taken.rows.is_empty() && taken.more {
        return Err(busy());
    }
    if query.order == Order::Falling {
        taken.rows.reverse();
    }
    let fin = fin(&query, &taken);
    say(cx, id, &query, taken);
    cx.reply(iq, Some(fin));
    Ok(())
}

fn busy() -> StanzaError {
    StanzaError::new(StanzaCondition::ResourceConstraint)
        .with_text("Ask again when what you asked for before has arrived, or ask for less.")
}

/// The part of the archive that `query` is about. §4.1.3, §4.3: every name in it must be there.
fn part(cx: &Cx<'_>, query: &Query) -> Result<Part, StanzaError> {
    let Filter { with, start, end, after, before, ids, nothing } = &query.filter;
    let named = [after, before, &query.after, &query.before].into_iter().flatten();
    for id in named.chain(ids.iter().flatten()) {
        let owner = cx.account.jid.as_str();
        if !rows::has(&cx.daemon.store, owner, *id).map_err(unreadable)? {
            return Err(query::unknown_name());
        }
    }
    let mut part = Part { with: with.clone(), ..Part::ALL };
    part.from = start.unwrap_or(0);
    part.until = if *nothing { 0 } else { end.unwrap_or(u64::MAX) };
    for id in [after, &query.after].into_iter().flatten() {
        part.from = part.from.max(id.at.saturating_add(1));
    }
    for id in [before, &query.before].into_iter().flatten() {
        part.until = part.until.min(id.at.saturating_sub(1));
    }
    part.only = ids.as_ref().map(|ids| {
        let mut only: Vec<u64> = ids.iter().map(|id| id.at).collect();
        only.sort_unstable();
        only.dedup();
        only
    });
    Ok(part)
}

/// How much fits and is wanted.
fn take(query: &Query, room: Room, around: usize) -> Result<Take, StanzaError> {
    let wanted = query.max.and_then(|max| usize::try_from(max).ok()).unwrap_or(usize::MAX);
    let rows = wanted.min(ARCHIVE_PAGE_MAX).min(room.stanzas.saturating_sub(LEFT_FREE.stanzas));
    if rows == 0 {
        return Err(busy());
    }
    let most = room.bytes.saturating_sub(LEFT_FREE.bytes);
    let bytes = ARCHIVE_PAGE_BYTES_MAX.min(most);
    Ok(Take { order: query.order, rows, bytes, most, around })
}

/// XEP-0059 §2.7: how many are there? Not said where counting would take long.
fn fin_of_count(cx: &Cx<'_>, part: &Part) -> Result<Element, StanzaError> {
    let owner = cx.account.jid.as_str();
    let count = rows::count(&cx.daemon.store, owner, part).map_err(unreadable)?;
    let page = rsm::Page { count, ..rsm::Page::default() };
    Ok(finished(&page, count == Some(0)))
}

/// §4.3: which page it was. `taken` is in the order of time.
fn fin(query: &Query, taken: &Taken) -> Element {
    let names = taken.rows.first().zip(taken.rows.last());
    let ends = names.map(|((first, _), (last, _))| (first.to_string(), last.to_string()));
    let whole = !taken.more;
    let at_start = match query.order {
        Order::Rising => query.after.is_none(),
        Order::Falling => whole && query.after.is_none(),
    };
    let count = whole && query.after.is_none() && query.before.is_none();
    let page = rsm::Page {
        ends,
        index: at_start.then_some(0),
        count: u64::try_from(taken.rows.len()).ok().filter(|_| count),
    };
    finished(&page, whole)
}

fn finished(page: &rsm::Page, complete: bool) -> Element {
    let mut fin = Element::new("fin", ns::MAM);
    if complete {
        fin.set_attr("complete", "true");
    }
    fin.with_child(page.to_element())
}

/// §4.2
fn say(cx: &mut Cx<'_>, session: SessionId, query: &Query, mut taken: Taken) {
    if query.flip {
        // §4.4: first and last stay what they are.
        taken.rows.reverse();
    }
    let Some(bound) = cx.account.session(session) else { return };
    let mut message = Element::new("message", ns::CLIENT)
        .with_attr("from", cx.account.jid.as_str())
        .with_attr("to", bound.jid.as_str());
    for (id, xml) in taken.rows {
        message.retain(|_| false);
        message.push(result(cx, query, id, &xml));
        cx.effects.told.push((session, Wire::copy(&message, None)));
    }
}

fn result(cx: &Cx<'_>, query: &Query, id: Id, xml: &[u8]) -> Element {
    let delay = Element::new("delay", ns::DELAY).with_attr("stamp", datetime::utc_micros(id.at));
    let mut forwarded = Element::new("forwarded", ns::FORWARD).with_child(delay);
    let parsed = std::str::from_utf8(xml).ok().and_then(|xml| Element::parse(xml).ok());
    match parsed {
        Some(message) => forwarded.push(message),
        // §3: a message may be left out, its place may not.
        None => {
            tracing::error!("an archived message is damaged; it is passed over");
            cx.daemon.counters.add("archive", "damaged");
        }
    }
    let mut result = Element::new("result", ns::MAM).with_attr("id", id.to_string());
    if let Some(queryid) = &query.queryid {
        result.set_attr("queryid", queryid.as_str());
    }
    result.with_child(forwarded)
}
