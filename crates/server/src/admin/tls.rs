//! Certificates: the home's authority, the panel's leaf, reading files again.

use admin_api::panel::Done;
use admin_api::tls::{AuthorityReply, PanelLeaf, PanelLeafReply};
use admin_api::{Problem, ProblemKind};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::daemon::Daemon;
use crate::local_ca::CaError;
use crate::tls::TlsError;

/// The certificate that people tell their devices to trust.
pub(super) fn authority(daemon: &Daemon) -> AuthorityReply {
    match daemon.tls.authority_pem() {
        Some((pem, sha256)) => AuthorityReply { pem: Some(pem), sha256 },
        None => AuthorityReply { pem: None, sha256: String::new() },
    }
}

/// A certificate for the panel's own key.
pub(super) fn panel_leaf(daemon: &Daemon, call: &PanelLeaf) -> Result<PanelLeafReply, Problem> {
    let key = STANDARD.decode(&call.public_key);
    let key = key.map_err(|_| problem(&TlsError::PublicKey))?;
    let issued = daemon.tls.panel_leaf(&key, &call.names).map_err(|e| problem(&e))?;
    tracing::info!("the panel got a certificate");
    Ok(PanelLeafReply { chain_pem: issued.chain_pem, renew_at: issued.renew_at })
}

/// Reads the certificate files again.
pub(super) fn reload(daemon: &Daemon) -> Result<Done, Problem> {
    daemon.tls.reload().map_err(|e| problem(&e))?;
    Ok(Done {})
}

fn problem(e: &TlsError) -> Problem {
    let kind = match e {
        TlsError::NoAuthority => ProblemKind::NotFound,
        TlsError::Authority(CaError::Name(_))
        | TlsError::File(..)
        | TlsError::PublicKey
        | TlsError::Unfit(..) => ProblemKind::Invalid,
        TlsError::Authority(_) | TlsError::Library(_) => ProblemKind::Store,
    };
    Problem::new(kind, format!("{e}."))
}
