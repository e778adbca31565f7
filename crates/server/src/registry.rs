//! Who is online, and the state of each account that somebody is busy with.
//!
//! An account's entry is made when it is first needed and dropped again when it has no session.
//! Feature state lives in typed slots ([`Slots`]), private to the feature that owns the type.
//!
//! Invariants: at most one entry per account, found under the registry's lock; a handler holds
//! the lock of one account and never takes a second; no lock is held across an `.await`.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use store::StoreError;
use xmpp::jid::{BareJid, Jid};
use xmpp::stanza::Stanza;

use crate::features::client_caps::Verified;
use crate::features::otr_delivery::talks::Talks;
use crate::features::stream_management::Ended;
use crate::outbox::Outbox;

/// Names a session for the life of the daemon; never used twice.
pub type SessionId = u64;

/// State of features, one value per type.
#[derive(Debug, Default)]
pub struct Slots(Vec<(TypeId, Box<dyn Any + Send>)>);

impl Slots {
    /// The value of type `T`, if there is one.
    #[must_use]
    pub fn get<T: Any + Send>(&self) -> Option<&T> {
        let slot = self.0.iter().find(|(id, _)| *id == TypeId::of::<T>())?;
        slot.1.downcast_ref()
    }

    /// The value of type `T`, if there is one.
    pub fn get_mut<T: Any + Send>(&mut self) -> Option<&mut T> {
        let slot = self.0.iter_mut().find(|(id, _)| *id == TypeId::of::<T>())?;
        slot.1.downcast_mut()
    }

    /// Puts `value` into its slot.
    pub fn put<T: Any + Send>(&mut self, value: T) {
        self.take::<T>();
        self.0.push((TypeId::of::<T>(), Box::new(value)));
    }

    /// The value of type `T`, which `read` fetches if there is none.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn get_or_read<T: Any + Send>(
        &mut self,
        read: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<&mut T, StoreError> {
        if self.get::<T>().is_none() {
            self.put(read()?);
        }
        // Just put there; the other branch is for the compiler.
        self.get_mut::<T>().ok_or(StoreError::Closed)
    }

    /// Takes the value of type `T` out of its slot.
    pub fn take<T: Any + Send>(&mut self) -> Option<T> {
        let at = self.0.iter().position(|(id, _)| *id == TypeId::of::<T>())?;
        self.0.swap_remove(at).1.downcast().ok().map(|value| *value)
    }
}

/// A session of an account: a client with a bound resource.
#[derive(Debug)]
pub struct Bound {
    /// Names it.
    pub id: SessionId,
    /// Its full JID.
    pub jid: Jid,
    /// What waits to be written to it.
    pub outbox: Arc<Outbox>,
    /// Its last available presence as sent (with its `from`); `None` = not available.
    pub presence: Option<Arc<Stanza>>,
    /// Priority of that presence; `None` = not available.
    pub priority: Option<i8>,
    /// Facts for the list of sessions.
    pub about: About,
    /// State of features, per session.
    pub slots: Slots,
}

/// What the list of sessions shows of a session.
#[derive(Clone, Debug)]
pub struct About {
    /// Address of the client.
    pub address: SocketAddr,
    /// `TLSv1.3`, …
    pub tls: &'static str,
    /// SASL mechanism.
    pub mechanism: &'static str,
    /// Unix time when the resource was bound, seconds; it stays when the session is resumed.
    pub since: u64,
}

/// An account that somebody is busy with.
#[derive(Debug)]
pub struct Account {
    /// Bare JID.
    pub jid: BareJid,
    /// Its sessions, oldest first.
    pub sessions: Vec<Bound>,
    /// State of features, per account. Only what can be read again from the store, since
    /// a failed write empties it.
    pub slots: Slots,
}

impl Account {
    /// The session called `id`.
    #[must_use]
    pub fn session(&self, id: SessionId) -> Option<&Bound> {
        self.sessions.iter().find(|s| s.id == id)
    }

    /// The session called `id`.
    pub fn session_mut(&mut self, id: SessionId) -> Option<&mut Bound> {
        self.sessions.iter_mut().find(|s| s.id == id)
    }

    /// The session with this resource.
    #[must_use]
    pub fn resource(&self, resource: &str) -> Option<&Bound> {
        self.sessions.iter().find(|s| s.jid.resource() == Some(resource))
    }

    /// Sessions with available presence.
    pub fn available(&self) -> impl Iterator<Item = &Bound> {
        self.sessions.iter().filter(|s| s.priority.is_some())
    }
}

/// An account's entry, shared by whoever is busy with it.
pub type Entry = Arc<Mutex<Account>>;

/// Locks an entry. A panic in another handler left it consistent enough to go on: effects are
/// carried out after the handler, and never of one that panicked.
pub fn lock(entry: &Entry) -> MutexGuard<'_, Account> {
    entry.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All entries.
#[derive(Debug, Default)]
pub struct Registry {
    /// What is remembered of resumable sessions that ended.
    pub ended: Ended,
    /// What is known of clients by the hash of their capabilities.
    pub verified: Verified,
    /// Which devices have OTR sessions with whom.
    pub talks: Talks,
    accounts: RwLock<HashMap<BareJid, Entry>>,
}

impl Registry {
    /// The entry of `jid`, made if needed. The caller knows that the account exists.
    #[must_use]
    pub fn entry(&self, jid: &BareJid) -> Entry {
        if let Some(entry) = self.find(jid) {
            return entry;
        }
        let mut accounts = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
        let fresh = || {
            let account =
                Account { jid: jid.clone(), sessions: Vec::new(), slots: Slots::default() };
            Arc::new(Mutex::new(account))
        };
        Arc::clone(accounts.entry(jid.clone()).or_insert_with(fresh))
    }

    /// The entry of `jid`, if somebody is busy with it.
    #[must_use]
    pub fn find(&self, jid: &BareJid) -> Option<Entry> {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        accounts.get(jid).map(Arc::clone)
    }

    /// All entries, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<Entry> {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        accounts.values().map(Arc::clone).collect()
    }

    /// Drops the entries that have no session and that nobody is busy with.
    pub fn sweep(&self) {
        let mut accounts = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
        // A count of one means that only this map holds it, and nobody can get at it while the
        // map is locked.
        accounts
            .retain(|_, entry| Arc::strong_count(entry) > 1 || !lock(entry).sessions.is_empty());
    }
}
