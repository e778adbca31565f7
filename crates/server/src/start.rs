//! Start and stop: the order in which parts come up and go down.
//!
//! Invariants: listeners open last, when everything behind them works; on a stop, clients are
//! told first (`system-shutdown`), what is in flight is finished, and the store closes last,
//! all within [`SHUTDOWN_TIME_MAX`].

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, RwLock};

use config::Config;
use store::Store;
use tokio::sync::watch;

use crate::accounts::Accounts;
use crate::auth::Auth;
use crate::component::{self, Components};
use crate::counters::Counters;
use crate::daemon::{Daemon, Now};
use crate::durability::Durability;
use crate::features::Dispatch;
use crate::features::archive::keeping::Keeping;
use crate::features::push::{self, Pushing};
use crate::features::registration;
use crate::limits::SHUTDOWN_TIME_MAX;
use crate::listen::Listeners;
use crate::protection::Protection;
use crate::registry::Registry;
use crate::settle::Settle;
use crate::tls::Tls;
use crate::{admin, concierge, schema, services, settings, settle};

/// Why the daemon did not start. Its text says what to do.
#[derive(Debug)]
pub struct StartError(String);

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

fn because(e: impl std::fmt::Display) -> StartError {
    StartError(e.to_string())
}

/// A running daemon.
pub struct Running {
    /// Its state, for tests and for signals.
    pub daemon: Arc<Daemon>,
    listeners: Listeners,
}

/// Starts the daemon.
///
/// # Errors
/// If the store, the certificates, the admin socket or a listener cannot be opened; the text
/// says which and what to do.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let store = Store::open(&config.server.data_dir, &schema::schema()).map_err(because)?;
    let settings = settings::load(&store).map_err(because)?;
    let domain = settings.domain;
    let tls = Tls::open(&config, domain.as_deref()).map_err(because)?;
    let daemon = Arc::new(Daemon {
        durability: Durability::new(store.clone()),
        registry: Registry::default(),
        accounts: Accounts::open(&store).map_err(because)?,
        auth: Auth::open(&store).map_err(because)?,
        directory: crate::directory::Directory::default(),
        concierge: concierge::Concierge::default(),
        omemo: crate::omemo::Memory::default(),
        protection: Protection::open(&store).map_err(because)?,
        tls,
        components: Components::open(&config.components).map_err(because)?,
        dispatch: Dispatch::new(),
        pushing: Pushing::default(),
        registrations: registration::Waiting::default(),
        settle: Settle::default(),
        keeping: Keeping::new(settings.keep),
        counters: Counters::default(),
        stopping: watch::Sender::new(false),
        started: Now::read(),
        listening: RwLock::default(),
        domain: RwLock::new(domain.map(Into::into)),
        negotiation: Mutex::default(),
        next_session: AtomicU64::new(1),
        config,
        store,
    });
    tokio::spawn(settle::run(Arc::clone(&daemon)));
    tokio::spawn(push::run(Arc::clone(&daemon)));
    tokio::spawn(registration::run(Arc::clone(&daemon)));
    tokio::spawn(concierge::prepare(Arc::clone(&daemon)));
    admin::serve(&daemon).map_err(because)?;
    let listeners = Listeners::open(&daemon).await.map_err(because)?;
    component::listen(&daemon).await.map_err(because)?;
    services::spawn(&daemon);
    Ok(Running { daemon, listeners })
}

impl Running {
    /// Stops: tells clients, finishes what is in flight, closes the store.
    pub async fn stop(self) {
        self.daemon.stopping.send_replace(true);
        let drained = async {
            self.listeners.drained().await;
            self.daemon.components.drained().await;
            settle::finish(&self.daemon).await;
        };
        if tokio::time::timeout(SHUTDOWN_TIME_MAX, drained).await.is_err() {
            tracing::warn!("some connections did not end in time");
        }
        if let Err(e) = self.daemon.protection.flush(&self.daemon, Now::read()) {
            tracing::error!(error = %e, "the last counts could not be written");
        }
        if let Err(e) = self.daemon.store.close() {
            tracing::error!(error = %e, "the store did not close cleanly");
        }
    }
}
