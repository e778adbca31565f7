//! People: XMPP accounts of the home's domain.
//!
//! Accounts are named by their localpart (`ann`) or bare JID (`ann@home.example`); both are
//! accepted wherever a `name` is asked for. Passwords never come back, except one that the
//! daemon has just generated.

use serde::{Deserialize, Serialize};

use crate::{Secret, UnixTime};

/// An account as the panel and the command line show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Bare JID.
    pub jid: String,
    /// The name shown to people; empty when none was given.
    pub display_name: String,
    /// What the account may do in the panel.
    pub role: Role,
    /// Whether it can log in.
    pub state: State,
    /// When it was made.
    pub created: UnixTime,
    /// Day (UTC midnight) of the last log-in; day granularity on purpose.
    pub last_login_day: Option<UnixTime>,
    /// Connected clients right now.
    pub sessions: u32,
    /// Fingerprints in the directory.
    pub fingerprints: u32,
}

/// What an account may do in the panel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Manages people and settings.
    Admin,
    /// Chats.
    #[default]
    Member,
}

/// Whether an account can log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum State {
    /// Yes.
    Active,
    /// No; it will be removed for good at `until`, and can be restored before.
    Deleted {
        /// When it is removed for good.
        until: UnixTime,
    },
    /// No, until it is unlocked; nothing is lost.
    Locked,
}

/// Add an account. An absent password is generated.
#[derive(Debug, Serialize, Deserialize)]
pub struct Add {
    /// Localpart or bare JID.
    pub name: String,
    /// The name shown to people; may be empty.
    #[serde(default)]
    pub display_name: String,
    /// At least 8 characters; `None` = generate one.
    pub password: Option<Secret>,
    /// Panel role.
    #[serde(default)]
    pub role: Role,
}

/// The account, and the password if the daemon made it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Added {
    /// The account.
    pub account: Account,
    /// Present only if it was generated. Shown once, kept nowhere.
    pub generated_password: Option<Secret>,
}

/// All accounts, ordered by JID.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct List {}

/// Who lives here: what everybody of the home may know of everybody, ordered by JID. Accounts that
/// are being deleted are left out.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Names {}

/// A person by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Bare JID.
    pub jid: String,
    /// The name shown to people; empty when none was given.
    pub display_name: String,
}

/// One account.
#[derive(Debug, Serialize, Deserialize)]
pub struct Show {
    /// Localpart or bare JID.
    pub name: String,
}

/// Set a password (or generate one). Connected clients stay; new log-ins need the new one.
#[derive(Debug, Serialize, Deserialize)]
pub struct SetPassword {
    /// Localpart or bare JID.
    pub name: String,
    /// `None` = generate one.
    pub password: Option<Secret>,
}

/// Lock (no log-in, clients disconnected, nothing lost) or unlock.
#[derive(Debug, Serialize, Deserialize)]
pub struct Lock {
    /// Localpart or bare JID.
    pub name: String,
    /// `true` locks, `false` unlocks.
    pub locked: bool,
}

/// Delete. The last active administrator cannot be deleted.
#[derive(Debug, Serialize, Deserialize)]
pub struct Delete {
    /// Localpart or bare JID.
    pub name: String,
    /// Days in which it can be restored; 0 = remove at once; `None` = the default of 14.
    pub grace_days: Option<u16>,
}

/// Bring back a deleted account within its grace period.
#[derive(Debug, Serialize, Deserialize)]
pub struct Restore {
    /// Localpart or bare JID.
    pub name: String,
}

/// Give or take the administrator's role. The last active administrator keeps it.
#[derive(Debug, Serialize, Deserialize)]
pub struct SetRole {
    /// Localpart or bare JID.
    pub name: String,
    /// The new role.
    pub role: Role,
}
