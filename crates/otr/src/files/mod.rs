//! The files of OTR clients: keys, known fingerprints, instance tags.
//!
//! Formats of libotr 4, which Pidgin, Profanity and mcabber use with other names and protocols:
//!
//! | client | key | fingerprints | instance tags | protocol | account |
//! |---|---|---|---|---|---|
//! | Pidgin | `otr.private_key` | `otr.fingerprints` | `otr.instance_tags` | `prpl-jabber` | as configured, with `/resource` or a bare `/` |
//! | Profanity | `keys.txt` | `fingerprints.txt` | none | `xmpp` | bare JID |
//! | mcabber | `JID.key` | `JID.fpr` | `JID.tag` | `jabber` | bare JID |
//!
//! Text in, text out; opening files is the caller's. Invariants: no panic on any text, no more
//! entries than [`crate::limits::FILE_ENTRIES_MAX`], and what is written is read back equal.

pub mod clients;
pub mod fingerprints;
pub mod instance_tags;
pub mod keys;
pub mod merge;

/// Why a file cannot be read. Never repeats any of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileError {
    /// Longer than [`crate::limits::FILE_BYTES_MAX`] or with too many entries.
    TooLong,
    /// Not this kind of file, or torn; holds the line, from 1.
    Malformed(usize),
    /// A key of a kind or size that OTR does not use, or whose numbers do not belong together.
    BadKey,
}

impl std::fmt::Display for FileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLong => f.write_str("the file is too long"),
            Self::Malformed(line) => write!(f, "line {line} is malformed"),
            Self::BadKey => f.write_str("the file holds a key that OTR cannot use"),
        }
    }
}

impl std::error::Error for FileError {}

/// Can `value` stand in a column of a file?
fn fits(value: &str) -> bool {
    !value.is_empty() && !value.contains(char::is_control)
}

/// Can `value` stand as a name in a key file? It is in quotes there.
fn fits_quoted(value: &str) -> bool {
    fits(value) && !value.contains(['"', '\\'])
}
