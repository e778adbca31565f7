//! The daemon itself: version, counters, health facts.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::UnixTime;

/// What the daemon knows of its own health, including a real XMPP log-in on loopback.
/// The reply is [`health::DaemonFacts`].
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Facts {}

/// Version, domain, counters.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Status {}

/// Answer to [`Status`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StatusReply {
    /// Version of the daemon.
    pub version: String,
    /// The home's domain, once set up.
    pub domain: Option<String>,
    /// When the daemon started.
    pub started: UnixTime,
    /// Accounts that can log in.
    pub accounts: u32,
    /// Connected clients.
    pub sessions: u32,
    /// The certificate of the home's authority or the file in use, as SHA-256 of its DER.
    pub certificate_sha256: String,
    /// Ports of STARTTLS and direct TLS, as listening now.
    pub ports: Ports,
    /// Counters since the start, such as `stream-error.not-well-formed`.
    pub counters: BTreeMap<String, u64>,
}

/// Where clients connect.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Ports {
    /// STARTTLS, usually 5222; 0 = off.
    pub starttls: u16,
    /// Direct TLS, usually 5223; 0 = off.
    pub direct_tls: u16,
}
