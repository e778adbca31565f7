//! The daemon's shared state: what every task can see.
//!
//! Invariants: built once by [`crate::start`]; everything in it is either immutable or behind
//! its own short lock; nothing here is a global.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use config::Config;
use store::Store;
use tokio::sync::watch;

use crate::accounts::Accounts;
use crate::auth::Auth;
use crate::component::Components;
use crate::concierge::Concierge;
use crate::counters::Counters;
use crate::directory::Directory;
use crate::durability::Durability;
use crate::features::Dispatch;
use crate::features::archive::keeping::Keeping;
use crate::features::push::Pushing;
use crate::features::registration;
use crate::omemo;
use crate::protection::Protection;
use crate::registry::{Registry, SessionId};
use crate::settle::Settle;
use crate::tls::Tls;

/// The time of one input: read once by the shell, passed down.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Seconds since 1970.
    pub unix: u64,
    /// Microseconds since 1970.
    pub micros: u64,
    /// For measuring spans.
    pub monotonic: Instant,
}

impl Now {
    /// Reads the clocks.
    #[must_use]
    pub fn read() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let micros = u64::try_from(unix.as_micros()).unwrap_or(u64::MAX);
        Self { unix: unix.as_secs(), micros, monotonic: Instant::now() }
    }
}

/// Shared state of the daemon.
pub struct Daemon {
    /// `snug.toml`.
    pub config: Config,
    /// For bounded reads; writes go through `durability`.
    pub store: Store,
    /// Hands writes to the store, and knows which are durable.
    pub durability: Durability,
    /// Who is online.
    pub registry: Registry,
    /// Accounts and their keys.
    pub accounts: Accounts,
    /// Password checks and their throttle.
    pub auth: Auth,
    /// Certificates.
    pub tls: Tls,
    /// Programs with a domain of their own beside the home's.
    pub components: Components,
    /// The family's fingerprints.
    pub directory: Directory,
    /// What is remembered of OMEMO devices for a while.
    pub omemo: omemo::Memory,
    /// The home's own contact.
    pub concierge: Concierge,
    /// How much encryption is asked for, and what was encrypted.
    pub protection: Protection,
    /// IQ dispatch.
    pub dispatch: Dispatch,
    /// Devices to be woken.
    pub pushing: Pushing,
    /// Changes that people want made to their accounts.
    pub registrations: registration::Waiting,
    /// What waits for the disk before it may be routed.
    pub settle: Settle,
    /// How long messages are archived.
    pub keeping: Keeping,
    /// What happened since the start.
    pub counters: Counters,
    /// Turns `true` once, when the daemon stops.
    pub stopping: watch::Sender<bool>,
    /// When the daemon started.
    pub started: Now,
    /// Addresses in use, filled by the listeners.
    pub listening: RwLock<Vec<Listening>>,
    /// What negotiations need, as last made.
    pub(crate) negotiation: Mutex<Option<Arc<xmpp::negotiate::Config>>>,
    pub(crate) domain: RwLock<Option<Arc<str>>>,
    pub(crate) next_session: AtomicU64,
}

/// One listener.
#[derive(Clone, Debug)]
pub struct Listening {
    /// STARTTLS (`false`) or direct TLS (`true`).
    pub direct_tls: bool,
    /// As configured.
    pub configured: std::net::SocketAddr,
    /// As bound; `None` if it could not be.
    pub bound: Option<std::net::SocketAddr>,
}

impl Daemon {
    /// The home's domain; `None` until set-up is finished.
    #[must_use]
    pub fn domain(&self) -> Option<Arc<str>> {
        self.domain.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Is `domain` the home's?
    #[must_use]
    pub fn is_local(&self, domain: &str) -> bool {
        self.domain
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .as_deref()
            .is_some_and(|d| d == domain)
    }

    /// Is `domain` the home's or a component's, which are reached without other servers?
    #[must_use]
    pub fn is_near(&self, domain: &str) -> bool {
        self.is_local(domain) || self.components.has(domain)
    }

    /// A session name that was never used.
    #[must_use]
    pub fn fresh_session(&self) -> SessionId {
        self.next_session.fetch_add(1, Ordering::Relaxed)
    }
}
