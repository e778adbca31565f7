//! Removes what has had its time: deleted accounts past their grace, panel sessions, set-up codes,
//! wrong passwords of long ago, registry entries that nobody uses.

use std::sync::Arc;
use std::time::Duration;

use store::Batch;
use xmpp::jid::BareJid;

use super::{Run, Service};
use crate::accounts::State;
use crate::admin::panel;
use crate::daemon::{Daemon, Now};
use crate::settings;

/// Every ten minutes: nothing here is urgent, since what is over is not used either way.
pub(super) const SERVICE: Service =
    Service { name: "cleanup", every: Duration::from_secs(600), run };

fn run(daemon: Arc<Daemon>) -> Run {
    Box::pin(async move {
        let now = Now::read();
        daemon.auth.sweep(now);
        daemon.registry.sweep();
        panel::sweep(&daemon, now.unix).map_err(|e| e.to_string())?;
        expire_setup_code(&daemon, now)?;
        remove_accounts(&daemon, now).await
    })
}

fn expire_setup_code(daemon: &Daemon, now: Now) -> Result<(), String> {
    let code = settings::setup_code(&daemon.store).map_err(|e| e.to_string())?;
    if code.is_some_and(|c| c.until <= now.unix) {
        let mut batch = Batch::new();
        settings::put_setup_code(&mut batch, None);
        daemon.durability.commit(batch);
    }
    Ok(())
}

async fn remove_accounts(daemon: &Arc<Daemon>, now: Now) -> Result<(), String> {
    let Some(domain) = daemon.domain() else { return Ok(()) };
    let mut over = Vec::new();
    let look = |local: &str, record: &crate::accounts::Record| {
        if matches!(record.state, State::Deleted { until, .. } if until <= now.unix) {
            over.push(local.to_owned());
        }
    };
    daemon.accounts.for_each(look).map_err(|e| e.to_string())?;
    for local in over {
        let jid = BareJid::from_parts(&local, &domain).map_err(|e| e.to_string())?;
        if daemon.accounts.remove(daemon, &jid).await.map_err(|e| e.to_string())? {
            tracing::info!("a deleted account was removed for good");
        }
    }
    Ok(())
}
