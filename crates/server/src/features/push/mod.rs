//! XEP-0357: Push Notifications.
//!
//! Wakes devices that cannot keep a connection: tells the push service that a device has named
//! how many messages it has not seen. Spec: §5 enabling, §6 disabling, §7 publishing and errors.
//! `registered` is what is kept, `worth` which messages count, `device` when to wake, `publish`
//! how; [`Pushing`] is the schedule of all devices.
//!
//! A push tells the number of messages and nothing else, unless somebody chose otherwise for a
//! person out of band (§9); and it comes from the server, not from the account, so that it does
//! not tell whose device it is.
//!
//! State: `Registered`, one per account; `Mine`, one per session: the registrations that its
//! device made; [`Pushing`]. Invariants: a device whose client is there and reads is not woken; a
//! service that is away, slow or hostile costs its own devices their pushes and nothing else; a
//! device that is signed out is not woken.

mod device;
mod publish;
mod registered;
mod worth;

#[cfg(test)]
mod tests;

use std::time::Duration;

use admin_api::Secret;
use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::jid::{BareJid, Jid};
use xmpp::ns;
use xmpp::stanza::{IqType, MessageType, Stanza};

pub use publish::{Pushing, answered, run};
pub use registered::{Preview, Registration};

use self::registered::{Key, Registered};
use super::{Cx, Feature, IqRoute, Pick, Spec, Target};
use crate::daemon::Daemon;
use crate::devices::DeviceName;
use crate::durability::Ticket;
use crate::effect::Handled;
use crate::limits::{PUSH_NODE_BYTES_MAX, PUSH_OPTIONS_BYTES_MAX, PUSH_READ_WAIT};
use crate::registry::{self, Account, Bound, SessionId};
use store::{Batch, StoreError};

/// Tables of this feature.
pub const TABLES: &[&str] = registered::TABLES;

/// See the module.
pub const FEATURE: Feature = Feature {
    disco: &[ns::PUSH],
    // §4.1: by the account.
    disco_account: &[ns::PUSH],
    iq: &[route("enable", enable), route("disable", disable)],
    delivered: Some(delivered),
    closed: Some(closed),
    removed: Some(removed),
    ..Feature::new("push", Spec::Xep { number: 357, version: "0.4.1" })
};

const fn route(name: &'static str, run: fn(&mut Cx<'_>, &Stanza) -> Handled) -> IqRoute {
    IqRoute { ty: IqType::Set, target: Target::Account, ns: ns::PUSH, name, run }
}

/// The registrations that the device of this session made.
#[derive(Debug, Default)]
struct Mine(Vec<Key>);

fn is_of(session: &Bound, key: &Key) -> bool {
    session.slots.get::<Mine>().is_some_and(|mine| mine.0.contains(key))
}

fn session_of<'a>(account: &'a Account, key: &Key) -> Option<&'a Bound> {
    account.sessions.iter().find(|session| is_of(session, key))
}

fn refused(condition: StanzaCondition, why: &'static str) -> StanzaError {
    StanzaError::new(condition).with_text(why)
}

fn unreadable(e: StoreError) -> StanzaError {
    tracing::error!(error = %e, "registrations for push cannot be read");
    StanzaError::new(StanzaCondition::InternalServerError)
}

/// The service and, where it is given, the node that a request names.
fn named<'a>(cx: &Cx<'_>, request: &'a Element) -> Result<(Jid, Option<&'a str>), StanzaError> {
    let service = request.attr("jid").ok_or(StanzaCondition::BadRequest)?;
    let service = Jid::parse(service).map_err(|_| StanzaCondition::JidMalformed)?;
    // Requests of the server's are not to be aimed at people here.
    if cx.daemon.is_local(service.domain()) {
        return Err(refused(StanzaCondition::ItemNotFound, "There is no push service here."));
    }
    let node = request.attr("node").filter(|node| !node.is_empty());
    if node.is_some_and(|node| node.len() > PUSH_NODE_BYTES_MAX) {
        return Err(refused(StanzaCondition::NotAcceptable, "The node's name is too long."));
    }
    Ok((service, node))
}

