//! XEP-0191: Blocking Command.
//!
//! Keeps a list of addresses that a person wants to hear nothing of. Spec: §3.2–3.5 the list and
//! its changes, §6 matching. To a blocked address the account looks as one that does not exist
//! (§3.3's answers are those of RFC 6121 §8.5.1), and no presence goes there; polite: what was
//! agreed on in the roster stays.
//!
//! State: [`Blocklist`], one per account, a copy of what the store has; `Interested`, one per
//! session. Invariants: own sessions and the own server are never blocked (§5); while the list
//! cannot be read, everybody counts as blocked; a result or push is said only once the change is
//! durable; whoever saw the account before the block sees it go.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use store::{JsonValue, Span, StoreError, Table};
use xmpp::element::Element;
use xmpp::error::{ErrorType, StanzaCondition, StanzaError};
use xmpp::jid::{BareJid, Jid};
use xmpp::ns;
use xmpp::stanza::{IqType, PresenceType, Stanza};

use super::moves::{Exported, Kind, Moves, Piece};
use super::roster::Roster;
use super::subscription::state::Half;
use super::{Cx, Feature, Gate, IqRoute, Spec, Target, presence, subscription};
use crate::daemon::Daemon;
use crate::effect::Handled;
use crate::limits::{BLOCKLIST_BYTES_MAX, BLOCKLIST_ITEMS_MAX};
use crate::random;
use crate::registry::Slots;

/// Owner, a bare JID, and what is blocked, any JID.
const BLOCKED: Table<(String, String), Blocked> = Table::new("blocking");
/// Tables of this feature.
pub const TABLES: &[&str] = &[BLOCKED.name()];

/// A blocked address as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Blocked {
    /// When it was blocked, seconds since 1970.
    since: u64,
}

impl JsonValue for Blocked {}

/// See the module.
pub const FEATURE: Feature = Feature {
    disco: &[ns::BLOCKING],
    iq: &[
        route(IqType::Get, "blocklist", get),
        route(IqType::Set, "block", block),
        route(IqType::Set, "unblock", unblock),
    ],
    outgoing: Some(outgoing),
    incoming: Some(incoming),
    removed: Some(removed),
    moves: Some(Moves {
        kinds: &[Kind { name: "blocklist", ns: ns::BLOCKING, cuts: 1 }],
        export,
        import,
    }),
    ..Feature::new("blocking", Spec::Xep { number: 191, version: "1.3" })
};

const fn route(
    ty: IqType,
    name: &'static str,
    run: fn(&mut Cx<'_>, &Stanza) -> Handled,
) -> IqRoute {
    IqRoute { ty, target: Target::Account, ns: ns::BLOCKING, name, run }
}

/// The session has asked for the list (§3.2; it hears of changes).
#[derive(Debug)]
struct Interested;

/// What one account blocks.
#[derive(Debug)]
struct Blocklist(BTreeSet<String>);

impl Blocklist {
    fn of<'a>(
        daemon: &Daemon,
        owner: &BareJid,
        slots: &'a mut Slots,
    ) -> Result<&'a mut Self, StanzaError> {
        slots.get_or_read(|| Self::read(daemon, owner)).map_err(|e| {
            tracing::error!(error = %e, "a block list cannot be read");
            daemon.counters.add("blocking", "unreadable");
            StanzaError::new(StanzaCondition::InternalServerError)
        })
    }

    fn read(daemon: &Daemon, owner: &BareJid) -> Result<Self, StoreError> {
        let rows = daemon.store.scan(&BLOCKED, &all_of(owner), BLOCKLIST_ITEMS_MAX)?;
        Ok(Self(rows.into_iter().map(|((_, jid), _)| jid).collect()))
    }

    fn fits(&self) -> bool {
        self.0.len() <= BLOCKLIST_ITEMS_MAX
            && self.to_element().to_xml("").len() <= BLOCKLIST_BYTES_MAX
    }

    /// §6: in any of its four forms.
    fn covers(&self, jid: &Jid) -> bool {
        let has = |text: &str| self.0.contains(text);
        // The whole text is also the form `domain/resource`; `domain` covers all that is there.
        !self.0.is_empty() && (has(jid.as_str()) || has(jid.bare_str()) || has(jid.domain()))
    }

    fn to_element(&self) -> Element {
        list("blocklist", self.0.iter().map(String::as_str))
    }
}

fn all_of(owner: &BareJid) -> Span<(String, String)> {
    Span::<(String, String)>::under(owner.as_str())
}

