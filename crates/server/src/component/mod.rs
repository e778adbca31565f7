//! Components: programs beside the daemon with a domain of their own, such as gateways.
//!
//! Spec: XEP-0114, the namespace `jabber:component:accept`. This file knows which there are and
//! which are connected; `stream` serves one connection, `secrets` reads the file with their names
//! and secrets, the rules of the stream itself are `xmpp::component`'s.
//!
//! Invariants: a component speaks for its own domain only; of two connections of one component
//! the newer one has it; what a component did not get goes back to who sent it; a component that
//! does not read is disconnected, and nobody waits for it.

mod secrets;
mod stream;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use admin_api::Secret;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use xmpp::error::{StanzaCondition, StreamCondition, StreamError};
use xmpp::jid::Jid;
use xmpp::stanza::Stanza;

pub use secrets::SecretsError;

use crate::daemon::{Daemon, Now};
use crate::letter::Letter;
use crate::limits::COMPONENT_CONNECTIONS_MAX;
use crate::outbox::{End, Outbox};
use crate::wire::Wire;
use crate::{deliver, listen};

/// The components that there may be, and those that are connected.
#[derive(Debug)]
pub struct Components {
    secrets: BTreeMap<String, Secret>,
    online: Mutex<BTreeMap<String, Arc<Outbox>>>,
    /// Addresses that are listened on.
    bound: RwLock<Vec<SocketAddr>>,
    permits: Arc<Semaphore>,
}

impl Default for Components {
    /// None.
    fn default() -> Self {
        Self {
            secrets: BTreeMap::new(),
            online: Mutex::default(),
            bound: RwLock::default(),
            permits: Arc::new(Semaphore::new(COMPONENT_CONNECTIONS_MAX)),
        }
    }
}

impl Components {
    /// Those of `config`; none if it has no listener.
    ///
    /// # Errors
    /// [`SecretsError`].
    pub fn open(config: &config::Components) -> Result<Self, SecretsError> {
        if config.listen.is_empty() {
            return Ok(Self::default());
        }
        Ok(Self { secrets: secrets::read(&config.secrets)?, ..Self::default() })
    }

    /// Is `domain` a component's, connected or not?
    #[must_use]
    pub fn has(&self, domain: &str) -> bool {
        self.secrets.contains_key(domain)
    }

    /// The domains of those that are connected.
    #[must_use]
    pub fn online(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// The addresses that are listened on.
    #[must_use]
    pub fn bound(&self) -> Vec<SocketAddr> {
        self.bound.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Hands `stanza` to the component that its addressee is of.
    ///
    /// # Errors
    /// `remote-server-not-found` if there is none, `remote-server-timeout` if it is not connected
    /// or does not read (RFC 6120 §8.3.3.16 and §8.3.3.17).
    pub fn deliver(&self, now: Now, stanza: &Stanza) -> Result<(), StanzaCondition> {
        let domain = stanza.to().map(Jid::domain).filter(|domain| self.has(domain));
        let domain = domain.ok_or(StanzaCondition::RemoteServerNotFound)?;
        let outbox = self.lock().get(domain).map(Arc::clone);
        let outbox = outbox.ok_or(StanzaCondition::RemoteServerTimeout)?;
        let taken = outbox.push(Wire::at(stanza.clone(), now.unix));
        if taken { Ok(()) } else { Err(StanzaCondition::RemoteServerTimeout) }
    }

    /// Waits until every connection is over.
    pub async fn drained(&self) {
        let all = u32::try_from(COMPONENT_CONNECTIONS_MAX).unwrap_or(u32::MAX);
        // The semaphore is never closed, so this only waits.
        let _ = self.permits.acquire_many(all).await;
    }

    fn secret(&self, domain: &str) -> Option<&str> {
        // For the proof of the handshake.
        self.secrets.get(domain).map(Secret::expose)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Outbox>>> {
        self.online.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A component that is connected, as its connection holds it. Dropping it ends that, also when the
/// connection's task panics.
struct Online {
    daemon: Arc<Daemon>,
    name: String,
    outbox: Arc<Outbox>,
}

impl Online {
    /// `name` is connected now, in place of an older connection of its own.
    fn enter(daemon: &Arc<Daemon>, name: &str) -> Self {
        let outbox = Arc::new(Outbox::for_component());
        let old = daemon.components.lock().insert(name.to_owned(), Arc::clone(&outbox));
        if let Some(old) = old {
            old.end(End::Error(StreamError::new(StreamCondition::Conflict)));
        }
        daemon.counters.add("component", "connected");
        Self { daemon: Arc::clone(daemon), name: name.to_owned(), outbox }
    }
}

impl Drop for Online {
    fn drop(&mut self) {
        {
            let mut online = self.daemon.components.lock();
            if online.get(&self.name).is_some_and(|outbox| Arc::ptr_eq(outbox, &self.outbox)) {
                online.remove(&self.name);
            }
        }
        // To its new connection, or back to who sent it.
        let rest = self.outbox.close().into_iter().filter_map(Letter::undelivered);
        let rest: Vec<Stanza> = rest.map(|(stanza, _)| stanza).collect();
        deliver::route_all(&self.daemon, Now::read(), rest);
    }
}

/// A listener for components could not be opened.
#[derive(Debug)]
pub struct ListenError {
    address: SocketAddr,
    source: std::io::Error,
}

impl std::fmt::Display for ListenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "cannot listen on {} for components: {}; change [components] in the configuration",
            self.address, self.source
        )
    }
}

impl std::error::Error for ListenError {}

/// Opens the listeners for components and starts accepting.
///
/// # Errors
/// The first address that cannot be listened on.
pub async fn listen(daemon: &Arc<Daemon>) -> Result<(), ListenError> {
    for address in daemon.config.components.listen.clone() {
        let opened = listen::bind(address).await;
        let (listener, bound) = opened.map_err(|source| ListenError { address, source })?;
        daemon.components.bound.write().unwrap_or_else(PoisonError::into_inner).push(bound);
        tokio::spawn(accept(Arc::clone(daemon), listener));
    }
    Ok(())
}

async fn accept(daemon: Arc<Daemon>, listener: TcpListener) {
    let permits = &daemon.components.permits;
    while let Some((permit, socket, _)) = listen::next(&daemon, &listener, permits).await {
        let daemon = Arc::clone(&daemon);
        tokio::spawn(async move {
            Box::pin(stream::serve(daemon, socket)).await;
            drop(permit);
        });
    }
}
