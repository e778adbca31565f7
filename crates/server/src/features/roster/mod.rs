//! RFC 6121 §2: the roster.
//!
//! Keeps the list of contacts, tells each change to the sessions that asked for the list, and
//! ends the subscriptions of a contact that is removed. Spec: §2.1 syntax, §2.2 retrieving,
//! §2.3–2.5 changing, §2.6 versions.
//!
//! State: [`Roster`], one per account, a copy of what the store has; `Interested`, one per
//! session. Invariants: only the account's own sessions read or change it; a result or push is
//! said only once the change is durable; a removed contact sees the owner no longer.

use store::{Batch, Span, StoreError};
use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::jid::BareJid;
use xmpp::ns;
use xmpp::stanza::{IqType, Stanza};

use super::subscription::requests;
use super::{Cx, Feature, IqRoute, Spec, Target, subscription};
use crate::daemon::Daemon;
use crate::effect::Handled;
use crate::limits::{ROSTER_BYTES_MAX, ROSTER_ITEMS_MAX};

mod book;
mod contact;
mod push;
mod request;
mod resident;
mod version;

#[cfg(test)]
mod tests;

pub(in crate::features) use book::{Roster, rows};
pub use contact::Item;
pub(in crate::features) use push::is_interested;
use push::{Push, note_interest};
use request::Request;
#[cfg(test)]
pub(in crate::features) use resident::have_met;
use version::Version;

/// Tables of this feature.
pub const TABLES: &[&str] = &[book::ROSTER.name(), version::CHANGES.name(), resident::MET.name()];

/// See the module.
pub const FEATURE: Feature = Feature {
    disco: &[ns::ROSTER],
    iq: &[
        route(IqType::Get, Target::Account, get),
        route(IqType::Set, Target::Account, set),
        route(IqType::Set, Target::Contact, not_yours),
    ],
    // §2.6.1
    stream_feature: Some(stream_feature),
    removed: Some(removed),
    ..Feature::new("roster", Spec::Rfc { number: 6121, sections: "§2" })
};

const fn route(ty: IqType, target: Target, run: fn(&mut Cx<'_>, &Stanza) -> Handled) -> IqRoute {
    IqRoute { ty, target, ns: ns::ROSTER, name: "query", run }
}

fn stream_feature(_: &Daemon) -> Element {
    Element::new("ver", ns::ROSTER_VER)
}

/// May `asker` see the presence of `cx`'s account? Nobody may while the roster cannot be read.
pub fn may_see_presence(cx: &mut Cx<'_>, asker: &BareJid) -> bool {
    Roster::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)
        .is_ok_and(|roster| roster.is_seen_by(asker))
}

/// Does `cx`'s account have `other` on its roster?
///
/// # Errors
/// `internal-server-error` if the roster cannot be read.
pub fn is_contact(cx: &mut Cx<'_>, other: &BareJid) -> Result<bool, StanzaError> {
    let roster = Roster::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    Ok(roster.contact(other).is_some())
}

/// The contacts of `owner`, by address, with those who only wait for an answer.
///
/// # Errors
/// If the store cannot be read.
pub fn items(daemon: &Daemon, owner: &BareJid) -> Result<Vec<Item>, StoreError> {
    Ok(Roster::load(&daemon.store, owner)?.items())
}

/// Do `items` keep to the limits of a roster? More would not reach a client in one piece.
#[must_use]
pub fn fits(items: &[Item]) -> bool {
    let weight: usize = items.iter().map(|item| item.to_contact().weight(&item.jid)).sum();
    items.len() <= ROSTER_ITEMS_MAX && weight <= ROSTER_BYTES_MAX
}

/// Writes `items` as the whole roster of `owner`, in place of what was there. If the account is
/// in the registry, its slots must be emptied, since they hold the roster of before.
pub fn import(batch: &mut Batch, owner: &BareJid, items: &[Item]) {
    clear(batch, owner);
    let mut version = Version::default();
    let mut last = None;
    for item in items.iter().filter(|item| item.jid != *owner) {
        if item.state.pending_in() {
            requests::import(batch, owner, &item.jid);
        }
        if !item.is_request_only() {
            let contact = item.to_contact();
            batch.put(&book::ROSTER, &(owner.as_str(), item.jid.as_str()), &contact);
            version = version.next(&item.jid, Some(&contact));
            last = Some(&item.jid);
        }
    }
    if let Some(last) = last {
        version.record(batch, owner.as_str(), last);
    }
}