/// §5: what the service wants to be told with each push.
fn options(request: &Element) -> Result<Option<Secret>, StanzaError> {
    let mut forms = request.children();
    let Some(form) = forms.next() else { return Ok(None) };
    let bad = |why| Err(refused(StanzaCondition::BadRequest, why));
    if forms.next().is_some() || !form.is("x", ns::DATA) {
        return bad("There must be one form of publish options and nothing else.");
    }
    let value = |field: &Element| {
        field.child("value", ns::DATA).map(|value| value.text().into_owned()).unwrap_or_default()
    };
    let mut fields = form.children().filter(|c| c.is("field", ns::DATA));
    let typed = fields.any(|field| {
        field.attr("var") == Some("FORM_TYPE") && value(field) == ns::PUBSUB_PUBLISH_OPTIONS
    });
    if !typed || form.attr("type").is_some_and(|ty| ty != "submit") {
        return bad("The form must be one of publish options.");
    }
    let mut form = form.clone();
    form.set_attr("type", "submit");
    let xml = form.to_xml("");
    if xml.len() > PUSH_OPTIONS_BYTES_MAX {
        return Err(refused(StanzaCondition::NotAcceptable, "The form is too long."));
    }
    Ok(Some(Secret::new(xml)))
}

/// §5
fn enable(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let Some(request) = iq.payload() else { return Ok(()) };
    let (service, node) = named(cx, request)?;
    let session = cx.session.and_then(|id| cx.account.session(id));
    let device = session.and_then(|session| session.slots.get::<DeviceName>());
    let new = Registration {
        service: service.as_str().to_owned(),
        node: node.unwrap_or_default().to_owned(),
        since: cx.now.unix,
        resource: iq.from().and_then(Jid::resource).unwrap_or_default().to_owned(),
        options: options(request)?,
        device: device.map(|name| name.as_str().to_owned()),
    };
    let key = new.key();
    let owner = cx.account.jid.clone();
    let registered =
        Registered::of(cx.daemon, &owner, &mut cx.account.slots).map_err(unreadable)?;
    let mut gone = registered.add(&owner, new, &mut cx.effects.writes);
    // Its client is there: all that it has not seen it gets now. A new try with the service, too.
    gone.push(key.clone());
    cx.daemon.pushing.forget(&owner, &gone);
    not_mine(cx.account, &gone);
    if let Some(session) = cx.session.and_then(|id| cx.account.session_mut(id)) {
        let mut mine = session.slots.take::<Mine>().unwrap_or_default();
        mine.0.push(key);
        session.slots.put(mine);
    }
    cx.reply(iq, None);
    Ok(())
}

/// §6. What is not there is no error: the device wants no push, and gets none.
fn disable(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let Some(request) = iq.payload() else { return Ok(()) };
    let service = request.attr("jid").ok_or(StanzaCondition::BadRequest)?;
    let service = Jid::parse(service).map_err(|_| StanzaCondition::JidMalformed)?;
    let node = request.attr("node").map(str::to_owned);
    drop_registrations(cx, service.as_str(), node.as_deref()).map_err(unreadable)?;
    cx.reply(iq, None);
    Ok(())
}

/// Removes the registrations of the account with `service`, or the one with `node`. Says how many.
fn drop_registrations(
    cx: &mut Cx<'_>,
    service: &str,
    node: Option<&str>,
) -> Result<usize, StoreError> {
    let owner = cx.account.jid.clone();
    let registered = Registered::of(cx.daemon, &owner, &mut cx.account.slots)?;
    let goes =
        |one: &Registration| one.service == service && node.is_none_or(|node| one.node == node);
    let gone = registered.remove(&owner, goes, &mut cx.effects.writes);
    cx.daemon.pushing.forget(&owner, &gone);
    not_mine(cx.account, &gone);
    Ok(gone.len())
}

/// Sessions forget that their devices made these registrations.
fn not_mine(account: &mut Account, gone: &[Key]) {
    for session in &mut account.sessions {
        if let Some(mine) = session.slots.get_mut::<Mine>() {
            mine.0.retain(|one| !gone.contains(one));
        }
    }
}

/// The device `id` of the account is signed out, with these sessions: nothing wakes it any more.
/// The caller holds the account's lock until `writes` are with the store.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn signed_out(
    daemon: &Daemon,
    account: &mut Account,
    (id, sessions): (&str, &[SessionId]),
    writes: &mut Batch,
) -> Result<(), StoreError> {
    let its = account.sessions.iter().filter(|session| sessions.contains(&session.id));
    let made = its.filter_map(|session| session.slots.get::<Mine>());
    let made: Vec<Key> = made.flat_map(|mine| mine.0.iter().cloned()).collect();
    let owner = account.jid.clone();
    let registered = Registered::of(daemon, &owner, &mut account.slots)?;
    let goes = |one: &Registration| {
        one.device.as_deref() == Some(id) || made.iter().any(|key| one.key() == *key)
    };
    let gone = registered.remove(&owner, goes, writes);
    daemon.pushing.forget(&owner, &gone);
    not_mine(account, &gone);
    Ok(())
}

