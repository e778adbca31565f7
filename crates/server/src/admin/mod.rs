//! The admin socket: the panel and the command line talk to the daemon here.
//!
//! One file per area of `admin_api`; [`access`] says who may what. A peer is known by the user id
//! that the kernel tells: root and the daemon's own user get the role they ask for, the panel's
//! user gets [`Role::Panel`], everybody else is refused. That is why the socket itself can be
//! open to all.
//!
//! Invariants: at most [`ADMIN_CONNECTIONS_MAX`] peers at once; every read and write has a
//! deadline; an area's calls are matched exhaustively, so one without an answer does not
//! compile; the log says at info what was done, never to whom.

mod access;
mod accounts;
mod archive;
mod concierge;
mod daemon;
mod devices;
pub(crate) mod fingerprints;
mod firewall;
mod omemo;
pub mod panel;
mod protection;
mod push;
mod sessions;
mod setup;
#[cfg(test)]
mod tests;
mod tls;
mod transfer;

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use admin_api::frame::{self, FrameError};
use admin_api::{
    Call, Envelope, Hello, PROTOCOL, Problem, ProblemKind, Reply, Request, Role, Welcome,
};
use nix::unistd::{Uid, User};
use serde_json::Value;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use self::access::Caller;
use crate::daemon::Daemon;
use crate::durability::NotDurable;
use crate::limits::{
    ADMIN_CONNECTIONS_MAX, ADMIN_HELLO_TIME_MAX, ADMIN_IDLE_MAX, ADMIN_WRITE_TIME_MAX,
};

/// Pause after a failed accept: the usual cause, no free file descriptor, needs time to pass.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the admin socket cannot be opened. `Display` is a sentence for the operator.
#[derive(Debug)]
pub enum AdminError {
    /// Another daemon answers on it.
    InUse(PathBuf),
    /// The system refuses.
    Io(PathBuf, io::Error),
}

impl std::fmt::Display for AdminError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::InUse(path) => {
                write!(f, "another snugd answers on {}; stop it first", path.display())
            }
            Self::Io(path, e) => write!(
                f,
                "the admin socket {} cannot be opened: {e}; check [admin] socket in the settings",
                path.display()
            ),
        }
    }
}

impl std::error::Error for AdminError {}

/// Opens the admin socket and serves it until the daemon stops.
///
/// # Errors
/// [`AdminError`].
pub fn serve(daemon: &Arc<Daemon>) -> Result<(), AdminError> {
    let path = daemon.config.admin.socket.clone();
    let listener = open(&path)?;
    tokio::spawn(accept(Arc::clone(daemon), listener, path));
    Ok(())
}

fn open(path: &Path) -> Result<UnixListener, AdminError> {
    let failed = |e| AdminError::Io(path.to_owned(), e);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    // A socket that nobody answers on is left from a daemon that was killed.
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => return Err(AdminError::InUse(path.to_owned())),
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
            // Other files refuse connections, too.
            if !fs::symlink_metadata(path).map_err(failed)?.file_type().is_socket() {
                return Err(failed(io::ErrorKind::AlreadyExists.into()));
            }
            fs::remove_file(path).map_err(failed)?;
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(failed(e)),
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    // Who may speak is decided by user id; the panel's user shares no group with ours.
    fs::set_permissions(path, fs::Permissions::from_mode(0o666)).map_err(failed)?;
    Ok(listener)
}

