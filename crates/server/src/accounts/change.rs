//! Changes to accounts, one at a time.
//!
//! Passwords are hashed before the turn is taken, so that one slow hash does not hold up the
//! others. Invariants: the last active administrator stays; whoever is locked out is disconnected
//! and signed out; nothing is reported before it is durable.

use std::sync::Arc;

use admin_api::Secret;
use store::Batch;
use xmpp::error::{StreamCondition, StreamError};
use xmpp::jid::BareJid;
use xmpp::scram::ScramKeys;
use zeroize::Zeroizing;

pub use super::error::ChangeError;
use super::password::{self, PasswordError};
use super::{ACCOUNTS, Accounts, NameError, RESERVED, Record, Role, State, StoredKeys, derive_all};
use crate::admin::panel;
use crate::daemon::{Daemon, Now};
use crate::devices::{self, DeviceName, Revoke};
use crate::outbox::End;
use crate::registry;

/// Characters of a display name.
pub const DISPLAY_NAME_CHARS_MAX: usize = 100;

/// Days in which a deleted account can be restored, unless somebody says otherwise.
pub const GRACE_DAYS: u16 = 14;

/// A new account. Without a password one is made up.
#[derive(Debug)]
pub struct NewAccount<'a> {
    /// Its address; see [`Accounts::address`].
    pub jid: BareJid,
    /// The name shown to people; may be empty.
    pub display_name: &'a str,
    /// Its password, if the person chose one.
    pub password: Option<&'a Secret>,
    /// Panel role.
    pub role: Role,
}

/// A password with what verifies it.
pub(crate) struct Credentials {
    pub(crate) scram: Vec<StoredKeys>,
    pub(crate) panel_hash: Option<String>,
    /// The password itself, if it was made up.
    pub(crate) generated: Option<Zeroizing<String>>,
}

/// Hashes the password of `jid`, making one up if there is none.
pub(crate) async fn credentials(
    daemon: &Daemon,
    jid: &BareJid,
    password: Option<&Secret>,
    role: Role,
) -> Result<Credentials, ChangeError> {
    let (password, made_up) = match password {
        Some(given) => {
            password::check(given.expose(), jid.local().unwrap_or_default(), jid.domain())?;
            (Zeroizing::new(given.expose().to_owned()), false)
        }
        None => (Zeroizing::new(password::generate()), true),
    };
    let derived = derive_all(vec![password.clone()]).await;
    let mut derived = derived.map_err(|_| PasswordError::Unusable)?;
    let panel_hash = match role {
        Role::Admin => daemon.auth.panel_hash(&password).await?,
        Role::Member => None,
    };
    Ok(Credentials {
        scram: derived.pop().unwrap_or_default(),
        panel_hash,
        generated: made_up.then_some(password),
    })
}

/// Checks a display name, and gives it without white space around it.
pub(crate) fn display_name(typed: &str) -> Result<&str, ChangeError> {
    let name = typed.trim();
    let fits = name.chars().count() <= DISPLAY_NAME_CHARS_MAX;
    if fits && !name.chars().any(char::is_control) {
        Ok(name)
    } else {
        Err(ChangeError::DisplayName)
    }
}

/// Refuses names that belong to the daemon.
pub(crate) fn not_reserved(jid: &BareJid) -> Result<(), NameError> {
    match jid.local() {
        Some(local) if !RESERVED.contains(&local) => Ok(()),
        _ => Err(NameError::Reserved),
    }
}

