//! A server under load: started in a folder of its own, stopped, and its folder removed.
//!
//! Invariant: both kinds listen on 127.0.0.1 only, with STARTTLS, the same certificate and the
//! same accounts.

mod prosody;
mod snugd;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use xmpp::scram::{ClientKeys, ITERATIONS_MIN, ScramKeys};

use super::PASSWORD;
use super::certificate::Certificate;
use super::client::{Access, HASH};
use super::failure::{Doing, Failure, Result};
use super::measure::Process;

/// The salt of all accounts.
const SALT: &[u8] = b"the same for all";

/// Longest start and longest stop.
const START_SECONDS_MAX: u64 = 60;

/// Wait until the server has done what clients left behind, such as closed connections.
const SETTLE: Duration = Duration::from_millis(500);

/// Lines of a server's log that are shown when something failed.
const LOG_LINES: usize = 20;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ours.
    Snugd,
    /// Debian's package `prosody`.
    Prosody,
}

impl Kind {
    /// Both, ours first.
    pub const ALL: [Self; 2] = [Self::Snugd, Self::Prosody];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Snugd => "snugd",
            Self::Prosody => "prosody",
        }
    }

    /// Whether there is anything to start; says what to do if not.
    pub(super) fn present(self) -> Result<()> {
        match self {
            Self::Snugd => snugd::present(),
            Self::Prosody => prosody::present(),
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A running server.
pub struct Server {
    child: Child,
    folder: Folder,
    address: SocketAddr,
    certificate: Clients,
    keys: ClientKeys,
}

/// What clients know of TLS.
struct Clients {
    full: std::sync::Arc<rustls::ClientConfig>,
    resuming: std::sync::Arc<rustls::ClientConfig>,
}

impl Server {
    /// Starts a server of `kind` with `accounts` accounts, which archives what is said or not.
    pub(super) async fn start(
        kind: Kind,
        certificate: &Certificate,
        accounts: usize,
        archive: bool,
    ) -> Result<Self> {
        let folder = Folder::new(kind)?;
        certificate.write(&folder.0)?;
        let address = free_address()?;
        let keys = ClientKeys::derive(HASH, PASSWORD, SALT, ITERATIONS_MIN)
            .doing(|| "the accounts' keys".to_owned())?;
        let stored = keys.clone().into_server_keys();
        let plan = Start { folder: &folder.0, address, accounts, archive, keys: &stored };
        let child = match kind {
            Kind::Snugd => snugd::start(&plan).await,
            Kind::Prosody => prosody::start(&plan).await,
        }
        .map_err(|e| Failure::new(format!("starting {kind}: {e}\n{}", folder.log())))?;
        let certificate =
            Clients { full: certificate.client(false)?, resuming: certificate.client(true)? };
        Ok(Self { child, folder, address, certificate, keys })
    }

    /// How to log in, with full handshakes or resuming.
    pub(super) fn access(&self, resume: bool) -> Result<Access> {
        let tls = if resume { &self.certificate.resuming } else { &self.certificate.full };
        Ok(Access { address: self.address, tls: tls.clone(), keys: self.keys.clone() })
    }

    /// Its admin socket, if it is snugd.
    pub(super) fn admin(&self) -> Option<admin_api::Client> {
        let socket = snugd::socket(&self.folder.0);
        socket.exists().then(|| admin_api::Client::new(socket, admin_api::Role::Operator))
    }

    /// Its process.
    pub(super) fn process(&self) -> Process {
        // A child that has ended has no id; its process then cannot be read, which is reported.
        Process(self.child.id().unwrap_or(0))
    }

    /// CPU time so far, once the last clients' traces are gone.
    pub(super) async fn settled_cpu(&self) -> Result<Duration> {
        sleep(SETTLE).await;
        self.process().cpu()
    }

    /// Stops it; returns the end of its log.
    pub(super) async fn stop(mut self) -> Result<String> {
        let log = self.folder.log();
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            // It may have ended by itself, which the log tells.
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
        let end = timeout(Duration::from_secs(START_SECONDS_MAX), self.child.wait()).await;
        if end.is_err() {
            self.child.kill().await.doing(|| "killing the server".to_owned())?;
        }
        Ok(log)
    }
}

/// What a server is to be started with.
struct Start<'a> {
    folder: &'a Path,
    address: SocketAddr,
    accounts: usize,
    archive: bool,
    keys: &'a ScramKeys,
}

impl Start<'_> {
    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        std::fs::write(&path, text).doing(|| path.display().to_string())?;
        Ok(path)
    }

    /// Runs `command` with its output in the log, and waits until it listens.
    async fn spawn(&self, mut command: Command) -> Result<Child> {
        let path = self.folder.join("log");
        let log = std::fs::File::create(&path).doing(|| path.display().to_string())?;
        let errors = log.try_clone().doing(|| path.display().to_string())?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .doing(|| format!("{command:?}"))?;
        let listening = async {
            while tokio::net::TcpStream::connect(self.address).await.is_err() {
                if let Ok(Some(status)) = child.try_wait() {
                    return Err(Failure::new(format!("it ended with {status}")));
                }
                sleep(Duration::from_millis(20)).await;
            }
            Ok(())
        };
        timeout(Duration::from_secs(START_SECONDS_MAX), listening)
            .await
            .map_err(|_| Failure::new("it does not listen"))??;
        Ok(child)
    }
}

/// A folder that is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(kind: Kind) -> Result<Self> {
        // Short, because the path of a unix socket is.
        let path = std::env::temp_dir().join(format!("{kind}-bench-{}", std::process::id()));
        std::fs::create_dir(&path).doing(|| path.display().to_string())?;
        Ok(Self(path))
    }

    fn log(&self) -> String {
        let text = std::fs::read_to_string(self.0.join("log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left in the temporary folder does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An address that was free just now.
fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing(|| "a port".to_owned())?;
    listener.local_addr().doing(|| "a port".to_owned())
}
