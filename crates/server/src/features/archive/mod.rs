//! XEP-0313: Message Archive Management.
//!
//! Keeps what a person says and hears, so that every device can show it later, and tells each
//! message's name to the devices (XEP-0359). Spec: §3 archives and names, §4 queries, §5 metadata,
//! §6 which messages; XEP-0441 preferences, in `prefs`.
//!
//! Both sides of a conversation have an archive of their own. What is sent is archived when the
//! sender's session says it, what is received when the account accepts it; to oneself it is
//! received only, so that it is there once.
//!
//! State: `Last`, one per account; `Keeping`, one per daemon. Invariants: a name is given once, in
//! the order of archiving under the account's lock, and a message keeps it on every further way;
//! whoever sent a message hears that it is safe only once both archives are, and so does whoever
//! finds it here; nobody reads an archive but its owner's sessions; an answer takes memory and time
//! for a page, however large the archive is.

use store::{Span, Store, StoreError};
use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::jid::Jid;
use xmpp::ns;
use xmpp::stanza::{IqType, Kind, Stanza};

use super::{Cx, Feature, IqRoute, Spec, Target, not_yours};
use crate::effect::Handled;
use crate::limits::ARCHIVE_MESSAGE_BYTES_MAX;

mod answer;
mod id;
pub mod keeping;
mod moves;
mod prefs;
pub mod purge;
mod query;
mod rows;
mod rules;

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use tests::{messages, put, size};

use id::Id;

/// Tables of this feature.
pub const TABLES: &[&str] =
    &[rows::MESSAGES.name(), rows::WITH.name(), prefs::PREFS.name(), purge::MARKS.name()];

/// See the module.
pub const FEATURE: Feature = Feature {
    // Of the server too: clients such as Profanity ask nobody else.
    disco: &[ns::MAM],
    // §7; also those that fill in the field `include-groupchat`.
    disco_account: &[ns::MAM, ns::MAM_EXTENDED, ns::MAM_GROUPCHAT_FIELD],
    iq: &[
        route(IqType::Set, Target::Account, "query", answer::page),
        route(IqType::Get, Target::Account, "query", answer::form),
        route(IqType::Get, Target::Account, "metadata", answer::metadata),
        route(IqType::Get, Target::Account, "prefs", prefs::get),
        route(IqType::Set, Target::Account, "prefs", prefs::set),
        // §8.1
        route(IqType::Set, Target::Contact, "query", not_yours),
        route(IqType::Get, Target::Contact, "query", not_yours),
        route(IqType::Get, Target::Contact, "metadata", not_yours),
        route(IqType::Get, Target::Contact, "prefs", not_yours),
        route(IqType::Set, Target::Contact, "prefs", not_yours),
    ],
    bound: Some(answer::bound),
    outgoing: Some(outgoing),
    accepted: Some(accepted),
    removed: Some(removed),
    moves: Some(moves::MOVES),
    ..Feature::new("archive", Spec::Xep { number: 313, version: "1.1.3" })
};

const fn route(
    ty: IqType,
    target: Target,
    name: &'static str,
    run: fn(&mut Cx<'_>, &Stanza) -> Handled,
) -> IqRoute {
    IqRoute { ty, target, ns: ns::MAM, name, run }
}

fn unreadable(e: StoreError) -> StanzaError {
    tracing::error!(error = %e, "an archive cannot be read");
    StanzaError::new(StanzaCondition::InternalServerError)
}

/// The time of the last name that the account gave. It can be read again from the store.
#[derive(Debug)]
struct Last(u64);

/// A session says `stanza`.
fn outgoing(cx: &mut Cx<'_>, stanza: &mut Stanza) -> Handled {
    let (Kind::Message, Some(to)) = (stanza.kind(), stanza.to().cloned()) else { return Ok(()) };
    // What is said to oneself arrives here again, and is archived as heard.
    if to.bare_str() != cx.account.jid.as_str() {
        cx.archived = archive(cx, stanza, &to)?.map(|id| id.to_string());
    }
    Ok(())
}

/// `message` will be delivered or kept, for the first time.
fn accepted(cx: &mut Cx<'_>, message: &mut Stanza) -> Handled {
    let Some(from) = message.from().cloned() else { return Ok(()) };
    cx.archived = archive(cx, message, &from)?.map(|id| id.to_string());
    // §3.1
    name_of(cx).into_iter().for_each(|name| message.push(name));
    Ok(())
}

/// The name under which the account has archived the stanza at hand, for its own devices only.
#[must_use]
pub fn name_of(cx: &Cx<'_>) -> Option<Element> {
    let name = cx.archived.as_deref()?;
    let by = cx.account.jid.as_str();
    Some(Element::new("stanza-id", ns::STANZA_ID).with_attr("by", by).with_attr("id", name))
}

/// Archives `message`, which is to or from `other`, if it is to be.
fn archive(cx: &mut Cx<'_>, message: &Stanza, other: &Jid) -> Result<Option<Id>, StanzaError> {
    if !cx.daemon.keeping.is_on()
        || !rules::is_worth_archiving(message)
        || !prefs::wants(cx, other)?
    {
        return Ok(None);
    }
    let xml = message.element().to_xml("").into_bytes();
    if xml.len() > ARCHIVE_MESSAGE_BYTES_MAX {
        cx.daemon.counters.add("archive", "too-large");
        return Ok(None);
    }
    let owner = cx.account.jid.as_str();
    let last = match cx.account.slots.get::<Last>() {
        Some(Last(last)) => *last,
        None => rows::last(&cx.daemon.store, owner).map_err(unreadable)?,
    };
    let id = Id::next(cx.now.micros, last, cx.daemon.keeping.mark());
    rows::put(&mut cx.effects.writes, owner, id, other, xml);
    cx.account.slots.put(Last(id.at));
    cx.effects.refuse_on_failure(message, "The server could not save this message.");
    Ok(Some(id))
}

/// When the oldest message of all archives was archived, in microseconds since 1970.
///
/// # Errors
/// If the store cannot be read.
pub fn oldest(store: &Store) -> Result<Option<u64>, StoreError> {
    let mut oldest = None;
    let mut rest = Span::<(String, u64)>::all();
    // One look per archive, not per message.
    while let Some((owner, at)) = store.keys(&rows::MESSAGES, &rest, 1)?.pop() {
        oldest = Some(oldest.map_or(at, |oldest: u64| oldest.min(at)));
        rest = rest.after(&(owner.as_str(), u64::MAX));
    }
    Ok(oldest)
}

fn removed(cx: &mut Cx<'_>) {
    let owner = cx.account.jid.as_str();
    cx.effects.writes.delete_span(&rows::MESSAGES, &rows::all(owner));
    cx.effects.writes.delete_span(&rows::WITH, &rows::all_with(owner));
    cx.effects.writes.delete(&prefs::PREFS, owner);
}