impl Accounts {
    /// Adds an account. Returns its password if that was made up.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn add(
        &self,
        daemon: &Daemon,
        new: NewAccount<'_>,
    ) -> Result<Option<Zeroizing<String>>, ChangeError> {
        not_reserved(&new.jid)?;
        let display_name = display_name(new.display_name)?.to_owned();
        // Before hashing, for a quick answer; again below, when it counts.
        self.free(&new.jid)?;
        let credentials = credentials(daemon, &new.jid, new.password, new.role).await?;
        let _turn = self.changes.lock().await;
        self.free(&new.jid)?;
        let record = Record {
            display_name,
            role: new.role,
            state: State::Active,
            created: Now::read().unix,
            scram: credentials.scram,
            panel_hash: credentials.panel_hash,
        };
        self.put(daemon, &new.jid, &record, Batch::new()).await?;
        Ok(credentials.generated)
    }

    fn free(&self, jid: &BareJid) -> Result<(), ChangeError> {
        match self.lookup(jid)?.map(|r| r.state) {
            None => Ok(()),
            Some(State::Deleted { .. }) => Err(ChangeError::BeingDeleted(jid.clone())),
            Some(State::Active | State::Locked) => Err(ChangeError::Exists(jid.clone())),
        }
    }

    /// Sets the password of `jid`, or makes one up and returns it. Signs the person out of the
    /// panel; connected clients stay.
    /// Every device loses its token, but for `by`, on which the password was chosen.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn set_password(
        &self,
        daemon: &Daemon,
        jid: &BareJid,
        password: Option<&Secret>,
        by: Option<DeviceName>,
    ) -> Result<Option<Zeroizing<String>>, ChangeError> {
        let role = self.existing(jid)?.role;
        let credentials = credentials(daemon, jid, password, role).await?;
        let _turn = self.changes.lock().await;
        let mut record = self.not_deleted(jid)?;
        // Made member meanwhile? Then there is nothing to sign in to.
        record.panel_hash = credentials.panel_hash.filter(|_| record.role == Role::Admin);
        record.scram = credentials.scram;
        self.put_and_revoke(daemon, jid, &record, &Revoke::NewPassword { by }).await?;
        self.count_hashes()?;
        Ok(credentials.generated)
    }

    /// Locks or unlocks `jid`.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn set_locked(
        &self,
        daemon: &Daemon,
        jid: &BareJid,
        locked: bool,
    ) -> Result<(), ChangeError> {
        let _turn = self.changes.lock().await;
        let mut record = self.not_deleted(jid)?;
        if locked {
            self.keep_an_admin(jid, &record)?;
        }
        record.state = if locked { State::Locked } else { State::Active };
        if !locked {
            return self.put(daemon, jid, &record, Batch::new()).await;
        }
        self.put_and_revoke(daemon, jid, &record, &Revoke::LockedOut).await?;
        disconnect(daemon, jid, "The account was locked by an administrator.");
        Ok(())
    }

    /// Deletes `jid`, to be removed for good at `until` (seconds since 1970).
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn delete(
        &self,
        daemon: &Daemon,
        jid: &BareJid,
        until: u64,
    ) -> Result<(), ChangeError> {
        let _turn = self.mark_deleted(daemon, jid, until).await?;
        disconnect(daemon, jid, "The account was deleted by an administrator.");
        Ok(())
    }

    /// As [`Accounts::delete`], by its owner. `last_words` are said before its clients are
    /// disconnected.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn delete_own(
        &self,
        daemon: &Daemon,
        jid: &BareJid,
        until: u64,
        last_words: impl FnOnce(),
    ) -> Result<(), ChangeError> {
        let _turn = self.mark_deleted(daemon, jid, until).await?;
        last_words();
        disconnect(daemon, jid, "The account was deleted by its owner.");
        Ok(())
    }

    /// Deletes `jid`; its clients are still there. Gives the turn.
    async fn mark_deleted(
        &self,
        daemon: &Daemon,
        jid: &BareJid,
        until: u64,
    ) -> Result<tokio::sync::MutexGuard<'_, ()>, ChangeError> {
        let turn = self.changes.lock().await;
        let mut record = self.existing(jid)?.as_ref().clone();
        self.keep_an_admin(jid, &record)?;
        let was_locked = match record.state {
            State::Active => false,
            State::Locked => true,
            State::Deleted { was_locked, .. } => was_locked,
        };
        record.state = State::Deleted { until, was_locked };
        self.put_and_revoke(daemon, jid, &record, &Revoke::LockedOut).await?;
        Ok(turn)
    }

    /// Brings back a deleted account as it was, locked if it was locked.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn restore(&self, daemon: &Daemon, jid: &BareJid) -> Result<(), ChangeError> {
        let _turn = self.changes.lock().await;
        let mut record = self.existing(jid)?.as_ref().clone();
        let State::Deleted { was_locked, until } = record.state else {
            return Err(ChangeError::NotDeleted(jid.clone()));
        };
        // Past its time it is about to be removed: half of it may be gone already.
        if until <= Now::read().unix {
            return Err(ChangeError::NotFound(jid.clone()));
        }
        record.state = if was_locked { State::Locked } else { State::Active };
        self.put(daemon, jid, &record, Batch::new()).await
    }

    /// Gives or takes the administrator's role.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn set_role(
        &self,
        daemon: &Daemon,
        jid: &BareJid,
        role: Role,
    ) -> Result<(), ChangeError> {
        let _turn = self.changes.lock().await;
        let mut record = self.not_deleted(jid)?;
        let mut batch = Batch::new();
        if role == Role::Member {
            self.keep_an_admin(jid, &record)?;
            record.panel_hash = None;
            panel::end_all_of(&daemon.store, &mut batch, jid)?;
        }
        record.role = role;
        self.put(daemon, jid, &record, batch).await
    }

    /// Keeps the argon2id hash of a password that was just found right, unless the account was
    /// changed since `seen`.
    pub(crate) async fn keep_panel_hash(
        &self,
        daemon: &Daemon,
        jid: &BareJid,
        seen: &Record,
        hash: String,
    ) -> Result<(), ChangeError> {
        let _turn = self.changes.lock().await;
        let mut record = self.existing(jid)?.as_ref().clone();
        if record != *seen {
            return Ok(());
        }
        record.panel_hash = Some(hash);
        self.put(daemon, jid, &record, Batch::new()).await
    }

    /// Waits for the turn to change accounts, for changes of many at once.
    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.changes.lock().await
    }

    /// Adds the writing of a record to `batch`; the caller has the turn and uses
    /// [`Accounts::write`].
    pub(crate) fn put_into(batch: &mut Batch, jid: &BareJid, record: &Record) {
        if let Some(local) = jid.local() {
            batch.put(&ACCOUNTS, local, record);
        }
    }

    async fn put(
        &self,
        daemon: &Daemon,
        jid: &BareJid,
        record: &Record,
        mut batch: Batch,
    ) -> Result<(), ChangeError> {
        Self::put_into(&mut batch, jid, record);
        Ok(self.write(daemon, batch, &[jid.local().unwrap_or_default()]).await?)
    }

    /// As [`Accounts::put`], signs the person out of the panel and takes the tokens of the
    /// account's devices away. Under the account's lock, so that no device gets one between.
    async fn put_and_revoke(
        &self,
        daemon: &Daemon,
        jid: &BareJid,
        record: &Record,
        why: &Revoke,
    ) -> Result<(), ChangeError> {
        let mut batch = Batch::new();
        panel::end_all_of(&daemon.store, &mut batch, jid)?;
        let locals = [jid.local().unwrap_or_default()];
        let ticket = {
            let entry = daemon.registry.entry(jid);
            let _account = registry::lock(&entry);
            devices::revoke_all(&daemon.store, &mut batch, jid, why)?;
            Self::put_into(&mut batch, jid, record);
            self.enqueue(daemon, batch, &locals)
        };
        Ok(self.settled(daemon, ticket, &locals).await?)
    }

    /// Adds `keys`, of the password that `seen` verifies, to an account that has none of that hash.
    /// Gives the record as it is then.
    ///
    /// # Errors
    /// [`ChangeError`]; [`ChangeError::NotFound`] if the password was changed since `seen`.
    pub(crate) async fn add_keys(
        &self,
        daemon: &Daemon,
        jid: &BareJid,
        seen: &Record,
        keys: &ScramKeys,
    ) -> Result<Arc<Record>, ChangeError> {
        let _turn = self.changes.lock().await;
        let mut record = self.not_deleted(jid)?;
        let has = record.scram.iter().any(|k| k.hash() == Some(keys.hash()));
        if record.scram != seen.scram || !record.is_active() || has {
            return Err(ChangeError::NotFound(jid.clone()));
        }
        record.scram.push(StoredKeys::from(keys));
        self.put(daemon, jid, &record, Batch::new()).await?;
        self.count_hashes()?;
        self.existing(jid)
    }

    pub(super) fn existing(&self, jid: &BareJid) -> Result<Arc<Record>, ChangeError> {
        self.lookup(jid)?.ok_or_else(|| ChangeError::NotFound(jid.clone()))
    }

    fn not_deleted(&self, jid: &BareJid) -> Result<Record, ChangeError> {
        let record = self.existing(jid)?;
        match record.state {
            State::Deleted { .. } => Err(ChangeError::BeingDeleted(jid.clone())),
            State::Active | State::Locked => Ok(record.as_ref().clone()),
        }
    }

    /// Refuses to lose the last administrator who can sign in.
    fn keep_an_admin(&self, jid: &BareJid, record: &Record) -> Result<(), ChangeError> {
        if !record.is_active_admin() {
            return Ok(());
        }
        let mut others = 0_u32;
        self.for_each(|local, record| {
            others += u32::from(record.is_active_admin() && jid.local() != Some(local));
        })?;
        if others == 0 { Err(ChangeError::LastAdmin) } else { Ok(()) }
    }
}

/// Ends all sessions of `jid` with `why`. Session binding looks at the account's state under the
/// same lock, so no session slips in behind.
pub(crate) fn disconnect(daemon: &Daemon, jid: &BareJid, why: &'static str) {
    let Some(entry) = daemon.registry.find(jid) else { return };
    for session in &registry::lock(&entry).sessions {
        let error = StreamError::new(StreamCondition::NotAuthorized).with_text(why);
        session.outbox.end(End::Error(error));
    }
}
