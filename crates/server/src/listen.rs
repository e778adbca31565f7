//! Listeners: a permit first, then accept, then one task per connection.
//!
//! Invariants: never more than [`CONNECTIONS_MAX`] connections; an address past its limits is
//! closed before a byte is read; a listener that fails to accept waits and goes on.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::admission::Admission;
use crate::c2s;
use crate::daemon::{Daemon, Listening};
use crate::limits::CONNECTIONS_MAX;

/// Pause after a failed accept: the usual cause, no free file descriptor, needs time to pass.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// All listeners and the permits of their connections.
#[derive(Debug)]
pub struct Listeners {
    permits: Arc<Semaphore>,
}

/// A listener could not be opened.
#[derive(Debug)]
pub struct ListenError {
    /// The address as configured.
    pub address: SocketAddr,
    /// Why.
    pub source: std::io::Error,
}

impl std::fmt::Display for ListenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "cannot listen on {}: {}; is another chat server running, or may this user not use \
             the port? Change [c2s] in the configuration",
            self.address, self.source
        )
    }
}

impl std::error::Error for ListenError {}

impl Listeners {
    /// Opens every configured listener and starts accepting.
    ///
    /// # Errors
    /// The first address that cannot be listened on.
    pub async fn open(daemon: &Arc<Daemon>) -> Result<Self, ListenError> {
        let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let admission = Admission::new(daemon.config.limits.connections_per_address as usize);
        let c2s = &daemon.config.c2s;
        let all = c2s.starttls.iter().map(|a| (*a, false));
        let all = all.chain(c2s.direct_tls.iter().map(|a| (*a, true)));
        for (address, direct_tls) in all {
            let opened = bind(address).await;
            let (listener, bound) = opened.map_err(|source| ListenError { address, source })?;
            let listening = Listening { direct_tls, configured: address, bound: Some(bound) };
            daemon.listening.write().unwrap_or_else(PoisonError::into_inner).push(listening);
            let accept = accept(
                Arc::clone(daemon),
                listener,
                direct_tls,
                Arc::clone(&permits),
                Arc::clone(&admission),
            );
            tokio::spawn(accept);
        }
        Ok(Self { permits })
    }

    /// Waits until every connection is over.
    pub async fn drained(&self) {
        let all = u32::try_from(CONNECTIONS_MAX).unwrap_or(u32::MAX);
        // The semaphore is never closed, so this only waits.
        let _ = self.permits.acquire_many(all).await;
    }
}

/// Listens on `address`; with the address that this became.
///
/// # Errors
/// What the system says.
pub(crate) async fn bind(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

/// The next connection, once there is a permit for it; `None` = the daemon stops.
pub(crate) async fn next(
    daemon: &Daemon,
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    let mut stopping = daemon.stopping.subscribe();
    loop {
        let next = async {
            let permit = Arc::clone(permits).acquire_owned().await.ok()?;
            Some((permit, listener.accept().await))
        };
        let accepted = tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => return None,
            accepted = next => accepted,
        };
        match accepted? {
            (permit, Ok((socket, peer))) => return Some((permit, socket, peer)),
            (_, Err(e)) => {
                daemon.counters.add("listener", "accept-failed");
                tracing::warn!(error = %e, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn accept(
    daemon: Arc<Daemon>,
    listener: TcpListener,
    direct_tls: bool,
    permits: Arc<Semaphore>,
    admission: Arc<Admission>,
) {
    while let Some((permit, socket, peer)) = next(&daemon, &listener, &permits).await {
        let Some(place) = admission.enter(peer.ip()) else {
            daemon.counters.add("listener", "refused-address");
            continue;
        };
        let connection = Accepted { socket, peer, direct_tls, place, permit };
        tokio::spawn(c2s::serve(Arc::clone(&daemon), connection));
    }
}

/// A connection that was let in.
#[derive(Debug)]
pub struct Accepted {
    /// The socket.
    pub socket: TcpStream,
    /// Who is there.
    pub peer: SocketAddr,
    /// Does TLS start at once (XEP-0368)?
    pub direct_tls: bool,
    /// Its place among the connections of its address.
    pub place: crate::admission::Place,
    /// Its place among all connections.
    pub permit: OwnedSemaphorePermit,
}
