//! Certificates: the home's own authority, and the panel's leaf.

use serde::{Deserialize, Serialize};

use crate::UnixTime;

/// The certificate of the home's own authority.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Authority {}

/// Answer to [`Authority`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuthorityReply {
    /// PEM; `None` when certificates come from files.
    pub pem: Option<String>,
    /// SHA-256 of the DER, 64 lower-case hexadecimal digits; empty without a PEM.
    pub sha256: String,
}

/// Ask for a certificate for the panel's own key. The key itself never leaves the panel.
#[derive(Debug, Serialize, Deserialize)]
pub struct PanelLeaf {
    /// Uncompressed P-256 point (65 bytes), base64.
    pub public_key: String,
    /// Host names and IP addresses the panel is reached under, at most 32.
    pub names: Vec<String>,
}

/// Can `name` stand in a certificate as a host name? RFC 1123 §2.1: letters, digits, inner hyphens
/// and dots; at most 253 bytes.
#[must_use]
pub fn is_host_name(name: &str) -> bool {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    // A last label of digits only would be read as an address.
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253 && name.split('.').all(label) && !last.bytes().all(|b| b.is_ascii_digit())
}

/// Answer to [`PanelLeaf`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PanelLeafReply {
    /// PEM: the leaf, then the authority.
    pub chain_pem: String,
    /// When to ask again (two thirds of its life).
    pub renew_at: UnixTime,
}

/// Read the certificate files again; on failure the old certificate stays.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Reload {}
