//! The roster of one account in memory, with the writes that keep the store in step.
//!
//! Spec: RFC 6121 §2. State: [`Roster`], one per account, read from the store when it is first
//! needed. Invariants: memory is what the store has plus the writes of batches handed to it, so
//! it can be dropped at any time between two handlers; each change that clients can see makes
//! one [`Push`]; who only asked to subscribe is no part of the roster (RFC 6121 §3.1.3).

use std::collections::BTreeMap;

use store::{Batch, Span, Store, StoreError, Table, Value};
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::jid::BareJid;

use super::contact::{Contact, Item};
use super::push::Push;
use super::version::Version;
use crate::daemon::Daemon;
use crate::features::subscription::requests::Requests;
use crate::features::subscription::state::{Half, Standing};
use crate::limits::{ROSTER_BYTES_MAX, ROSTER_ITEMS_MAX};
use crate::registry::Slots;

/// Owner and contact, both bare JIDs.
pub(super) const ROSTER: Table<(String, String), Contact> = Table::new("roster");

/// Rows read at once.
const PAGE: usize = 500;

/// See the module.
#[derive(Debug)]
pub(in crate::features) struct Roster {
    owner: BareJid,
    contacts: BTreeMap<BareJid, Contact>,
    /// Who waits for an answer, in the roster or not.
    pub(in crate::features) requests: Requests,
    version: Version,
    /// Bytes of a roster result with all contacts, at most.
    weight: usize,
}

