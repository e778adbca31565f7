//! XEP-0160: Best Practices for Handling Offline Messages, with XEP-0203: Delayed Delivery.
//!
//! Keeps messages for a person who is away and hands them over, oldest first, when a client
//! becomes available with a priority of zero or more. Spec: XEP-0160 §2 and §3; XEP-0203 §4;
//! RFC 6121 §8.5.2.2.1.
//!
//! State: `Handing`, of at most one session per account: what is on its way to it. It is the
//! session's, because a failed write empties what is the account's.
//! Invariants: a kept message is deleted only after a client has it (it was written to its
//! connection or, with stream management, acknowledged), and goes to one client only; messages
//! leave in the order they came; past the limit the sender gets an error, nothing is dropped.

use store::{Batch, Raw, Span, StoreError, Table};
use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::jid::BareJid;
use xmpp::stanza::{MessageType, Stanza};
use xmpp::{datetime, ns};

use super::{Cx, Feature, Spec, hints};
use crate::daemon::Daemon;
use crate::effect::Handled;
use crate::registry::{Bound, SessionId};
use crate::wire::Wire;

const OFFLINE: Table<(String, u64), Raw> = Table::new("offline");
/// Tables of this feature.
pub const TABLES: &[&str] = &["offline"];

/// Messages handed to a client at once. Well below the outbox's limit, so that presence and
/// replies fit beside them; the next page follows when the client has these.
const PAGE: usize = 64;

/// See the module.
pub const FEATURE: Feature = Feature {
    // XEP-0160 §4: advertised by the server.
    disco: &[ns::MSGOFFLINE],
    available: Some(available),
    closed: Some(closed),
    removed: Some(removed),
    ..Feature::new("offline", Spec::Xep { number: 160, version: "1.0.1" })
};

/// All kept messages of `owner`.
fn mailbox(owner: &str) -> Span<(String, u64)> {
    Span::<(String, u64)>::under(owner)
}

/// The session is being handed kept messages, up to this key.
#[derive(Debug)]
struct Handing {
    last_key: u64,
}

fn handing(session: &Bound) -> Option<&Handing> {
    session.slots.get()
}

/// Keeps `message` for the account, or says what to answer.
///
/// # Errors
/// As [`place`].
pub fn keep(cx: &mut Cx<'_>, message: &Stanza) -> Handled {
    if let Some(place) = place(cx, message)? {
        put(cx, message, place);
    }
    Ok(())
}

/// The place of a message in the mailbox.
#[derive(Clone, Copy, Debug)]
pub struct Place(u64);

/// Finds a place for `message`; `None` = it is not worth one.
///
/// # Errors
/// `service-unavailable` past the limit or if the sender does not want it kept,
/// `internal-server-error` if the store cannot be read.
pub fn place(cx: &Cx<'_>, message: &Stanza) -> Result<Option<Place>, StanzaError> {
    if !is_worth_keeping(message) {
        return Ok(None);
    }
    if !hints::may_keep(message) {
        // RFC 6121 §8.5.2.2.1: what is not kept is refused.
        return Err(StanzaError::new(StanzaCondition::ServiceUnavailable)
            .with_text("This person is away, and the message is not to be kept for them."));
    }
    let owner = cx.account.jid.as_str();
    let kept = cx.daemon.store.count(&OFFLINE, &mailbox(owner)).map_err(unreadable)?;
    if kept >= u64::from(cx.daemon.config.limits.offline_messages) {
        // XEP-0160 §2, step 3.
        return Err(StanzaError::new(StanzaCondition::ServiceUnavailable)
            .with_text("This person is away and their mailbox is full. Try again later."));
    }
    let newest = cx.daemon.store.newest(&OFFLINE, &mailbox(owner), 1).map_err(unreadable)?;
    Ok(Some(Place(newest.first().map_or(1, |((_, key), _)| key + 1))))
}

