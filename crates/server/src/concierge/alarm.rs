//! What the concierge says unasked when a key appears: to the person and to the administrators.
//!
//! State: none. Invariant: it is said once what it reports is durable.

use admin_api::fingerprints::shown;
use xmpp::jid::BareJid;

use super::words::{self, Sentences, fill};
use super::{NAME, chat};
use crate::accounts::{Record, Role};
use crate::daemon::Daemon;
use crate::durability::Ticket;
use crate::settle::Pending;

/// News of an OMEMO key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyNews {
    /// A further device of somebody who has keys.
    DeviceJoined,
    /// A device that was known has another key.
    DeviceChanged,
    /// A key that was revoked is published again.
    RevokedBack,
}

impl KeyNews {
    /// What the person is told, and what administrators are.
    fn sentences(self, says: &Sentences) -> (&'static str, &'static str) {
        match self {
            Self::DeviceJoined => (says.device_joined, says.device_joined_admin),
            Self::DeviceChanged => (says.device_changed, says.device_changed_admin),
            Self::RevokedBack => (says.revoked_back, says.revoked_back_admin),
        }
    }
}

/// Tells `person` and the administrators of a key, once what `written` names is durable. In the
/// first language: which one the person speaks is known only in a conversation.
pub fn tell_of_key(
    daemon: &Daemon,
    person: &BareJid,
    news: KeyNews,
    (fingerprint, device): (&str, &str),
    written: Ticket,
) {
    let Ok(own) = BareJid::from_parts(NAME, person.domain()) else { return };
    let Some(language) = words::ALL.first() else { return };
    let key = shown(fingerprint);
    let name = person.local().unwrap_or_default();
    let places = [("key", &*key), ("device", device), ("name", name)];
    let told = told(daemon, person, news.sentences(language.says), &places);
    let routed =
        told.iter().filter_map(|(to, text)| chat(&own, &to.clone().into(), text)).collect();
    let pending = Pending { ticket: written, owner: own, routed, on_failure: Vec::new() };
    daemon.settle.push(pending);
}

/// What `person` and every other administrator are told: the sentences with their places filled in.
/// An alarm is counted.
pub(super) fn told(
    daemon: &Daemon,
    person: &BareJid,
    (own, admins): (&str, &str),
    places: &[(&str, &str)],
) -> Vec<(BareJid, String)> {
    daemon.counters.add("directory", "alarms");
    let mut told = vec![(person.clone(), fill(own, places))];
    let each = |local: &str, record: &Record| {
        let admin = record.role == Role::Admin && record.is_active();
        let jid = BareJid::from_parts(local, person.domain()).ok();
        if let Some(jid) = jid.filter(|jid| admin && jid != person) {
            told.push((jid, fill(admins, places)));
        }
    };
    if let Err(e) = daemon.accounts.for_each(each) {
        tracing::error!(error = %e, "the administrators cannot be told of a new key");
    }
    told
}
