//! People: calls about accounts. See [`crate::accounts`] for the rules.

use std::collections::HashMap;

use admin_api::accounts::{
    Account, Add, Added, Delete, Lock, Named, Restore, Role, SetPassword, SetRole, Show, State,
};
use admin_api::{Problem, ProblemKind, Secret};
use xmpp::jid::BareJid;
use zeroize::Zeroizing;

use super::store_problem;
use crate::accounts::change::{ChangeError, GRACE_DAYS, NewAccount};
use crate::accounts::{self, NameError, Record};
use crate::auth::Unchecked;
use crate::daemon::{Daemon, Now};
use crate::directory;
use crate::registry;

const DAY: u64 = 24 * 3600;

impl From<ChangeError> for Problem {
    fn from(e: ChangeError) -> Self {
        use ChangeError as E;
        let kind = match &e {
            E::BeingDeleted(_) | E::Exists(_) | E::LastAdmin | E::NotDeleted(_) => {
                ProblemKind::Conflict
            }
            E::DisplayName | E::Password(_) => ProblemKind::Invalid,
            E::Name(e) => return e.clone().into(),
            E::NotFound(_) => ProblemKind::NotFound,
            E::Store(_) | E::Unchecked(Unchecked::Store(_)) => ProblemKind::Store,
            E::Unchecked(Unchecked::Overloaded) => ProblemKind::Throttled,
        };
        Self::new(kind, e.to_string())
    }
}

impl From<NameError> for Problem {
    fn from(e: NameError) -> Self {
        let kind = match &e {
            NameError::NoDomain => ProblemKind::Setup,
            NameError::Malformed | NameError::Remote(_) | NameError::Reserved => {
                ProblemKind::Invalid
            }
        };
        Self::new(kind, e.to_string())
    }
}

impl From<accounts::Role> for Role {
    fn from(role: accounts::Role) -> Self {
        match role {
            accounts::Role::Admin => Self::Admin,
            accounts::Role::Member => Self::Member,
        }
    }
}

impl From<Role> for accounts::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Admin => Self::Admin,
            Role::Member => Self::Member,
        }
    }
}

impl From<accounts::State> for State {
    fn from(state: accounts::State) -> Self {
        match state {
            accounts::State::Active => Self::Active,
            accounts::State::Deleted { until, .. } => Self::Deleted { until },
            accounts::State::Locked => Self::Locked,
        }
    }
}

/// All accounts, ordered by name.
pub(super) fn list(daemon: &Daemon) -> Result<Vec<Account>, Problem> {
    let Some(domain) = daemon.domain() else { return Ok(Vec::new()) };
    let counts = directory::counts(&daemon.store).map_err(store_problem)?;
    let mut all = Vec::new();
    let mut failed = None;
    let walked = daemon.accounts.for_each(|local, record| {
        let Ok(jid) = BareJid::from_parts(local, &domain) else { return };
        match shown(daemon, &jid, record, &counts) {
            Ok(account) => all.push(account),
            Err(problem) => failed = Some(problem),
        }
    });
    walked.map_err(store_problem)?;
    failed.map_or(Ok(all), Err)
}

/// Everybody's address and name.
pub(super) fn names(daemon: &Daemon) -> Result<Vec<Named>, Problem> {
    let Some(domain) = daemon.domain() else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    let walked = daemon.accounts.for_each(|local, record| {
        let gone = matches!(record.state, accounts::State::Deleted { .. });
        if let (false, Ok(jid)) = (gone, BareJid::from_parts(local, &domain)) {
            let display_name = record.display_name.clone();
            all.push(Named { jid: jid.to_string(), display_name });
        }
    });
    walked.map_err(store_problem)?;
    Ok(all)
}

/// One account.
pub(super) fn show(daemon: &Daemon, call: &Show) -> Result<Account, Problem> {
    one(daemon, &daemon.accounts.address(&call.name)?)
}