/// §7: something comes. Whom to wake for it is decided when it is time to.
fn delivered(cx: &mut Cx<'_>, message: &Stanza, picked: &Pick<'_>) {
    // What the person says on another device is no news.
    let own = message.from().is_some_and(|from| from.bare_str() == cx.account.jid.as_str());
    if own || !worth::is_worth(message) {
        return;
    }
    let owner = cx.account.jid.clone();
    let keys: Vec<Key> = match Registered::of(cx.daemon, &owner, &mut cx.account.slots) {
        Ok(registered) => registered.all().iter().map(Registration::key).collect(),
        Err(e) => {
            tracing::error!(error = %e, "registrations for push cannot be read");
            return;
        }
    };
    let to_room = message.message_type() == Some(MessageType::Groupchat);
    for key in &keys {
        let session = session_of(cx.account, key);
        // A room is on the device that is in it, and on no other.
        if to_room && !session.is_some_and(picked) {
            continue;
        }
        if session.is_some_and(|session| !session.outbox.is_behind()) {
            cx.daemon.pushing.caught_up(&owner, key);
        }
        let there = session.is_some_and(|session| !session.outbox.is_asleep());
        // A client that is there says so by acknowledging what it gets.
        let delay = if there { PUSH_READ_WAIT } else { Duration::ZERO };
        cx.daemon.pushing.noticed(cx.now, &owner, key, (delay, worth::latest(message)));
    }
}

/// A client that has all it was sent when it goes need not be woken for that.
fn closed(cx: &mut Cx<'_>, id: SessionId) {
    let Some(session) = cx.account.session(id).filter(|s| !s.outbox.is_behind()) else { return };
    for key in session.slots.get::<Mine>().map_or(&[][..], |mine| &mine.0) {
        cx.daemon.pushing.caught_up(&cx.account.jid, key);
    }
}

fn removed(cx: &mut Cx<'_>) {
    registered::forget(&cx.account.jid, &mut cx.effects.writes);
    cx.daemon.pushing.forget_all_of(&cx.account.jid);
}

/// A registration with its owner, for people.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Bare JID.
    pub owner: String,
    /// What is registered.
    pub registration: Registration,
    /// Did the last pushes fail?
    pub failing: bool,
}

/// The registrations of `owner` or of everybody, ordered by owner.
///
/// # Errors
/// [`StoreError`].
pub fn list(daemon: &Daemon, owner: Option<&BareJid>) -> Result<Vec<Shown>, StoreError> {
    let all = match owner {
        None => registered::everybody(daemon)?,
        Some(owner) => {
            let entry = daemon.registry.entry(owner);
            let mut account = registry::lock(&entry);
            let registered = Registered::of(daemon, owner, &mut account.slots)?;
            registered.all().iter().map(|one| (owner.as_str().to_owned(), one.clone())).collect()
        }
    };
    let shown = |(owner, registration): (String, Registration)| {
        let failing = daemon.pushing.is_failing(&owner, &registration.key());
        Shown { owner, registration, failing }
    };
    Ok(all.into_iter().map(shown).collect())
}

/// Ends registrations of `owner` with `service`, or the one with `node`. Says how many, and what
/// makes it durable.
///
/// # Errors
/// [`StoreError`].
pub fn switch_off(
    daemon: &Daemon,
    now: crate::daemon::Now,
    owner: &BareJid,
    (service, node): (&str, Option<&str>),
) -> Result<(usize, Ticket), StoreError> {
    let entry = daemon.registry.entry(owner);
    let mut account = registry::lock(&entry);
    let mut cx = Cx::new(daemon, now, &mut account, None);
    let ended = drop_registrations(&mut cx, service, node)?;
    let effects = cx.effects;
    let mut nobody = std::collections::VecDeque::new();
    Ok((ended, crate::deliver::carry_out(daemon, &mut account, effects, 0, &mut nobody)))
}

/// What pushes of `owner` tell.
///
/// # Errors
/// [`StoreError`].
pub fn preview(daemon: &Daemon, owner: &BareJid) -> Result<Preview, StoreError> {
    registered::preview(daemon, owner)
}

/// Chooses what pushes of `owner` tell. Returns what makes it durable.
pub fn set_preview(daemon: &Daemon, owner: &BareJid, preview: Preview) -> Ticket {
    let mut writes = Batch::new();
    registered::put_preview(&mut writes, owner, preview);
    daemon.durability.commit(writes)
}