fn list<'a>(name: &'static str, jids: impl Iterator<Item = &'a str>) -> Element {
    let item = |jid: &str| Element::new("item", ns::BLOCKING).with_attr("jid", jid);
    jids.map(item).fold(Element::new(name, ns::BLOCKING), Element::with_child)
}

/// Does the account block `jid`? Everybody but its own sessions and server counts as blocked
/// while the list cannot be read.
pub(in crate::features) fn is_blocked(cx: &mut Cx<'_>, jid: &Jid) -> bool {
    let own_server = jid.local().is_none() && cx.daemon.is_local(jid.domain());
    if own_server || jid.bare_str() == cx.account.jid.as_str() {
        return false;
    }
    Blocklist::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)
        .map_or(true, |blocked| blocked.covers(jid))
}

/// `contacts` without those who are blocked.
pub(in crate::features) fn unblocked(cx: &mut Cx<'_>, contacts: Vec<BareJid>) -> Vec<BareJid> {
    contacts.into_iter().filter(|jid| !is_blocked(cx, &Jid::from(jid))).collect()
}

/// §3.3: nothing goes to a blocked address.
fn outgoing(cx: &mut Cx<'_>, stanza: &mut Stanza) -> Handled {
    let Some(to) = stanza.to() else { return Ok(()) };
    if !is_blocked(cx, to) {
        return Ok(());
    }
    let app = Element::new("blocked", ns::BLOCKING_ERRORS);
    let mut error = StanzaError::new(StanzaCondition::NotAcceptable).with_app(app);
    // §3.3's example: trying again with other words does not help.
    error.ty = ErrorType::Cancel;
    Err(error)
}

/// §3.3: nothing comes from there.
fn incoming(cx: &mut Cx<'_>, stanza: &mut Stanza) -> Gate {
    let Some(from) = stanza.from() else { return Gate::Open };
    if !is_blocked(cx, from) {
        return Gate::Open;
    }
    if let Some(PresenceType::Unsubscribe | PresenceType::Unsubscribed) = stanza.presence_type() {
        // Nobody hears of it, but what has ended must not come back with the unblocking.
        subscription::inbound_unheard(cx, stanza);
    }
    Gate::Closed
}

/// §3.2
fn get(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let blocked = Blocklist::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?.to_element();
    if let Some(session) = cx.session.and_then(|id| cx.account.session_mut(id)) {
        session.slots.put(Interested);
    }
    cx.reply(iq, Some(blocked));
    Ok(())
}

/// The addresses that a request names.
fn items(iq: &Stanza) -> Result<Vec<Jid>, StanzaError> {
    iq.payload().map_or_else(|| Ok(Vec::new()), items_of)
}

/// The addresses in a list or a change of it.
fn items_of(list: &Element) -> Result<Vec<Jid>, StanzaError> {
    list.children()
        .filter(|item| item.is("item", ns::BLOCKING))
        .map(|item| match item.attr("jid") {
            Some(jid) => {
                Jid::parse(jid).map_err(|_| StanzaError::new(StanzaCondition::JidMalformed))
            }
            None => Err(StanzaError::new(StanzaCondition::BadRequest)),
        })
        .collect()
}

/// §3.3
fn block(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let items = items(iq)?;
    if items.is_empty() {
        return Err(StanzaError::new(StanzaCondition::BadRequest));
    }
    let blocked = Blocklist::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let fresh: Vec<Jid> =
        items.iter().filter(|jid| !blocked.0.contains(jid.as_str())).cloned().collect();
    let mut more = Blocklist(blocked.0.clone());
    more.0.extend(fresh.iter().map(|jid| jid.as_str().to_owned()));
    if !more.fits() {
        return Err(StanzaError::new(StanzaCondition::ResourceConstraint)
            .with_text("Your block list is full. Unblock somebody, or block a whole domain."));
    }
    // Before the list changes: who is blocked already heard it then.
    let contacts = seeing(cx, &fresh);
    cx.account.slots.put(more);
    for jid in &fresh {
        let row = Blocked { since: cx.now.unix };
        cx.effects.writes.put(&BLOCKED, &(cx.account.jid.as_str(), jid.as_str()), &row);
    }
    push(cx, &list("block", items.iter().map(Jid::as_str)));
    cx.reply(iq, None);
    presence::hide_from(cx, &contacts, |jid| fresh.iter().any(|item| covers(item, jid)));
    Ok(())
}

