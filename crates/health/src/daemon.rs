//! What the daemon tells about itself. Filled by snugd, judged by the checks.

use serde::{Deserialize, Serialize};

/// Facts only the daemon can know. No personal data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DaemonFacts {
    /// The home's domain, once set up.
    pub domain: Option<String>,
    /// Did a real log-in (TCP, TLS, SCRAM, bind, ping) on loopback work, and in how many
    /// milliseconds? `Err` says what failed, in a clause without a full stop; `None` before
    /// set-up, when nobody can log in.
    pub loopback_login: Option<Result<u32, String>>,
    /// The certificate in use for XMPP.
    pub certificate: Option<CertificateFacts>,
    /// Did a write to the store come back durable, and in how many milliseconds? `Err` says what
    /// failed, in a clause without a full stop.
    pub store_write: Option<Result<u32, String>>,
    /// Size of the store on disk, bytes.
    pub store_bytes: u64,
    /// Directory of the store, so that its disk can be looked at.
    pub store_path: String,
    /// Ports on which the daemon means to listen, and whether it does.
    pub ports: Vec<PortFacts>,
    /// Time of the last backup (a whole export), seconds since 1970; `None` = never.
    pub last_backup: Option<u64>,
    /// Keys of the last week that joined one that their owner had.
    #[serde(default)]
    pub keys_joined: u32,
    /// People for whose OMEMO devices others cannot encrypt as they should.
    #[serde(default)]
    pub omemo_harmed: u32,
    /// Tasks that panicked since the start.
    pub panics: u64,
}

/// A certificate in use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CertificateFacts {
    /// Seconds since 1970.
    pub not_before: u64,
    /// Seconds since 1970.
    pub not_after: u64,
    /// DNS names and addresses it is for.
    pub names: Vec<String>,
    /// Why the last reload or renewal failed, if it did; the old certificate is still in use.
    pub last_error: Option<String>,
}

/// A port on which the daemon means to listen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PortFacts {
    /// For a person: "chat (STARTTLS)".
    pub purpose: String,
    /// Address and port as configured.
    pub address: String,
    /// Is it listening?
    pub listening: bool,
}
