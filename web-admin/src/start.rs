//! Starting and stopping: key and certificate, the pages, the doors.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower_http::catch_panic::CatchPanicLayer;

use crate::lan::{self, Gate};
use crate::limits::PAGE_TIME_MAX;
use crate::listen::{Accepted, Door, Peer};
use crate::problem::Problem;
use crate::tls::{Identity, TlsError};
use crate::{App, Panel, Settings, assets, certificate, headers, names, pages};

/// Why the panel cannot start. `Display` is a sentence for the operator.
#[derive(Debug)]
pub enum StartError {
    /// There is no socket to listen on.
    NoSocket,
    /// A socket cannot be used.
    Socket(io::Error),
    /// Key or certificate cannot be had.
    Tls(TlsError),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoSocket => f.write_str("there is no address to listen on; see [panel] listen"),
            Self::Socket(e) => write!(f, "a listening socket cannot be used: {e}"),
            Self::Tls(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}

/// A panel that runs. Dropping it stops it at once; [`Running::stop`] lets answers finish.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Running {
    /// Stops: no new connections, open ones finish their answer
    /// ([`crate::limits::LINGER_TIME_MAX`]).
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Starts the panel on `sockets`, which are bound already. Needs a tokio runtime.
///
/// # Errors
/// [`StartError`]; a daemon that is down is none.
pub fn start(settings: Settings, sockets: Vec<TcpListener>) -> Result<Running, StartError> {
    if sockets.is_empty() {
        return Err(StartError::NoSocket);
    }
    let own = lan::own_addresses().unwrap_or_default();
    let names = names::of_certificate(&names::host_name(), None, &own);
    let identity = Arc::new(Identity::open(&settings.data_dir, &names).map_err(StartError::Tls)?);
    let acceptor = TlsAcceptor::from(identity.server_config().map_err(StartError::Tls)?);
    let gate = Gate::new(settings.lan_only);
    let app = Panel::new(settings);
    let admit = Box::new(move |peer| gate.lets_in(peer));
    let door = Arc::new(Door::new(acceptor, router(&app), admit));
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let mut addresses = Vec::new();
    for socket in sockets {
        socket.set_nonblocking(true).map_err(StartError::Socket)?;
        addresses.push(socket.local_addr().map_err(StartError::Socket)?);
        let socket = tokio::net::TcpListener::from_std(socket).map_err(StartError::Socket)?;
        tasks.spawn(Arc::clone(&door).serve(socket, stopped.clone()));
    }
    tasks.spawn(certificate::keep_right(app, identity, stopped));
    Ok(Running { addresses, stop, tasks })
}

/// Every path that the panel answers.
pub fn router(app: &App) -> Router {
    pages::mount(app)
        .route(assets::PATH, get(assets::serve))
        .fallback(async || Problem::NoSuchPage)
        .method_not_allowed_fallback(async || Problem::Method)
        .with_state(App::clone(app))
        .layer(from_fn(in_time))
        .layer(CatchPanicLayer::custom(|_| {
            tracing::error!("a page panicked; the panel goes on");
            Problem::Ours.into_response()
        }))
        .layer(from_fn(headers::put))
        .layer(from_fn_with_state(App::clone(app), note_reached))
}

/// Says that the panel was reached, for a change of the firewall that waits to hear so.
async fn note_reached(State(app): State<App>, request: Request, next: Next) -> Response {
    let from = request.extensions();
    if let (Some(Peer(peer)), Some(Accepted(accepted))) = (from.get(), from.get()) {
        app.reached.note(*peer, *accepted);
    }
    next.run(request).await
}

/// Ends what takes too long.
async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(PAGE_TIME_MAX, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::TooSlow.into_response(),
    }
}