async fn accept(daemon: Arc<Daemon>, listener: UnixListener, path: PathBuf) {
    let places = Arc::new(Semaphore::new(ADMIN_CONNECTIONS_MAX));
    let mut stopping = daemon.stopping.subscribe();
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.ok()?;
            Some((place, listener.accept().await))
        };
        let accepted = tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => None,
            accepted = next => accepted,
        };
        let Some((place, accepted)) = accepted else { break };
        let socket = match accepted {
            Ok((socket, _)) => socket,
            Err(e) => {
                tracing::warn!(error = %e, "a peer of the admin socket could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Decided before anything is read: strangers take no place from others for long.
        let Some(role) = role_of(&daemon, &socket) else {
            tracing::warn!("a user who may not use the admin socket was refused");
            continue;
        };
        let daemon = Arc::clone(&daemon);
        tokio::spawn(async move {
            Box::pin(talk(&daemon, socket, role)).await;
            drop(place);
        });
    }
    if let Err(e) = fs::remove_file(&path) {
        tracing::debug!(error = %e, "the admin socket could not be removed");
    }
}

/// The most that the peer's user id allows.
fn role_of(daemon: &Daemon, socket: &UnixStream) -> Option<Role> {
    let uid = Uid::from_raw(socket.peer_cred().ok()?.uid());
    if uid.is_root() || uid == Uid::effective() {
        return Some(Role::Operator);
    }
    let panel = User::from_name(&daemon.config.admin.panel_user).ok().flatten()?;
    (uid == panel.uid).then_some(Role::Panel)
}

/// Serves one peer, whose user id allows `most`.
async fn talk(daemon: &Arc<Daemon>, mut socket: UnixStream, most: Role) {
    let Some(role) = greet(&mut socket, most).await else { return };
    loop {
        let reply = match timeout(ADMIN_IDLE_MAX, frame::read(&mut socket)).await {
            Ok(Ok(envelope)) => answer(daemon, role, envelope).await,
            Ok(Err(FrameError::Json(_))) => Reply::Problem(Problem::new(
                ProblemKind::Daemon,
                "snugd does not know this call; restart snugd and the panel after an update.",
            )),
            Ok(Err(_)) | Err(_) => return,
        };
        if !write(&mut socket, &reply).await {
            return;
        }
    }
}

/// Exchanges greetings; `None` ends the connection.
async fn greet(socket: &mut UnixStream, most: Role) -> Option<Role> {
    let hello: Hello = timeout(ADMIN_HELLO_TIME_MAX, frame::read(socket)).await.ok()?.ok()?;
    let role = match (most, hello.role) {
        (Role::Operator, asked) => asked,
        (Role::Panel, Role::Panel) => Role::Panel,
        (Role::Panel, Role::Operator) => return None,
    };
    let welcome = Welcome { protocol: PROTOCOL, version: env!("CARGO_PKG_VERSION").to_owned() };
    let sent = timeout(ADMIN_WRITE_TIME_MAX, frame::write(socket, &welcome)).await;
    (matches!(sent, Ok(Ok(()))) && hello.protocol == PROTOCOL).then_some(role)
}

async fn write(socket: &mut UnixStream, reply: &Reply) -> bool {
    match timeout(ADMIN_WRITE_TIME_MAX, frame::write(socket, reply)).await {
        Ok(Ok(())) => true,
        Ok(Err(FrameError::TooLong(_))) => {
            let problem = Problem::new(
                ProblemKind::Invalid,
                "The answer is too long; ask for one person at a time.",
            );
            let reply = Reply::Problem(problem);
            let sent = timeout(ADMIN_WRITE_TIME_MAX, frame::write(socket, &reply)).await;
            matches!(sent, Ok(Ok(())))
        }
        Ok(Err(_)) | Err(_) => false,
    }
}

async fn answer(daemon: &Arc<Daemon>, role: Role, envelope: Envelope) -> Reply {
    let Envelope { token, request } = envelope;
    let result = match access::admit(daemon, role, token.as_ref(), &request) {
        Ok(caller) => Box::pin(dispatch(daemon, &caller, request)).await,
        Err(problem) => Err(problem),
    };
    match result {
        Ok(value) => Reply::Ok(value),
        Err(problem) => {
            daemon.counters.add("admin", problem.kind.as_str());
            Reply::Problem(problem)
        }
    }
}

async fn dispatch(
    daemon: &Arc<Daemon>,
    caller: &Caller,
    request: Request,
) -> Result<Value, Problem> {
    match request {
        Request::AccountAdd(c) => reply_to(&c, accounts::add(daemon, &c).await),
        Request::AccountDelete(c) => reply_to(&c, accounts::delete(daemon, &c).await),
        Request::AccountList(c) => reply_to(&c, accounts::list(daemon)),
        Request::AccountLock(c) => reply_to(&c, accounts::lock(daemon, &c).await),
        Request::AccountNames(c) => reply_to(&c, accounts::names(daemon)),
        Request::AccountPassword(c) => reply_to(&c, accounts::password(daemon, &c).await),
        Request::AccountRestore(c) => reply_to(&c, accounts::restore(daemon, &c).await),
        Request::AccountRole(c) => reply_to(&c, accounts::role(daemon, &c).await),
        Request::AccountShow(c) => reply_to(&c, accounts::show(daemon, &c)),
        Request::ArchiveDelete(c) => reply_to(&c, archive::delete(daemon, &c).await),
        Request::ArchiveSet(c) => reply_to(&c, archive::set(daemon, &c).await),
        Request::ArchiveShow(c) => reply_to(&c, archive::show(daemon)),
        Request::ConciergePhrase(c) => reply_to(&c, concierge::phrase(daemon, &c)),
        Request::DaemonFacts(c) => reply_to(&c, Ok(daemon::facts(daemon).await)),
        Request::DaemonStatus(c) => reply_to(&c, daemon::status(daemon, caller)),
        Request::DeviceList(c) => reply_to(&c, devices::list(daemon, &c)),
        Request::DeviceRevoke(c) => reply_to(&c, devices::revoke(daemon, &c).await),
        Request::FingerprintAdd(c) => {
            reply_to(&c, fingerprints::add(daemon, caller.name(), &c).await)
        }
        Request::FingerprintHistory(c) => reply_to(&c, fingerprints::history(daemon, &c)),
        Request::FingerprintList(c) => reply_to(&c, fingerprints::list(daemon, &c)),
        Request::FingerprintMark(c) => {
            reply_to(&c, fingerprints::mark(daemon, &caller.person()?.jid, &c).await)
        }
        Request::FingerprintRemove(c) => {
            reply_to(&c, fingerprints::remove(daemon, caller.name(), &c).await)
        }
        Request::FingerprintUpdate(c) => {
            reply_to(&c, fingerprints::update(daemon, caller.name(), &c).await)
        }
        Request::FirewallChoose(c) => reply_to(&c, firewall::choose(daemon, &c).await),
        Request::FirewallShow(c) => reply_to(&c, firewall::show(daemon)),
        Request::OmemoCarry(c) => {
            reply_to(&c, omemo::carry(daemon, &caller.person()?.jid, &c).await)
        }
        Request::OmemoShow(c) => reply_to(&c, omemo::show(daemon, &caller.person()?.jid)),
        Request::OmemoTakeBack(c) => {
            reply_to(&c, omemo::take_back(daemon, &caller.person()?.jid, &c).await)
        }
        Request::PanelRevoke(c) => reply_to(&c, panel::revoke(daemon, caller, &c).await),
        Request::PanelSessions(c) => reply_to(&c, panel::sessions(daemon, caller)),
        Request::PanelSignIn(c) => reply_to(&c, panel::sign_in(daemon, &c).await),
        Request::PanelSignOut(c) => reply_to(&c, panel::sign_out(daemon, caller).await),
        Request::PanelWho(c) => reply_to(&c, panel::who(daemon, caller)),
        Request::ProtectionCount(c) => reply_to(&c, protection::count(daemon, &c).await),
        Request::ProtectionOne(c) => reply_to(&c, protection::one(daemon, &c)),
        Request::ProtectionSet(c) => reply_to(&c, protection::set(daemon, &c).await),
        Request::ProtectionShow(c) => reply_to(&c, protection::show(daemon, &c)),
        Request::PushChoose(c) => reply_to(&c, push::choose(daemon, &c).await),
        Request::PushList(c) => reply_to(&c, push::list(daemon, &c)),
        Request::PushOff(c) => reply_to(&c, push::off(daemon, &c).await),
        Request::PushServices(c) => reply_to(&c, push::services(daemon)),
        Request::SessionKick(c) => reply_to(&c, sessions::kick(daemon, &c)),
        Request::SessionList(c) => reply_to(&c, sessions::list(daemon, &c)),
        Request::SetupCode(c) => reply_to(&c, setup::code(daemon).await),
        Request::SetupFinish(c) => reply_to(&c, setup::finish(daemon, &c).await),
        Request::SetupState(c) => reply_to(&c, setup::state(daemon, &c)),
        Request::TlsAuthority(c) => reply_to(&c, Ok(tls::authority(daemon))),
        Request::TlsPanelLeaf(c) => reply_to(&c, tls::panel_leaf(daemon, &c)),
        Request::TlsReload(c) => reply_to(&c, tls::reload(daemon)),
        Request::TransferExport(c) => reply_to(&c, transfer::export(daemon, &c)),
        Request::TransferExportData(c) => reply_to(&c, transfer::data::export(daemon, &c)),
        Request::TransferImport(c) => reply_to(&c, transfer::import(daemon, &c).await),
        Request::TransferImportData(c) => reply_to(&c, transfer::data::import(daemon, &c).await),
        Request::TransferKinds(c) => reply_to(&c, Ok(transfer::data::kinds())),
    }
}

/// The reply of `call`, which has exactly one type.
fn reply_to<C: Call>(_call: &C, reply: Result<C::Reply, Problem>) -> Result<Value, Problem> {
    serde_json::to_value(reply?)
        .map_err(|e| Problem::new(ProblemKind::Daemon, format!("The answer has no form: {e}")))
}

/// A failure of the store, for a person.
fn store_problem(e: impl std::fmt::Display) -> Problem {
    Problem::new(ProblemKind::Store, e.to_string())
}

impl From<NotDurable> for Problem {
    fn from(e: NotDurable) -> Self {
        store_problem(e)
    }
}