impl Roster {
    /// The roster of `owner`, whose account has the `slots`.
    ///
    /// # Errors
    /// `internal-server-error` if the store cannot be read.
    pub(in crate::features) fn of<'a>(
        daemon: &Daemon,
        owner: &BareJid,
        slots: &'a mut Slots,
    ) -> Result<&'a mut Self, StanzaError> {
        slots.get_or_read(|| Self::load(&daemon.store, owner)).map_err(|e| {
            tracing::error!(error = %e, "a roster cannot be read");
            daemon.counters.add("roster", "unreadable");
            StanzaError::new(StanzaCondition::InternalServerError)
        })
    }

    /// Reads the roster of `owner`.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub(super) fn load(store: &Store, owner: &BareJid) -> Result<Self, StoreError> {
        let mut contacts = BTreeMap::new();
        let mut weight = 0;
        for (contact, stored) in rows(store, &ROSTER, owner.as_str())? {
            let Ok(jid) = BareJid::parse(&contact) else {
                tracing::error!("a roster item's address is damaged; it is left out");
                continue;
            };
            weight += stored.weight(&jid);
            contacts.insert(jid, stored);
        }
        let requests = Requests::load(store, owner)?;
        let version = Version::current(store, owner.as_str())?;
        Ok(Self { owner: owner.clone(), contacts, requests, version, weight })
    }

    /// The current version.
    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// The items of the roster, by address.
    pub(super) fn contacts(&self) -> impl Iterator<Item = (&BareJid, &Contact)> {
        self.contacts.iter()
    }

    /// The item of `jid`.
    pub(super) fn contact(&self, jid: &BareJid) -> Option<&Contact> {
        self.contacts.get(jid)
    }

    /// What is agreed with `jid`, in the roster or not.
    pub(in crate::features) fn standing(&self, jid: &BareJid) -> Standing {
        let stranger = Contact::default();
        let contact = self.contacts.get(jid).unwrap_or(&stranger);
        contact.standing(self.requests.contains(jid))
    }

    /// May `jid` see the owner's presence? One may always see oneself.
    pub(in crate::features) fn is_seen_by(&self, jid: &BareJid) -> bool {
        *jid == self.owner || self.contacts.get(jid).is_some_and(|c| c.seen)
    }

    /// Is `jid` in one of `groups`?
    pub(in crate::features) fn is_in(&self, jid: &BareJid, groups: &[String]) -> bool {
        let contact = self.contacts.get(jid);
        contact.is_some_and(|contact| contact.groups.iter().any(|group| groups.contains(group)))
    }

    /// Who may see the owner's presence.
    pub(in crate::features) fn subscribers(&self) -> impl Iterator<Item = &BareJid> {
        self.contacts.iter().filter(|(_, c)| c.seen).map(|(jid, _)| jid)
    }

    /// Whose presence the owner may see (`Yes`) or asked to see (`Pending`).
    pub(in crate::features) fn subscriptions(&self) -> impl Iterator<Item = (&BareJid, Half)> {
        self.contacts.iter().map(|(jid, c)| (jid, c.to)).filter(|(_, to)| *to != Half::No)
    }

    /// All that is known, with those who only wait for an answer.
    pub(in crate::features) fn items(&self) -> Vec<Item> {
        let strangers = self.requests.contacts().filter(|jid| !self.contacts.contains_key(*jid));
        let jids = self.contacts.keys().chain(strangers);
        let item = |jid: &BareJid| {
            let Standing { state, approved } = self.standing(jid);
            let contact = self.contacts.get(jid).cloned().unwrap_or_default();
            Item { jid: jid.clone(), name: contact.name, groups: contact.groups, state, approved }
        };
        jids.map(item).collect()
    }

    /// Gives `jid` a name and groups, and a place in the roster if it has none.
    ///
    /// # Errors
    /// `resource-constraint` if that is too much.
    pub(super) fn name(
        &mut self,
        writes: &mut Batch,
        jid: &BareJid,
        name: String,
        groups: Vec<String>,
    ) -> Result<Push, StanzaError> {
        let mut contact = self.contacts.get(jid).cloned().unwrap_or_default();
        contact.name = name;
        contact.groups = groups;
        self.make_room(jid, &contact)?;
        Ok(self.put(writes, jid, contact))
    }

    /// Makes `standing` hold with `jid`; only what is no longer waiting is forgotten, a new
    /// request is for [`Requests::keep`]. Returns the push if clients can see a difference.
    ///
    /// # Errors
    /// `resource-constraint` if the contact needs a place in the roster and there is none.
    pub(in crate::features) fn agree(
        &mut self,
        writes: &mut Batch,
        jid: &BareJid,
        standing: Standing,
    ) -> Result<Option<Push>, StanzaError> {
        let old = self.contacts.get(jid);
        let mut contact = old.cloned().unwrap_or_default();
        contact.agree(standing);
        let changed = *old.unwrap_or(&Contact::default()) != contact;
        if changed && old.is_none() {
            self.make_room(jid, &contact)?;
        }
        if !standing.state.pending_in() {
            self.requests.forget(writes, jid);
        }
        Ok(changed.then(|| self.put(writes, jid, contact)))
    }

    /// The item of `jid` once more, as a change, where clients are to be told of it although it
    /// looks the same.
    pub(in crate::features) fn repeat(
        &mut self,
        writes: &mut Batch,
        jid: &BareJid,
    ) -> Option<Push> {
        let contact = self.contacts.get(jid)?.clone();
        Some(self.put(writes, jid, contact))
    }

    /// Takes `jid` out of the roster, with the request it may have waiting.
    pub(super) fn remove(&mut self, writes: &mut Batch, jid: &BareJid) -> Option<Push> {
        let contact = self.contacts.remove(jid)?;
        self.weight = self.weight.saturating_sub(contact.weight(jid));
        self.requests.forget(writes, jid);
        writes.delete(&ROSTER, &(self.owner.as_str(), jid.as_str()));
        Some(self.record(writes, jid, None))
    }

    fn put(&mut self, writes: &mut Batch, jid: &BareJid, contact: Contact) -> Push {
        writes.put(&ROSTER, &(self.owner.as_str(), jid.as_str()), &contact);
        let push = self.record(writes, jid, Some(&contact));
        self.weight += contact.weight(jid);
        if let Some(old) = self.contacts.insert(jid.clone(), contact) {
            self.weight = self.weight.saturating_sub(old.weight(jid));
        }
        push
    }

    fn record(&mut self, writes: &mut Batch, jid: &BareJid, contact: Option<&Contact>) -> Push {
        self.version = self.version.next(jid, contact);
        self.version.record(writes, self.owner.as_str(), jid);
        Push::new(self.version, jid, contact)
    }

    /// RFC 6121 §2.3.3 leaves limits to the server; past ours a set is refused.
    fn make_room(&self, jid: &BareJid, contact: &Contact) -> Result<(), StanzaError> {
        let old = self.contacts.get(jid);
        let old_weight = old.map_or(0, |c| c.weight(jid));
        let items = self.contacts.len() + usize::from(old.is_none());
        let weight = self.weight - old_weight.min(self.weight) + contact.weight(jid);
        // Who is past a limit already, after an import, may still make things smaller.
        let too_many = old.is_none() && items > ROSTER_ITEMS_MAX;
        let too_large = weight > ROSTER_BYTES_MAX && weight > self.weight;
        if too_many || too_large {
            return Err(StanzaError::new(StanzaCondition::ResourceConstraint)
                .with_text("The contact list is full."));
        }
        Ok(())
    }
}