/// §3.4, and §3.5 where no address is named.
fn unblock(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let items = items(iq)?;
    let blocked = Blocklist::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let gone: Vec<String> = match items.is_empty() {
        true => std::mem::take(&mut blocked.0).into_iter().collect(),
        false => items.iter().filter_map(|jid| blocked.0.take(jid.as_str())).collect(),
    };
    for jid in &gone {
        cx.effects.writes.delete(&BLOCKED, &(cx.account.jid.as_str(), jid.as_str()));
    }
    push(cx, &list("unblock", items.iter().map(Jid::as_str)));
    cx.reply(iq, None);
    let gone: Vec<Jid> = gone.iter().filter_map(|jid| Jid::parse(jid).ok()).collect();
    show_again(cx, &gone);
    Ok(())
}

/// §3.3 and §3.4: tells the sessions that asked for the list.
fn push(cx: &mut Cx<'_>, change: &Element) {
    let id = format!("blocking-{}", random::text(8));
    for session in cx.account.sessions.iter().filter(|s| s.slots.get::<Interested>().is_some()) {
        let iq = Stanza::set(id.clone(), Some(session.jid.clone()), change.clone());
        cx.effects.own.push((session.id, iq));
    }
}

/// §6: does `item` alone block `jid`?
fn covers(item: &Jid, jid: &Jid) -> bool {
    let text = item.as_str();
    text == jid.as_str() || text == jid.bare_str() || text == jid.domain()
}

/// Those whom `items` name and who may see the account's presence: as bare JIDs, or the very
/// resource that is named.
fn seeing(cx: &mut Cx<'_>, items: &[Jid]) -> Vec<Jid> {
    let roster = Roster::of(cx.daemon, &cx.account.jid, &mut cx.account.slots);
    // Unreadable: it was logged, and presence is told to nobody then.
    let Ok(roster) = roster else { return Vec::new() };
    let subscribers: Vec<Jid> = roster.subscribers().map(Jid::from).collect();
    let resources = items.iter().filter(|item| item.is_full() && item.local().is_some());
    let seen = resources.filter(|item| roster.is_seen_by(&item.to_bare())).cloned().collect();
    let mut contacts: Vec<Jid> = seen;
    contacts.extend(subscribers.into_iter().filter(|s| items.iter().any(|i| covers(i, s))));
    contacts.retain(|jid| !is_blocked(cx, jid));
    contacts
}

/// §3.4: the contacts among `items` get the current presence, as if they had asked; and are
/// asked for theirs, of which nothing was heard meanwhile.
fn show_again(cx: &mut Cx<'_>, items: &[Jid]) {
    if cx.account.available().next().is_none() {
        return;
    }
    let own = Jid::from(&cx.account.jid);
    let probe = |from: &Jid, to: &Jid| presence::plain(PresenceType::Probe, from, to);
    let asked_by: Vec<Stanza> = seeing(cx, items).iter().map(|jid| probe(jid, &own)).collect();
    cx.effects.routed.extend(asked_by);
    let Ok(roster) = Roster::of(cx.daemon, &cx.account.jid, &mut cx.account.slots) else { return };
    let seen = roster.subscriptions().filter(|(_, to)| *to == Half::Yes).map(|(jid, _)| jid);
    let named = |jid: &&BareJid| items.iter().any(|item| covers(item, &Jid::from(*jid)));
    let contacts: Vec<BareJid> = seen.filter(named).cloned().collect();
    let contacts = unblocked(cx, contacts);
    cx.effects.routed.extend(contacts.iter().map(|jid| probe(&own, &Jid::from(jid))));
}

/// In the form of §3.2: XEP-0227 has none of its own but for privacy lists.
fn export(daemon: &Daemon, owner: &BareJid, after: Option<&str>) -> Exported {
    if after.is_some() {
        return Ok(None);
    }
    let blocked = Blocklist::read(daemon, owner)?;
    Ok((!blocked.0.is_empty()).then(|| Piece::only(blocked.to_element())))
}

fn import(cx: &mut Cx<'_>, blocklist: &Element) -> Result<(), String> {
    let items = items_of(blocklist).map_err(|_| "an address in it is none")?;
    let mut more = Blocklist::read(cx.daemon, &cx.account.jid).map_err(|e| e.to_string())?;
    more.0.extend(items.iter().map(|jid| jid.as_str().to_owned()));
    if !more.fits() {
        return Err(format!("it has more than {BLOCKLIST_ITEMS_MAX} addresses"));
    }
    let row = Blocked { since: cx.now.unix };
    for jid in &items {
        cx.effects.writes.put(&BLOCKED, &(cx.account.jid.as_str(), jid.as_str()), &row);
    }
    Ok(())
}

