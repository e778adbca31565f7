//! People: the accounts of the home's domain.
//!
//! Keyed by localpart; the domain is a setting. Reads are synchronous and cheap, since every
//! message to somebody who is away needs one. Changes ([`change`], [`removal`]) are made one at a
//! time and are durable before anybody is told.
//!
//! Invariants: there is always an active administrator once set-up is finished; a name is not
//! given to somebody new while a deleted account can still be restored; what is cached is what
//! the store holds.

pub mod change;
mod error;
mod keys;
pub mod password;
pub mod record;
pub mod removal;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use store::{Batch, Span, Store, StoreError, Table};
use xmpp::jid::BareJid;
use xmpp::scram::ScramHash;

pub use keys::ITERATIONS;
pub(crate) use keys::derive_all;
pub use record::{Record, Role, State, StoredKeys};

use crate::daemon::Daemon;
use crate::durability::{NotDurable, Ticket};
use crate::limits::{ACCOUNTS_CACHED_MAX, ROWS_PER_READ};
use crate::settings;

const ACCOUNTS: Table<String, Record> = Table::new("accounts");

/// Day of the last log-in, by localpart: apart from the record, because it is written by log-ins
/// and the record by administrators.
const LAST_LOG_IN: Table<String, u64> = Table::new("accounts.last-log-in");

/// The tables of this module.
pub const TABLES: &[&str] = &[ACCOUNTS.name(), LAST_LOG_IN.name()];

/// Names that nobody can have: they belong to the daemon itself.
pub const RESERVED: &[&str] = &[crate::concierge::NAME, PROBE];

/// The account of the health log-in. It is in no table; see [`crate::services::probe`].
pub const PROBE: &str = "health-probe";

const DAY: u64 = 24 * 3600;

/// The accounts.
pub struct Accounts {
    store: Store,
    domain: OnceLock<Arc<str>>,
    cache: Mutex<HashMap<String, Arc<Record>>>,
    /// Held by whoever reads a record, decides and writes.
    changes: tokio::sync::Mutex<()>,
    /// One bit per hash: do all accounts have keys for it?
    hashes: AtomicU8,
}

/// A name as typed that is not a localpart or bare JID of the home. `Display` is a sentence for
/// the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameError {
    /// It cannot be a localpart.
    Malformed,
    /// Set-up is not finished, so there are no addresses yet.
    NoDomain,
    /// An address of another domain.
    Remote(Arc<str>),
    /// One of [`RESERVED`].
    Reserved,
}

impl std::fmt::Display for NameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed => f.write_str(
                "The name cannot be used in an address: take letters, digits, dots and hyphens, \
                 such as “ann” or “ann.lee”.",
            ),
            Self::NoDomain => f.write_str("Set-up is not finished: the home has no domain yet."),
            Self::Remote(domain) => write!(f, "All addresses of this home end in @{domain}."),
            Self::Reserved => f.write_str("That name is reserved for the server itself."),
        }
    }
}

impl std::error::Error for NameError {}

