//! The family's directory of fingerprints, of OTR and OMEMO: what is known of each key, and the
//! history of it.
//!
//! The admin socket ([`crate::admin::fingerprints`]), the concierge and what accounts publish
//! ([`crate::omemo`]) change it; all through [`Directory::change`]. Invariants: one change at a time; every change is one batch with its line
//! of the history, each of which seals the one before ([`admin_api::fingerprints::seal`]); lines
//! go only with the account, or past [`FINGERPRINT_CHANGES_MAX`]; nothing that looks like a
//! private key is stored.

pub mod mark;
mod row;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use admin_api::fingerprints::{Action, Change, Compared, Entry, State, seal};
use store::{Batch, Span, Store, StoreError, Table};
use xmpp::jid::BareJid;

use self::row::{Stored, StoredChange};
use crate::daemon::{Daemon, Now};
use crate::durability::Ticket;
use crate::limits::{FINGERPRINT_CHANGES_MAX, FINGERPRINTS_PER_ACCOUNT_MAX, ROWS_PER_READ};

/// Localpart and fingerprint.
const FINGERPRINTS: Table<(String, String), Stored> = Table::new("fingerprints");

/// Localpart and number of the change.
const CHANGES: Table<(String, u64), StoredChange> = Table::new("fingerprints.history");

/// The tables of this module.
pub const TABLES: &[&str] = &[FINGERPRINTS.name(), CHANGES.name()];

/// See the module.
#[derive(Debug, Default)]
pub struct Directory {
    /// Held by whoever reads, decides and writes.
    turn: Mutex<()>,
}

/// One fingerprint of one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The owner.
    pub jid: BareJid,
    /// Lower-case hexadecimal digits: 40 of OTR, 64 of OMEMO.
    pub fingerprint: String,
}

/// What a change makes of a fingerprint.
#[derive(Clone, Debug)]
pub enum Made {
    /// It is there, as this.
    Kept(Entry),
    /// It goes; this is what it was.
    Removed(Entry),
    /// All is as before.
    Nothing,
}

/// Why a change was not made.
#[derive(Debug)]
pub enum Refused<E> {
    /// The store cannot be read.
    Store(StoreError),
    /// The person has too many.
    TooMany,
    /// Whoever asked for it says so.
    Because(E),
}

impl<E> From<StoreError> for Refused<E> {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

impl Directory {
    /// Lets `decide` look at what is there and say what becomes of it, and writes that for `by`.
    /// The ticket is 0 if nothing changed.
    ///
    /// # Errors
    /// [`Refused`]; nothing has changed then.
    pub fn change<E>(
        &self,
        daemon: &Daemon,
        place: &Place,
        by: &str,
        decide: impl FnOnce(Option<Entry>) -> Result<Made, E>,
    ) -> Result<(Ticket, Option<Entry>), Refused<E>> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let before = place.find(&daemon.store)?;
        let made = decide(before.clone()).map_err(Refused::Because)?;
        let mut batch = Batch::new();
        let key = (place.local(), place.fingerprint.as_str());
        let (entry, actions) = match made {
            Made::Nothing => return Ok((0, before)),
            Made::Removed(entry) => {
                batch.delete(&FINGERPRINTS, &key);
                (entry, vec![Action::Removed])
            }
            Made::Kept(mut entry) => {
                follow(&mut entry, before.as_ref(), by);
                let actions = actions(before.as_ref(), &entry);
                if before.is_none() && !has_room(&daemon.store, place.local())? {
                    return Err(Refused::TooMany);
                }
                let old = before.as_ref().map(|b| (b.changed, b.changed_by.clone()));
                let entry = match old {
                    // Seen again is no change of what is known.
                    Some((changed, changed_by)) if actions.is_empty() => {
                        Entry { changed, changed_by, ..entry }
                    }
                    _ => entry,
                };
                batch.put(&FINGERPRINTS, &key, &Stored::from(&entry));
                (entry, actions)
            }
        };
        write_history(&daemon.store, &mut batch, place, by, (&entry, &actions))?;
        tracing::info!("the directory of fingerprints was changed");
        Ok((daemon.durability.commit(batch), Some(entry)))
    }
}

/// What goes with a state: who compared a key, and whether its owner's word still counts.
fn follow(entry: &mut Entry, before: Option<&Entry>, by: &str) {
    if entry.state == State::Revoked {
        entry.confirmed = None;
    }
    if entry.state != State::ComparedInPerson {
        entry.compared = None;
    } else if before.is_none_or(|b| b.state != State::ComparedInPerson) {
        let was = before.map_or(State::Declared, |b| b.state);
        entry.compared = Some(Compared { by: by.to_owned(), at: Now::read().unix, was });
    }
}

/// Adds a line for each of `actions` to the history, and drops those beyond its length.
fn write_history(
    store: &Store,
    batch: &mut Batch,
    place: &Place,
    by: &str,
    (entry, actions): (&Entry, &[Action]),
) -> Result<(), StoreError> {
    let mut last = history(store, &place.jid, None, 1)?.into_iter().next();
    for action in actions {
        let mut change = Change {
            number: last.as_ref().map_or(1, |l| l.number + 1),
            previous: last.map(|l| l.seal),
            seal: String::new(),
            at: Now::read().unix,
            by: by.to_owned(),
            fingerprint: place.fingerprint.clone(),
            action: *action,
            state: entry.state,
        };
        change.seal = seal(place.jid.as_str(), &change);
        batch.put(&CHANGES, &(place.local(), change.number), &StoredChange::from(&change));
        last = Some(change);
    }
    let number = last.map_or(0, |l| l.number);
    let over = number.saturating_sub(FINGERPRINT_CHANGES_MAX as u64);
    let span = Span::<(String, u64)>::under(place.local());
    batch.delete_span(&CHANGES, &span.through(&(place.local(), over)));
    Ok(())
}

