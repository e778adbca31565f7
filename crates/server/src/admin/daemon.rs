//! The daemon itself: version, counters, health facts.

use std::sync::PoisonError;
use std::time::Instant;

use admin_api::Problem;
use admin_api::daemon::{Ports, StatusReply};
use health::{DaemonFacts, PortFacts};

use super::access::Caller;
use super::{sessions, store_problem};
use crate::daemon::{Daemon, Listening, Now};
use crate::limits::KEY_JOINED_NEWS;
use crate::services::probe;
use crate::settings;

/// Version, domain, counters. Whoever is not signed in learns only what a client learns, too.
pub(super) fn status(daemon: &Daemon, caller: &Caller) -> Result<StatusReply, Problem> {
    let mut status = StatusReply {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        domain: daemon.domain().map(|d| d.to_string()),
        started: daemon.started.unix,
        accounts: 0,
        sessions: 0,
        certificate_sha256: daemon.tls.sha256(),
        ports: ports(daemon),
        counters: std::collections::BTreeMap::new(),
    };
    if caller.is_trusted() {
        let count = |_: &str, record: &crate::accounts::Record| {
            status.accounts += u32::from(record.is_active());
        };
        daemon.accounts.for_each(count).map_err(store_problem)?;
        status.sessions = sessions::count(daemon);
        status.counters = daemon.counters.snapshot();
    }
    Ok(status)
}

/// What the daemon knows of its own health.
pub(super) async fn facts(daemon: &std::sync::Arc<Daemon>) -> DaemonFacts {
    let panics = daemon.counters.snapshot().get("daemon.panics").copied().unwrap_or(0);
    DaemonFacts {
        domain: daemon.domain().map(|d| d.to_string()),
        loopback_login: probe::result(daemon).await,
        certificate: Some(daemon.tls.facts()),
        store_write: Some(store_write(daemon).await),
        store_bytes: daemon.store.size_bytes().unwrap_or(0),
        store_path: daemon.config.server.data_dir.display().to_string(),
        ports: listening(daemon).iter().map(port).collect(),
        // An unreadable store is another check's finding.
        last_backup: settings::last_export(&daemon.store).unwrap_or(None),
        keys_joined: keys_joined(daemon),
        omemo_harmed: daemon.omemo.harmed(),
        panics,
    }
}

/// An unreadable store is another check's finding.
fn keys_joined(daemon: &Daemon) -> u32 {
    let since = Now::read().unix.saturating_sub(KEY_JOINED_NEWS);
    let domain = daemon.domain().unwrap_or_default();
    crate::directory::joined_since(&daemon.store, &domain, since).unwrap_or(0)
}

/// Milliseconds until a write was durable.
async fn store_write(daemon: &Daemon) -> Result<u32, String> {
    let began = Instant::now();
    let ticket = daemon.durability.commit(settings::probe_write());
    daemon.durability.wait(ticket).await.map_err(|e| e.to_string())?;
    Ok(u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX))
}

fn listening(daemon: &Daemon) -> Vec<Listening> {
    daemon.listening.read().unwrap_or_else(PoisonError::into_inner).clone()
}

fn ports(daemon: &Daemon) -> Ports {
    let all = listening(daemon);
    let port = |direct_tls| {
        let bound = all.iter().filter(|l| l.direct_tls == direct_tls).find_map(|l| l.bound);
        bound.map_or(0, |address| address.port())
    };
    Ports { starttls: port(false), direct_tls: port(true) }
}

fn port(listening: &Listening) -> PortFacts {
    let purpose = if listening.direct_tls { "chat (direct TLS)" } else { "chat (STARTTLS)" };
    PortFacts {
        purpose: purpose.to_owned(),
        address: listening.configured.to_string(),
        listening: listening.bound.is_some(),
    }
}