fn clear(batch: &mut Batch, owner: &BareJid) {
    batch.delete_span(&book::ROSTER, &Span::<(String, String)>::under(owner.as_str()));
    batch.delete_span(&version::CHANGES, &Span::<(String, u64)>::under(owner.as_str()));
    requests::clear(batch, owner);
    resident::forget(batch, owner);
}

/// §2.1.3 and §2.6.2: a session asks for the roster.
fn get(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let query = iq.payload().filter(|query| query.children().next().is_none());
    // §2.1.3: a get has no items.
    let query = query.ok_or_else(|| StanzaError::new(StanzaCondition::BadRequest))?;
    let introduced = resident::introduce(cx)?;
    let roster = Roster::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    // A change of just now is not among those that the store knows.
    let cached = query.attr("ver").and_then(Version::parse).filter(|_| !introduced);
    let news = match cached {
        Some(cached) => news_since(cx.daemon, &cx.account.jid, roster, cached)?,
        None => None,
    };
    let whole = news.is_none().then(|| whole(roster));
    cx.reply(iq, whole);
    let session = cx.session.and_then(|id| cx.account.session_mut(id));
    let Some(session) = session else { return Ok(()) };
    note_interest(session);
    // §2.6.3: interim pushes, in the order of the changes.
    for push in news.unwrap_or_default() {
        push.send_to(session, &mut cx.effects.own);
    }
    Ok(())
}

/// §2.1.4: the whole roster.
fn whole(roster: &Roster) -> Element {
    let mut query =
        Element::new("query", ns::ROSTER).with_attr("ver", roster.version().to_string());
    for (jid, contact) in roster.contacts() {
        query.push(contact.to_element(jid));
    }
    query
}

/// §2.6.3: what a client that has `cached` must hear to be up to date; `None` = the whole
/// roster, because nobody knows what it has or because that is shorter.
fn news_since(
    daemon: &Daemon,
    owner: &BareJid,
    roster: &Roster,
    cached: Version,
) -> Result<Option<Vec<Push>>, StanzaError> {
    if cached == roster.version() {
        return Ok(Some(Vec::new()));
    }
    let changes = cached.changes_since(&daemon.store, owner.as_str()).map_err(|e| {
        tracing::error!(error = %e, "the changes of a roster cannot be read");
        StanzaError::new(StanzaCondition::InternalServerError)
    })?;
    let changes = changes.filter(|changes| changes.len() < roster.contacts().count());
    let push = |(version, jid): (Version, BareJid)| Push::new(version, &jid, roster.contact(&jid));
    Ok(changes.map(|changes| changes.into_iter().map(push).collect()))
}

/// §2.3.1, §2.4.1 and §2.5.1: a session changes the roster.
fn set(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let query = iq.payload().ok_or_else(|| StanzaError::new(StanzaCondition::BadRequest))?;
    let request = request::read(query, &cx.account.jid)?;
    let roster = Roster::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let writes = &mut cx.effects.writes;
    let (push, ended) = match request {
        Request::Put { jid, name, groups } => (roster.name(writes, &jid, name, groups)?, None),
        Request::Remove(jid) => {
            let state = roster.standing(&jid).state;
            // §2.5.3
            let push = roster
                .remove(writes, &jid)
                .ok_or_else(|| StanzaError::new(StanzaCondition::ItemNotFound))?;
            (push, Some((jid, state)))
        }
    };
    // The result comes last, so that whoever has it has the change.
    push.send(&cx.account.sessions, &mut cx.effects.own);
    cx.reply(iq, None);
    if let Some((jid, state)) = ended {
        subscription::end(cx, &jid, state);
    }
    Ok(())
}

/// §2.3.3: somebody else's roster. For a get the RFC asks for no certain error, so it is left to
/// the one that says least, as for every IQ that nobody answers.
#[allow(clippy::unnecessary_wraps, reason = "the shape of an IQ handler")]
fn not_yours(_: &mut Cx<'_>, _: &Stanza) -> Handled {
    Err(StanzaError::new(StanzaCondition::Forbidden))
}

/// Contacts of an account that is no more keep no subscription to it or request of its.
fn removed(cx: &mut Cx<'_>) {
    if let Ok(roster) = Roster::of(cx.daemon, &cx.account.jid, &mut cx.account.slots) {
        for item in roster.items() {
            subscription::end(cx, &item.jid, item.state);
        }
    }
    clear(&mut cx.effects.writes, &cx.account.jid);
    cx.account.slots.take::<Roster>();
}
