//! `snug.toml`, parsed into checked types.
//!
//! The file holds what needs a restart: listeners, paths, limits. What people change while the
//! server runs (the domain, accounts, administrators) is chosen in the panel and kept in the
//! store; no setting is in both.
//!
//! Invariants: every key has a default; a [`Config`] is whole and coherent, so nobody checks it
//! again; an error names file, line, key, the wrong value and the remedy. Nothing else in the
//! workspace reads the file.

mod check;
mod error;
mod file;
mod firewall;
mod keys;
mod show;

use std::fs::File;
use std::io::Read;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use error::{ConfigError, Fault};
pub use firewall::{ChatFrom, Firewall, Network, NotANetwork};
pub use keys::{KEYS, Key};

/// Where the file is looked for when no other is named.
pub const DEFAULT_PATH: &str = "/etc/snug/snug.toml";

/// Largest file that is read. The example with all its comments is a hundredth of it; more is
/// a wrong path.
pub const FILE_BYTES_MAX: u64 = 256 * 1024;

/// Everything in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Config {
    /// `[server]`
    pub server: Server,
    /// `[c2s]`
    pub c2s: C2s,
    /// `[components]`
    pub components: Components,
    /// `[tls]`
    pub tls: Tls,
    /// `[admin]`
    pub admin: Admin,
    /// `[panel]`
    pub panel: Panel,
    /// `[firewall]`
    pub firewall: Firewall,
    /// `[contact]`
    pub contact: Contact,
    /// `[limits]`
    pub limits: Limits,
    /// `[log]`
    pub log: Log,
}

/// The daemon itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Server {
    /// Absolute directory of the store and of the home's own authority.
    pub data_dir: PathBuf,
}

/// Where chat clients connect. At least one listener in all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct C2s {
    /// Listeners that begin in the clear and change to TLS (RFC 6120 §5).
    pub starttls: Vec<SocketAddr>,
    /// Listeners with TLS from the first byte (XEP-0368).
    pub direct_tls: Vec<SocketAddr>,
    /// Offer SASL PLAIN, inside TLS only, beside SCRAM.
    pub plain: bool,
}

/// Where components of this server, such as gateways, connect (XEP-0114).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Components {
    /// Listeners, in the clear; none = no components. On loopback, unless `beyond_loopback`.
    pub listen: Vec<SocketAddr>,
    /// Absolute path of the file with their names and secrets. Not in `snug.toml`, which the
    /// panel reads, too.
    pub secrets: PathBuf,
    /// Somebody has said that the network between is safe.
    pub beyond_loopback: bool,
}

/// Where certificates come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "mode")]
pub enum Tls {
    /// The home's own authority makes and renews them.
    #[default]
    OwnCa,
    /// PEM files that somebody else renews. Absolute paths.
    Files {
        /// The certificate, then its chain.
        certificate: PathBuf,
        /// The private key.
        key: PathBuf,
    },
}

/// The socket that the command line and the panel talk to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Admin {
    /// Absolute path of the unix socket.
    pub socket: PathBuf,
    /// The user that the panel runs as: the only one beside root and the daemon's own that may
    /// connect.
    pub panel_user: String,
}

/// The web panel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Panel {
    /// HTTPS listeners; at least one. Unused when systemd hands over a socket.
    pub listen: Vec<SocketAddr>,
    /// Absolute directory of the panel's own key and certificate.
    pub data_dir: PathBuf,
    /// Refuse browsers from outside the home's network.
    pub lan_only: bool,
}

/// Whom to turn to (XEP-0157); shown to clients. URIs such as `mailto:` or `xmpp:`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Contact {
    /// Administrators.
    pub admin: Vec<String>,
    /// For complaints.
    pub abuse: Vec<String>,
    /// For help.
    pub support: Vec<String>,
}

/// Ceilings that an operator may change. The daemon's own are in its `limits.rs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Connected clients per account, 1 to 100.
    pub sessions_per_account: u32,
    /// Longest wait for a client that lost its connection to come back for its session, in
    /// seconds, 0 (none) to 3,600.
    pub resume_seconds: u32,
    /// Messages kept per account while nobody is connected, 0 (none) to 100,000.
    pub offline_messages: u32,
    /// Connections from one address, 1 to 10,000.
    pub connections_per_address: u32,
    /// Largest stanza in bytes after log-in, 10,000 to 1,048,576.
    pub stanza_bytes: usize,
}

/// The log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Log {
    /// Least important lines that are kept.
    pub level: Level,
}

/// Importance of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Something failed that should not.
    Error,
    /// Something an operator should look at.
    Warn,
    /// What happens in a normal day; no addresses.
    #[default]
    Info,
    /// With addresses, for finding a fault.
    Debug,
    /// Everything but message bodies.
    Trace,
}

impl Level {
    /// All, from the quietest.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// As written in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

fn any(port: u16) -> Vec<SocketAddr> {
    vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))]
}

impl Default for Server {
    fn default() -> Self {
        Self { data_dir: "/var/lib/snug".into() }
    }
}

impl Default for C2s {
    fn default() -> Self {
        Self { starttls: any(5222), direct_tls: any(5223), plain: false }
    }
}

impl Default for Components {
    fn default() -> Self {
        Self { listen: Vec::new(), secrets: "/etc/snug/components".into(), beyond_loopback: false }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self { socket: "/run/snug/admin.sock".into(), panel_user: "snug-admin".into() }
    }
}

impl Default for Panel {
    fn default() -> Self {
        Self { listen: any(443), data_dir: "/var/lib/snug-admin".into(), lan_only: true }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions_per_account: 10,
            resume_seconds: 600,
            offline_messages: 1_000,
            connections_per_address: 200,
            stanza_bytes: 262_144,
        }
    }
}

impl Config {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// [`ConfigError`] if the file cannot be read or anything in it is not usable.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = read(path).map_err(|e| ConfigError {
            file: name.clone(),
            line: None,
            fault: Fault::Unreadable(e),
        })?;
        Self::parse(&text, &name)
    }

    /// Reads `path`; without one, [`DEFAULT_PATH`] if it is there, and else the defaults.
    ///
    /// # Errors
    /// As [`Config::load`]. A file that was named must exist.
    pub fn load_or_default(path: Option<&Path>) -> Result<Self, ConfigError> {
        match path {
            Some(path) => Self::load(path),
            None if Path::new(DEFAULT_PATH).exists() => Self::load(Path::new(DEFAULT_PATH)),
            None => Ok(Self::default()),
        }
    }

    /// Checks `text`, which is called `name` in errors.
    ///
    /// # Errors
    /// [`ConfigError`] with the first fault found.
    pub fn parse(text: &str, name: &str) -> Result<Self, ConfigError> {
        check::parse(text).map_err(|(at, fault)| ConfigError {
            file: name.to_owned(),
            line: at.map(|at| error::line_of(text, at)),
            fault,
        })
    }

    /// Everything in force, as a file that parses to the same.
    #[must_use]
    pub fn to_toml(&self) -> String {
        show::to_toml(self)
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err(std::io::Error::other("far too large for a configuration file"));
    }
    Ok(text)
}
