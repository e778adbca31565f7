//! Import and export of accounts: what the command line reads from and writes to XEP-0227 files.
//!
//! Work goes in pages, so that a frame stays small and progress can be shown. What the daemon's
//! features keep of an account moves after the account, in XML, piece by piece.

use serde::{Deserialize, Serialize};

use crate::Secret;

/// Accounts per page at most.
pub const PAGE_ACCOUNTS_MAX: usize = 100;

/// One account with all that moves.
#[derive(Debug, Serialize, Deserialize)]
pub struct Record {
    /// Localpart.
    pub name: String,
    /// Name shown to people; may be empty.
    #[serde(default)]
    pub display_name: String,
    /// Name in the account's vCard, if it has one: for exports, since the vCard itself is among
    /// what features keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card_name: Option<String>,
    /// Plain password or SCRAM keys.
    pub credentials: Credentials,
    /// The roster.
    #[serde(default)]
    pub roster: Vec<RosterItem>,
    /// Offline messages, oldest first, each a `<message/>` in XML with its `<delay/>`.
    #[serde(default)]
    pub offline: Vec<String>,
}

/// How the account proves who it is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Credentials {
    /// As given; keys are derived and the password is forgotten.
    Plain(Secret),
    /// One set of keys per mechanism.
    Scram(Vec<ScramKeys>),
}

/// XEP-0227 §4.3: `<scram-credentials/>`.
#[derive(Debug, Serialize, Deserialize)]
pub struct ScramKeys {
    /// `SCRAM-SHA-1`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub mechanism: String,
    /// PBKDF2 iterations.
    pub iterations: u32,
    /// Base64.
    pub salt: String,
    /// Base64.
    pub server_key: Secret,
    /// Base64.
    pub stored_key: Secret,
}

/// One contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterItem {
    /// Bare JID.
    pub jid: String,
    /// The owner's name for the contact; may be empty.
    #[serde(default)]
    pub name: String,
    /// `none`, `to`, `from` or `both`.
    pub subscription: String,
    /// RFC 6121 §2.1.2.2: a request of ours is waiting.
    #[serde(default)]
    pub ask: bool,
    /// RFC 6121 §3.1.1: approved before they asked.
    #[serde(default)]
    pub approved: bool,
    /// A request of theirs is waiting (the `pending in` states of RFC 6121 appendix A). An item
    /// with nothing else (`none`, no name, no group) is such a request alone and no part of
    /// the roster (RFC 6121 §3.1.3).
    #[serde(default)]
    pub pending_in: bool,
    /// Groups.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// One batch. All of it or, with a problem that names the account, none of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Import {
    /// At most [`PAGE_ACCOUNTS_MAX`].
    pub records: Vec<Record>,
    /// What to do with an account that exists.
    pub existing: Existing,
}

/// What to do with an account that exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Existing {
    /// Refuse the batch.
    #[default]
    Refuse,
    /// Replace it.
    Replace,
    /// Leave it alone.
    Skip,
}

/// What [`Import`] did, durably.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Imported {
    /// Accounts written.
    pub written: u32,
    /// Accounts that existed and were left alone.
    pub skipped: u32,
}

/// One page of accounts, ordered by name.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Export {
    /// Start after this localpart; `None` = from the start.
    pub after: Option<String>,
}

/// Answer to [`Export`].
#[derive(Debug, Serialize, Deserialize)]
pub struct ExportPage {
    /// The home's domain.
    pub domain: String,
    /// At most [`PAGE_ACCOUNTS_MAX`], fewer where they are large.
    pub records: Vec<Record>,
    /// Is there more?
    pub more: bool,
    /// Bare JIDs whose kept messages were left out, because they are too large for a frame. They
    /// stay on this server until their owner fetches them.
    #[serde(default)]
    pub left_out: Vec<String>,
}

/// A kind of what features keep of an account: a child of `<user/>` (XEP-0227 §4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kind {
    /// Name of the element.
    pub name: String,
    /// Its namespace.
    pub ns: String,
    /// In how many levels below it the element may be cut into several of its kind: 0 = it is
    /// one piece, 1 = between its children, 2 = between its grandchildren as well.
    pub cuts: u8,
}

/// The kinds that the daemon keeps.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Kinds {}

/// One page of what features keep of an account.
#[derive(Debug, Serialize, Deserialize)]
pub struct ExportData {
    /// Localpart.
    pub name: String,
    /// Start after this place; `None` = from the start.
    pub after: Option<Place>,
}

/// A place in what features keep of an account; the daemon's own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Name of the feature.
    pub feature: String,
    /// The place in what it keeps.
    pub at: String,
}

/// Answer to [`ExportData`].
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct DataPage {
    /// Elements in XML, each of a [`Kind`]; those of one kind follow each other.
    pub elements: Vec<String>,
    /// Where the next page begins; `None` = this was the last.
    pub next: Option<Place>,
    /// What was left out, because it is too large for a frame.
    #[serde(default)]
    pub left_out: Vec<String>,
}

/// Some of what features keep of an account that exists. All of it or, with a problem, none.
#[derive(Debug, Serialize, Deserialize)]
pub struct ImportData {
    /// Localpart.
    pub name: String,
    /// Elements in XML, each of a [`Kind`].
    pub elements: Vec<String>,
}

/// What [`ImportData`] did, durably.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedData {
    /// What could not be kept, with the reason: one line each.
    pub left_out: Vec<String>,
}
