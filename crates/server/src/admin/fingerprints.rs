//! The family's directory of OTR fingerprints, and its history.
//!
//! Invariants: nothing that looks like a private key is stored or repeated; every change is one
//! batch with its line of the history, which is only ever added to (and dropped with the account,
//! or when it is longer than [`FINGERPRINT_CHANGES_MAX`]).

use std::collections::HashMap;

use admin_api::fingerprints::{Action, Add, Change, Entry, History, List, Remove, State, Update};
use admin_api::{Problem, ProblemKind};
use otr::{Fingerprint, FingerprintError, private_key};
use serde::{Deserialize, Serialize};
use store::{Batch, JsonValue, Span, StoreError, Table};
use xmpp::jid::BareJid;

use super::store_problem;
use crate::accounts;
use crate::accounts::change::ChangeError;
use crate::daemon::{Daemon, Now};
use crate::limits::{FINGERPRINT_CHANGES_MAX, FINGERPRINTS_PER_ACCOUNT_MAX, ROWS_PER_READ};

/// Localpart and fingerprint.
const FINGERPRINTS: Table<(String, String), Stored> = Table::new("fingerprints");

/// Localpart and number of the change.
const CHANGES: Table<(String, u64), StoredChange> = Table::new("fingerprints.history");

/// The tables of this module.
pub const TABLES: &[&str] = &[FINGERPRINTS.name(), CHANGES.name()];

/// Characters of a label or device.
const TEXT_CHARS_MAX: usize = 100;

/// Lines of the history that are shown.
const CHANGES_SHOWN_MAX: usize = 200;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stored {
    label: String,
    device: String,
    state: StoredState,
    added: u64,
    changed: u64,
    changed_by: String,
}

