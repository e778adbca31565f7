//! The family's directory of OTR fingerprints.
//!
//! Invariants: a fingerprint belongs to one account; every change is kept in a history that
//! says who did what and when; a private key is refused before it gets here and here again.

use serde::{Deserialize, Serialize};

use crate::UnixTime;

/// One fingerprint of one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Bare JID of the owner.
    pub jid: String,
    /// 40 lower-case hexadecimal digits.
    pub fingerprint: String,
    /// Words of the person who added it; may be empty.
    pub label: String,
    /// The device or client, such as "Pidgin on the laptop"; may be empty.
    pub device: String,
    /// How much is known about it.
    pub state: State,
    /// When it was added.
    pub added: UnixTime,
    /// When it last changed.
    pub changed: UnixTime,
    /// Who changed it last: a bare JID, or `operator` for the command line.
    pub changed_by: String,
}

/// How much is known about a fingerprint, from least to most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Somebody saw it in a client.
    Seen,
    /// Its owner, or an administrator for the owner, says it is theirs.
    #[default]
    Declared,
    /// Two people compared it face to face.
    ComparedInPerson,
}

/// Add a fingerprint.
#[derive(Debug, Serialize, Deserialize)]
pub struct Add {
    /// Localpart or bare JID of the owner.
    pub name: String,
    /// Any usual form; see `otr::Fingerprint::parse`.
    pub fingerprint: String,
    /// At most 100 characters.
    #[serde(default)]
    pub label: String,
    /// At most 100 characters.
    #[serde(default)]
    pub device: String,
    /// State to start with.
    #[serde(default)]
    pub state: State,
}

/// All fingerprints, or one person's; ordered by JID and time added.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct List {
    /// Localpart or bare JID; `None` = everybody.
    pub name: Option<String>,
}

/// Change what is given; the rest stays.
#[derive(Debug, Serialize, Deserialize)]
pub struct Update {
    /// Localpart or bare JID of the owner.
    pub name: String,
    /// The fingerprint, in any usual form.
    pub fingerprint: String,
    /// New label.
    pub label: Option<String>,
    /// New device.
    pub device: Option<String>,
    /// New state.
    pub state: Option<State>,
}

/// Remove a fingerprint. The history keeps that it was there; add it again to undo.
#[derive(Debug, Serialize, Deserialize)]
pub struct Remove {
    /// Localpart or bare JID of the owner.
    pub name: String,
    /// The fingerprint, in any usual form.
    pub fingerprint: String,
}

/// The changes of one person's fingerprints, newest first, at most 200.
#[derive(Debug, Serialize, Deserialize)]
pub struct History {
    /// Localpart or bare JID of the owner.
    pub name: String,
}

/// One line of the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// When.
    pub at: UnixTime,
    /// A bare JID, or `operator`.
    pub by: String,
    /// 40 lower-case hexadecimal digits.
    pub fingerprint: String,
    /// What was done.
    pub action: Action,
    /// The state after it.
    pub state: State,
}

/// What was done to a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Added to the directory.
    Added,
    /// Label or device changed.
    Described,
    /// Removed from the directory.
    Removed,
    /// State changed.
    StateChanged,
}
