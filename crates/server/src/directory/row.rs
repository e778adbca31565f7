//! What is stored of a fingerprint and of a line of its history.
//!
//! Invariant: fields that are added later have a default, so that rows of before still read.

use admin_api::fingerprints::{Action, Change, Compared, Entry, State};
use admin_api::omemo;
use serde::{Deserialize, Serialize};
use store::JsonValue;
use xmpp::jid::BareJid;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Stored {
    label: String,
    device: String,
    state: State,
    added: u64,
    changed: u64,
    changed_by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_seen: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confirmed: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    compared: Option<Compared>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    omemo: Option<omemo::Key>,
}

impl JsonValue for Stored {}

impl From<&Entry> for Stored {
    fn from(entry: &Entry) -> Self {
        Self {
            label: entry.label.clone(),
            device: entry.device.clone(),
            state: entry.state,
            added: entry.added,
            changed: entry.changed,
            changed_by: entry.changed_by.clone(),
            last_seen: entry.last_seen,
            confirmed: entry.confirmed,
            compared: entry.compared.clone(),
            omemo: entry.omemo.clone(),
        }
    }
}

impl Stored {
    pub(super) fn entry(self, jid: &BareJid, fingerprint: &str) -> Entry {
        Entry {
            jid: jid.to_string(),
            fingerprint: fingerprint.to_owned(),
            label: self.label,
            device: self.device,
            state: self.state,
            last_seen: self.last_seen,
            added: self.added,
            changed: self.changed,
            changed_by: self.changed_by,
            confirmed: self.confirmed,
            compared: self.compared,
            omemo: self.omemo,
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StoredChange {
    at: u64,
    by: String,
    fingerprint: String,
    action: Action,
    state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
    #[serde(default)]
    seal: String,
}

impl JsonValue for StoredChange {}

impl From<&Change> for StoredChange {
    fn from(change: &Change) -> Self {
        Self {
            at: change.at,
            by: change.by.clone(),
            fingerprint: change.fingerprint.clone(),
            action: change.action,
            state: change.state,
            previous: change.previous.clone(),
            seal: change.seal.clone(),
        }
    }
}

impl StoredChange {
    pub(super) fn change(self, number: u64) -> Change {
        Change {
            number,
            previous: self.previous,
            seal: self.seal,
            at: self.at,
            by: self.by,
            fingerprint: self.fingerprint,
            action: self.action,
            state: self.state,
        }
    }
}