/// All rows of `owner` in `table`, read in pages.
///
/// # Errors
/// If the store cannot be read.
pub(in crate::features) fn rows<V: Value>(
    store: &Store,
    table: &Table<(String, String), V>,
    owner: &str,
) -> Result<Vec<(String, V)>, StoreError> {
    let mut all = Vec::new();
    let mut span = Span::under(owner);
    loop {
        let page = store.scan(table, &span, PAGE)?;
        let full = page.len() == PAGE;
        all.extend(page.into_iter().map(|((_, contact), value)| (contact, value)));
        match all.last() {
            Some((last, _)) if full => span = span.after(&(owner, last.as_str())),
            _ => return Ok(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::presence::home::Home;
    use crate::features::subscription::state::SubState;

    fn jid(text: &str) -> BareJid {
        BareJid::parse(text).unwrap()
    }

    /// Changes a roster twice over: in memory, and as it is read again.
    fn change(
        home: &Home,
        owner: &BareJid,
        change: impl FnOnce(&mut Roster, &mut Batch),
    ) -> Roster {
        let mut roster = Roster::load(&home.daemon.store, owner).unwrap();
        let mut writes = Batch::new();
        change(&mut roster, &mut writes);
        home.daemon.store.commit_blocking(writes).unwrap();
        let again = Roster::load(&home.daemon.store, owner).unwrap();
        assert_eq!(again.items(), roster.items());
        assert_eq!(again.version(), roster.version());
        assert_eq!(again.weight, roster.weight);
        roster
    }

    #[test]
    fn what_is_written_is_what_memory_has() {
        let home = Home::new();
        let (ann, bob, cid) =
            (jid("ann@home.example"), jid("bob@home.example"), jid("cid@away.example"));
        change(&home, &ann, |r, w| {
            r.name(w, &bob, "Bob".into(), vec!["Family".into()]).unwrap();
            r.name(w, &cid, String::new(), Vec::new()).unwrap();
        });
        let both = SubState { to: Half::Yes, from: Half::Yes };
        let roster = change(&home, &ann, |r, w| {
            r.agree(w, &bob, Standing { state: both, approved: false }).unwrap().unwrap();
            r.remove(w, &cid).unwrap();
        });
        assert_eq!(roster.contact(&bob).unwrap().name, "Bob");
        assert_eq!(roster.standing(&bob).state, both);
        assert!(roster.contact(&cid).is_none());
        assert!(roster.is_seen_by(&bob) && !roster.is_seen_by(&cid) && roster.is_seen_by(&ann));
        // Nobody else's roster has anything of it.
        let other = Roster::load(&home.daemon.store, &jid("ann@home.example.org")).unwrap();
        assert!(other.items().is_empty());
    }

    #[test]
    fn nothing_new_is_no_push() {
        let home = Home::new();
        let (ann, bob) = (jid("ann@home.example"), jid("bob@home.example"));
        change(&home, &ann, |r, w| {
            let out = SubState { to: Half::Pending, from: Half::No };
            let standing = Standing { state: out, approved: false };
            assert!(r.agree(w, &bob, standing).unwrap().is_some());
            let version = r.version();
            assert!(r.agree(w, &bob, standing).unwrap().is_none());
            assert_eq!(r.version(), version);
            assert!(r.repeat(w, &bob).is_some());
            assert_ne!(r.version(), version);
            // A stranger that nothing is agreed with does not come into the roster.
            let cid = jid("cid@home.example");
            assert!(r.agree(w, &cid, Standing::default()).unwrap().is_none());
            assert!(r.contact(&cid).is_none() && r.repeat(w, &cid).is_none());
        });
    }

    #[test]
    fn pages_join_without_gap() {
        let home = Home::new();
        let ann = jid("ann@home.example");
        let roster = change(&home, &ann, |r, w| {
            for n in 0..PAGE + 3 {
                r.name(w, &jid(&format!("c{n}@home.example")), String::new(), Vec::new()).unwrap();
            }
        });
        assert_eq!(roster.contacts().count(), PAGE + 3);
    }

    #[test]
    fn a_full_roster_takes_no_more_but_lets_go() {
        let home = Home::new();
        let ann = jid("ann@home.example");
        change(&home, &ann, |r, w| {
            for n in 0..ROSTER_ITEMS_MAX {
                r.name(w, &jid(&format!("c{n}@home.example")), String::new(), Vec::new()).unwrap();
            }
            let new = jid("new@home.example");
            let refused = r.name(w, &new, String::new(), Vec::new()).unwrap_err();
            assert_eq!(refused.condition, StanzaCondition::ResourceConstraint);
            let out = SubState { to: Half::Pending, from: Half::No };
            assert!(r.agree(w, &new, Standing { state: out, approved: false }).is_err());
            // What is there already can be changed.
            r.name(w, &jid("c0@home.example"), "Zero".into(), Vec::new()).unwrap();
            r.remove(w, &jid("c1@home.example")).unwrap();
            r.name(w, &new, String::new(), Vec::new()).unwrap();
        });
    }

    #[test]
    fn a_heavy_roster_takes_no_more_but_gets_lighter() {
        let home = Home::new();
        let ann = jid("ann@home.example");
        change(&home, &ann, |r, w| {
            let long = "x".repeat(1000);
            let groups: Vec<String> = (0..10).map(|n| format!("{n}{long}")).collect();
            let mut added = 0;
            while r
                .name(w, &jid(&format!("c{added}@home.example")), long.clone(), groups.clone())
                .is_ok()
            {
                added += 1;
            }
            assert!((40..60).contains(&added), "{added}");
            assert!(r.weight <= ROSTER_BYTES_MAX);
            let first = jid("c0@home.example");
            r.name(w, &first, String::new(), Vec::new()).unwrap();
            r.name(w, &first, long.clone(), groups.clone()).unwrap();
        });
    }
}