fn removed(cx: &mut Cx<'_>) {
    cx.effects.writes.delete_span(&BLOCKED, &all_of(&cx.account.jid));
    cx.account.slots.take::<Blocklist>();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::presence::home::{Home, stanza};

    const ANN: &str = "ann@home.example";

    fn blocks(home: &Home, id: u64, jids: impl Iterator<Item = String>) -> Option<StanzaError> {
        let items: String = jids.map(|jid| format!("<item jid='{jid}'/>")).collect();
        home.says(
            id,
            &format!("<iq type='set' id='b'><block xmlns='{}'>{items}</block></iq>", ns::BLOCKING),
        );
        stanza(home.hears(id).last().unwrap()).stanza_error()
    }

    fn stored(home: &Home) -> u64 {
        home.daemon.store.count(&BLOCKED, &all_of(&BareJid::parse(ANN).unwrap())).unwrap()
    }

    #[test]
    fn a_full_list_takes_no_more() {
        let home = Home::new();
        let ann = home.bind("ann@home.example/pc");
        let full = |from: usize| (from..BLOCKLIST_ITEMS_MAX).map(|n| format!("b{n}@x"));
        assert!(blocks(&home, ann, full(0)).is_none());
        let refused = blocks(&home, ann, ["one@too.many".to_owned()].into_iter()).unwrap();
        assert_eq!(refused.condition, StanzaCondition::ResourceConstraint);
        // Again is not more.
        assert!(blocks(&home, ann, full(BLOCKLIST_ITEMS_MAX - 1)).is_none());
        assert_eq!(stored(&home), BLOCKLIST_ITEMS_MAX as u64);
    }

    #[test]
    fn long_addresses_are_limited_by_their_bytes() {
        let home = Home::new();
        let ann = home.bind("ann@home.example/pc");
        let long = |n: usize| format!("b{n}@x/{}", "r".repeat(1_000));
        let refused = blocks(&home, ann, (0..BLOCKLIST_BYTES_MAX / 1_000).map(long)).unwrap();
        assert_eq!(refused.condition, StanzaCondition::ResourceConstraint);
        assert_eq!(stored(&home), 0);
    }

    #[test]
    fn nothing_stays_of_a_removed_account() {
        let home = Home::new();
        let ann = home.bind("ann@home.example/pc");
        assert!(blocks(&home, ann, ["bob@x".to_owned()].into_iter()).is_none());
        assert_eq!(stored(&home), 1);
        home.removes(ANN);
        assert_eq!(stored(&home), 0);
    }

    /// While nobody knows who is blocked, nobody gets through but oneself and the server.
    #[test]
    fn an_unreadable_list() {
        let home = Home::new();
        let damaged: Table<(String, String), store::Raw> = Table::new("blocking");
        let mut batch = store::Batch::new();
        batch.put(&damaged, &(ANN, "bob@x"), &store::Raw(b"?".to_vec()));
        home.daemon.store.commit_blocking(batch).unwrap();
        home.with(&BareJid::parse(ANN).unwrap(), None, |cx| {
            assert!(is_blocked(cx, &jid("cid@home.example/pc")));
            assert!(!is_blocked(cx, &jid("ann@home.example/tv")));
            assert!(!is_blocked(cx, &jid("home.example")));
        });
    }

    fn jid(text: &str) -> Jid {
        Jid::parse(text).unwrap()
    }

    /// §6, the list and a single item alike.
    #[test]
    fn the_four_forms() {
        let all = ["a@x", "a@x/1", "a@x/2", "b@x/1", "x", "x/1", "x/2", "a@y/1", "y"];
        let table: [(&str, &[&str]); 5] = [
            ("a@x/1", &["a@x/1"]),
            ("a@x", &["a@x", "a@x/1", "a@x/2"]),
            ("x/1", &["x/1"]),
            ("x", &["a@x", "a@x/1", "a@x/2", "b@x/1", "x", "x/1", "x/2"]),
            ("z", &[]),
        ];
        for (item, expected) in table {
            let blocked = Blocklist(BTreeSet::from([item.to_owned()]));
            let by_list: Vec<_> = all.into_iter().filter(|t| blocked.covers(&jid(t))).collect();
            assert_eq!(by_list, expected, "{item}");
            let alone: Vec<_> = all.into_iter().filter(|t| covers(&jid(item), &jid(t))).collect();
            assert_eq!(alone, expected, "{item}");
        }
    }
}