/// Puts `message` where [`place`] has found a place for it.
pub fn put(cx: &mut Cx<'_>, message: &Stanza, Place(key): Place) {
    let owner = cx.account.jid.as_str();
    let xml = delayed(&cx.account.jid, message, cx.now.unix).to_xml("");
    cx.effects.writes.put(&OFFLINE, &(owner, key), &Raw(xml.into_bytes()));
    if cx.archived.is_none() {
        // The archive says it otherwise.
        cx.effects.refuse_on_failure(message, "The server could not keep this message.");
    }
}

/// How many messages wait for `owner`, and the last of them, where it can be read.
pub(super) fn waiting(
    daemon: &Daemon,
    owner: &BareJid,
) -> Result<(u64, Option<Stanza>), StoreError> {
    let mailbox = mailbox(owner.as_str());
    let count = daemon.store.count(&OFFLINE, &mailbox)?;
    let last = daemon.store.newest(&OFFLINE, &mailbox, 1)?.pop();
    let xml = last.and_then(|(_, Raw(xml))| String::from_utf8(xml).ok());
    let element = xml.and_then(|xml| Element::parse(&xml).ok());
    Ok((count, element.and_then(|element| Stanza::from_element(element).ok())))
}

/// XEP-0160 §3: chat states and the like are of no use later.
fn is_worth_keeping(message: &Stanza) -> bool {
    let fleeting = [ns::CHAT_STATES, ns::HINTS];
    match message.message_type() {
        Some(MessageType::Chat | MessageType::Normal) => message
            .element()
            .children()
            .any(|c| !fleeting.contains(&c.ns()) && c.name() != "thread"),
        _ => false,
    }
}

/// XEP-0203 §4: `message` to `owner` with the time it got here, stamped by the server.
#[must_use]
pub fn delayed(owner: &BareJid, message: &Stanza, unix: u64) -> Element {
    let mut element = message.element().clone();
    let domain = owner.domain().to_owned();
    // A rescued message may have been kept before: the first time is the true one.
    let stamped =
        element.children().any(|c| c.is("delay", ns::DELAY) && c.attr("from") == Some(&domain));
    if !stamped {
        let delay = Element::new("delay", ns::DELAY)
            .with_attr("from", domain)
            .with_attr("stamp", datetime::utc(unix))
            .with_text("Kept while you were away");
        element.push(delay);
    }
    element
}

fn available(cx: &mut Cx<'_>, session: SessionId) {
    // One client gets them; the others see them by other means later (XEP-0160 §2, step 6).
    if !cx.account.sessions.iter().any(|s| handing(s).is_some()) {
        hand_over(cx, session, 0);
    }
}

/// Queues the next page after `after` for `session`.
fn hand_over(cx: &mut Cx<'_>, session: SessionId, after: u64) {
    let owner = cx.account.jid.as_str();
    let rest = mailbox(owner).after(&(owner, after));
    let page = match cx.daemon.store.scan(&OFFLINE, &rest, PAGE) {
        Ok(page) => page,
        Err(e) => {
            tracing::error!(error = %e, "kept messages cannot be read; they stay in the store");
            return;
        }
    };
    let Some(bound) = cx.account.session_mut(session) else { return };
    let mut last_key = after;
    for ((_, key), Raw(bytes)) in &page {
        last_key = *key;
        let parsed = std::str::from_utf8(bytes).ok().and_then(|xml| Element::parse(xml).ok());
        let Some(Ok(message)) = parsed.map(Stanza::from_element) else {
            tracing::error!("a kept message is damaged; it stays in the store");
            cx.daemon.counters.add("offline", "damaged");
            continue;
        };
        if !bound.outbox.push(Wire::kept(&message, *key)) {
            return;
        }
    }
    if page.is_empty() {
        bound.slots.take::<Handing>();
    } else {
        bound.slots.put(Handing { last_key });
    }
}

/// The client of `session` has the messages named by `keys`: delete them, and hand over the next
/// page once this one is through.
pub fn delivered(cx: &mut Cx<'_>, session: SessionId, keys: &[u64]) {
    for key in keys {
        cx.effects.writes.delete(&OFFLINE, &(cx.account.jid.as_str(), *key));
    }
    let last = cx.account.session(session).and_then(handing).map(|handing| handing.last_key);
    if let Some(after) = last.filter(|last| keys.contains(last)) {
        hand_over(cx, session, after);
    }
}

