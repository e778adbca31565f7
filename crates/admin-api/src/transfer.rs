//! Import and export of accounts: what the command line reads from and writes to XEP-0227 files.
//!
//! Work goes in pages, so that a frame stays small and progress can be shown.

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
