//! Keeps the panel's certificate right: asks snugd for one, and again before it runs out or
//! when the box got another name or address.
//!
//! Invariants: one question at a time; after a failure the certificate in use stays, and the
//! next question waits.

use std::sync::Arc;
use std::time::Duration;

use admin_api::{ProblemKind, UnixTime, setup, tls};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::watch;

use crate::App;
use crate::lan;
use crate::limits::{CERTIFICATE_LOOK_EVERY, CERTIFICATE_RETRY_FIRST};
use crate::names;
use crate::tls::{Identity, Leaf};
use crate::when;

/// Runs until `stop` says so.
pub async fn keep_right(app: App, identity: Arc<Identity>, mut stop: watch::Receiver<bool>) {
    let mut retry = CERTIFICATE_RETRY_FIRST;
    let mut said = None;
    loop {
        let looked = tokio::select! {
            looked = look(&app, &identity) => looked,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let pause = match looked {
            Ok(()) => {
                said = None;
                retry = CERTIFICATE_RETRY_FIRST;
                CERTIFICATE_LOOK_EVERY
            }
            Err(why) => {
                if said.as_deref() != Some(why.as_str()) {
                    tracing::warn!("no new certificate for the panel yet: {why}");
                    said = Some(why);
                }
                let pause = retry;
                retry = longer(retry);
                pause
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

fn longer(pause: Duration) -> Duration {
    (pause * 2).min(CERTIFICATE_LOOK_EVERY)
}

async fn look(app: &App, identity: &Identity) -> Result<(), String> {
    let domain = match app.daemon.ask(setup::State { code: None }).await {
        Ok(state) => state.domain,
        Err(p) => return Err(p.message),
    };
    let own = lan::own_addresses().map_err(|e| format!("the interfaces cannot be read: {e}"))?;
    let wanted = names::of_certificate(&names::host_name(), domain.as_deref(), &own);
    // After a restore or a fresh start the home may have another authority.
    let authority = app.daemon.ask(tls::Authority {}).await.map_err(|p| p.message)?.pem;
    if !is_due(identity.leaf().as_ref(), &wanted, authority.as_deref(), when::now()) {
        return Ok(());
    }
    let public_key = STANDARD.encode(identity.public_point());
    let call = tls::PanelLeaf { public_key, names: wanted.clone() };
    let reply = match app.daemon.ask(call).await {
        Ok(reply) => reply,
        Err(p) if p.kind == ProblemKind::NotFound => {
            return Err(format!("{}; the self-signed one stays in use", p.message));
        }
        Err(p) => return Err(p.message),
    };
    let leaf = Leaf { chain_pem: reply.chain_pem, renew_at: reply.renew_at, names: wanted };
    identity.renew(leaf).map_err(|e| e.to_string())?;
    tracing::info!("the panel has a certificate of the home's own authority");
    Ok(())
}

/// Is a new certificate needed? A name too many in the old one does no harm; one that is
/// missing does.
fn is_due(leaf: Option<&Leaf>, wanted: &[String], authority: Option<&str>, now: UnixTime) -> bool {
    let Some(leaf) = leaf else { return true };
    let ours = authority.is_none_or(|pem| leaf.chain_pem.contains(pem.trim()));
    !ours || now >= leaf.renew_at || wanted.iter().any(|name| !leaf.names.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_renewed_in_time_and_for_new_names() {
        let names = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let leaf = Leaf {
            chain_pem: "leaf, then ours".to_owned(),
            renew_at: 1000,
            names: names(&["pi", "10.0.0.7"]),
        };
        let due =
            |wanted: &[&str], authority, now| is_due(Some(&leaf), &names(wanted), authority, now);
        assert!(is_due(None, &names(&["pi"]), None, 0));
        assert!(!due(&["pi", "10.0.0.7"], Some("ours\n"), 999));
        assert!(!due(&["pi"], Some("ours\n"), 999), "an address went away");
        assert!(due(&["pi", "10.0.0.8"], Some("ours\n"), 999), "a new address");
        assert!(due(&["pi"], Some("ours\n"), 1000), "time to renew");
        assert!(due(&["pi"], Some("another's\n"), 999), "another authority");
        assert!(!due(&["pi"], None, 999), "no authority any more: better than none");
    }

    #[test]
    fn questions_to_a_daemon_that_is_down_get_rarer() {
        let mut pause = CERTIFICATE_RETRY_FIRST;
        for _ in 0..20 {
            pause = longer(pause);
        }
        assert_eq!(pause, CERTIFICATE_LOOK_EVERY);
    }
}