/// What did not reach the session's client stays for the next one; another client that is there
/// gets it now.
fn closed(cx: &mut Cx<'_>, session: SessionId) {
    let gone = cx.account.session_mut(session).and_then(|s| s.slots.take::<Handing>());
    if gone.is_none() {
        return;
    }
    let other =
        cx.account.sessions.iter().find(|s| s.id != session && s.priority >= Some(0)).map(|s| s.id);
    if let Some(other) = other {
        hand_over(cx, other, 0);
    }
}

fn removed(cx: &mut Cx<'_>) {
    cx.effects.writes.delete_span(&OFFLINE, &mailbox(cx.account.jid.as_str()));
}

fn unreadable(e: StoreError) -> StanzaError {
    tracing::error!(error = %e, "kept messages cannot be read");
    StanzaError::new(StanzaCondition::InternalServerError)
}

/// The kept messages of `owner`, oldest first, as XML with the namespace written out.
///
/// # Errors
/// If the store cannot be read.
pub fn export(daemon: &Daemon, owner: &BareJid) -> Result<Vec<String>, StoreError> {
    let limit = daemon.config.limits.offline_messages as usize;
    let rows = daemon.store.scan(&OFFLINE, &mailbox(owner.as_str()), limit)?;
    Ok(rows.into_iter().map(|(_, Raw(xml))| String::from_utf8_lossy(&xml).into_owned()).collect())
}

/// Adds `messages`, oldest first, to an account that has none. Each is checked to be a message.
///
/// # Errors
/// Says which is not one.
pub fn import(batch: &mut Batch, owner: &BareJid, messages: &[String]) -> Result<(), String> {
    for (key, xml) in (1..).zip(messages) {
        let element = Element::parse(xml).map_err(|e| format!("offline message {key}: {e}"))?;
        if !element.is("message", ns::CLIENT) {
            return Err(format!("offline message {key} is not a message"));
        }
        batch.put(&OFFLINE, &(owner.as_str(), key), &Raw(element.to_xml("").into_bytes()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durability::Durability;
    use crate::features::presence::home::{Home, stanza};
    use crate::registry::{self, Slots};

    fn hears(home: &Home, durability: &Durability, id: SessionId) -> Vec<u64> {
        let owner = BareJid::parse("ann@home.example").unwrap();
        let entry = home.daemon.registry.find(&owner).unwrap();
        let account = registry::lock(&entry);
        account.session(id).unwrap().outbox.drain(durability, &mut String::new()).kept
    }

    /// A write of the account fails while kept messages are on their way to one client: what
    /// memory knew of the account is forgotten then, but not that.
    #[test]
    fn kept_messages_go_to_one_client_even_if_a_write_fails() {
        let home = Home::new();
        let owner = BareJid::parse("ann@home.example").unwrap();
        let message =
            stanza("<message from='bob@x' to='ann@home.example'><body>hi</body></message>");
        home.with(&owner, None, |cx| keep(cx, &message).unwrap());
        let (phone, desk) =
            (home.bind("ann@home.example/phone"), home.bind("ann@home.example/desk"));
        home.with(&owner, Some(phone), |cx| available(cx, phone));
        home.with(&owner, None, |cx| cx.account.slots = Slots::default());
        home.with(&owner, Some(desk), |cx| {
            cx.account.session_mut(desk).unwrap().priority = Some(0);
            available(cx, desk);
        });
        let durability = &home.daemon.durability;
        assert_eq!(hears(&home, durability, desk), Vec::<u64>::new());
        assert_eq!(hears(&home, durability, phone), [1]);
        // The phone ends without having said that it has it: then it is the other one's turn.
        home.with(&owner, None, |cx| closed(cx, phone));
        assert_eq!(hears(&home, durability, desk), [1]);
        home.with(&owner, Some(desk), |cx| delivered(cx, desk, &[1]));
        assert_eq!(home.daemon.store.count(&OFFLINE, &mailbox(owner.as_str())).unwrap(), 0);
    }
}