impl Accounts {
    /// Opens the accounts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(store: &Store) -> Result<Self, StoreError> {
        let accounts = Self {
            store: store.clone(),
            domain: OnceLock::new(),
            cache: Mutex::default(),
            changes: tokio::sync::Mutex::default(),
            hashes: AtomicU8::new(0),
        };
        if let Some(domain) = settings::load(store)?.domain {
            accounts.set_domain(domain.into());
        }
        accounts.count_hashes()?;
        Ok(accounts)
    }

    /// The domain was chosen. Later calls change nothing: addresses are for good.
    pub(crate) fn set_domain(&self, domain: Arc<str>) {
        let _ = self.domain.set(domain);
    }

    /// The localpart of an address of this home; `None` for any other.
    fn local<'a>(&self, jid: &'a BareJid) -> Option<&'a str> {
        let own = self.domain.get().is_some_and(|domain| **domain == *jid.domain());
        jid.local().filter(|_| own)
    }

    /// The address that somebody means who typed a localpart or bare JID.
    ///
    /// # Errors
    /// [`NameError`], never [`NameError::Reserved`].
    pub fn address(&self, typed: &str) -> Result<BareJid, NameError> {
        let domain = self.domain.get().ok_or(NameError::NoDomain)?;
        address_at(typed, domain)
    }

    /// The record of `jid`, whatever its state.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn lookup(&self, jid: &BareJid) -> Result<Option<Arc<Record>>, StoreError> {
        let Some(local) = self.local(jid) else { return Ok(None) };
        let mut cache = self.cache();
        if let Some(record) = cache.get(local) {
            return Ok(Some(Arc::clone(record)));
        }
        // Read under the cache's lock: a change cannot come between reading and keeping.
        let Some(record) = self.store.get(&ACCOUNTS, local)? else { return Ok(None) };
        if cache.len() >= ACCOUNTS_CACHED_MAX {
            cache.clear();
        }
        let record = Arc::new(record);
        cache.insert(local.to_owned(), Arc::clone(&record));
        Ok(Some(record))
    }

    /// Can somebody write to `jid`? Yes for a locked account, no for a deleted one. If the store
    /// cannot tell, yes: whoever tries to keep the message finds out, and the sender hears of it.
    #[must_use]
    pub fn exists(&self, jid: &BareJid) -> bool {
        match self.lookup(jid) {
            Ok(record) => record.is_some_and(|r| matches!(r.state, State::Active | State::Locked)),
            Err(e) => {
                tracing::error!(error = %e, "an account could not be read");
                true
            }
        }
    }

    /// Can `jid` log in?
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn can_log_in(&self, jid: &BareJid) -> Result<bool, StoreError> {
        if self.is_probe(jid) {
            return Ok(true);
        }
        Ok(self.lookup(jid)?.is_some_and(|r| r.is_active()))
    }

    /// Is `jid` the health log-in's address?
    #[must_use]
    pub fn is_probe(&self, jid: &BareJid) -> bool {
        self.local(jid) == Some(PROBE)
    }

    /// Up to `limit` accounts ordered by localpart, after the localpart `after`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn page(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Record)>, StoreError> {
        let span = match after {
            Some(after) => Span::all().after(after),
            None => Span::all(),
        };
        self.store.scan(&ACCOUNTS, &span, limit)
    }

    /// Calls `each` for every account, ordered by localpart.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn for_each(&self, mut each: impl FnMut(&str, &Record)) -> Result<(), StoreError> {
        let mut after: Option<String> = None;
        loop {
            let page = self.page(after.as_deref(), ROWS_PER_READ)?;
            page.iter().for_each(|(local, record)| each(local, record));
            match page.into_iter().last() {
                Some((last, _)) => after = Some(last),
                None => return Ok(()),
            }
        }
    }

    /// UTC midnight of the day `local` last logged in.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn last_login_day(&self, local: &str) -> Result<Option<u64>, StoreError> {
        self.store.get(&LAST_LOG_IN, local)
    }

    /// `jid` logged in. Written at most once a day, and nobody waits for it.
    pub(crate) fn logged_in(&self, daemon: &Daemon, jid: &BareJid, unix: u64) {
        let Some(local) = self.local(jid).filter(|l| *l != PROBE) else { return };
        let today = unix / DAY * DAY;
        match self.last_login_day(local) {
            Ok(Some(day)) if day == today => {}
            Ok(_) => {
                let mut batch = Batch::new();
                batch.put(&LAST_LOG_IN, local, &today);
                daemon.durability.commit(batch);
            }
            Err(e) => tracing::error!(error = %e, "the day of a log-in could not be read"),
        }
    }

    /// The hashes for which every account has keys, weakest first. Imported accounts may lack
    /// some: offering a mechanism that one of them cannot use would shut its owner out, because
    /// clients take the best one that is offered.
    #[must_use]
    pub fn common_hashes(&self) -> Vec<ScramHash> {
        let bits = self.hashes.load(Ordering::Relaxed);
        ScramHash::ALL.into_iter().filter(|h| bits & bit(*h) != 0).collect()
    }

    /// Counts anew for which hashes every account has keys.
    pub(crate) fn count_hashes(&self) -> Result<(), StoreError> {
        let every = ScramHash::ALL.into_iter().fold(0, |all, h| all | bit(h));
        let mut common = every;
        self.for_each(|_, record| {
            let known = record.scram.iter().filter_map(StoredKeys::hash);
            common &= known.fold(0, |all, h| all | bit(h));
        })?;
        // Accounts without a common hash: offer all, so that each can use its own.
        self.hashes.store(if common == 0 { every } else { common }, Ordering::Relaxed);
        Ok(())
    }

    fn cache(&self) -> MutexGuard<'_, HashMap<String, Arc<Record>>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands `batch`, which changes the records of `locals`, to the store, and forgets what was
    /// cached of them.
    fn enqueue(&self, daemon: &Daemon, batch: Batch, locals: &[&str]) -> Ticket {
        // Under the cache's lock, for the reason given in `lookup`.
        let mut cache = self.cache();
        let ticket = daemon.durability.commit(batch);
        for local in locals {
            cache.remove(*local);
        }
        ticket
    }

    /// As [`Accounts::enqueue`], and waits until it is durable.
    pub(crate) async fn write(
        &self,
        daemon: &Daemon,
        batch: Batch,
        locals: &[&str],
    ) -> Result<(), NotDurable> {
        let ticket = self.enqueue(daemon, batch, locals);
        self.settled(daemon, ticket, locals).await
    }

    /// Waits until what was enqueued with `ticket`, of `locals`, is durable.
    async fn settled(
        &self,
        daemon: &Daemon,
        ticket: Ticket,
        locals: &[&str],
    ) -> Result<(), NotDurable> {
        let done = daemon.durability.wait(ticket).await;
        if done.is_err() {
            // Somebody may have read what was not to be.
            let mut cache = self.cache();
            locals.iter().for_each(|local| drop(cache.remove(*local)));
        }
        done
    }
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts").finish_non_exhaustive()
    }
}

/// The address at `domain` that somebody means who typed a localpart or bare JID.
///
/// # Errors
/// [`NameError::Malformed`], [`NameError::Remote`].
pub(crate) fn address_at(typed: &str, domain: &Arc<str>) -> Result<BareJid, NameError> {
    let typed = typed.trim();
    if !typed.contains('@') {
        return BareJid::from_parts(typed, domain).map_err(|_| NameError::Malformed);
    }
    let jid = BareJid::parse(typed).map_err(|_| NameError::Malformed)?;
    match jid.local() {
        Some(_) if jid.domain() == &**domain => Ok(jid),
        Some(_) => Err(NameError::Remote(Arc::clone(domain))),
        None => Err(NameError::Malformed),
    }
}

fn bit(hash: ScramHash) -> u8 {
    match hash {
        ScramHash::Sha1 => 1,
        ScramHash::Sha256 => 2,
        ScramHash::Sha512 => 4,
    }
}