/// Adds an account.
pub(super) async fn add(daemon: &Daemon, call: &Add) -> Result<Added, Problem> {
    let jid = daemon.accounts.address(&call.name)?;
    let new = NewAccount {
        jid: jid.clone(),
        display_name: &call.display_name,
        password: call.password.as_ref(),
        role: call.role.into(),
    };
    let generated = daemon.accounts.add(daemon, new).await?;
    done("account-added", &jid);
    added(daemon, &jid, generated)
}

/// Sets or makes up a password.
pub(super) async fn password(daemon: &Daemon, call: &SetPassword) -> Result<Added, Problem> {
    let jid = daemon.accounts.address(&call.name)?;
    let generated =
        daemon.accounts.set_password(daemon, &jid, call.password.as_ref(), None).await?;
    done("password-set", &jid);
    added(daemon, &jid, generated)
}

/// Locks or unlocks.
pub(super) async fn lock(daemon: &Daemon, call: &Lock) -> Result<Account, Problem> {
    let jid = daemon.accounts.address(&call.name)?;
    daemon.accounts.set_locked(daemon, &jid, call.locked).await?;
    done(if call.locked { "account-locked" } else { "account-unlocked" }, &jid);
    one(daemon, &jid)
}

/// Deletes, with a grace period or at once.
pub(super) async fn delete(
    daemon: &std::sync::Arc<Daemon>,
    call: &Delete,
) -> Result<Account, Problem> {
    let jid = daemon.accounts.address(&call.name)?;
    let days = u64::from(call.grace_days.unwrap_or(GRACE_DAYS));
    let until = Now::read().unix + days * DAY;
    daemon.accounts.delete(daemon, &jid, until).await?;
    let account = one(daemon, &jid)?;
    done("account-deleted", &jid);
    if days == 0 {
        daemon.accounts.remove(daemon, &jid).await?;
        done("account-removed", &jid);
    }
    Ok(account)
}

/// Restores a deleted account.
pub(super) async fn restore(daemon: &Daemon, call: &Restore) -> Result<Account, Problem> {
    let jid = daemon.accounts.address(&call.name)?;
    daemon.accounts.restore(daemon, &jid).await?;
    done("account-restored", &jid);
    one(daemon, &jid)
}

/// Gives or takes the administrator's role.
pub(super) async fn role(daemon: &Daemon, call: &SetRole) -> Result<Account, Problem> {
    let jid = daemon.accounts.address(&call.name)?;
    daemon.accounts.set_role(daemon, &jid, call.role.into()).await?;
    done("role-set", &jid);
    one(daemon, &jid)
}

fn added(
    daemon: &Daemon,
    jid: &BareJid,
    generated: Option<Zeroizing<String>>,
) -> Result<Added, Problem> {
    let generated_password = generated.map(|password| Secret::new(password.as_str()));
    Ok(Added { account: one(daemon, jid)?, generated_password })
}

fn one(daemon: &Daemon, jid: &BareJid) -> Result<Account, Problem> {
    let record = daemon.accounts.lookup(jid).map_err(store_problem)?;
    let record = record.ok_or_else(|| ChangeError::NotFound(jid.clone()))?;
    let local = jid.local().unwrap_or_default();
    let count = directory::count(&daemon.store, local).map_err(store_problem)?;
    shown(daemon, jid, &record, &HashMap::from([(local.to_owned(), count)]))
}

fn shown(
    daemon: &Daemon,
    jid: &BareJid,
    record: &Record,
    fingerprints: &HashMap<String, u32>,
) -> Result<Account, Problem> {
    let local = jid.local().unwrap_or_default();
    let sessions = daemon.registry.find(jid).map_or(0, |e| registry::lock(&e).sessions.len());
    Ok(Account {
        jid: jid.to_string(),
        display_name: record.display_name.clone(),
        role: record.role.into(),
        state: record.state.into(),
        created: record.created,
        last_login_day: daemon.accounts.last_login_day(local).map_err(store_problem)?,
        sessions: u32::try_from(sessions).unwrap_or(u32::MAX),
        fingerprints: fingerprints.get(local).copied().unwrap_or(0),
    })
}

fn done(what: &'static str, jid: &BareJid) {
    tracing::info!(what, "an account was changed");
    tracing::debug!(what, %jid, "an account was changed");
}
