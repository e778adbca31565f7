//! Versions of a roster and the log of what changed last.
//!
//! Spec: RFC 6121 §2.1.1 and §2.6. A version is the number of the change that led to it and a
//! digest over all changes up to it. So two rosters of one account have the same version only
//! if they have the same history: a client that cached a version of before a restored backup,
//! or of a removed account of the same name, is never told that its cache is right.
//!
//! Invariants: each change of what clients see gets its own version; the log holds the last
//! [`ROSTER_CHANGES_KEPT`] of them and the newest entry is the current version.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::{Batch, JsonValue, Span, Store, StoreError, Table};
use xmpp::jid::BareJid;

use super::contact::Contact;
use crate::features::subscription::state::Half;
use crate::limits::ROSTER_CHANGES_KEPT;

/// Owner and number of the change.
pub(super) const CHANGES: Table<(String, u64), Change> = Table::new("roster.changes");

/// A version of a roster. The default is that of a roster never written to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Version {
    number: u64,
    digest: u64,
}

/// What changed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Change {
    contact: String,
    digest: u64,
}

impl JsonValue for Change {}

impl Version {
    /// The version after `jid` has become `contact`; `None` = was removed.
    pub(super) fn next(self, jid: &BareJid, contact: Option<&Contact>) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.digest.to_be_bytes());
        let mut field = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        };
        field(jid.as_str());
        if let Some(contact) = contact {
            field(&contact.name);
            contact.groups.iter().for_each(|group| field(group));
            let to = match contact.to {
                Half::No => 0,
                Half::Pending => 1,
                Half::Yes => 2,
            };
            hash.update([to, u8::from(contact.seen), u8::from(contact.approved)]);
        }
        let digest = hash.finalize();
        let digest = digest.iter().take(8).fold(0, |n, byte| (n << 8) | u64::from(*byte));
        Self { number: self.number + 1, digest }
    }

    /// As it was written; `None` if it never was one of ours.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (number, digest) = text.split_once('-')?;
        let number = number.parse().ok()?;
        Some(Self { number, digest: u64::from_str_radix(digest, 16).ok()? })
    }

    /// Writes that the change of `jid` led to this version, and drops what is too old.
    pub(super) fn record(self, writes: &mut Batch, owner: &str, jid: &BareJid) {
        let change = Change { contact: jid.to_string(), digest: self.digest };
        writes.put(&CHANGES, &(owner, self.number), &change);
        if let Some(old) = self.number.checked_sub(ROSTER_CHANGES_KEPT as u64) {
            writes.delete(&CHANGES, &(owner, old));
        }
    }

    /// The current version.
    pub(super) fn current(store: &Store, owner: &str) -> Result<Self, StoreError> {
        let newest = store.newest(&CHANGES, &Span::<(String, u64)>::under(owner), 1)?;
        let version = |((_, number), change): &((String, u64), Change)| Self {
            number: *number,
            digest: change.digest,
        };
        Ok(newest.first().map_or(Self::default(), version))
    }

    /// Which contacts changed after `self`, each with the version of its last change, oldest
    /// first. `None` if the log does not reach back that far.
    pub(super) fn changes_since(
        self,
        store: &Store,
        owner: &str,
    ) -> Result<Option<Vec<(Self, BareJid)>>, StoreError> {
        let log =
            store.scan(&CHANGES, &Span::<(String, u64)>::under(owner), ROSTER_CHANGES_KEPT + 1)?;
        let known = log.iter().position(|((_, n), c)| *n == self.number && c.digest == self.digest);
        let Some(known) = known else { return Ok(None) };
        let mut changed: Vec<(Self, BareJid)> = Vec::new();
        for ((_, number), change) in &log[known + 1..] {
            let Ok(jid) = BareJid::parse(&change.contact) else { continue };
            changed.retain(|(_, earlier)| *earlier != jid);
            changed.push((Self { number: *number, digest: change.digest }, jid));
        }
        Ok(Some(changed))
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{:016x}", self.number, self.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jid(text: &str) -> BareJid {
        BareJid::parse(text).unwrap()
    }

    #[test]
    fn text_comes_back() {
        let v = Version::default().next(&jid("bob@home.example"), None);
        assert_eq!(Version::parse(&v.to_string()), Some(v));
        assert_eq!(Version::parse(&Version::default().to_string()), Some(Version::default()));
        for text in ["", "7", "7-", "-7", "x-1", "7-xyz"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }

    #[test]
    fn different_changes_lead_to_different_versions() {
        let named = |name: &str| Contact { name: name.into(), ..Contact::default() };
        let grouped = |groups: &[&str]| Contact {
            groups: groups.iter().map(|g| (*g).to_owned()).collect(),
            ..Contact::default()
        };
        let bob = jid("bob@home.example");
        let start = Version::default();
        let versions = [
            start,
            start.next(&bob, None),
            start.next(&jid("ann@home.example"), None),
            start.next(&bob, Some(&Contact::default())),
            start.next(&bob, Some(&named("Bob"))),
            start.next(&bob, Some(&grouped(&["Bob"]))),
            start.next(&bob, Some(&grouped(&["B", "ob"]))),
            start.next(&bob, Some(&Contact { to: Half::Yes, ..Contact::default() })),
            start.next(&bob, Some(&Contact { seen: true, ..Contact::default() })),
            start.next(&bob, Some(&Contact { approved: true, ..Contact::default() })),
            start.next(&bob, None).next(&bob, None),
        ];
        for (at, one) in versions.iter().enumerate() {
            for other in &versions[at + 1..] {
                assert_ne!(one, other);
            }
        }
    }

    #[test]
    fn the_same_history_leads_to_the_same_version() {
        let bob = jid("bob@home.example");
        let path = || Version::default().next(&bob, Some(&Contact::default())).next(&bob, None);
        assert_eq!(path(), path());
    }
}
