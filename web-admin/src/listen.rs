//! The panel's door: accept, look who it is, TLS, HTTP/1.1.
//!
//! HTTPS only; there is no plain HTTP. Invariants: a permit is taken before a connection is
//! accepted, so that no more than [`CONNECTIONS_MAX`] exist; a peer that is not at home is
//! closed before a byte of TLS is spoken; handshake, head, body and age of a connection are
//! bounded ([`crate::limits`]).

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use health::facts::boot_millis;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::limits::{
    CONNECTION_AGE_MAX, CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX, HANDSHAKE_TIME_MAX,
    HEAD_BYTES_MAX, HEAD_TIME_MAX, HEADER_LINES_MAX, LINGER_TIME_MAX,
};

/// Pause after the operating system refused to accept (out of file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The address a request came from; each request carries it as an extension.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// When the connection of a request was accepted, milliseconds since the machine started; each
/// request carries it as an extension.
#[derive(Clone, Copy, Debug)]
pub struct Accepted(pub u64);

/// Says which peers may talk to the panel.
pub type Admit = Box<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// What all connections share.
pub struct Door {
    acceptor: TlsAcceptor,
    pages: Router,
    admit: Admit,
    permits: Arc<Semaphore>,
    addresses: Arc<Addresses>,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl Door {
    /// A door to `pages` for the peers that `admit` lets in.
    #[must_use]
    pub fn new(acceptor: TlsAcceptor, pages: Router, admit: Admit) -> Self {
        Self {
            acceptor,
            pages,
            admit,
            permits: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            addresses: Arc::new(Addresses::default()),
        }
    }

    /// Accepts until `stop` says so, then lets the open connections finish.
    pub async fn serve(self: Arc<Self>, socket: TcpListener, mut stop: watch::Receiver<bool>) {
        let mut connections = tokio::task::JoinSet::new();
        loop {
            let next = tokio::select! {
                next = self.next(&socket) => next,
                _ = stop.wait_for(|stop| *stop) => break,
                // Finished connections are forgotten one by one.
                Some(_) = connections.join_next() => continue,
            };
            if let Some((stream, peer, permit)) = next {
                self.admit(&mut connections, (stream, peer, permit), &stop);
            }
        }
        drop(socket);
        while connections.join_next().await.is_some() {}
    }

    async fn next(
        &self,
        socket: &TcpListener,
    ) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok()?;
        match socket.accept().await {
            Ok((stream, peer)) => Some((stream, peer, permit)),
            Err(e) => {
                tracing::warn!("a connection could not be accepted: {e}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                None
            }
        }
    }

    fn admit(
        self: &Arc<Self>,
        connections: &mut tokio::task::JoinSet<()>,
        (stream, peer, permit): (TcpStream, SocketAddr, OwnedSemaphorePermit),
        stop: &watch::Receiver<bool>,
    ) {
        let accepted = Accepted(boot_millis());
        let address = peer.ip().to_canonical();
        if !(self.admit)(address) {
            tracing::debug!("closed a connection from {address}, which is not at home");
            return;
        }
        let Some(place) = Addresses::enter(&self.addresses, address) else {
            tracing::debug!("closed a connection from {address}, which has too many");
            return;
        };
        let door = Arc::clone(self);
        let stop = stop.clone();
        connections.spawn(async move {
            door.talk(stream, (address, accepted), stop).await;
            drop((place, permit));
        });
    }

    async fn talk(
        &self,
        stream: TcpStream,
        (peer, accepted): (IpAddr, Accepted),
        mut stop: watch::Receiver<bool>,
    ) {
        let handshake = tokio::time::timeout(HANDSHAKE_TIME_MAX, self.acceptor.accept(stream));
        let stream = tokio::select! {
            result = handshake => match result {
                Ok(Ok(stream)) => stream,
                // Browsers that do not trust the certificate yet end here: no news.
                Ok(Err(e)) => return tracing::debug!("a TLS handshake failed: {e}"),
                Err(_) => return tracing::debug!("a TLS handshake took too long"),
            },
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let pages = Pages { router: TowerToHyperService::new(self.pages.clone()), peer, accepted };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME_MAX)
            .max_headers(HEADER_LINES_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), pages);
        let mut connection = pin!(connection);
        tokio::select! {
            _ = connection.as_mut() => return,
            () = tokio::time::sleep(CONNECTION_AGE_MAX) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        connection.as_mut().graceful_shutdown();
        // Whoever is still reading after that is cut off.
        let _ = tokio::time::timeout(LINGER_TIME_MAX, connection).await;
    }
}

/// The pages, as one connection sees them.
struct Pages {
    router: TowerToHyperService<Router>,
    peer: IpAddr,
    accepted: Accepted,
}

impl hyper::service::Service<Request<Incoming>> for Pages {
    type Response = Response;
    type Error = Infallible;
    type Future =
        <TowerToHyperService<Router> as hyper::service::Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(Peer(self.peer));
        request.extensions_mut().insert(self.accepted);
        hyper::service::Service::call(&self.router, request)
    }
}

/// How many connections each address has.
#[derive(Debug, Default)]
struct Addresses(Mutex<HashMap<IpAddr, usize>>);

/// One connection of an address; dropping it gives the place back.
struct Place {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Addresses {
    fn enter(all: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let mut counts = all.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_insert(0);
        if *count >= CONNECTIONS_PER_ADDRESS_MAX {
            return None;
        }
        *count += 1;
        Some(Place { addresses: Arc::clone(all), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.addresses.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_gets_a_part_of_the_places() {
        let all = Arc::new(Addresses::default());
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let mut places: Vec<_> =
            (0..CONNECTIONS_PER_ADDRESS_MAX).map(|_| Addresses::enter(&all, one)).collect();
        assert!(places.iter().all(Option::is_some));
        assert!(Addresses::enter(&all, one).is_none());
        assert!(Addresses::enter(&all, other).is_some());
        places.pop();
        assert!(Addresses::enter(&all, one).is_some());
        drop(places);
        assert!(all.0.lock().unwrap().is_empty(), "nothing is remembered of who has left");
    }
}
