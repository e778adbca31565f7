//! The concierge's key, there before anybody needs it.
//!
//! At the first start the key is made, on a thread of its own, since that takes up to a second; with
//! the home's domain known, it stands in the directory like everybody's, so that its history is
//! sealed as well and clients' files can have it. Invariants: one key at a time is being made; it
//! is used once it is durable.

use std::convert::Infallible;
use std::sync::Arc;

use admin_api::fingerprints::{Entry, State};
use otr::Fingerprint;
use store::Batch;

use super::keys::Identity;
use super::{Key, address};
use crate::daemon::{Daemon, Now};
use crate::deliver;
use crate::directory::{Made, Place};

/// Sees to it that the concierge has a key and that the directory knows it. For the start, and for
/// the end of set-up.
pub async fn prepare(daemon: Arc<Daemon>) {
    let known = {
        let mut state = daemon.concierge.lock();
        if let Key::Unknown = state.key {
            match Identity::load(&daemon.store) {
                Ok(Some(identity)) => state.key = Key::Ready(identity),
                Ok(None) => state.key = Key::Making(Vec::new()),
                Err(e) => {
                    tracing::error!(error = %e, "the concierge's key cannot be read");
                    return;
                }
            }
        } else if let Key::Making(_) = state.key {
            // Whoever makes it does the rest.
            return;
        }
        match &state.key {
            Key::Ready(identity) => Some(identity.key.fingerprint()),
            Key::Making(_) | Key::Unknown => None,
        }
    };
    match known {
        Some(fingerprint) => record(&daemon, fingerprint),
        None => make_key(daemon).await,
    }
}

/// Makes the key, and answers those who wait for it.
pub(super) async fn make_key(daemon: Arc<Daemon>) {
    let made = tokio::task::spawn_blocking(Identity::make).await.ok().flatten();
    let mut durable = None;
    if let Some(identity) = made {
        let mut batch = Batch::new();
        identity.write(&mut batch);
        let written = daemon.durability.wait(daemon.durability.commit(batch)).await;
        durable = written.is_ok().then_some(identity);
    }
    let (waiting, fingerprint) = {
        let mut state = daemon.concierge.lock();
        let waiting = match std::mem::replace(&mut state.key, Key::Unknown) {
            Key::Making(waiting) => waiting,
            Key::Unknown | Key::Ready(_) => Vec::new(),
        };
        let Some(identity) = durable else {
            tracing::error!("the concierge's key could not be made and kept");
            return;
        };
        let fingerprint = identity.key.fingerprint();
        state.key = Key::Ready(identity);
        (waiting, fingerprint)
    };
    tracing::info!("the concierge has a key");
    record(&daemon, fingerprint);
    deliver::route_all(&daemon, Now::read(), waiting);
}

/// Writes its own key into the directory, unless it stands there.
fn record(daemon: &Daemon, fingerprint: Fingerprint) {
    let Some(own) = daemon.domain().and_then(|domain| address(&domain)) else { return };
    let (by, now) = (own.to_string(), Now::read().unix);
    let place = Place { jid: own, fingerprint: fingerprint.to_hex() };
    let entry = Entry {
        jid: by.clone(),
        fingerprint: place.fingerprint.clone(),
        label: String::new(),
        device: "the server".to_owned(),
        state: State::Attested,
        last_seen: None,
        added: now,
        changed: now,
        changed_by: by.clone(),
        ..Entry::default()
    };
    let decide = |before: Option<Entry>| {
        Ok::<_, Infallible>(if before.is_some() { Made::Nothing } else { Made::Kept(entry) })
    };
    if daemon.directory.change(daemon, &place, &by, decide).is_err() {
        tracing::error!("the concierge's key could not be put into the directory");
    }
}