impl JsonValue for Stored {}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StoredState {
    Seen,
    Declared,
    ComparedInPerson,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct StoredChange {
    at: u64,
    by: String,
    fingerprint: String,
    action: StoredAction,
    state: StoredState,
}

impl JsonValue for StoredChange {}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StoredAction {
    Added,
    Described,
    Removed,
    StateChanged,
}

/// Adds a fingerprint to a person.
pub(super) async fn add(daemon: &Daemon, by: &str, call: &Add) -> Result<Entry, Problem> {
    let at = Place::of(daemon, &call.name, &call.fingerprint)?;
    let (label, device) = (text("label", &call.label)?, text("device", &call.device)?);
    let _turn = daemon.accounts.turn().await;
    at.account_exists(daemon)?;
    if at.find(daemon)?.is_some() {
        return Err(Problem::new(
            ProblemKind::Conflict,
            "This fingerprint is in the person's list already.",
        ));
    }
    if count(daemon, at.local()).map_err(store_problem)? as usize >= FINGERPRINTS_PER_ACCOUNT_MAX {
        return Err(Problem::new(
            ProblemKind::Invalid,
            format!("A person can have at most {FINGERPRINTS_PER_ACCOUNT_MAX} fingerprints."),
        ));
    }
    let now = Now::read().unix;
    let stored = Stored {
        label,
        device,
        state: call.state.into(),
        added: now,
        changed: now,
        changed_by: by.to_owned(),
    };
    at.write(daemon, stored, &[StoredAction::Added]).await
}

/// Changes what the call gives.
pub(super) async fn update(daemon: &Daemon, by: &str, call: &Update) -> Result<Entry, Problem> {
    let at = Place::of(daemon, &call.name, &call.fingerprint)?;
    let label = call.label.as_deref().map(|t| text("label", t)).transpose()?;
    let device = call.device.as_deref().map(|t| text("device", t)).transpose()?;
    let _turn = daemon.accounts.turn().await;
    let before = at.expect(daemon)?;
    let mut stored = before.clone();
    stored.label = label.unwrap_or(stored.label);
    stored.device = device.unwrap_or(stored.device);
    stored.state = call.state.map_or(stored.state, Into::into);
    let mut actions = Vec::new();
    if (&stored.label, &stored.device) != (&before.label, &before.device) {
        actions.push(StoredAction::Described);
    }
    if stored.state != before.state {
        actions.push(StoredAction::StateChanged);
    }
    if actions.is_empty() {
        return Ok(at.entry(before));
    }
    stored.changed = Now::read().unix;
    by.clone_into(&mut stored.changed_by);
    at.write(daemon, stored, &actions).await
}

/// Removes a fingerprint; the history keeps that it was there.
pub(super) async fn remove(daemon: &Daemon, by: &str, call: &Remove) -> Result<Entry, Problem> {
    let at = Place::of(daemon, &call.name, &call.fingerprint)?;
    let _turn = daemon.accounts.turn().await;
    let mut stored = at.expect(daemon)?;
    stored.changed = Now::read().unix;
    by.clone_into(&mut stored.changed_by);
    at.write(daemon, stored, &[StoredAction::Removed]).await
}

/// All fingerprints, or one person's.
pub(super) fn list(daemon: &Daemon, call: &List) -> Result<Vec<Entry>, Problem> {
    let Some(domain) = daemon.domain() else { return Ok(Vec::new()) };
    let span = match &call.name {
        Some(name) => {
            let jid = existing(daemon, name)?;
            Span::under(jid.local().unwrap_or_default())
        }
        None => Span::all(),
    };
    let mut all = Vec::new();
    let mut from: Option<(String, String)> = None;
    loop {
        let page = match &from {
            Some(last) => span.clone().after(last),
            None => span.clone(),
        };
        let rows = daemon.store.scan(&FINGERPRINTS, &page, ROWS_PER_READ).map_err(store_problem)?;
        let Some((last, _)) = rows.last() else { break };
        from = Some(last.clone());
        for ((local, fingerprint), stored) in rows {
            let Ok(jid) = BareJid::from_parts(&local, &domain) else { continue };
            all.push(Place { jid, fingerprint }.entry(stored));
        }
    }
    all.sort_by(|a, b| (&a.jid, a.added).cmp(&(&b.jid, b.added)));
    Ok(all)
}

/// The changes of one person's fingerprints, newest first.
pub(super) fn history(daemon: &Daemon, call: &History) -> Result<Vec<Change>, Problem> {
    let jid = existing(daemon, &call.name)?;
    let span = Span::under(jid.local().unwrap_or_default());
    let rows = daemon.store.newest(&CHANGES, &span, CHANGES_SHOWN_MAX).map_err(store_problem)?;
    let change = |(_, c): (_, StoredChange)| Change {
        at: c.at,
        by: c.by,
        fingerprint: c.fingerprint,
        action: c.action.into(),
        state: c.state.into(),
    };
    Ok(rows.into_iter().map(change).collect())
}

/// How many fingerprints the account `local` has.
pub(super) fn count(daemon: &Daemon, local: &str) -> Result<u32, StoreError> {
    let count = daemon.store.count(&FINGERPRINTS, &Span::under(local))?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// How many fingerprints each account has that has any, by localpart.
pub(super) fn counts(daemon: &Daemon) -> Result<HashMap<String, u32>, StoreError> {
    let mut counts = HashMap::new();
    let mut span = Span::all();
    loop {
        let keys = daemon.store.keys(&FINGERPRINTS, &span, ROWS_PER_READ)?;
        let Some(last) = keys.last() else { return Ok(counts) };
        span = Span::all().after(last);
        for (local, _) in keys {
            *counts.entry(local).or_default() += 1;
        }
    }
}

/// Removes all that is kept of `jid`, which is removed for good.
pub(crate) fn remove_all_of(batch: &mut Batch, jid: &BareJid) {
    let local = jid.local().unwrap_or_default();
    batch.delete_span(&FINGERPRINTS, &Span::under(local));
    batch.delete_span(&CHANGES, &Span::under(local));
}

/// One fingerprint of one person.
struct Place {
    jid: BareJid,
    /// 40 lower-case hexadecimal digits.
    fingerprint: String,
}

impl Place {
    fn of(daemon: &Daemon, name: &str, typed: &str) -> Result<Self, Problem> {
        let jid = daemon.accounts.address(name)?;
        let fingerprint = Fingerprint::parse(typed).map_err(bad_fingerprint)?.to_hex();
        Ok(Self { jid, fingerprint })
    }

    fn local(&self) -> &str {
        self.jid.local().unwrap_or_default()
    }

    fn account_exists(&self, daemon: &Daemon) -> Result<(), Problem> {
        let record = daemon.accounts.lookup(&self.jid).map_err(store_problem)?;
        match record.map(|r| r.state) {
            Some(accounts::State::Active | accounts::State::Locked) => Ok(()),
            Some(accounts::State::Deleted { .. }) => {
                Err(ChangeError::BeingDeleted(self.jid.clone()).into())
            }
            None => Err(ChangeError::NotFound(self.jid.clone()).into()),
        }
    }

    fn find(&self, daemon: &Daemon) -> Result<Option<Stored>, Problem> {
        let key = (self.local(), &*self.fingerprint);
        daemon.store.get(&FINGERPRINTS, &key).map_err(store_problem)
    }

    fn expect(&self, daemon: &Daemon) -> Result<Stored, Problem> {
        self.find(daemon)?.ok_or_else(|| {
            Problem::new(ProblemKind::NotFound, "This fingerprint is not in the person's list.")
        })
    }

    /// Writes or removes the fingerprint, with its lines of the history. The caller has the turn.
    async fn write(
        &self,
        daemon: &Daemon,
        stored: Stored,
        actions: &[StoredAction],
    ) -> Result<Entry, Problem> {
        let mut batch = Batch::new();
        let key = (self.local(), &*self.fingerprint);
        if matches!(actions, [StoredAction::Removed]) {
            batch.delete(&FINGERPRINTS, &key);
        } else {
            batch.put(&FINGERPRINTS, &key, &stored);
        }
        let span = Span::under(self.local());
        let newest = daemon.store.newest(&CHANGES, &span, 1).map_err(store_problem)?;
        let mut number = newest.first().map_or(0, |((_, number), _)| *number);
        for action in actions {
            number += 1;
            let change = StoredChange {
                at: stored.changed,
                by: stored.changed_by.clone(),
                fingerprint: self.fingerprint.clone(),
                action: *action,
                state: stored.state,
            };
            batch.put(&CHANGES, &(self.local(), number), &change);
        }
        let oldest = number.saturating_sub(FINGERPRINT_CHANGES_MAX as u64);
        batch.delete_span(&CHANGES, &span.through(&(self.local(), oldest)));
        daemon.durability.wait(daemon.durability.commit(batch)).await?;
        tracing::info!("the directory of fingerprints was changed");
        Ok(self.entry(stored))
    }

    fn entry(&self, stored: Stored) -> Entry {
        Entry {
            jid: self.jid.to_string(),
            fingerprint: self.fingerprint.clone(),
            label: stored.label,
            device: stored.device,
            state: stored.state.into(),
            added: stored.added,
            changed: stored.changed,
            changed_by: stored.changed_by,
        }
    }
}

fn existing(daemon: &Daemon, name: &str) -> Result<BareJid, Problem> {
    let jid = daemon.accounts.address(name)?;
    match daemon.accounts.lookup(&jid).map_err(store_problem)? {
        Some(_) => Ok(jid),
        None => Err(ChangeError::NotFound(jid).into()),
    }
}

fn bad_fingerprint(e: FingerprintError) -> Problem {
    Problem::new(ProblemKind::Invalid, e.to_string())
}

/// Checks a label or device.
fn text(what: &str, typed: &str) -> Result<String, Problem> {
    if private_key::looks_like(typed) {
        return Err(bad_fingerprint(FingerprintError::PrivateKey));
    }
    let typed = typed.trim();
    if typed.chars().count() > TEXT_CHARS_MAX || typed.chars().any(char::is_control) {
        return Err(Problem::new(
            ProblemKind::Invalid,
            format!("The {what} has at most {TEXT_CHARS_MAX} characters and no line breaks."),
        ));
    }
    Ok(typed.to_owned())
}

impl From<State> for StoredState {
    fn from(state: State) -> Self {
        match state {
            State::Seen => Self::Seen,
            State::Declared => Self::Declared,
            State::ComparedInPerson => Self::ComparedInPerson,
        }
    }
}

impl From<StoredState> for State {
    fn from(state: StoredState) -> Self {
        match state {
            StoredState::Seen => Self::Seen,
            StoredState::Declared => Self::Declared,
            StoredState::ComparedInPerson => Self::ComparedInPerson,
        }
    }
}

impl From<StoredAction> for Action {
    fn from(action: StoredAction) -> Self {
        match action {
            StoredAction::Added => Self::Added,
            StoredAction::Described => Self::Described,
            StoredAction::Removed => Self::Removed,
            StoredAction::StateChanged => Self::StateChanged,
        }
    }
}
