//! How much the home asks for encryption, and the daily count of what was encrypted.
//!
//! The rule is the administrators'; [`rule`] decides. The count is each person's own: two numbers a
//! day, kept [`PROTECTION_DAYS_MAX`] days, or none at all for who does not want it.
//!
//! Invariants: what is in memory of the rules is what the store holds; counts say nothing of with
//! whom; up to ten minutes of counting are lost with the power.

pub mod rule;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use serde::{Deserialize, Serialize};
use store::{Batch, JsonValue, Span, Store, StoreError, Table};
use xmpp::jid::BareJid;

use self::rule::Mode;
use crate::daemon::{Daemon, Now};
use crate::durability::{NotDurable, Ticket};
use crate::limits::{PROTECTION_DAYS_MAX, PROTECTION_HINT_EVERY, ROWS_PER_READ};

/// Localpart, or [`HOME`].
const RULES: Table<String, StoredRule> = Table::new("protection");

/// Localpart and day since 1970.
const DAYS: Table<(String, u64), Count> = Table::new("protection.days");

/// When a person was last hinted at, seconds since 1970, by localpart.
const HINTED: Table<String, u64> = Table::new("protection.hinted");

/// The tables of this module.
pub const TABLES: &[&str] = &[RULES.name(), DAYS.name(), HINTED.name()];

/// The key of the household; no localpart has an `@`.
const HOME: &str = "@home";

const DAY: u64 = 24 * 3600;

/// What is stored of a rule. Fields that are added later have a default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct StoredRule {
    /// `None` for a person: as the household.
    #[serde(default)]
    mode: Option<Mode>,
    /// Of the household: does it hold in rooms as well?
    #[serde(default)]
    rooms: bool,
    /// Of a person: nothing is counted.
    #[serde(default)]
    uncounted: bool,
}

impl JsonValue for StoredRule {}

/// Messages that a person sent to others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Encrypted from end to end.
    pub protected: u64,
    /// Not.
    pub plain: u64,
}

impl JsonValue for Count {}

impl Count {
    fn add(&mut self, more: Self) {
        self.protected += more.protected;
        self.plain += more.plain;
    }
}

/// A person's rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Personal {
    /// `None` = as the household.
    pub mode: Option<Mode>,
    /// Nothing is counted.
    pub uncounted: bool,
}

/// The household's rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Household {
    /// For everybody without a rule of their own.
    pub mode: Mode,
    /// Does it hold in rooms as well?
    pub rooms: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Protection {
    rules: RwLock<HashMap<String, StoredRule>>,
    /// Since the last [`Protection::flush`], by localpart.
    counts: Mutex<HashMap<String, Count>>,
}