/// The lines of the history that lead from `before` to `after`.
fn actions(before: Option<&Entry>, after: &Entry) -> Vec<Action> {
    let Some(before) = before else { return vec![Action::Added] };
    let mut actions = Vec::new();
    if (&before.label, &before.device) != (&after.label, &after.device) {
        actions.push(Action::Described);
    }
    if before.state != after.state {
        actions.push(Action::StateChanged);
    }
    let gone = |entry: &Entry| entry.omemo.as_ref().is_some_and(|key| key.gone.is_some());
    match (gone(before), gone(after)) {
        (false, true) => actions.push(Action::Gone),
        (true, false) => actions.push(Action::Returned),
        _ => {}
    }
    if before.confirmed.is_none() && after.confirmed.is_some() {
        actions.push(Action::Confirmed);
    }
    actions
}

fn has_room(store: &Store, local: &str) -> Result<bool, StoreError> {
    Ok(store.count(&FINGERPRINTS, &Span::under(local))? < FINGERPRINTS_PER_ACCOUNT_MAX as u64)
}

impl Place {
    /// Localpart of the owner.
    #[must_use]
    pub fn local(&self) -> &str {
        self.jid.local().unwrap_or_default()
    }

    /// What is known of it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn find(&self, store: &Store) -> Result<Option<Entry>, StoreError> {
        let stored = store.get(&FINGERPRINTS, &(self.local(), self.fingerprint.as_str()))?;
        Ok(stored.map(|stored| stored.entry(&self.jid, &self.fingerprint)))
    }
}

/// All fingerprints of `local`, or of everybody, by JID and time added.
///
/// # Errors
/// [`StoreError`].
pub fn list(store: &Store, domain: &str, local: Option<&str>) -> Result<Vec<Entry>, StoreError> {
    let span = match local {
        Some(local) => Span::<(String, String)>::under(local),
        None => Span::all(),
    };
    let (mut all, mut from) = (Vec::new(), None::<(String, String)>);
    loop {
        let page = match &from {
            Some(last) => span.clone().after(last),
            None => span.clone(),
        };
        let rows = store.scan(&FINGERPRINTS, &page, ROWS_PER_READ)?;
        let Some((last, _)) = rows.last() else { break };
        from = Some(last.clone());
        for ((local, fingerprint), stored) in rows {
            let Ok(jid) = BareJid::from_parts(&local, domain) else { continue };
            all.push(stored.entry(&jid, &fingerprint));
        }
    }
    all.sort_by(|a, b| (&a.jid, a.added).cmp(&(&b.jid, b.added)));
    Ok(all)
}

/// At most `limit` lines of the history of `jid`, newest first, with numbers below `before`.
///
/// # Errors
/// [`StoreError`].
pub fn history(
    store: &Store,
    jid: &BareJid,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<Change>, StoreError> {
    let local = jid.local().unwrap_or_default();
    let mut span = Span::<(String, u64)>::under(local);
    if let Some(before) = before {
        span = span.through(&(local, before.saturating_sub(1)));
    }
    let rows = store.newest(&CHANGES, &span, limit)?;
    Ok(rows.into_iter().map(|((_, number), stored)| stored.change(number)).collect())
}

/// How many fingerprints the account `local` has.
///
/// # Errors
/// [`StoreError`].
pub fn count(store: &Store, local: &str) -> Result<u32, StoreError> {
    let count = store.count(&FINGERPRINTS, &Span::under(local))?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// How many fingerprints each account has that has any, by localpart.
///
/// # Errors
/// [`StoreError`].
pub fn counts(store: &Store) -> Result<HashMap<String, u32>, StoreError> {
    let mut counts = HashMap::new();
    let mut span = Span::all();
    loop {
        let keys = store.keys(&FINGERPRINTS, &span, ROWS_PER_READ)?;
        let Some(last) = keys.last() else { return Ok(counts) };
        span = Span::all().after(last);
        for (local, _) in keys {
            *counts.entry(local).or_default() += 1;
        }
    }
}

/// How many keys joined another key of their owner since `since`, and are not revoked: the newest
/// of a person who had one before.
///
/// # Errors
/// [`StoreError`].
pub fn joined_since(store: &Store, domain: &str, since: u64) -> Result<u32, StoreError> {
    let all = list(store, domain, None)?;
    let joined = |e: &&Entry| {
        let had_one = |o: &Entry| {
            let same_kind = o.omemo.is_some() == e.omemo.is_some();
            same_kind && o.jid == e.jid && o.fingerprint != e.fingerprint && is_known(o)
        };
        let used = match e.omemo {
            Some(_) => e.state != State::Revoked,
            None => e.state == State::Attested,
        };
        e.added >= since && used && all.iter().any(had_one)
    };
    Ok(u32::try_from(all.iter().filter(joined).count()).unwrap_or(u32::MAX))
}

/// Is enough known of a key that another one of the same person is news?
#[must_use]
pub fn is_known(entry: &Entry) -> bool {
    matches!(entry.state, State::Attested | State::ComparedInPerson | State::Declared)
}

/// Removes all that is kept of `jid`, which is removed for good.
pub(crate) fn remove_all_of(batch: &mut Batch, jid: &BareJid) {
    let local = jid.local().unwrap_or_default();
    batch.delete_span(&FINGERPRINTS, &Span::under(local));
    batch.delete_span(&CHANGES, &Span::under(local));
}
