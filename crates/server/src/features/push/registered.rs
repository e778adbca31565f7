//! What is registered for push: kept in the store, one row per service and node.
//!
//! State: [`Registered`], one per account, a copy of what the store has. Invariants: at most
//! [`PUSH_DEVICES_MAX`] per account, the newest; what a service wants to be told with each push is
//! a secret between it and the device, and is in no log.

use admin_api::Secret;
use serde::{Deserialize, Serialize};
use store::{Batch, JsonValue, Span, StoreError, Table};
use xmpp::jid::BareJid;

use crate::daemon::Daemon;
use crate::limits::{PUSH_DEVICES_MAX, ROWS_PER_READ};
use crate::registry::Slots;

/// Owner, service and node (empty: none).
const PUSH: Table<(String, String, String), Row> = Table::new("push");
/// Owner: what pushes tell beside the number of messages.
const PREVIEWS: Table<String, Preview> = Table::new("push.previews");
/// Tables of this feature.
pub(super) const TABLES: &[&str] = &[PUSH.name(), PREVIEWS.name()];

/// A registration as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Row {
    /// When the device last asked for it, seconds since 1970.
    since: u64,
    /// The resource it was bound to then.
    resource: String,
    /// The form with what the service wants to be told, as XML.
    options: Option<Secret>,
    /// The device it is for, if its client says which one it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<String>,
}

impl JsonValue for Row {}

/// What pushes tell beside the number of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preview {
    /// Nothing.
    #[default]
    Nothing,
    /// Who wrote last.
    Sender,
    /// Who wrote last, and what, unless it is encrypted.
    Text,
}

impl JsonValue for Preview {}

/// Names a registration of an account: service and node.
pub(super) type Key = (String, String);

/// One registration.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The push service's JID.
    pub service: String,
    /// Its node; empty = none.
    pub node: String,
    /// When the device last asked for it, seconds since 1970.
    pub since: u64,
    /// The resource it was bound to then.
    pub resource: String,
    /// The form with what the service wants to be told, as XML.
    pub(super) options: Option<Secret>,
    /// The device it is for, if its client says which one it is.
    pub(super) device: Option<String>,
}

impl Registration {
    pub(super) fn key(&self) -> Key {
        (self.service.clone(), self.node.clone())
    }

    fn is(&self, service: &str, node: &str) -> bool {
        self.service == service && self.node == node
    }
}

/// What one account has registered.
#[derive(Debug)]
pub(super) struct Registered(Vec<Registration>);

fn all_of(owner: &BareJid) -> Span<(String, String, String)> {
    Span::<(String, String, String)>::under(owner.as_str())
}

fn registration(((_, service, node), row): ((String, String, String), Row)) -> Registration {
    let Row { since, resource, options, device } = row;
    Registration { service, node, since, resource, options, device }
}

impl Registered {
    /// That of `owner`, whose slots these are.
    pub(super) fn of<'a>(
        daemon: &Daemon,
        owner: &BareJid,
        slots: &'a mut Slots,
    ) -> Result<&'a mut Self, StoreError> {
        slots.get_or_read(|| {
            let rows = daemon.store.scan(&PUSH, &all_of(owner), PUSH_DEVICES_MAX)?;
            Ok(Self(rows.into_iter().map(registration).collect()))
        })
    }

    pub(super) fn all(&self) -> &[Registration] {
        &self.0
    }

    pub(super) fn find(&self, (service, node): &Key) -> Option<&Registration> {
        self.0.iter().find(|one| one.is(service, node))
    }

    /// Adds `new`, in place of one of the same name; past the limit the oldest goes. Returns those
    /// that went.
    pub(super) fn add(
        &mut self,
        owner: &BareJid,
        new: Registration,
        writes: &mut Batch,
    ) -> Vec<Key> {
        self.0.retain(|one| !one.is(&new.service, &new.node));
        let row = Row {
            since: new.since,
            resource: new.resource.clone(),
            options: new.options.clone(),
            device: new.device.clone(),
        };
        writes.put(&PUSH, &(owner.as_str(), new.service.as_str(), new.node.as_str()), &row);
        self.0.push(new);
        let mut gone = Vec::new();
        while self.0.len() > PUSH_DEVICES_MAX {
            let oldest = (0..self.0.len()).min_by_key(|at| self.0.get(*at).map(|one| one.since));
            let Some(at) = oldest else { break };
            let old = self.0.remove(at).key();
            writes.delete(&PUSH, &(owner.as_str(), old.0.as_str(), old.1.as_str()));
            gone.push(old);
        }
        gone
    }

    /// Removes those that `goes` chooses. Returns what went.
    pub(super) fn remove(
        &mut self,
        owner: &BareJid,
        goes: impl Fn(&Registration) -> bool,
        writes: &mut Batch,
    ) -> Vec<Key> {
        let gone: Vec<Key> = self.0.iter().filter(|one| goes(one)).map(Registration::key).collect();
        self.0.retain(|one| !goes(one));
        for (service, node) in &gone {
            writes.delete(&PUSH, &(owner.as_str(), service.as_str(), node.as_str()));
        }
        gone
    }
}

/// Deletes all that is stored of `owner`.
pub(super) fn forget(owner: &BareJid, writes: &mut Batch) {
    writes.delete_span(&PUSH, &all_of(owner));
    writes.delete(&PREVIEWS, owner.as_str());
}

/// What pushes of `owner` tell.
pub(super) fn preview(daemon: &Daemon, owner: &BareJid) -> Result<Preview, StoreError> {
    Ok(daemon.store.get(&PREVIEWS, owner.as_str())?.unwrap_or_default())
}

/// Sets what pushes of `owner` tell.
pub(super) fn put_preview(writes: &mut Batch, owner: &BareJid, preview: Preview) {
    match preview {
        Preview::Nothing => writes.delete(&PREVIEWS, owner.as_str()),
        Preview::Sender | Preview::Text => writes.put(&PREVIEWS, owner.as_str(), &preview),
    };
}

/// All registrations of everybody, with their owners, ordered by owner.
pub(super) fn everybody(daemon: &Daemon) -> Result<Vec<(String, Registration)>, StoreError> {
    let mut all = Vec::new();
    let mut span = Span::all();
    loop {
        let page = daemon.store.scan(&PUSH, &span, ROWS_PER_READ)?;
        let Some((last, _)) = page.last() else { return Ok(all) };
        span = Span::all().after(&(last.0.as_str(), last.1.as_str(), last.2.as_str()));
        all.extend(page.into_iter().map(|row| (row.0.0.clone(), registration(row))));
    }
}