impl Protection {
    /// Reads the rules.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(store: &Store) -> Result<Self, StoreError> {
        let mut rules = HashMap::new();
        let mut span = Span::all();
        loop {
            let rows = store.scan(&RULES, &span, ROWS_PER_READ)?;
            let Some((last, _)) = rows.last() else { break };
            span = Span::all().after(last.as_str());
            rules.extend(rows);
        }
        Ok(Self { rules: RwLock::new(rules), counts: Mutex::default() })
    }

    fn rules(&self) -> RwLockReadGuard<'_, HashMap<String, StoredRule>> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The household's rule.
    #[must_use]
    pub fn household(&self) -> Household {
        let stored = self.rules().get(HOME).copied().unwrap_or_default();
        Household { mode: stored.mode.unwrap_or_default(), rooms: stored.rooms }
    }

    /// The rule of `local`.
    #[must_use]
    pub fn personal(&self, local: &str) -> Personal {
        let stored = self.rules().get(local).copied().unwrap_or_default();
        Personal { mode: stored.mode, uncounted: stored.uncounted }
    }

    /// What holds for `local`.
    #[must_use]
    pub fn mode(&self, local: &str) -> Mode {
        self.personal(local).mode.unwrap_or_else(|| self.household().mode)
    }

    /// Sets the household's rule. The caller has the accounts' turn.
    pub(crate) async fn set_household(
        &self,
        daemon: &Daemon,
        household: Household,
    ) -> Result<(), NotDurable> {
        let Household { mode, rooms } = household;
        self.put(daemon, HOME, StoredRule { mode: Some(mode), rooms, uncounted: false }).await
    }

    /// Sets the rule of `local`; what was counted goes if nothing is to be counted. The caller has
    /// the accounts' turn.
    pub(crate) async fn set_personal(
        &self,
        daemon: &Daemon,
        local: &str,
        personal: Personal,
    ) -> Result<(), NotDurable> {
        let Personal { mode, uncounted } = personal;
        if uncounted {
            self.counts().remove(local);
            let mut batch = Batch::new();
            batch.delete_span(&DAYS, &Span::under(local));
            daemon.durability.commit(batch);
        }
        self.put(daemon, local, StoredRule { mode, rooms: false, uncounted }).await
    }

    /// As [`Protection::set_personal`], without waiting: for one who holds no turn.
    pub(crate) fn choose(&self, daemon: &Daemon, local: &str, personal: Personal) -> Ticket {
        let Personal { mode, uncounted } = personal;
        let rule = StoredRule { mode, rooms: false, uncounted };
        let mut batch = Batch::new();
        batch.put(&RULES, local, &rule);
        if uncounted {
            self.counts().remove(local);
            batch.delete_span(&DAYS, &Span::under(local));
        }
        let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        rules.insert(local.to_owned(), rule);
        daemon.durability.commit(batch)
    }

    async fn put(&self, daemon: &Daemon, key: &str, rule: StoredRule) -> Result<(), NotDurable> {
        let mut batch = Batch::new();
        batch.put(&RULES, key, &rule);
        daemon.durability.wait(daemon.durability.commit(batch)).await?;
        let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        rules.insert(key.to_owned(), rule);
        Ok(())
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, HashMap<String, Count>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `local` sent a message.
    pub fn sent(&self, local: &str, protected: bool) {
        if self.personal(local).uncounted {
            return;
        }
        let one = Count { protected: u64::from(protected), plain: u64::from(!protected) };
        self.counts().entry(local.to_owned()).or_default().add(one);
    }

    /// Writes what was counted since the last time to this day, and deletes days that are over.
    ///
    /// # Errors
    /// [`StoreError`]; what could not be written is counted again the next time.
    pub fn flush(&self, daemon: &Daemon, now: Now) -> Result<(), StoreError> {
        let today = now.unix / DAY;
        let counted = std::mem::take(&mut *self.counts());
        let mut batch = Batch::new();
        for (local, more) in &counted {
            let mut count = daemon.store.get(&DAYS, &(local.as_str(), today))?.unwrap_or_default();
            count.add(*more);
            batch.put(&DAYS, &(local.as_str(), today), &count);
            let over = today.saturating_sub(PROTECTION_DAYS_MAX);
            let span = Span::<(String, u64)>::under(local.as_str());
            batch.delete_span(&DAYS, &span.through(&(local.as_str(), over)));
        }
        daemon.durability.commit(batch);
        Ok(())
    }

    /// What `local` sent in the last [`PROTECTION_DAYS_MAX`] days.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn sum(&self, daemon: &Daemon, local: &str, now: Now) -> Result<Count, StoreError> {
        let oldest = (now.unix / DAY).saturating_sub(PROTECTION_DAYS_MAX);
        let days = usize::try_from(PROTECTION_DAYS_MAX).unwrap_or(usize::MAX);
        let mut sum = self.counts().get(local).copied().unwrap_or_default();
        let rows = daemon.store.newest(&DAYS, &Span::under(local), days)?;
        let recent = rows.into_iter().filter(|((_, day), _)| *day > oldest);
        recent.for_each(|(_, count)| sum.add(count));
        Ok(sum)
    }

    /// Is it time to hint at encryption? Then `batch` notes that it was done.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn hint_is_due(
        &self,
        daemon: &Daemon,
        batch: &mut Batch,
        local: &str,
        now: Now,
    ) -> Result<bool, StoreError> {
        let last = daemon.store.get(&HINTED, local)?;
        let due = last.is_none_or(|at| now.unix.saturating_sub(at) >= PROTECTION_HINT_EVERY);
        if due {
            batch.put(&HINTED, local, &now.unix);
        }
        Ok(due)
    }

    /// Deletes all of `jid`, which is removed for good.
    pub(crate) fn remove_all_of(&self, batch: &mut Batch, jid: &BareJid) {
        let local = jid.local().unwrap_or_default();
        batch.delete(&RULES, local);
        batch.delete(&HINTED, local);
        batch.delete_span(&DAYS, &Span::under(local));
        self.counts().remove(local);
        self.rules.write().unwrap_or_else(PoisonError::into_inner).remove(local);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Home;

    fn days_later(now: Now, days: u64) -> Now {
        Now { unix: now.unix + days * DAY, ..now }
    }

    #[tokio::test]
    async fn rules_are_kept_and_the_person_s_own_goes_first() {
        let (home, _) = Home::set_up().await;
        let daemon = home.daemon();
        assert_eq!(daemon.protection.mode("ann"), Mode::Off);
        let household = Household { mode: Mode::Require, rooms: true };
        daemon.protection.set_household(daemon, household).await.unwrap();
        let bob = Personal { mode: Some(Mode::Encourage), uncounted: false };
        daemon.protection.set_personal(daemon, "bob", bob).await.unwrap();
        let home = home.restart().await;
        let protection = &home.daemon().protection;
        assert_eq!(protection.household(), household);
        assert_eq!(protection.mode("ann"), Mode::Require);
        assert_eq!(protection.mode("bob"), Mode::Encourage);
    }

    #[tokio::test]
    async fn counts_are_kept_for_their_days_and_not_for_who_wants_none() {
        let (home, _) = Home::set_up().await;
        let (daemon, now) = (home.daemon(), Now::read());
        let sum = |at| daemon.protection.sum(daemon, "ann", at).unwrap();
        daemon.protection.sent("ann", true);
        daemon.protection.sent("ann", false);
        assert_eq!(sum(now), Count { protected: 1, plain: 1 });
        daemon.protection.flush(daemon, now).unwrap();
        daemon.protection.sent("ann", true);
        daemon.protection.flush(daemon, days_later(now, 1)).unwrap();
        assert_eq!(sum(days_later(now, 1)), Count { protected: 2, plain: 1 });
        assert_eq!(sum(days_later(now, PROTECTION_DAYS_MAX)), Count { protected: 1, plain: 0 });
        daemon.protection.sent("ann", false);
        daemon.protection.flush(daemon, days_later(now, PROTECTION_DAYS_MAX)).unwrap();
        let rows = daemon.store.newest(&DAYS, &Span::under("ann"), 100).unwrap();
        assert_eq!(rows.len(), 2, "the first day is gone from the store: {rows:?}");

        let none = Personal { mode: None, uncounted: true };
        daemon.protection.set_personal(daemon, "ann", none).await.unwrap();
        daemon.protection.sent("ann", false);
        daemon.protection.flush(daemon, now).unwrap();
        assert_eq!(sum(now), Count::default());
        assert!(daemon.store.newest(&DAYS, &Span::under("ann"), 100).unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_hint_comes_once_a_month() {
        let (home, _) = Home::set_up().await;
        let (daemon, now) = (home.daemon(), Now::read());
        let due = |at: Now| {
            let mut batch = Batch::new();
            let due = daemon.protection.hint_is_due(daemon, &mut batch, "ann", at).unwrap();
            daemon.store.commit_blocking(batch).unwrap();
            due
        };
        assert_eq!([due(now), due(now), due(days_later(now, 29))], [true, false, false]);
        assert!(due(days_later(now, 30)));
    }
}
